// Somebody who was sent here: the start page, a giveaway that is over, its draw once more, the verifier, a page that
// does not exist.
export async function strangers(browser, demo) {
  const page = await browser.visitor({ expects: [404] });
  await page.goto('/');
  await browser.look(page, 'welcome');
  await page.goto('/nowhere');
  await browser.look(page, 'missing');

  const id = demo.known.giveaway;
  await page.goto(`/g/${id}`);
  await page.locator('.live-note[data-state="live"]').waitFor();
  browser.demand((await page.locator('time').first().innerText()).match(/CES?T|GMT\+[12]/), 'times are not those of the visitor');
  await browser.look(page, 'giveaway-over');
  await page.getByRole('button', { name: 'Watch the draw again' }).click();
  await page.getByText('All 20 winners are drawn.').or(page.getByText(/All \d+ winners are drawn/)).waitFor({ state: 'attached' });
  await browser.look(page, 'draw-replayed');
  const first = await page.locator('.draw-slots code').first().innerText();

  await page.getByRole('link', { name: 'Check it in the browser' }).click();
  await page.locator('.verdict.sandbox').waitFor();
  browser.demand((await page.locator('.steps .over').count()) === 0, 'the verifier says that a right draw is wrong');
  const transcript = await (await fetch(`${demo.url}/api/giveaway/v1/giveaways/${id}/transcript`)).json();
  browser.demand(transcript.picks[0] === first, 'the replay shows another winner than the transcript');
  await browser.look(page, 'verify');

  // Somebody changed the order of the winners.
  [transcript.picks[0], transcript.picks[1]] = [transcript.picks[1], transcript.picks[0]];
  await page.goto('/verify');
  const file = { name: 'transcript.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(transcript)) };
  await page.locator('#transcript').setInputFiles(file);
  await page.locator('.verdict.rejected').waitFor();
  browser.demand((await page.locator('.steps li').last().innerText()).includes('The winners follow'), 'the verifier names another step');
  await browser.look(page, 'verify-rejected');
  await page.context().close();
}
