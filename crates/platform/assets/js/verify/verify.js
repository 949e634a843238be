// Verifies a draw from its transcript alone: the same steps in the same order as `handsel verify`, written from the
// description of the draw. The first step that fails ends it. Runs in browsers and in Node.js.
import { hex, isSigned, unhex, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { beaconFault, leafOf, root } from './draw.js';
import { drawStep, leavesStep, receiptStep } from './entries.js';
import { demand, proven, trusted, warning } from './findings.js';
import { chainOf, digest, rulesFault, schedule } from './rules.js';
import { FORMAT, leafBytes, moment, read, transcriptShape } from './shape.js';
import { holders } from './succession.js';

const ZERO = '0'.repeat(64);

// `{ verdict: 'accepted' | 'sandbox' | 'rejected', steps: [{ step, finding, text }], manifest, winners }`.
// `known` may have `key`, `seen` (the manifest's hash) and `receipt`, each from elsewhere. `bytes` is the file.
export function verify(bytes, known = {}) {
  const report = { verdict: 'rejected', steps: [], manifest: undefined, winners: [] };
  let now;
  const take = (step, find) => {
    now = step;
    const found = find();
    report.steps.push({ step, finding: found.finding, text: found.text });
    return found;
  };
  try {
    walk(bytes, known, report, take);
    const rehearsal = report.steps.some(({ step, finding }) => step === 'chain' && finding === 'warning');
    report.verdict = rehearsal ? 'sandbox' : 'accepted';
  } catch (fault) {
    report.steps.push({ step: now, finding: 'failed', text: fault.message });
    report.winners = [];
  }
  return report;
}

function walk(bytes, known, report, take) {
  const { transcript: it } = take('format', () => formatOf(bytes));
  const { rules, manifest, beacon } = it;
  const hash = digest(manifest);
  report.manifest = hash;
  take('key', () => keyOf(it, known.key));
  take('signature', () => {
    demand(isSigned(unhex(it.public_key), utf8(canonical(manifest)), unhex(it.signature)), 'manifest: the signature was not made by this key over this document');
    return proven(`the manifest ${hash} was signed with this key`);
  });
  const { chain } = take('chain', () => chainStep(beacon, manifest));
  take('rules', () => rulesStep(rules, manifest, chain));
  const { at } = take('schedule', () => {
    const { at, warning: late, proven: planned } = schedule(it, chain);
    return { ...(late ? warning(late) : proven(planned)), at };
  });
  take('commitment_time', () => {
    if (!known.seen) return warning('time of commitment not proven: nothing shows that the manifest was published before the round was known');
    demand(known.seen === hash, `the manifest is ${hash}, but ${known.seen} was seen`);
    return proven(`the manifest is the one seen; if that was before ${moment(at)}, nobody could know the winners when the entries were fixed`);
  });
  const raw = it.leaves.map(leafBytes);
  const leaves = raw.map(leafOf);
  take('leaves', () => leavesStep(leaves, manifest));
  take('root', () => {
    const found = hex(root(raw));
    demand(found === manifest.root, `the leaves have the root ${found}, which is not the committed one`);
    return proven('the entries are exactly those committed to');
  });
  take('beacon', () => {
    demand(beacon.round === manifest.round, `round ${beacon.round} is not the one committed to`);
    const fault = beaconFault(chain.publicKey, beacon.round, beacon.signature);
    demand(!fault, fault);
    return proven(`the signature is that of round ${beacon.round} of this chain`);
  });
  take('draw', () => drawStep(it, leaves, hash));
  take('successions', () => {
    report.winners = holders(it, hash, at);
    const count = it.successions.length;
    return proven(count === 0 ? 'no winner was replaced' : `${count} winners were replaced, each by the next alternate, as signed`);
  });
  if (known.receipt) take('receipt', () => receiptStep(it, leaves, known.receipt));
  if (!chain.isSandbox) take('beacon_operators', () => trusted('that fewer than a threshold of drand’s operators conspired: together they could have known the round before it was public'));
  const count = it.successions.length;
  take('completeness', () => trusted(count === 0 ? 'that no winner has been replaced without a record here' : `that the evidence behind the ${count} replacements says what their records say, and that none is missing here`));
  take('entrants', () => trusted('that entries are real people, and that no entry without a receipt was left out'));
}

function formatOf(bytes) {
  const transcript = read(bytes);
  const wrong = transcriptShape(transcript);
  demand(!wrong, wrong);
  demand(transcript.format === FORMAT, `the format is not ${FORMAT}`);
  demand(transcript.log.length === 0, 'log: this version knows no public log, so the list must be empty');
  return { ...proven(`a complete transcript in the format ${FORMAT}`), transcript };
}

function keyOf({ public_key: found }, expected) {
  if (!expected) return trusted(`that ${found} is the key of this instance: compare it with the one it publishes`);
  demand(expected === found, `the key is ${found}, expected ${expected}`);
  return proven('the key is the expected one');
}

function chainStep(beacon, manifest) {
  const chain = chainOf(beacon);
  demand(chain, 'the beacon’s chain is unknown or not the one named');
  demand(beacon.chain === manifest.chain, `the manifest names the chain ${manifest.chain}`);
  const found = chain.isSandbox
    ? warning('sandbox beacon: whoever runs it knows every round in advance, so this was a rehearsal and its fairness is not proven')
    : proven('the randomness is that of drand quicknet, whose key is built in');
  return { ...found, chain };
}

function rulesStep(rules, manifest, chain) {
  const wrong = rulesFault(rules, chain);
  demand(!wrong, wrong);
  demand(manifest.rules === digest(rules), `the manifest names the rules ${manifest.rules}`);
  demand(manifest.version === 1, `manifest: version ${manifest.version} is not 1`);
  demand(manifest.generation === 0 && manifest.previous === ZERO, 'manifest: this version verifies only the first generation');
  const units = rules.units.map(({ unit }) => unit);
  const differs = ['draw_id', 'alternates', 'chain'].find((name) => manifest[name] !== rules[name]) ?? (String(manifest.units) === String(units) ? undefined : 'units');
  demand(!differs, `manifest and rules differ in ${differs}`);
  return proven(`the rules are coherent, and the ones signed: ${manifest.rules}`);
}
