// The steps that go through all entries: the leaves, the draw from them, and where a receipt's entry is.
import { isSigned, message, unhex, uuid } from './bytes.js';
import { REASONS, Stream, seedOf, select } from './draw.js';
import { demand, proven } from './findings.js';
import { receiptShape } from './shape.js';

export function leavesStep(leaves, manifest) {
  demand(leaves.length === manifest.leaves, `there are ${leaves.length}, the manifest commits to ${manifest.leaves}`);
  let weight = 0;
  leaves.forEach((leaf, n) => {
    demand(n === 0 || leaves[n - 1].id < leaf.id, `leaves: number ${n} does not sort after the one before`);
    demand(leaf.reason < REASONS.length, `leaves: number ${n}: ${leaf.reason} is not a reason code`);
    demand(leaf.weight === (leaf.reason === 0 ? 1 : 0), `leaves: number ${n}: a weight of ${leaf.weight} contradicts its reason or the rules`);
    weight += leaf.weight;
  });
  demand(String(weight) === manifest.weight, `they weigh ${weight}, the manifest commits to ${manifest.weight}`);
  return proven(`${leaves.length} entries, ${weight} of them eligible, sorted and without repetition`);
}

export function drawStep({ manifest, beacon, picks, words, rejected }, leaves, hash) {
  const stream = new Stream(seedOf(beacon.signature, unhex(hash)));
  const drawn = select(leaves.map(({ weight }) => weight), manifest.units.length + manifest.alternates, stream).map((n) => leaves[n].id);
  const wrong = picks.findIndex((pick, n) => n < drawn.length && pick !== drawn[n]);
  demand(wrong < 0, `pick ${wrong + 1} is ${picks[wrong]}, but the draw gives ${drawn[wrong]}`);
  demand(picks.length === drawn.length, `there are ${picks.length} picks, but the draw gives ${drawn.length}`);
  demand(stream.words === words && stream.rejected === rejected, `the draw consumes ${stream.words} words and rejects ${stream.rejected}, not ${words} and ${rejected}`);
  const winners = Math.min(drawn.length, manifest.units.length);
  return proven(`${winners} winners and ${drawn.length - winners} alternates follow from the commitment and the round`);
}

export function receiptStep({ public_key: key, manifest }, leaves, receipt) {
  const wrong = receiptShape(receipt);
  demand(!wrong, `not a receipt: ${wrong}`);
  demand(receipt.version === 1, `version: ${receipt.version} is not 1`);
  const signed = message('handsel/receipt/v1', [uuid(receipt.draw_id), unhex(receipt.leaf_id), unhex(receipt.commitment), unhex(receipt.rules)]);
  demand(isSigned(unhex(key), signed, unhex(receipt.signature)), 'signature: the signature was not made by this key over this document');
  demand(receipt.draw_id === manifest.draw_id, `draw_id: the receipt is for the draw ${receipt.draw_id}`);
  demand(receipt.rules === manifest.rules, 'rules: they are not those under which the entry was made');
  const n = leaves.findIndex(({ id }) => id === receipt.leaf_id);
  demand(n >= 0, `leaf_id: ${receipt.leaf_id} was left out of the draw`);
  demand(leaves[n].person === receipt.commitment, `commitment: the leaf ${receipt.leaf_id} is another person’s`);
  const { weight, reason } = leaves[n];
  const part = reason === 0 ? `with weight ${weight}` : `without weight, for the reason: ${REASONS[reason]}`;
  return proven(`the entry took part as leaf ${n} of ${leaves.length}, ${part}`);
}
