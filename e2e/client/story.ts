// The main job, by a client that was made from the documents: a host pays in and publishes a giveaway, people
// enter, winners claim, and a merchant takes their cards and is paid.
//
//   node build/story.js BASE_URL ADMIN_TOKEN
//
// Prints what happened as JSON. Mails are read from the demo mode's mailbox, as a person would read them.
import createClient from 'openapi-fetch';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { paths as GiveawayPaths } from './giveaway.js';
import type { paths as GiftcardPaths } from './giftcard.js';

const PATIENCE_MS = 90_000;

const [baseUrl, adminToken] = process.argv.slice(2);
if (!baseUrl || !adminToken) {
  console.error('usage: story.js BASE_URL ADMIN_TOKEN');
  process.exit(2);
}

const bearer = (token: string) => ({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const giveaways = (token: string) => createClient<GiveawayPaths>(bearer(token));
const giftcards = (token: string) => createClient<GiftcardPaths>(bearer(token));
const key = () => ({ header: { 'Idempotency-Key': randomUUID() } });
const euros = (minor: number) => ({ minor, currency: 'EUR' });

// What was answered; a problem ends the story, with its own words.
type Problem = { code: string; detail: string };
type Answer<T> = { data?: T; error?: unknown; response: Response };
function good<T>(what: string, { data, error, response }: Answer<T>): T {
  if (error !== undefined || data === undefined) {
    const problem = error as Problem | undefined;
    throw new Error(`${what}: ${response.status} ${problem?.code}: ${problem?.detail}`);
  }
  return data;
}

// Asks again until there is something.
async function until<T>(what: string, look: () => Promise<T | undefined | null | false>): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await pause(100);
  }
}

type Mail = { mail_id: string; text: string };
async function mails(template: string): Promise<Mail[]> {
  const answer = await fetch(`${baseUrl}/dev/mail.json?template=${template}&limit=100`);
  return ((await answer.json()) as { items: Mail[] }).items;
}
function tokenOf(mail: Mail): string {
  const token = /[?&]t=([\w.~-]+)/.exec(mail.text)?.[1];
  if (!token) throw new Error('a mail has no link');
  return token;
}

const operator = giveaways(adminToken);
const tills = giftcards(adminToken);

// A host and a merchant.
const host = good('a host', await operator.POST('/api/giveaway/v1/hosts', {
  params: key(), body: { name: 'Corner Café', email: 'host@example.org' },
}));
const { token: hostToken } = good('its token', await operator.POST('/api/giveaway/v1/hosts/{id}/tokens', {
  params: { path: { id: host.id } },
}));
const merchant = good('a merchant', await tills.POST('/api/giftcard/v1/merchants', {
  params: key(), body: { name: 'Book Shop', email: 'till@example.org', payout_destination: 'acct_books' },
}));
const { token: merchantToken } = good('its token', await tills.POST('/api/giftcard/v1/merchants/{id}/tokens', {
  params: { path: { id: merchant.id } },
}));
const asHost = giveaways(hostToken);
const asMerchant = giftcards(merchantToken);
const product = good('a product', await asMerchant.POST('/api/giftcard/v1/products', {
  body: { name: 'Book card', currency: 'EUR', min_minor: 500, max_minor: 10_000 },
}));

// Somebody who is nobody is told so, in the form that is documented.
const stranger = await giveaways('nobody').GET('/api/giveaway/v1/wallet');
if (stranger.error?.code !== 'unauthorized') throw new Error('a stranger was let in');

// The host pays in at the bank's page.
const topUp = good('a top-up', await asHost.POST('/api/giveaway/v1/wallet/top-ups', {
  params: key(), body: { amount: euros(10_000) },
}));
await fetch(topUp.checkout_url ?? '', { method: 'POST', body: new URLSearchParams(), redirect: 'manual' });
await until('the payment', async () => {
  const look = await asHost.GET('/api/giveaway/v1/wallet/top-ups/{id}', { params: { path: { id: topUp.id } } });
  return good('the top-up', look).state === 'paid';
});

// A giveaway that closes as soon as somebody has entered.
const closesAt = new Date(Date.now() + 15_000).toISOString();
const draft = good('a draft', await asHost.POST('/api/giveaway/v1/giveaways', {
  body: {
    title: 'Written by a program', description: '', currency: 'EUR', alternates: 0, closes_at: closesAt,
    review_seconds: 0, lead_seconds: 0, claim_seconds: 604_800, disqualification_reasons: [],
    prizes: [{ product_id: product.id, value: euros(2_500), count: 1 }],
    eligibility: { excluded_countries: [] },
  },
}));
const giveaway = { path: { id: draft.id } };
good('publishing', await asHost.POST('/api/giveaway/v1/giveaways/{id}/publish', {
  params: { ...key(), ...giveaway }, body: {},
}));
const state = async () => good('the giveaway', await asHost.GET('/api/giveaway/v1/giveaways/{id}', { params: giveaway }));
await until('opening', async () => (await state()).state === 'open');

// Somebody enters, and follows the link in the mail.
const anyone = createClient<GiveawayPaths>({ baseUrl });
good('an entry', await anyone.POST('/api/giveaway/v1/giveaways/{id}/entries', {
  params: giveaway, body: { email: 'ada@example.org', country: 'DE', birth_year: 1990 },
}));
const mail = await until('a mail', async () => (await mails('confirm_entry'))[0]);
const receipt = good('a receipt', await anyone.POST('/api/giveaway/v1/entries/confirm', {
  body: { token: tokenOf(mail) },
}));

// The draw, which anybody can check, and the prize.
const won = await until('the draw', async () => (await mails('winner'))[0]);
const transcript = good('the transcript', await anyone.GET('/api/giveaway/v1/giveaways/{id}/transcript', { params: giveaway }));
const token = tokenOf(won);
const card = await until('a card', async () => {
  return good('claiming', await anyone.POST('/api/giveaway/v1/claims', { body: { token } })).card;
});
const revealed = good('the code', await createClient<GiftcardPaths>({ baseUrl }).POST('/api/giftcard/v1/cards/reveal', {
  body: { token: card.reveal_token },
}));

// The till.
const redemption = good('a redemption', await asMerchant.POST('/api/giftcard/v1/redemptions', {
  params: key(), body: { code: revealed.code, amount: euros(2_000), external_id: 'receipt-1' },
}));
const settlement = good('a settlement', await asMerchant.POST('/api/giftcard/v1/settlements', {
  params: key(), body: { currency: 'EUR' },
}));
await until('being paid', async () => {
  const look = await asMerchant.GET('/api/giftcard/v1/settlements/{id}', { params: { path: { id: settlement.id } } });
  return good('the settlement', look).state === 'paid';
});

console.log(JSON.stringify({
  entered: receipt.leaf_id === transcript.picks[0],
  left: redemption.card.available?.minor,
  paid: settlement.total.minor,
}));
