// Writing one request into the frame. The layout is told in node-binding/src/frame.rs.
//
// Whatever cannot be written exactly makes `ask` return a failure, and a failure is a refusal.

import type { GateHandle } from './wasm/peergate.js';
import * as instance from './instance.js';

export const DER = 1;
export const PEM = 2;
/** The SHA-256 of the DER in hexadecimal digits. */
export const DIGEST = 3;

/** A certificate of the connection, as the host has it. */
export interface ConnectionCertificate {
  readonly bytes: Uint8Array;
  readonly form: typeof DER | typeof PEM | typeof DIGEST;
  readonly verified: boolean;
}

/** What a frame says. Strings stand for bytes: one character, one byte. */
export interface Asked {
  readonly method: string | Uint8Array;
  readonly target: string | Uint8Array;
  readonly connection: ConnectionCertificate | undefined;
  /** Seconds since 1970. */
  readonly now: number | undefined;
  /** The peer may not speak for callers. */
  readonly untrustedPeer: boolean;
  /** Name, value, name, value. */
  readonly lines: readonly (string | Uint8Array)[];
}

/** Why a frame could not be written or was not taken. */
export type Failure = 'not_latin1' | 'request_too_long' | 'frame_mismatch';

const UNTRUSTED_PEER = 1;
const HAS_CLOCK = 2;
const VERIFIED = 4;

/** Flags and numbers before the first piece, then three lengths and the number of lines. */
const FIXED_BYTES = 18 + 4 * 4;

/** Below this, writing letter by letter is cheaper than a call. */
const SHORT = 32;

const BEYOND_LATIN1 = /[^\x00-\xff]/;

/** Asks core: the answer, or why there is none. Throws when the instance traps. */
export function ask(handle: GateHandle, asked: Asked): { answer: string } | { failure: Failure } {
  const { lines } = asked;
  const connection = asked.connection;
  let length = FIXED_BYTES + asked.method.length + asked.target.length + (connection?.bytes.length ?? 0);
  for (let i = 0; i < lines.length; i += 1) {
    length += 4 + lines[i]!.length;
  }
  const start = instance.reserve(length);
  if (start === 0) {
    return { failure: 'request_too_long' };
  }

  const bytes = instance.view();
  const number = instance.nextSequence();
  at = start;
  u32(bytes, number);
  u32(bytes, length);
  bytes[at] =
    (asked.untrustedPeer ? UNTRUSTED_PEER : 0) |
    (asked.now === undefined ? 0 : HAS_CLOCK) |
    (connection?.verified === true ? VERIFIED : 0);
  bytes[at + 1] = connection?.form ?? 0;
  at += 2;
  const seconds = asked.now ?? 0;
  u32(bytes, seconds);
  u32(bytes, Math.floor(seconds / 0x1_0000_0000));
  let whole = piece(bytes, asked.method) && piece(bytes, asked.target) && piece(bytes, connection?.bytes ?? '');
  u32(bytes, lines.length >>> 1);
  for (let i = 0; whole && i < lines.length; i += 1) {
    whole = piece(bytes, lines[i]!);
  }
  if (!whole || at !== start + length) {
    return { failure: [asked.method, asked.target, ...lines].some(isBeyondLatin1) ? 'not_latin1' : 'frame_mismatch' };
  }
  const answer = instance.decide(handle, number, length);
  return answer === undefined ? { failure: 'frame_mismatch' } : { answer };
}

/** Where the next byte of the frame goes. */
let at = 0;

function u32(bytes: Buffer, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  at += 4;
}

/** Length and bytes; whether all of it could be written as it is. */
function piece(bytes: Buffer, content: string | Uint8Array): boolean {
  const { length } = content;
  u32(bytes, length);
  const start = at;
  at += length;
  if (typeof content !== 'string') {
    bytes.set(content, start);
    return true;
  }
  if (length < SHORT) {
    let seen = 0;
    for (let i = 0; i < length; i += 1) {
      const unit = content.charCodeAt(i);
      seen |= unit;
      bytes[start + i] = unit;
    }
    return seen <= 0xff;
  }
  return !BEYOND_LATIN1.test(content) && bytes.write(content, start, 'latin1') === length;
}

function isBeyondLatin1(content: string | Uint8Array): boolean {
  return typeof content === 'string' && BEYOND_LATIN1.test(content);
}
