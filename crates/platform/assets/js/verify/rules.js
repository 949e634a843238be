// Chains, rules and dates: which round has to decide.
import { H, hex, u32, u64, unhex, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { moment, seconds } from './shape.js';

// drand quicknet, whose key is pinned here.
export const QUICKNET = {
  hash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  publicKey: '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  genesis: 1_692_803_367,
  period: 3,
  isSandbox: false,
};

const LAST = 253_402_300_799;
const LIVE_LEAD = 900;
const LIVE_MARGIN = 60;
const SANDBOX_MARGIN = 1;

export const digest = (document) => hex(H(utf8(canonical(document))));

export function chainOf({ chain, sandbox }) {
  if (sandbox === null) return chain === QUICKNET.hash ? QUICKNET : undefined;
  const genesis = seconds(sandbox.genesis);
  const hash = hex(H(utf8('handsel/sandbox-chain/v1\0'), unhex(sandbox.public_key), u64(genesis), u32(sandbox.period_seconds)));
  return chain === hash ? { hash, publicKey: sandbox.public_key, genesis, period: sandbox.period_seconds, isSandbox: true } : undefined;
}

export const roundAt = (chain, at) => Math.ceil(Math.max(0, at - chain.genesis) / chain.period) + 1;

export function timeOf(chain, round) {
  const at = chain.genesis + (round - 1) * chain.period;
  return round >= 1 && at <= LAST ? at : undefined;
}

const hasTwice = (list) => new Set(list).size !== list.length;

// What is wrong with rules, or the empty string.
export function rulesFault(rules, chain) {
  const { eligibility } = rules;
  if (rules.version !== 1) return `version: ${rules.version} is not 1`;
  if (rules.units.length === 0) return 'units: there is no prize';
  if (hasTwice(rules.units.map(({ unit }) => unit))) return 'units: an id is used twice';
  if (eligibility.countries_allowed?.length === 0) return 'eligibility: countries_allowed is empty, so nobody can win';
  if (hasTwice(eligibility.countries_allowed ?? [])) return 'eligibility: countries_allowed lists a country twice';
  if (hasTwice(eligibility.countries_excluded)) return 'eligibility: countries_excluded lists a country twice';
  if (hasTwice(rules.disqualification)) return 'disqualification: a ground is listed twice';
  const [opens, closes, drawn] = [rules.opens_at, rules.closes_at, rules.draw_at].map(seconds);
  if (opens >= closes) return 'closes_at: is not after opens_at';
  if (drawn !== closes + rules.review_seconds + rules.lead_seconds) return 'draw_at: is not closes_at + review_seconds + lead_seconds';
  if (rules.chain !== chain.hash) return 'chain: is not the hash of the beacon’s chain';
  if (!chain.isSandbox && rules.lead_seconds < LIVE_LEAD) return `lead_seconds: is less than ${LIVE_LEAD}`;
  const round = roundAt(chain, drawn);
  return rules.round === round ? '' : `round: the first round at or after draw_at is ${round}`;
}

// Which round decides, given when the entries were sealed.
export function appointed(rules, chain, sealed) {
  const margin = chain.isSandbox ? SANDBOX_MARGIN : LIVE_MARGIN;
  const planned = timeOf(chain, rules.round);
  if (planned === undefined) return undefined;
  if (sealed + margin <= planned) return { round: rules.round, late: false };
  const at = sealed + Math.max(rules.lead_seconds, margin);
  return at <= LAST ? { round: roundAt(chain, at), late: true } : undefined;
}

// The step `schedule`: throws what is wrong.
export function schedule({ rules, manifest }, chain) {
  const sealed = seconds(manifest.sealed_at);
  if (sealed < seconds(rules.closes_at) + rules.review_seconds) throw new Error('sealed_at: the entries were frozen before the rules say');
  const expected = appointed(rules, chain, sealed);
  if (!expected) throw new Error('sealed_at: no round can follow it');
  if (expected.round !== manifest.round || expected.late !== manifest.late) {
    throw new Error(`the rules demand the ${expected.late ? 'late' : 'planned'} round ${expected.round}`);
  }
  const at = timeOf(chain, manifest.round);
  if (at === undefined) throw new Error('round: it is beyond the year 9999');
  const time = moment(at);
  return expected.late
    ? { at, warning: `late: the commitment missed the round ${rules.round} of the rules, so ${manifest.round} at ${time} decides; it follows from the instance’s own statement of when it committed` }
    : { at, proven: `the round ${manifest.round} at ${time} was fixed by the rules before the first entry` };
}
