// Somebody becomes the administrator, looks at everything, makes a merchant and invites somebody to a till. Who was
// invited redeems a card, finds it among the redemptions, and is paid. All of it without scripts.
const PASSWORD = 'nine green lamps';

const local = (link) => {
  const { pathname, search } = new URL(link);
  return pathname + search;
};

async function everything(browser, page) {
  for (const [name, heading] of [['Overview', 'Administration'], ['People', 'People'], ['Hosts', 'Hosts'], ['Merchants', 'Merchants'], ['Giveaways', 'Giveaways'], ['Sagas', 'Sagas'], ['Money', 'Money'], ['Settlements', 'Settlements'], ['Alerts', 'Alerts'], ['Calls', 'Calls'], ['Audit', 'Audit']]) {
    await page.getByRole('navigation', { name: 'Administration' }).getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    await browser.look(page, `admin-${name.toLowerCase()}`);
  }
  await page.goto('/admin/giveaways');
  await page.getByRole('link', { name: /^Look at/ }).first().click();
  await page.getByRole('heading', { name: 'Prizes' }).waitFor();
  await browser.look(page, 'admin-giveaway');
  await page.goto('/admin/settlements');
  await page.getByRole('link', { name: /^Look at/ }).first().click();
  await page.getByRole('heading', { name: 'Attempts' }).waitFor();
  await browser.look(page, 'admin-settlement');
}

async function administrate(browser, demo, page) {
  await page.goto(local(demo.adminLink));
  await page.getByLabel('Email address').fill('root@example.org');
  await page.getByLabel('Your name').fill('Root');
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.getByRole('link', { name: 'Administration' }).click();
  await everything(browser, page);

  await page.goto('/admin/merchants');
  await page.getByRole('link', { name: 'Make a merchant' }).click();
  await browser.look(page, 'admin-merchant-new');
  await page.getByLabel('Name', { exact: true }).fill('Tea & Co');
  await page.getByLabel('Email address').fill('tea');
  await page.getByLabel(/Where it is paid/).fill('acct_tea');
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('alert').waitFor();
  await browser.look(page, 'admin-merchant-wrong');
  await page.getByLabel('Email address').fill('tea@example.org');
  await page.getByRole('button', { name: 'Make it' }).click();
  const field = page.getByLabel(/Merchant’s id/);
  browser.demand((await field.inputValue()).startsWith('mer_'), 'who makes a merchant is not led to invite somebody to its till');

  await field.fill((await demo.shop()).id);
  await page.getByLabel('Their email address').fill('bo@example.org');
  await page.getByRole('button', { name: 'Send the invitation' }).click();
  await page.getByRole('heading', { name: 'on its way' }).waitFor();
}

async function trade(browser, demo, page) {
  const mail = await demo.mail('bo@example.org', 'You are invited');
  await page.goto(local(mail.match(/\S+\/invitation\?t=\S+/)[0]));
  await page.getByLabel('Your name').fill('Bo');
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.getByLabel('Card code').fill(demo.card);
  await page.getByRole('button', { name: 'Check card' }).click();
  await page.getByLabel(/Amount to redeem/).fill('2.50');
  await page.getByRole('button', { name: 'Redeem' }).click();
  await page.getByRole('heading', { name: 'Receipt' }).waitFor();
  const number = await page.locator('dd code').nth(1).innerText();

  const at = page.getByRole('navigation', { name: 'Merchant' });
  await at.getByRole('link', { name: 'Redemptions' }).click();
  browser.demand((await page.locator('main').innerText()).includes(number), 'what was redeemed is not among the redemptions');
  await browser.look(page, 'merchant-redemptions');
  await page.goto('/merchant');
  await page.getByText('The numbers').first().click();
  await browser.look(page, 'merchant');
  await at.getByRole('link', { name: 'Products' }).click();
  await browser.look(page, 'merchant-products');
  await page.getByRole('link', { name: /^Close/ }).first().click();
  await browser.look(page, 'merchant-product-close');
  await at.getByRole('link', { name: 'Payouts' }).click();
  await browser.look(page, 'merchant-payouts');
  await page.getByRole('link', { name: 'Change where you are paid' }).click();
  await browser.look(page, 'merchant-payout-change');

  await at.getByRole('link', { name: 'Settlements' }).click();
  await page.getByRole('button', { name: 'Pay out now' }).first().click();
  await page.getByRole('table').getByRole('link').first().click();
  await page.getByRole('heading', { name: 'Statement' }).waitFor();
  browser.demand((await page.locator('main').innerText()).includes(number), 'the statement does not name what was redeemed');
  await browser.look(page, 'merchant-statement');
}

export async function office(browser, demo) {
  if (!demo.adminLink) return;
  const root = await browser.visitor({ scripts: false, expects: [422] });
  await administrate(browser, demo, root);
  await root.context().close();
  const bo = await browser.visitor({ scripts: false });
  await trade(browser, demo, bo);
  await bo.context().close();
}
