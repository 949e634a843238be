// What a test does beside the browser: as a host through the API, as the mail program, and with the clock.
import { randomUUID } from 'node:crypto';

const DAY = 24 * 3_600;

export class Demo {
  constructor(url, tryIt, known) {
    this.url = url;
    this.known = known;
    const line = (name) => tryIt.match(new RegExp(`^${name}\\s+(hs_\\S+)$`, 'm'))?.[1];
    this.host = line('host');
    [this.merchant] = [...tryIt.matchAll(/^.+?\s+(hs_\S+)$/gm)].slice(2).map((match) => match[1]);
    [, this.card] = tryIt.match(/that are not spent:\n\s+(\S+)/);
  }

  async #ask(method, path, { token, body, key } = {}) {
    const headers = { accept: 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }), ...(key && { 'idempotency-key': key }) };
    const answer = await fetch(new URL(path, this.url), { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  // Asks until there is an answer, within bounds.
  async until(what, look) {
    for (let n = 0; n < 300; n += 1) {
      const found = await look();
      if (found) return found;
      await new Promise((go) => setTimeout(go, 100));
    }
    throw new Error(`waited in vain for ${what}`);
  }

  // The merchant of the token, as it sees itself.
  shop() {
    return this.#ask('GET', '/api/giftcard/v1/merchants/me', { token: this.merchant });
  }

  // A funded giveaway that takes entries for a week: three prizes.
  async open(title) {
    const api = '/api/giveaway/v1';
    const money = { minor: 10_000, currency: 'EUR' };
    const topUp = await this.#ask('POST', `${api}/wallet/top-ups`, { token: this.host, key: randomUUID(), body: { amount: money } });
    await fetch(topUp.checkout_url, { method: 'POST', redirect: 'manual' });
    await this.until('the top-up', async () => (await this.#ask('GET', `${api}/wallet/top-ups/${topUp.id}`, { token: this.host })).state === 'paid');
    const { now } = await this.#ask('GET', '/dev/clock');
    const draft = {
      title,
      description: 'Three books for three readers.\n\nEnter until Sunday: the winners are drawn in front of everybody.',
      currency: 'EUR',
      prizes: [{ product_id: this.known.products[0], value: { minor: 2_500, currency: 'EUR' }, count: 3 }],
      alternates: 1,
      eligibility: { born_until_year: 2008, excluded_countries: [] },
      closes_at: new Date(Math.floor(Date.parse(now) / 1_000) * 1_000 + 7 * DAY * 1_000).toISOString().replace('.000Z', 'Z'),
      review_seconds: DAY,
      lead_seconds: 900,
      claim_seconds: 14 * DAY,
    };
    const { id } = await this.#ask('POST', `${api}/giveaways`, { token: this.host, body: draft });
    await this.#ask('POST', `${api}/giveaways/${id}/publish`, { token: this.host, key: randomUUID() });
    await this.reaches(id, 'open');
    return id;
  }

  public(id) {
    return this.#ask('GET', `/api/giveaway/v1/giveaways/${id}/public`);
  }

  reaches(id, state) {
    return this.until(`${id} to be ${state}`, async () => (await this.public(id).catch(() => ({}))).state === state);
  }

  advance(seconds) {
    return this.#ask('POST', '/dev/clock', { body: { advance_seconds: seconds } });
  }

  // The text of the latest mail to somebody whose subject begins so.
  mail(to, subject) {
    return this.until(`a mail to ${to}: ${subject}`, async () => {
      const { items } = await this.#ask('GET', `/dev/mail.json?to=${encodeURIComponent(to)}`);
      return items.find((mail) => mail.subject.startsWith(subject))?.text;
    });
  }
}
