// Looks at the pages of a running demo in a real browser, as a host, an entrant, a winner, a merchant and
// a stranger do, with scripts and without, wide and narrow, light and dark. Every page goes through axe. Whatever the browser has
// to complain about is a fault: an error on the console, a breach of the content security policy, an answer that
// was not expected.
//
//   node browser.mjs --url http://127.0.0.1:5000 --data FOLDER [--admin LINK] [--screenshots FOLDER] [--chromium PATH] [--only JOURNEY,…]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Browser } from './browser/browser.mjs';
import { Demo } from './browser/demo.mjs';
import { claim } from './browser/claim.mjs';
import { enter } from './browser/enter.mjs';
import { host } from './browser/host.mjs';
import { office } from './browser/office.mjs';
import { strangers } from './browser/strangers.mjs';
import { till } from './browser/till.mjs';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    data: { type: 'string' },
    admin: { type: 'string', default: '' },
    screenshots: { type: 'string', default: process.env.HANDSEL_SCREENSHOTS ?? '' },
    only: { type: 'string', default: 'strangers,office,host,enter,claim,till' },
    chromium: { type: 'string', default: process.env.HANDSEL_CHROMIUM ?? '/usr/bin/chromium' },
  },
});
const demo = new Demo(values.url, readFileSync(`${values.data}/try-it.txt`, 'utf8'), JSON.parse(readFileSync(`${values.data}/demo.json`, 'utf8')));
demo.adminLink = values.admin;
const browser = await Browser.start(values);
// The office comes early: links and sessions end when the other journeys move the clock on.
const journeys = Object.entries({ strangers, office, host, enter, claim, till }).filter(([name]) => values.only.split(',').includes(name));
try {
  for (const [name, journey] of journeys) {
    const began = Date.now();
    await journey(browser, demo);
    console.log(`${name}: ${browser.takeCount()} pages, ${Date.now() - began} ms`);
  }
} catch (error) {
  browser.faults.push(error.stack);
  await browser.showLast();
}
await browser.close();
for (const fault of browser.faults) console.log(`FAULT ${fault}`);
process.exit(browser.faults.length === 0 ? 0 : 1);
