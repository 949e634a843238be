// Entering: with a code, with a link, without scripts, and from a page of somebody else.
import { createServer } from 'node:http';

const fill = async (page, email) => {
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel(/^Name/).fill('Anna');
  await page.getByLabel('Country').selectOption('DE');
  await page.getByLabel('Birth year').fill('1990');
  await page.getByRole('button', { name: 'Enter the giveaway' }).click();
};

const codeOf = (mail) => mail.match(/^\d{6}$/m)[0];
export const linkOf = (mail, path) => mail.match(new RegExp(`^http\\S*${path}\\S*$`, 'm'))[0];

export async function enter(browser, demo) {
  demo.live = await demo.open('Books for the summer');
  const page = await browser.visitor({ expects: [422] });
  await page.goto(`/g/${demo.live}`);
  await page.locator('.live-note[data-state="live"]').waitFor();
  await page.locator('hs-countdown .clock').waitFor();
  await browser.look(page, 'giveaway-open');

  // Another page of the same giveaway sees the count go up by itself.
  const watcher = await browser.visitor();
  await watcher.goto(`/g/${demo.live}`);
  await watcher.locator('.live-note[data-state="live"]').waitFor();

  await page.getByRole('button', { name: 'Enter the giveaway' }).click();
  await page.getByText('Please have another look.').waitFor();
  await browser.look(page, 'giveaway-wrong');
  await fill(page, 'anna@example.org');
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  await browser.look(page, 'check-mail');
  await page.getByLabel('The code of six digits').fill('000 000');
  await page.getByRole('button', { name: 'Confirm my entry' }).click();
  await page.getByText('This code is not right').waitFor();
  await browser.look(page, 'check-mail-wrong');
  await page.getByLabel('The code of six digits').fill(codeOf(await demo.mail('anna@example.org', 'Confirm')));
  await page.getByRole('button', { name: 'Confirm my entry' }).click();
  await page.getByRole('heading', { name: 'You are in' }).waitFor();
  await browser.look(page, 'receipt');
  const referral = await page.getByLabel('Your link').inputValue();
  await watcher.locator('[data-live="verified"]', { hasText: /^1$/ }).waitFor();
  await watcher.context().close();

  // A friend follows the link, without scripts.
  const friend = await browser.visitor({ scripts: false });
  await friend.goto(referral);
  await fill(friend, 'ben@example.org');
  await friend.goto(linkOf(await demo.mail('ben@example.org', 'Confirm'), '/confirm'));
  await browser.look(friend, 'confirm');
  await friend.getByRole('button', { name: 'Confirm my entry' }).click();
  await friend.getByRole('heading', { name: 'You are in' }).waitFor();
  await friend.context().close();

  const third = await browser.visitor({ scripts: false });
  await third.goto(`/g/${demo.live}`);
  await fill(third, 'cleo@example.org');
  await third.getByLabel('The code of six digits').fill(codeOf(await demo.mail('cleo@example.org', 'Confirm')));
  await third.getByRole('button', { name: 'Confirm my entry' }).click();
  await third.getByRole('heading', { name: 'You are in' }).waitFor();
  await third.context().close();

  await embedded(browser, demo, page);
  await page.context().close();
}

// A blog, at another origin, with our script in it.
async function embedded(browser, demo, page) {
  const html = `<!doctype html><html lang="en"><title>A blog</title><meta name="viewport" content="width=device-width"><h1>A blog</h1><main><script src="${demo.url}/embed.js" data-giveaway="${demo.live}" data-title="Our giveaway" async></script></main></html>`;
  const blog = createServer((request, answer) => answer.writeHead(request.url === '/' ? 200 : 204, { 'content-type': 'text/html' }).end(request.url === '/' ? html : undefined));
  await new Promise((go) => blog.listen(0, '127.0.0.1', go));
  await page.goto(`http://127.0.0.1:${blog.address().port}/`);
  const inside = page.frameLocator('iframe');
  await inside.getByRole('heading', { name: 'Books for the summer' }).waitFor();
  const heights = await demo.until('the frame to be as high as its page', async () => {
    const [outer, inner] = [await page.locator('iframe').evaluate((frame) => frame.height), await inside.locator('html').evaluate((root) => root.offsetHeight)];
    return Number(outer) === inner && [outer, inner];
  });
  browser.demand(heights[1] > 100, 'the embedded page has no height');
  browser.demand((await inside.getByRole('link', { name: 'Enter the giveaway' }).getAttribute('href')).endsWith(`/g/${demo.live}`), 'the widget leads nowhere');
  await page.goto(`${demo.url}/embed/${demo.live}`);
  await browser.look(page, 'embed');
  blog.close();
}
