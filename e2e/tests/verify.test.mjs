// The verifier of the page against the vectors, and against transcripts that are not right.
//
//   node --test e2e/tests/          (HANDSEL_TRANSCRIPT names a transcript of a draw that happened)
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { H, concat, hex, mac, u32, unhex, utf8, uuid } from '../../crates/platform/assets/js/verify/bytes.js';
import { canonical } from '../../crates/platform/assets/js/verify/canonical.js';
import { Stream, beaconFault, leafOf, root, seedOf, select } from '../../crates/platform/assets/js/verify/draw.js';
import { QUICKNET, digest, roundAt } from '../../crates/platform/assets/js/verify/rules.js';
import { moment, read, seconds } from '../../crates/platform/assets/js/verify/shape.js';
import { verify } from '../../crates/platform/assets/js/verify/verify.js';

const vectors = JSON.parse(readFileSync(new URL('../../crates/draw/tests/draw-vectors.json', import.meta.url)));

test('rounds follow from times', () => {
  for (const { genesis, period, draw_at: at, round } of vectors.rounds) assert.equal(roundAt({ genesis, period }, at), round);
});

test('uniform numbers are those of the vectors', () => {
  for (const { seed, bound, values, words, rejected } of vectors.uniform) {
    const stream = new Stream(unhex(seed));
    assert.deepEqual(values.map(() => String(stream.uniform(BigInt(bound)))), values);
    assert.deepEqual([stream.words, stream.rejected], [words, rejected]);
  }
});

test('a real round of quicknet is its own, and no other is', () => {
  const { round, signature, randomness } = vectors.beacon;
  assert.equal(beaconFault(QUICKNET.publicKey, round, signature), '');
  assert.equal(hex(H(unhex(signature))), randomness);
  assert.match(beaconFault(QUICKNET.publicKey, round + 1, signature), /is not that of round 1001/);
  assert.match(beaconFault(QUICKNET.publicKey, 0, signature), /start at 1/);
  for (const bad of ['00'.repeat(48), 'ff'.repeat(48), `c0${'00'.repeat(47)}`]) {
    assert.match(beaconFault(QUICKNET.publicKey, round, bad), /not a point/);
  }
  assert.match(beaconFault('01'.repeat(96), round, signature), /key is not a point/);
});

// The last case is cut to its first leaves; its entries follow the rule in its name, and are made here.
function leavesOf(it) {
  if (it.leaves.length === it.manifest.leaves) return it.leaves.map(unhex);
  const made = Array.from({ length: it.manifest.leaves }, (_, i) => {
    const of = (word) => H(utf8(word), u32(i));
    const weight = of('weight')[0] % 10;
    const person = H(utf8('handsel/person/v1\0'), uuid(it.manifest.draw_id), of('salt'), utf8(`person${i}@example.org`));
    return concat(of('leaf').subarray(0, 16), person, u32(weight), [weight === 0 ? 1 : 0]);
  });
  return made.sort(Buffer.compare);
}

for (const it of vectors.cases) {
  test(`case: ${it.name}`, () => {
    assert.equal(canonical(it.manifest), it.manifest_jcs);
    assert.equal(digest(it.manifest), it.manifest_hash);
    const seed = seedOf(vectors.beacon.signature, unhex(it.manifest_hash));
    assert.equal(hex(seed), it.seed);
    it.entries.forEach(({ leaf_id: id, salt, address }, n) => {
      const person = hex(H(utf8('handsel/person/v1\0'), uuid(it.manifest.draw_id), unhex(salt), utf8(address)));
      if (it.leaves[n].startsWith(id)) assert.equal(leafOf(unhex(it.leaves[n])).person, person);
    });
    const raw = leavesOf(it);
    assert.equal(hex(root(raw)), it.manifest.root);
    const leaves = raw.map(leafOf);
    const stream = new Stream(seed);
    const picks = select(leaves.map(({ weight }) => weight), it.manifest.units.length + it.manifest.alternates, stream);
    assert.deepEqual(picks.map((n) => leaves[n].id), it.picks);
    assert.deepEqual([stream.words, stream.rejected], [it.words, it.rejected]);
  });
}

test('times have one form', () => {
  assert.equal(moment(seconds('2026-11-22T12:00:00Z')), '2026-11-22T12:00:00Z');
  for (const bad of ['2026-02-30T12:00:00Z', '2026-11-22T12:00:00.000Z', '2026-11-22t12:00:00Z', '1969-12-31T23:59:59Z', '2026-11-22T24:00:00Z']) {
    assert.equal(seconds(bad), undefined, bad);
  }
});

const path = process.env.HANDSEL_TRANSCRIPT;
const given = path && readFileSync(path);
const failedAt = (transcript) => verify(utf8(JSON.stringify(transcript))).steps.find(({ finding }) => finding === 'failed')?.step;

test('a transcript of a draw that happened is right', { skip: !path }, () => {
  const report = verify(new Uint8Array(given));
  assert.equal(report.verdict, 'sandbox', JSON.stringify(report.steps.at(-1)));
  assert.ok(report.winners.length > 0);
  assert.equal(verify(new Uint8Array(given), { seen: report.manifest }).steps.find(({ step }) => step === 'commitment_time').finding, 'proven');
  assert.equal(verify(new Uint8Array(given), { seen: '0'.repeat(64) }).verdict, 'rejected');
  assert.equal(verify(new Uint8Array(given), { key: '0'.repeat(64) }).steps.at(-1).step, 'key');
});

test('whatever is changed is found at its step', { skip: !path }, () => {
  const other = (text) => (text[0] === '0' ? '1' : '0') + text.slice(1);
  const changes = {
    format: [(it) => (it.format = 'handsel/transcript/v2'), (it) => delete it.words, (it) => (it.more = 1), (it) => (it.log = [{}]), (it) => (it.rules.round = 1.5), (it) => (it.manifest.weight = '01')],
    signature: [(it) => (it.signature = other(it.signature)), (it) => (it.manifest.sealed_at = '2030-01-01T00:00:00Z'), (it) => (it.public_key = other(it.public_key))],
    chain: [(it) => (it.beacon.sandbox.period_seconds += 1), (it) => (it.beacon.sandbox = null)],
    rules: [(it) => (it.rules.title += '!'), (it) => (it.rules.lead_seconds += 1), (it) => (it.rules.units = [])],
    leaves: [(it) => it.leaves.pop(), (it) => ([it.leaves[0], it.leaves[1]] = [it.leaves[1], it.leaves[0]])],
    root: [(it) => (it.leaves[0] = it.leaves[0].slice(0, 40) + other(it.leaves[0].slice(40)))],
    beacon: [(it) => (it.beacon.round += 1), (it) => (it.beacon.signature = `${other(it.beacon.signature)}`)],
    draw: [(it) => ([it.picks[0], it.picks[1]] = [it.picks[1], it.picks[0]]), (it) => it.picks.pop(), (it) => (it.words += 1)],
    successions: [(it) => it.successions.push({ number: 99, unit: it.manifest.units[0], from: it.picks[0], to: null, reason: 'declined', ground: null, evidence: '0'.repeat(64), at: '2040-01-01T00:00:00Z', signature: '0'.repeat(128) })],
  };
  for (const [step, edits] of Object.entries(changes)) {
    edits.forEach((edit, n) => {
      const transcript = JSON.parse(given);
      edit(transcript);
      assert.equal(failedAt(transcript), step, `${step} ${n}`);
    });
  }
});

test('both forms of a transcript are read', { skip: !path }, () => {
  const { leaves, ...rest } = JSON.parse(given);
  const json = utf8(JSON.stringify({ ...rest, leaves: [] }));
  const head = utf8('handsel/transcript/v1\0');
  const bytes = Buffer.concat([head, Buffer.alloc(8), json, Buffer.alloc(8), ...leaves.map((leaf) => Buffer.from(leaf, 'hex'))]);
  bytes.writeBigUInt64BE(BigInt(json.length), head.length);
  bytes.writeBigUInt64BE(BigInt(leaves.length), head.length + 8 + json.length);
  assert.deepEqual(read(new Uint8Array(bytes)).leaves, leaves);
  assert.equal(verify(new Uint8Array(bytes)).verdict, 'sandbox');
  assert.equal(verify(new Uint8Array(bytes.subarray(0, -1))).steps[0].finding, 'failed');
  assert.equal(mac(utf8('k'), utf8('m')).length, 32);
});
