// Step 10: who holds which prize after all replacements. Each gives one unit to the next alternate, and is signed.
import { isSigned, message, u32, u64, unhex, utf8, uuid } from './bytes.js';
import { moment, seconds } from './shape.js';

const CODES = { lapsed: 1, declined: 2, disqualified: 3 };

// The units with their holders. Throws what is wrong with the first record that is.
export function holders({ rules, manifest, picks, successions, public_key: key }, manifestHash, drawnAt) {
  const places = manifest.units.map((unit, n) => ({ unit, winner: picks[n] ?? null, since: drawnAt, replacements: 0 }));
  const byUnit = new Map(places.map((place) => [place.unit, place]));
  const alternates = picks.slice(places.length);
  successions.forEach((record, n) => {
    const fail = (words) => {
      throw new Error(`record ${n}: ${words}`);
    };
    const place = byUnit.get(record.unit);
    const next = alternates[0] ?? null;
    const at = seconds(record.at);
    const isGrounded = record.reason === 'disqualified' ? rules.disqualification.includes(record.ground) : record.ground === null;
    if (record.number !== n) fail(`number: expected ${n}, found ${record.number}`);
    if (!place) fail(`unit: ${record.unit} is not a prize of this draw`);
    if (place.winner === null) fail(`unit: ${record.unit} has no winner`);
    if (record.from !== place.winner) fail(`from: the winner is ${place.winner}`);
    if (record.to !== next) fail(`to: the next alternate is ${next ?? 'nobody, all have been called'}`);
    if (!isGrounded) fail('ground: a disqualification, and nothing else, names one that the rules list');
    if (at < place.since) fail(`at: the winner holds the unit only since ${moment(place.since)}`);
    if (record.reason === 'lapsed' && at - place.since < rules.claim_seconds) fail(`at: the winner had ${rules.claim_seconds} seconds to claim`);
    if (!isSigned(unhex(key), signedPart(record, manifestHash, at), unhex(record.signature))) {
      fail('signature: the signature was not made by this key over this document');
    }
    if (next !== null) alternates.shift();
    Object.assign(place, { winner: record.to, since: at, replacements: place.replacements + 1 });
  });
  return places;
}

function signedPart({ number, unit, from, to, reason, ground, evidence }, manifestHash, at) {
  return message('handsel/succession/v1', [
    unhex(manifestHash),
    u32(number),
    uuid(unit),
    unhex(from),
    unhex(to ?? ''),
    [CODES[reason]],
    utf8(ground ?? ''),
    unhex(evidence),
    u64(at),
  ]);
}
