// The merchant redeems what a winner has, without scripts, and takes a part of it back.
export async function till(browser, demo) {
  const page = await browser.visitor({ scripts: false, expects: [422, 404, 401] });
  await page.goto('/till');
  await browser.look(page, 'till-sign-in');
  await page.getByLabel('Your access token').fill(demo.merchant);
  await page.getByRole('button', { name: 'Open the till' }).click();
  await page.getByLabel('Card code').waitFor();
  await browser.look(page, 'till');
  await page.getByLabel('Card code').fill('XXXX');
  await page.getByRole('button', { name: 'Check card' }).click();
  await browser.look(page, 'till-unknown');
  await page.goto('/till');
  await page.getByLabel('Card code').fill(demo.won.toLowerCase());
  await page.getByRole('button', { name: 'Check card' }).click();
  await page.getByLabel(/Amount to redeem/).fill('10.50');
  await browser.look(page, 'till-card');
  await page.getByRole('button', { name: 'Redeem' }).click();
  await page.getByRole('heading', { name: 'Receipt' }).waitFor();
  browser.demand((await page.locator('main').innerText()).includes('14.50 EUR'), 'the receipt does not say what is left');
  await browser.look(page, 'till-receipt');
  await page.getByText('Take it back').click();
  await page.getByRole('button', { name: 'Put back' }).click();
  await page.getByText('Taken back').waitFor();
  await page.getByRole('link', { name: 'Settlements' }).click();
  await browser.look(page, 'till-settlements');
  await page.context().close();
}
