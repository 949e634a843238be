// Watches a giveaway with many clients until it has ended, or until the input ends, and says whether all of
// them saw the same.
//
//   node watch.mjs --urls http://a,http://b --room giveaway:gvw_… [--clients 6] [--token hs_…]
//
// Prints a line per phase that the first client sees, and at the end a report as JSON. Exits with 1 when the
// clients disagree or one of them met a fault, and with 3 when the giveaway had not ended.
import { parseArgs } from 'node:util';
import { Watcher } from './watcher.mjs';

// A client that was just cut off gets so long to come back.
const PATIENCE_MS = 120_000;

const { values } = parseArgs({
  options: {
    urls: { type: 'string' },
    room: { type: 'string' },
    token: { type: 'string' },
    clients: { type: 'string', default: '6' },
  },
});
if (!values.urls || !values.room) {
  console.error('usage: node watch.mjs --urls URL,URL --room ROOM [--clients N] [--token TOKEN]');
  process.exit(2);
}

const ENDS = ['completed', 'cancelled'];
const watchers = Array.from({ length: Number(values.clients) }, (_, n) => {
  const onEvent = (name, { data }) => {
    if (n === 0 && name === 'phase') console.log(JSON.stringify({ phase: data.to }));
  };
  return new Watcher({ urls: values.urls.split(','), room: values.room, token: values.token, n, onEvent });
});

const hasEnded = ({ events }) => events.some(({ name, data }) => name === 'phase' && ENDS.includes(data.to));
const isSettled = () => watchers.every(hasEnded) && new Set(watchers.map(({ seq }) => seq)).size === 1;

let endOfInput;
process.stdin.on('end', () => (endOfInput = Date.now())).resume();

const timer = setInterval(() => {
  if (isSettled() || (endOfInput && Date.now() - endOfInput > PATIENCE_MS)) {
    clearInterval(timer);
    finish();
  }
}, 100);

function finish() {
  const reports = watchers.map((watcher) => watcher.report());
  watchers.forEach((watcher) => watcher.stop());
  const seen = new Set(reports.map(({ seq, winners }) => JSON.stringify([seq, winners])));
  const faults = reports.flatMap((report) => report.faults);
  const ended = watchers.every(hasEnded);
  const agree = seen.size === 1 && faults.length === 0;
  console.log(JSON.stringify({ agree, ended, clients: reports }));
  process.exit(agree ? (ended ? 0 : 3) : 1);
}
