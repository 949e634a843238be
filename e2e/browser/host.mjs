// A host, from nothing to a live giveaway: register, confirm the address, pay, draft, publish, and see a friend come in.
// Then the same without scripts, as far as that is about forms.
import { linkOf } from './enter.mjs';

const PASSWORD = 'nine green lamps';
const codeOf = (mail) => mail.match(/^\d{6}$/m)[0];

export async function host(browser, demo) {
  const page = await browser.visitor({ expects: [422] });
  await register(browser, demo, page, 'holly@example.org');
  await page.getByRole('heading', { name: 'Three steps to your first giveaway' }).waitFor();
  await browser.look(page, 'host-first');
  await page.goto('/host/wallet/top-up');
  await page.getByLabel('Amount').fill('1,000');
  await page.getByRole('button', { name: 'Go on to pay' }).click();
  await page.getByText('Please have another look.').waitFor();
  await browser.look(page, 'host-top-up-wrong');
  await topUp(browser, page, '150,00');
  await draft(browser, page, demo, true);
  const path = new URL(page.url()).pathname;
  await browser.look(page, 'host-draft');
  await page.getByRole('link', { name: 'Publish …' }).click();
  await page.getByRole('heading', { name: /^Publish / }).waitFor();
  await browser.look(page, 'host-publish');
  await page.getByRole('button', { name: /^Publish for/ }).click();
  await page.locator('.live-note[data-state="live"]').waitFor();
  await page.getByText('Takes entries until').waitFor();
  await browser.look(page, 'host-giveaway');

  // A friend enters; the host sees it without touching anything.
  const friend = await browser.visitor();
  await friend.goto(await page.getByLabel('Public link', { exact: true }).inputValue());
  await friend.getByLabel('Email address').fill('finn@example.org');
  await friend.getByLabel('Country').selectOption('DE');
  await friend.getByLabel('Birth year').fill('1990');
  await friend.getByRole('button', { name: 'Enter the giveaway' }).click();
  await friend.getByLabel('The code of six digits').fill(codeOf(await demo.mail('finn@example.org', 'Confirm')));
  await friend.getByRole('button', { name: 'Confirm my entry' }).click();
  await friend.getByRole('heading', { name: 'You are in' }).waitFor();
  await friend.context().close();
  await page.locator('[data-live="verified"]', { hasText: /^1$/ }).waitFor();

  await page.goto(`${path}/entries`);
  await page.getByText('finn@example.org').waitFor();
  await browser.look(page, 'host-entries');
  await demo.until('the numbers of the charts', async () => {
    await page.goto(`${path}/charts`);
    return page.locator('svg.chart rect').first().isVisible();
  });
  await browser.look(page, 'host-charts');
  await page.goto(`${path}/import`);
  await page.getByLabel('CSV', { exact: true }).fill('entered_at,email,name,country,birth_year,ip,verified,referred_by\n2026-01-01T00:00:00Z,gina@example.org,Gina,DE,1990,,true,\n,nobody,,,,,,\n');
  await page.getByRole('button', { name: 'Enter these people' }).click();
  await page.getByRole('heading', { name: 'Done' }).waitFor();
  await browser.look(page, 'host-import');
  for (const [name, place] of [['host-dashboard', '/host'], ['host-wallet', '/host/wallet'], ['host-payouts', '/host/wallet/payouts'], ['host-cancel', `${path}/cancel`], ['host-account', '/account']]) {
    await page.goto(place);
    await browser.look(page, name);
  }
  await page.context().close();
  await without(browser, demo);
}

async function register(browser, demo, page, email) {
  await page.goto('/register');
  await page.getByLabel('Your name, or your business’s').fill('Holly’s Books');
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Make an account' }).click();
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  await page.goto(linkOf(await demo.mail(email, 'Confirm'), '/verify-address'));
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Confirm and sign in' }).click();
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor();
}

async function topUp(browser, page, amount) {
  await page.goto('/host/wallet/top-up');
  await page.getByLabel('Amount').fill(amount);
  await page.getByRole('button', { name: 'Go on to pay' }).click();
  const pay = page.getByRole('link', { name: /^Pay / });
  await pay.waitFor();
  if (page.hasScripts) await browser.look(page, 'host-top-up');
  await pay.click();
  // The bank's page, at another address than ours.
  await page.getByRole('button', { name: /^Pay / }).click();
  await page.getByText('Paid. Thank you.').waitFor();
  await page.getByRole('link', { name: 'Go back' }).click();
  await page.getByText('The money is in your wallet.').waitFor();
}

async function draft(browser, page, demo, isLooked) {
  await page.goto('/host/giveaways/new');
  if (isLooked) {
    await page.getByRole('button', { name: 'Save and review' }).click();
    await page.getByText('Please have another look.').waitFor();
    await browser.look(page, 'host-new-wrong');
  }
  await page.getByLabel('Title').fill('Two prizes for two readers');
  await page.getByLabel('Gift card').selectOption(demo.known.products[0]);
  await page.getByLabel('Value of each').fill('25');
  await page.getByRole('button', { name: 'Add another prize' }).click();
  const second = page.getByRole('group', { name: 'Prize 2' });
  await second.getByLabel('Gift card').selectOption(demo.known.products[0]);
  await second.getByLabel('Value of each').fill('12,50');
  await second.getByLabel('How many').fill('2');
  if (isLooked) await browser.look(page, 'host-new');
  await page.getByRole('button', { name: 'Save and review' }).click();
  await page.getByRole('heading', { name: 'Two prizes for two readers' }).waitFor();
}

// The whole way without scripts.
async function without(browser, demo) {
  const page = await browser.visitor({ scripts: false });
  await register(browser, demo, page, 'ines@example.org');
  await topUp(browser, page, '50');
  await draft(browser, page, demo, false);
  await page.getByRole('link', { name: 'Publish …' }).click();
  await page.getByRole('button', { name: 'Publish for €50' }).click();
  await page.getByText('Takes entries until').waitFor();
  await browser.look(page, 'host-giveaway-plain');
  await page.context().close();
}
