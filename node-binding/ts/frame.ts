// Writing one request into the frame. The layout is told in node-binding/src/frame.rs.
//
// Whatever cannot be written exactly makes `ask` return a failure, and a failure is a refusal.

import type { GateHandle } from './wasm/peergate.js';
import { decide as decideFrame, frameEnd, nextSequence, reserve, view } from './instance.js';

export const DER = 1;
export const PEM = 2;
/** The SHA-256 of the DER in hexadecimal digits. */
export const DIGEST = 3;

/** A certificate of the connection, as the host has it. */
export interface ConnectionCertificate {
  readonly bytes: Uint8Array;
  readonly form: typeof DER | typeof PEM | typeof DIGEST;
  readonly verified: boolean;
  /** Given to what every request of a connection has the very same object of: a number by its content. */
  readonly mark?: number | undefined;
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

/** The numbers before the lengths of lines, and the two lengths of each line. */
const FIXED_BYTES = 32;
const LINE_BYTES = 8;

/** As many as the frame can count. */
const MAXIMAL_LINES = 0xffff;

/**
 * Asks core: the answer, or why there is none. Throws when the instance traps. `question` is to decide,
 * unless it is another one about the same request.
 */
export function ask(handle: GateHandle, asked: Asked, question = decideFrame): { answer: string } | { failure: Failure } {
  const { method, target, connection, lines } = asked;
  const count = lines.length >>> 1;
  const textAt = FIXED_BYTES + count * LINE_BYTES;
  let textLength = method.length + target.length;
  for (let i = 0; i < lines.length; i += 1) {
    textLength += lines[i]!.length;
  }
  const certificateLength = connection === undefined ? 0 : connection.bytes.length;
  const length = textAt + textLength + certificateLength;
  const start = count > MAXIMAL_LINES ? 0 : reserve(length);
  if (start === 0) {
    return { failure: 'request_too_long' };
  }

  const { bytes, numbers } = view();
  const sequence = nextSequence();
  const seconds = asked.now ?? 0;
  numbers.setUint32(start, sequence, true);
  numbers.setUint32(start + 4, length, true);
  numbers.setUint32(start + 8, flags(asked) | ((connection?.form ?? 0) << 8) | (count << 16), true);
  numbers.setUint32(start + 12, seconds >>> 0, true);
  numbers.setInt32(start + 16, Math.floor(seconds / 0x1_0000_0000), true);
  numbers.setUint32(start + 20, method.length, true);
  numbers.setUint32(start + 24, target.length, true);
  numbers.setUint32(start + 28, certificateLength, true);
  for (let i = 0, at = start + FIXED_BYTES; i < lines.length; i += 1, at += 4) {
    numbers.setUint32(at, lines[i]!.length, true);
  }
  if (!writeText(bytes, start + textAt, textLength, asked)) {
    return { failure: [method, target, ...lines].some(isBeyondLatin1) ? 'not_latin1' : 'frame_mismatch' };
  }
  if (connection !== undefined) {
    bytes.set(connection.bytes, start + textAt + textLength);
  }
  const answer = question(handle, sequence, length);
  return answer === undefined ? { failure: 'frame_mismatch' } : { answer };
}

/** Text so long is written character by character: calling the encoder costs more. */
const SHORT_TEXT = 24;

/**
 * Writes a frame of nothing but its number, a method and a target. Its number; 0 when they cannot be written
 * so: what is not ASCII is left to `ask`.
 */
export function writeShort(method: string | Uint8Array, target: string | Uint8Array): number {
  if (typeof method !== 'string' || typeof target !== 'string') {
    return 0;
  }
  const length = method.length + target.length;
  const start = reserve(SHORT_TEXT_AT + length);
  if (start === 0) {
    return 0;
  }
  const { bytes, numbers } = view();
  const at = start + SHORT_TEXT_AT;
  if (length <= SHORT_TEXT) {
    let seen = 0;
    for (let i = 0; i < method.length; i += 1) {
      const code = method.charCodeAt(i);
      bytes[at + i] = code;
      seen |= code;
    }
    for (let i = 0, from = at + method.length; i < target.length; i += 1) {
      const code = target.charCodeAt(i);
      bytes[from + i] = code;
      seen |= code;
    }
    if (seen > 0x7f) {
      return 0;
    }
  } else {
    const { read, written } = encoder.encodeInto(method + target, shortArea.from(bytes, at));
    if (read !== length || written !== length) {
      return 0;
    }
  }
  const sequence = nextSequence();
  numbers.setUint32(start, sequence, true);
  return sequence;
}

/** Behind the number of a short frame. */
const SHORT_TEXT_AT = 4;

function flags({ untrustedPeer, now, connection }: Asked): number {
  return (
    (untrustedPeer ? UNTRUSTED_PEER : 0) | (now === undefined ? 0 : HAS_CLOCK) | (connection?.verified === true ? VERIFIED : 0)
  );
}

const encoder = new TextEncoder();

/** Writes all text, one byte a character; whether all of it could be written as it is. */
function writeText(bytes: Buffer, at: number, length: number, asked: Asked): boolean {
  const text = joined(asked);
  if (text !== undefined) {
    // As UTF-8 only ASCII has as many bytes as characters.
    const { read, written } = encoder.encodeInto(text, longArea.from(bytes, at));
    if (read === length && written === length) {
      return true;
    }
  }
  let end = at;
  for (const piece of [asked.method, asked.target, ...asked.lines]) {
    if (typeof piece !== 'string') {
      bytes.set(piece, end);
    } else if (isBeyondLatin1(piece) || bytes.write(piece, end, 'latin1') !== piece.length) {
      return false;
    }
    end += piece.length;
  }
  return end === at + length;
}

/**
 * The frame from a place on, and nothing behind it, since text that is not ASCII takes more bytes than were
 * counted. Nearly every request has its text in the same place.
 */
class Area {
  #area: Uint8Array = new Uint8Array(0);
  #of: Buffer | undefined;
  #end = 0;

  from(bytes: Buffer, at: number): Uint8Array {
    const end = frameEnd();
    // Other bytes are another memory: that of a new instance, or the same one after it has grown.
    if (this.#of !== bytes || this.#area.byteOffset !== at || this.#end !== end) {
      this.#area = new Uint8Array(bytes.buffer, at, end - at);
      this.#of = bytes;
      this.#end = end;
    }
    return this.#area;
  }
}

const longArea = new Area();
const shortArea = new Area();

/** All text of a request in one string, for there is a price on each piece that is written. */
function joined({ method, target, lines }: Asked): string | undefined {
  if (typeof method !== 'string' || typeof target !== 'string') {
    return undefined;
  }
  let text = method + target;
  for (let i = 0; i < lines.length; i += 1) {
    const piece = lines[i]!;
    if (typeof piece !== 'string') {
      return undefined;
    }
    text += piece;
  }
  return text;
}

const BEYOND_LATIN1 = /[^\x00-\xff]/;

function isBeyondLatin1(content: string | Uint8Array): boolean {
  return typeof content === 'string' && BEYOND_LATIN1.test(content);
}
