// Bytes, hashes and signatures. The hashes and curves are those of the noble libraries in every browser: SubtleCrypto
// is missing where a page came over plain HTTP, judges weak Ed25519 keys differently from browser to browser, and
// is slower for a million hashes of 53 bytes, each of which would be a promise.
import { ed25519 } from '../../vendor/noble-curves/ed25519.js';
import { hmac } from '../../vendor/noble-hashes/hmac.js';
import { sha256 } from '../../vendor/noble-hashes/sha2.js';

const encoder = new TextEncoder();

export const utf8 = (text) => encoder.encode(text);

export function concat(...parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function hex(bytes) {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

export function unhex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

// Big-endian, as everything here.
export function u32(n) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

export function u64(n) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(n));
  return bytes;
}

export const uuid = (text) => unhex(text.replaceAll('-', ''));

export const H = (...parts) => sha256(parts.length === 1 ? parts[0] : concat(...parts));

export const mac = (key, ...parts) => hmac(sha256, key, concat(...parts));

// Ed25519 by the strict rules of RFC 8032: one message has one signature under one key.
export function isSigned(key, message, signature) {
  try {
    return ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

// What is signed for a list of fields: `domain ‖ 0x00`, then each field after its length as u32.
export function message(domain, fields) {
  return concat(utf8(domain), new Uint8Array(1), ...fields.flatMap((field) => [u32(field.length), field]));
}
