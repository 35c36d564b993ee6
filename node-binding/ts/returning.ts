// Callers who come again. What their requests have in common (the lines that name the caller, the connection,
// the trust in the peer) is handed to the module once and has a number from then on, so that only method and
// target are written. Core is asked the whole question each time; what is spared is writing it down.
//
// A number stands for text that was compared with the request's own, every byte of it: what only looks alike is
// never taken for the same. What is kept where is told in node-binding/src/returning.rs.

import type { GateHandle } from './wasm/peergate.js';
import { CoreDecision, type Describer, type Told } from './decision.js';
import { ask, writeShort, type Asked } from './frame.js';
import { again, answerText, guarded, keep } from './instance.js';

/** Places of callers, in sets: whose mark is alike share one. */
const SETS = 64;
const WAYS = 4;

/** Bytes of a caller's lines and certificate; the module keeps no more either. */
const CALLER_BYTES = 4 * 1024;

/** The marks of those who came once, of all gates. */
const cameOnce = new Int32Array(512);

/** To keep a caller costs as much as so many decisions can save. */
const PRICE = 16;

/** What has been saved, at most: enough for as many callers as there are places. */
const MAXIMAL_CREDIT = SETS * WAYS * PRICE;

/** A caller who came again. */
class Caller implements Describer {
  /** Each place holds what the module has in the same place. */
  readonly answers: (Told | undefined)[] = [];
  readonly #describer: Describer;
  #description: string | undefined;

  constructor(
    readonly mark: number,
    /** Without method and target. */
    readonly asked: Asked,
    readonly key: number,
    describer: Describer,
  ) {
    this.#describer = describer;
  }

  /** Core says the same of each of the caller's requests. */
  describe(): string | undefined {
    return (this.#description ??= this.#describer.describe(this.asked));
  }

  /** Whether a request brings the very same. */
  is({ lines, connection, untrustedPeer }: Asked): boolean {
    const own = this.asked;
    if (connection !== own.connection || untrustedPeer !== own.untrustedPeer || lines.length !== own.lines.length) {
      return false;
    }
    for (let i = 0; i < lines.length; i += 1) {
      if (lines[i] !== own.lines[i]) {
        return false;
      }
    }
    return true;
  }
}

let gates = 0;

/** The callers of one gate who came again, as long as its documents are in force. @internal */
export class Returning {
  readonly #handle: GateHandle;
  readonly #describer: Describer;
  /** Each gate has its own marks, since all share the memory of those who came once. */
  readonly #salt = Math.imul((gates += 1), 0x9e37_79b1);
  /** By set and way; made for the first who comes again. */
  #callers: (Caller | undefined)[] | undefined;
  #keys = 0;
  #credit = MAXIMAL_CREDIT;

  constructor(handle: GateHandle, describer: Describer) {
    this.#handle = handle;
    this.#describer = describer;
  }

  /** The answer to one who came before; `undefined` when the whole question must be asked. Throws on a trap. */
  answer(asked: Asked, mark: number): CoreDecision | undefined {
    const callers = this.#callers;
    if (callers === undefined) {
      return undefined;
    }
    const first = (mark & (SETS - 1)) * WAYS;
    for (let i = first; i < first + WAYS; i += 1) {
      const caller = callers[i];
      if (caller !== undefined && caller.mark === mark && caller.is(asked)) {
        return this.#again(caller, asked, i);
      }
    }
    return undefined;
  }

  #again(caller: Caller, asked: Asked, place: number): CoreDecision | undefined {
    const sequence = writeShort(asked.method, asked.target);
    if (sequence === 0) {
      return undefined;
    }
    const { key, answers } = caller;
    const said = again(this.#handle, sequence, place, key, asked.method.length, asked.target.length, asked.now ?? NaN);
    const which = (said & 7) - 1;
    if (which >= 0 && (said & 8) === 0) {
      const told = answers[which];
      if (told !== undefined) {
        this.#credit += this.#credit < MAXIMAL_CREDIT ? 1 : 0;
        return new CoreDecision(told.answer, caller, caller.asked, told);
      }
    }
    if (which >= 0) {
      // The module has another one in this place by now. What was here must be gone before anything can fail
      // or be broken off, lest the next one who is told of this place gets it.
      answers[which] = undefined;
    }
    const text = said === 0 ? undefined : guarded(() => answerText(said >>> 4));
    if (text === undefined) {
      // What the module has and what is here no longer belong together.
      this.#callers![place] = undefined;
      return undefined;
    }
    const told = { answer: text, upstream: undefined };
    if (which >= 0) {
      answers[which] = told;
    }
    return new CoreDecision(text, caller, caller.asked, told);
  }

  /** Whoever holds a decision holds its documents, and needs none of the other callers for that. */
  forget(): void {
    this.#callers = undefined;
  }

  /** Is told of everyone who was answered the long way: who comes for the second time is kept. */
  met(asked: Asked, mark: number): void {
    const salted = mark ^ this.#salt;
    const at = salted & (cameOnce.length - 1);
    if (cameOnce[at] !== salted) {
      cameOnce[at] = salted;
      return;
    }
    if (this.#credit < PRICE) {
      // Hardly anybody who was kept came again.
      this.#credit += 1;
      return;
    }
    this.#credit -= PRICE;
    this.#keep(asked, mark);
  }

  #keep(asked: Asked, mark: number): void {
    const own = ownedBy(asked);
    if (own === undefined) {
      return;
    }
    const callers = (this.#callers ??= new Array<Caller | undefined>(SETS * WAYS).fill(undefined));
    const first = (mark & (SETS - 1)) * WAYS;
    let place = first + (this.#keys & (WAYS - 1));
    for (let i = first; i < first + WAYS; i += 1) {
      if (callers[i] === undefined) {
        place = i;
      }
    }
    callers[place] = undefined;
    this.#keys = (this.#keys + 1) >>> 0 || 1;
    const key = this.#keys;
    const done = ask(this.#handle, own, (handle, sequence, length) => keep(handle, sequence, length, place, key));
    if ('answer' in done) {
      callers[place] = new Caller(mark, own, key, this.#describer);
    }
  }
}

/** What is kept of a request; `undefined` when that is too much, or nothing that comes again. */
function ownedBy({ lines, connection, now, untrustedPeer }: Asked): Asked | undefined {
  let length = connection === undefined ? 0 : connection.bytes.length;
  const own: string[] = [];
  for (const line of lines) {
    length += line.length;
    if (typeof line !== 'string' || length > CALLER_BYTES) {
      return undefined;
    }
    // A copy, since a string may be a part of a far longer one, and would keep that.
    own.push(Buffer.from(line, 'latin1').toString('latin1'));
  }
  return length > CALLER_BYTES ? undefined : { method: '', target: '', connection, now, untrustedPeer, lines: own };
}

/**
 * A number that requests of one caller share and those of others hardly do; 0 for what is never kept. It is made
 * of a few characters, and only says where to look.
 * @internal
 */
export function markOf({ lines, connection, untrustedPeer }: Asked): number {
  let mark = untrustedPeer ? 1 : 2;
  for (let i = 1; i < lines.length; i += 2) {
    const value = lines[i]!;
    if (typeof value !== 'string') {
      return 0;
    }
    mark = Math.imul(mark ^ sampled(value), 0x85eb_ca6b);
    mark ^= mark >>> 15;
  }
  if (connection !== undefined) {
    if (connection.mark === undefined) {
      return 0;
    }
    mark = Math.imul(mark ^ connection.mark, 0x85eb_ca6b);
    mark ^= mark >>> 15;
  }
  return mark === 0 ? 1 : mark;
}

/** Sixteen characters from all over the value, and the last four: most values end with a name. */
function sampled(value: string): number {
  const { length } = value;
  const step = (length >>> 4) + 1;
  let sample = length;
  for (let i = 0; i < length; i += step) {
    sample = Math.imul(sample, 31) + value.charCodeAt(i);
  }
  for (let i = length < 4 ? 0 : length - 4; i < length; i += 1) {
    sample = Math.imul(sample, 31) + value.charCodeAt(i);
  }
  return sample;
}
