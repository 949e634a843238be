// One browser, and what is noted of every page in it.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // Every server is on this machine; a page that came back from the bank's would need a person's leave to connect.
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets'];
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const ALL = { type: 'tag', values: TAGS };
// Of what axe looks at, only colours differ between light and dark.
const COLOURS = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };
const LOOKS = [
  { name: 'phone', width: 360, height: 740, colorScheme: 'light', rules: ALL },
  { name: 'phone-dark', width: 360, height: 740, colorScheme: 'dark', rules: COLOURS },
  { name: 'wide', width: 1280, height: 900, colorScheme: 'light', rules: ALL },
  { name: 'wide-dark', width: 1280, height: 900, colorScheme: 'dark', rules: COLOURS },
];

export class Browser {
  faults = [];
  #count = 0;
  #last;

  static async start({ url, chromium: executablePath, screenshots }) {
    const browser = new Browser();
    browser.inner = await chromium.launch({ executablePath, args: FLAGS });
    browser.url = url;
    browser.screenshots = screenshots;
    if (screenshots) mkdirSync(screenshots, { recursive: true });
    return browser;
  }

  // A page of its own: nothing is remembered from one visitor to the next. `expects` are the statuses that are
  // errors on purpose.
  async visitor({ scripts = true, expects = [], ...options } = {}) {
    const context = await this.inner.newContext({ baseURL: this.url, javaScriptEnabled: scripts, locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    page.hasScripts = scripts;
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => {
      const isExpected = expects.some((status) => message.text().includes(`status of ${status}`));
      if (['error', 'warning'].includes(message.type()) && !isExpected) this.faults.push(`${page.url()}: the console says: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.faults.push(`${page.url()}: ${error.message}`));
    page.on('response', (answer) => {
      if (answer.status() >= 400 && !expects.includes(answer.status())) this.faults.push(`${answer.url()}: answered ${answer.status()}`);
    });
    await context.addInitScript(() => addEventListener('securitypolicyviolation', (event) => console.error(`the policy forbids ${event.blockedURI} (${event.violatedDirective})`)));
    this.#last = page;
    return page;
  }

  // Looks at the page as it is: no violation of accessibility, in every look, and nothing wider than the screen.
  async look(shown, name) {
    const page = shown.hasScripts ? shown : await this.#copy(shown);
    // Past the policy, through the browser.
    await page.evaluate(axe);
    for (const { name: look, width, height, colorScheme, rules } of LOOKS) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      // Until everything has the colours of this look.
      await page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))));
      if (this.screenshots) await page.screenshot({ path: `${this.screenshots}/${name}-${look}.png`, fullPage: true });
      const { violations } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly, resultTypes: ['violations'] }), rules);
      for (const { id, help, nodes } of violations) this.faults.push(`${name} (${look}): ${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 200)}`).join(' | ')}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) this.faults.push(`${name} (${look}): is ${wide} px wider than the screen`);
    }
    this.#count += 1;
    if (page !== shown) await page.context().close();
  }

  // Where scripts do not run, axe does not either: the same page where they do.
  async #copy(shown) {
    const page = await this.visitor();
    const body = await shown.content();
    await page.route(shown.url(), (route) => route.fulfill({ contentType: 'text/html', body }), { times: 1 });
    await page.goto(shown.url());
    return page;
  }

  demand(holds, words) {
    if (!holds) this.faults.push(words);
  }

  takeCount() {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  // What was on the screen when a journey came to no end.
  async showLast() {
    const text = await this.#last?.locator('main').innerText({ timeout: 1_000 }).catch(() => '');
    this.faults.push(`the last page, ${this.#last?.url()}: ${text?.slice(0, 600)}`);
    if (this.screenshots) await this.#last?.screenshot({ path: `${this.screenshots}/last.png`, fullPage: true }).catch(() => {});
  }

  async close() {
    await this.inner.close();
  }
}
