// The draw on the screen, as it happens, and a winner with the card in hand.
import { linkOf } from './enter.mjs';

const DAY = 24 * 3_600;

export async function claim(browser, demo) {
  const page = await browser.visitor({ expects: [409, 410] });
  await page.goto(`/g/${demo.live}`);
  await page.locator('.live-note[data-state="live"]').waitFor();
  await demo.advance(7 * DAY + 1);
  await page.locator('.standing', { hasText: 'Entries are closed' }).waitFor();
  await demo.advance(DAY + 1);
  await page.locator('.standing', { hasText: 'Ready for the draw' }).waitFor();
  await page.locator('hs-draw').waitFor({ state: 'attached' });
  await browser.look(page, 'giveaway-committed');
  await demo.advance(900 + 10);
  await page.locator('.draw-slots li').nth(2).waitFor();
  await page.locator('.standing', { hasText: 'Winners are drawn' }).waitFor();
  const { winners } = await demo.public(demo.live);
  const shown = await page.locator('.draw-slots code').allInnerTexts();
  browser.demand(String(shown) === String(winners.map(({ leaf }) => leaf)), 'the screen shows other winners than were drawn');
  await browser.look(page, 'giveaway-drawn');

  // All three have won, since there are three prizes. One of them has scripts.
  await page.goto(linkOf(await demo.mail('anna@example.org', 'You have won'), '/claim'));
  await browser.look(page, 'won');
  await page.getByRole('button', { name: 'Claim my prize' }).click();
  await page.getByRole('button', { name: 'Show my card' }).waitFor();
  await browser.look(page, 'claimed');
  await page.getByRole('button', { name: 'Show my card' }).click();
  await page.getByRole('heading', { name: 'Enjoy it' }).waitFor();
  demo.won = await page.locator('.gift code').innerText();
  browser.demand(demo.won.length > 10, 'the card has no code');
  await browser.look(page, 'card');
  await page.goto('/card');
  await browser.look(page, 'card-ask');

  const still = await browser.visitor({ scripts: false });
  await still.goto(linkOf(await demo.mail('ben@example.org', 'You have won'), '/claim'));
  await still.getByRole('button', { name: 'Claim my prize' }).click();
  for (let n = 0; n < 50 && (await still.getByRole('button', { name: 'Look again' }).count()) > 0; n += 1) {
    await still.getByRole('button', { name: 'Look again' }).click();
  }
  await still.getByRole('button', { name: 'Show my card' }).click();
  await still.getByRole('heading', { name: 'Enjoy it' }).waitFor();
  await still.context().close();

  await page.goto(linkOf(await demo.mail('cleo@example.org', 'You have won'), '/claim'));
  await page.getByRole('button', { name: 'I do not want it' }).click();
  await browser.look(page, 'decline');
  await page.getByRole('button', { name: 'Yes, decline it' }).click();
  await page.getByRole('heading', { name: 'You have declined' }).waitFor();
  await browser.look(page, 'declined');
  await page.context().close();
}
