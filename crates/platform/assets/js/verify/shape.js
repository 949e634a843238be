// The shape of a transcript: every member there, none unknown, each of its kind. What rides along unread would look
// as if it had been verified.
import { hex, unhex, utf8 } from './bytes.js';

export const FORMAT = 'handsel/transcript/v1';
const LEAF_BYTES = 53;

const ofHex = (bytes) => (it) => (typeof it === 'string' && it.length === 2 * bytes && /^[0-9a-f]*$/.test(it) ? '' : `expected ${2 * bytes} lowercase hexadecimal digits`);
const matching = (form, words) => (it) => (typeof it === 'string' && form.test(it) ? '' : `expected ${words}`);
const text = (it) => (typeof it === 'string' ? '' : 'expected a text');
const flag = (it) => (typeof it === 'boolean' ? '' : 'expected true or false');
const whole = (most) => (it) => (Number.isSafeInteger(it) && it >= 0 && it <= most ? '' : 'expected a whole number');
const orNull = (kind) => (it) => (it === null ? '' : kind(it));
const list = (kind) => (it) => {
  if (!Array.isArray(it)) return 'expected a list';
  for (let n = 0; n < it.length; n += 1) {
    const wrong = kind(it[n]);
    if (wrong) return `${n}: ${wrong}`;
  }
  return '';
};
const object = (members) => (it) => {
  if (it === null || typeof it !== 'object' || Array.isArray(it)) return 'expected an object';
  const unknown = Object.keys(it).find((name) => !Object.hasOwn(members, name));
  if (unknown !== undefined) return `unknown member ${unknown}`;
  for (const [name, kind] of Object.entries(members)) {
    if (!Object.hasOwn(it, name)) return `${name}: it is missing`;
    const wrong = kind(it[name]);
    if (wrong) return `${name}: ${wrong}`;
  }
  return '';
};

// Seconds since 1970, or nothing if it is no date between 1970 and 9999 in this one form.
export function seconds(time) {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(time)) return undefined;
  const ms = Date.parse(time);
  const isItself = !Number.isNaN(ms) && ms >= 0 && new Date(ms).toISOString() === time.replace('Z', '.000Z');
  return isItself ? ms / 1_000 : undefined;
}

export const moment = (at) => new Date(at * 1_000).toISOString().replace('.000Z', 'Z');

const date = (it) => (typeof it === 'string' && seconds(it) !== undefined ? '' : 'expected a time like 2026-11-22T12:00:00Z');
const id = matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'a uuid in its hyphenated lowercase form');
const country = matching(/^[A-Z]{2}$/, '2 capital letters');
const ground = matching(/^[a-z][a-z0-9_]{0,63}$/, '1 to 64 lowercase letters, digits and underscores');
const decimal = matching(/^(0|[1-9]\d{0,18}|1[0-8]\d{18})$/, 'a number as a text');
const [u16, u32, u53] = [2 ** 16 - 1, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER].map(whole);
const digest = ofHex(32);

const rules = object({
  version: u32,
  draw_id: id,
  title: text,
  units: list(object({ unit: id, description: text, value_minor: u53, currency: matching(/^[A-Z]{3}$/, '3 capital letters'), merchant: text })),
  alternates: u32,
  weight: object({ kind: matching(/^equal$/, 'a known weight rule') }),
  eligibility: object({ birth_year_max: orNull(u16), countries_allowed: orNull(list(country)), countries_excluded: list(country) }),
  disqualification: list(ground),
  opens_at: date,
  closes_at: date,
  review_seconds: u32,
  lead_seconds: u32,
  draw_at: date,
  chain: digest,
  round: u53,
  further_generation: flag,
  claim_seconds: u32,
});

const manifest = object({
  version: u32, draw_id: id, generation: u32, previous: digest, units: list(id), alternates: u32, chain: digest, round: u53,
  late: flag, rules: digest, root: digest, leaves: u53, weight: decimal, sealed_at: date,
});

const sandbox = object({ public_key: ofHex(96), genesis: date, period_seconds: (it) => u32(it) || (it === 0 ? 'it is 0' : '') });

const succession = object({
  number: u32, unit: id, from: ofHex(16), to: orNull(ofHex(16)), reason: matching(/^(lapsed|declined|disqualified)$/, 'a known reason'),
  ground: orNull(ground), evidence: digest, at: date, signature: ofHex(64),
});

export const receiptShape = object({ version: u32, draw_id: id, leaf_id: ofHex(16), commitment: digest, rules: digest, salt: digest, signature: ofHex(64) });

export const transcriptShape = object({
  format: text, rules, manifest, signature: ofHex(64), public_key: digest,
  beacon: object({ chain: digest, sandbox: orNull(sandbox), round: u53, signature: ofHex(48) }),
  picks: list(ofHex(16)), words: u53, rejected: u53, successions: list(succession), log: list(() => ''), leaves: list(ofHex(LEAF_BYTES)),
});

// A transcript from its bytes, in either form: JSON, or `format ‖ 0x00 ‖ u64 length ‖ JSON without leaves ‖ u64 count ‖
// 53 bytes for each leaf`.
export function read(bytes) {
  if (bytes[0] !== utf8(FORMAT)[0]) return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = FORMAT.length + 1;
  if (new TextDecoder().decode(bytes.subarray(0, start)) !== `${FORMAT}\0`) throw new Error('it is not in a known format');
  const jsonEnd = start + 8 + Number(view.getBigUint64(start));
  const leavesStart = jsonEnd + 8;
  const transcript = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start + 8, jsonEnd)));
  const count = Number(view.getBigUint64(jsonEnd));
  if (bytes.length !== leavesStart + count * LEAF_BYTES) throw new Error('it is cut short, or goes on after its end');
  if (transcript?.leaves?.length !== 0) throw new Error('leaves: they stand at the end of this form');
  transcript.leaves = Array.from({ length: count }, (_, n) => hex(bytes.subarray(leavesStart + n * LEAF_BYTES, leavesStart + (n + 1) * LEAF_BYTES)));
  return transcript;
}

export const leafBytes = (leaf) => unhex(leaf);
