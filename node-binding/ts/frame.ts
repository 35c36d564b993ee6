// Writing one request into the frame. The layout is told in node-binding/src/frame.rs.
//
// Whatever cannot be written exactly makes `ask` return a failure, and a failure is a refusal.

import type { GateHandle } from './wasm/peergate.js';
import * as instance from './instance.js';

/** A certificate of the connection, as the host has it. */
export interface ConnectionCertificate {
  readonly bytes: Uint8Array;
  /** 1 DER, 2 PEM. */
  readonly form: 1 | 2;
  readonly verified: boolean;
}

/** What a frame says. Strings stand for bytes: one character, one byte. */
export interface Asked {
  method: string | Uint8Array;
  target: string | Uint8Array;
  connection: ConnectionCertificate | undefined;
  /** Seconds since 1970. */
  now: number | undefined;
  untrustedPeer: boolean;
  /** Name, value, name, value. */
  lines: (string | Uint8Array)[];
}

/** Why a frame could not be written or was not taken. */
export type Failure = 'not_latin1' | 'request_too_long' | 'frame_mismatch';

const UNTRUSTED_PEER = 1;
const HAS_CLOCK = 2;
const VERIFIED = 4;

/** Flags and numbers before the first piece, then three lengths and the number of lines. */
const FIXED_BYTES = 18 + 4 * 4;

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
  let at = start;
  at = u32(bytes, at, number);
  at = u32(bytes, at, length);
  bytes[at] =
    (asked.untrustedPeer ? UNTRUSTED_PEER : 0) |
    (asked.now === undefined ? 0 : HAS_CLOCK) |
    (connection?.verified === true ? VERIFIED : 0);
  bytes[at + 1] = connection?.form ?? 0;
  const seconds = asked.now ?? 0;
  at = u32(bytes, at + 2, seconds >>> 0);
  at = u32(bytes, at, Math.floor(seconds / 0x1_0000_0000));
  at = piece(bytes, at, asked.method);
  at = piece(bytes, at, asked.target);
  at = connection === undefined ? u32(bytes, at, 0) : piece(bytes, at, connection.bytes);
  at = u32(bytes, at, lines.length >>> 1);
  for (let i = 0; i < lines.length; i += 1) {
    at = piece(bytes, at, lines[i]!);
  }
  // A piece that went wrong made `at` NaN, and it stays NaN.
  if (at !== start + length) {
    return { failure: asked.lines.some(beyond) || beyond(asked.method) || beyond(asked.target) ? 'not_latin1' : 'frame_mismatch' };
  }
  const answer = instance.decide(handle, number, length);
  return answer === undefined ? { failure: 'frame_mismatch' } : { answer };
}

function u32(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  return at + 4;
}

/** Length and bytes; NaN when not all of it could be written as it is. */
function piece(bytes: Buffer, at: number, content: string | Uint8Array): number {
  const { length } = content;
  const start = u32(bytes, at, length);
  if (typeof content !== 'string') {
    bytes.set(content, start);
    return start + length;
  }
  if (length < 32) {
    // Cheaper than the call for short strings.
    let seen = 0;
    for (let i = 0; i < length; i += 1) {
      const unit = content.charCodeAt(i);
      seen |= unit;
      bytes[start + i] = unit;
    }
    return seen > 0xff ? NaN : start + length;
  }
  if (BEYOND_LATIN1.test(content)) {
    return NaN;
  }
  return bytes.write(content, start, 'latin1') === length ? start + length : NaN;
}

function beyond(content: string | Uint8Array): boolean {
  return typeof content === 'string' && BEYOND_LATIN1.test(content);
}
