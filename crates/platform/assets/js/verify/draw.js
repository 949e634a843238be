// Steps 3 to 9 of the draw: leaves, their root, the beacon, the seed, the stream, the picks.
import { bls12_381 as bls } from '../../vendor/noble-curves/bls12-381.js';
import { H, concat, hex, mac, u64, unhex, utf8 } from './bytes.js';

const DOMAIN = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_';
export const REASONS = ['', 'the address was not verified', 'the birth year', 'the country', 'it was disqualified'];

export function leafOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { id: hex(bytes.subarray(0, 16)), person: hex(bytes.subarray(16, 48)), weight: view.getUint32(48), reason: bytes[52] };
}

// RFC 6962: the left side of each split is the largest power of two below the number of leaves. A stack of whole
// trees does the same without recursion; the last ones are joined from the right.
export function root(leaves) {
  const stack = [];
  for (const leaf of leaves) {
    let node = { hash: H(concat([0], leaf)), size: 1 };
    while (stack.length > 0 && stack.at(-1).size === node.size) {
      const left = stack.pop();
      node = { hash: H(concat([1], left.hash, node.hash)), size: left.size + node.size };
    }
    stack.push(node);
  }
  if (stack.length === 0) return H(new Uint8Array());
  let { hash } = stack.pop();
  while (stack.length > 0) hash = H(concat([1], stack.pop().hash, hash));
  return hash;
}

// Whether the signature is that of a chain's round: the empty string if so, and the reason if not.
export function beaconFault(publicKey, round, signature) {
  if (round === 0) return 'rounds start at 1';
  const point = (group, bytes) => {
    try {
      const found = group.Point.fromBytes(bytes);
      found.assertValidity();
      return found.is0() ? undefined : found;
    } catch {
      return undefined;
    }
  };
  const key = point(bls.G2, unhex(publicKey));
  if (!key) return 'the chain’s public key is not a point of its group';
  const signed = point(bls.G1, unhex(signature));
  if (!signed) return `the signature of round ${round} is not a point of its group`;
  const scheme = bls.shortSignatures;
  const said = scheme.hash(H(u64(round)), DOMAIN);
  return scheme.verify(signed, said, key) ? '' : `the signature is not that of round ${round} of this chain`;
}

export const seedOf = (signature, manifestHash) => mac(H(unhex(signature)), utf8('handsel/draw/v1'), [0], manifestHash);

// Uniform numbers without bias, and how many words they took.
export class Stream {
  #seed;
  #block;
  words = 0;
  rejected = 0;

  constructor(seed) {
    this.#seed = seed;
  }

  #word() {
    const place = this.words % 4;
    if (place === 0) {
      const block = mac(this.#seed, utf8('stream'), u64(this.words / 4));
      this.#block = new DataView(block.buffer, block.byteOffset);
    }
    this.words += 1;
    return this.#block.getBigUint64(8 * place);
  }

  uniform(bound) {
    const all = 1n << 64n;
    const limit = all - (all % bound);
    for (;;) {
      const word = this.#word();
      if (word < limit) return word % bound;
      this.rejected += 1;
    }
  }
}

// Picks by weight without putting back: of what remains, the first leaf whose cumulative weight exceeds the number.
export function select(weights, wanted, stream) {
  const tree = new Float64Array(weights.length + 1);
  for (let i = 1; i <= weights.length; i += 1) {
    tree[i] += weights[i - 1];
    const parent = i + (i & -i);
    if (parent <= weights.length) tree[parent] += tree[i];
  }
  let highest = 1;
  while (highest * 2 <= weights.length) highest *= 2;
  let remaining = weights.reduce((sum, weight) => sum + weight, 0);
  const picks = [];
  while (picks.length < wanted && remaining > 0) {
    let r = Number(stream.uniform(BigInt(remaining)));
    let at = 0;
    for (let step = highest; step >= 1; step = Math.floor(step / 2)) {
      if (at + step <= weights.length && tree[at + step] <= r) {
        at += step;
        r -= tree[at];
      }
    }
    picks.push(at);
    const weight = weights[at];
    remaining -= weight;
    for (let i = at + 1; i <= weights.length; i += i & -i) tree[i] -= weight;
  }
  return picks;
}
