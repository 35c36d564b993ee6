// The one WebAssembly instance: its memory, the frame in it, and a new instance after a trap.

import glue = require('./wasm/peergate.js');

/** Bytes of a frame that the module provides from the start. */
const INITIAL_FRAME_BYTES = 128 * 1024;

/** No header block that Node was ever configured for is longer; what is longer is refused. */
const MAXIMAL_FRAME_BYTES = 16 * 1024 * 1024;

/** `WebAssembly.Memory`, as far as it is used here. */
interface Memory {
  readonly buffer: ArrayBufferLike;
}

let memory = glue.linearMemory() as Memory;
let now = viewOf(memory);
let frameAt = 0;
let capacity = 0;
let sequence = 0;
let currentGeneration = 0;
let broken = false;

/** Counts instances: a handle of an older one is dead. */
export function generation(): number {
  return currentGeneration;
}

/** Two ways to write to the memory. */
export interface View {
  readonly bytes: Buffer;
  readonly numbers: DataView;
}

/**
 * The memory as it is now. Growth detaches every older view, and writes through a detached view
 * vanish without an error, so nobody keeps what this returns across a call into the module.
 */
export function view(): View {
  // A detached view has no bytes, and asking it is far cheaper than asking the memory for its buffer.
  if (now.bytes.length === 0) {
    now = viewOf(memory);
  }
  return now;
}

function viewOf({ buffer }: Memory): View {
  return { bytes: Buffer.from(buffer as ArrayBuffer), numbers: new DataView(buffer as ArrayBuffer) };
}

/** Where a frame of this length goes; 0 when it does not fit. May grow the memory. */
export function reserve(length: number): number {
  if (length > capacity) {
    if (length > MAXIMAL_FRAME_BYTES) {
      return 0;
    }
    const wanted = Math.max(length, INITIAL_FRAME_BYTES);
    frameAt = guarded(() => glue.frameAddress(wanted));
    capacity = frameAt === 0 ? 0 : wanted;
  }
  return frameAt;
}

/** Where the room for a frame ends that was last reserved. */
export function frameEnd(): number {
  return frameAt + capacity;
}

/** The number of the next frame; never 0. */
export function nextSequence(): number {
  sequence = sequence === 0xffff_ffff ? 1 : sequence + 1;
  return sequence;
}

/** Decides on the frame; the answer, one character a byte, or `undefined` when it was none. */
export function decide(handle: glue.GateHandle, number: number, length: number): string | undefined {
  try {
    return answerText(handle.decide(number, length));
  } catch (thrown) {
    throw trapped(thrown);
  }
}

/** Keeps what the frame says of a caller; `undefined` when it is not kept. */
export function keep(handle: glue.GateHandle, number: number, length: number, place: number, key: number): '' | undefined {
  return guarded(() => (handle.keep(number, length, place, key) === 0 ? undefined : ''));
}

/** Decides on a request of a caller who was kept; what is returned is told in node-binding/src/lib.rs. */
export function again(
  handle: glue.GateHandle,
  number: number,
  place: number,
  key: number,
  method: number,
  target: number,
  now: number,
): number {
  try {
    return handle.again(number, place, key, method, target, now);
  } catch (thrown) {
    throw trapped(thrown);
  }
}

/** Core's JSON of the caller in the frame, one character a byte; `undefined` when there is none. */
export function describe(handle: glue.GateHandle, number: number, length: number): string | undefined {
  return guarded(() => answerText(handle.describe(number, length)));
}

/** The answer to callers whom the application refuses. */
export function forbid(handle: glue.GateHandle): string | undefined {
  return guarded(() => answerText(handle.forbid()));
}

/** Copies an answer of this length. */
export function answerText(length: number): string | undefined {
  if (length === 0) {
    return undefined;
  }
  const at = glue.answerAddress();
  const answer = view().bytes.toString('latin1', at, at + length);
  return answer.length === length ? answer : undefined;
}

/** The module broke off in the middle of a call, and was replaced. */
export class WasmTrapError extends Error {
  override readonly name = 'WasmTrapError';
  readonly code = 'ERR_PEERGATE_WASM_TRAP';
}

/**
 * Runs calls into the module. The module throws strings on purpose (refused documents); whatever
 * else comes out of it is a trap.
 */
export function guarded<T>(call: () => T): T {
  if (broken) {
    renew();
  }
  try {
    return call();
  } catch (thrown) {
    throw typeof thrown === 'string' ? thrown : trapped(thrown);
  }
}

/** After a trap nothing in the instance can be relied on. */
function trapped(thrown: unknown): WasmTrapError {
  process.emitWarning('The Peergate module trapped; the request was refused and the instance replaced', {
    code: 'PEERGATE_WASM_TRAP',
    detail: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
  });
  renew();
  return new WasmTrapError('the Peergate module trapped', { cause: thrown });
}

/** Replaces the instance; all handles of the old one are dead. */
function renew(): void {
  // Stays true when there is no memory for another instance: then the next call tries again.
  broken = true;
  currentGeneration += 1;
  capacity = 0;
  frameAt = 0;
  glue.__wbg_reset_state();
  memory = glue.linearMemory() as Memory;
  now = viewOf(memory);
  broken = false;
}

/** The codes that the numbers of an answer stand for. */
export const codes = (() => {
  const [reasons = [], details = [], kinds = []] = glue
    .codeTables()
    .split(';')
    .map((list) => list.split(','));
  return { reasons, details, kinds };
})();
