// A gate: documents that fit each other, and the one question they answer.

import { channel } from 'node:diagnostics_channel';
import type { GateHandle } from './wasm/peergate.js';
import type { WarningCode } from './codes.js';
import { CoreDecision, HostRefusal, type Answer, type ApplicationDetail, type Decision, type Describer } from './decision.js';
import { GATE_OPTIONS, load, texts, updated, type GateOptions, type GateUpdate, type Texts } from './documents.js';
import { ask, type Asked, type ConnectionCertificate } from './frame.js';
import { WasmTrapError, describe, forbid, generation, guarded } from './instance.js';
import { alone, isUndefined, own } from './own.js';
import { Returning, markOf } from './returning.js';
import { read, type GateRequest, type Wanted } from './request.js';

/** Something odd about documents that were taken. */
export interface PolicyWarning {
  readonly code: WarningCode;
  readonly message: string;
  /** JSON Pointer. */
  readonly pointer: string;
  readonly line: number;
  readonly column: number;
  readonly hint: string;
}

/** What is published on the channel `peergate:decision`. */
export interface DecisionMessage {
  readonly gate: Gate;
  readonly decision: Decision;
  /** What was passed to `decide`, or the request that the middleware saw. */
  readonly request: GateRequest;
}

const decisions = channel('peergate:decision');

/** A certificate that the application found; `undefined` when there was none. @internal */
export interface Resolved {
  readonly connection: ConnectionCertificate | undefined;
}

/** Names of header lines whose meaning is remembered; clients choose them, so there is an end. */
const REMEMBERED_NAMES = 512;

/** Documents as one instance of the module holds them. */
class Loaded implements Wanted, Describer {
  readonly clock: boolean;
  readonly connection: Wanted['connection'];
  readonly wholeCertificate: boolean;
  readonly generation = generation();
  readonly #lengths: readonly number[];
  /** A bit for each of those below 32. */
  readonly #shortLengths: number;
  readonly #names = new Map<string, boolean>();
  /** The names that matter as they came last, by length: comparing is cheaper than looking up. */
  readonly #last: string[] = [];
  readonly #returning: Returning;
  #isFreed = false;
  #again: Loaded | undefined;

  constructor(
    readonly texts: Texts,
    readonly handle: GateHandle,
  ) {
    this.#returning = new Returning(handle, this);
    [this.clock, this.connection, this.wholeCertificate, this.#lengths] = guarded(() => [
      handle.readsClock(),
      CONNECTION_USES[handle.connectionUse()] ?? 'always',
      handle.wholeCertificate(),
      [...handle.headerLengths()],
    ]);
    this.#shortLengths = this.#lengths.reduce((bits, length) => (length < 32 ? bits | (1 << length) : bits), 0);
  }

  reads(name: string): boolean {
    const { length } = name;
    // Hardly any other name is as long.
    if (length < 32 ? ((this.#shortLengths >>> length) & 1) === 0 : !this.#lengths.includes(length)) {
      return false;
    }
    if (this.#last[length] === name) {
      return true;
    }
    const matters = this.#matters(name);
    if (matters) {
      this.#last[length] = name;
    }
    return matters;
  }

  #matters(name: string): boolean {
    const known = this.#names.get(name);
    if (known !== undefined) {
      return known;
    }
    const matters = guarded(() => this.handle.readsHeader(Buffer.from(name, 'latin1')));
    if (this.#names.size >= REMEMBERED_NAMES) {
      this.#names.clear();
    }
    this.#names.set(name, matters);
    return matters;
  }

  /** Decides. Throws when the instance traps. */
  answer(asked: Asked): Answer {
    const mark = markOf(asked);
    if (mark !== 0) {
      const answer = this.#returning.answer(asked, mark);
      if (answer !== undefined) {
        return answer;
      }
    }
    const result = ask(this.handle, asked);
    if ('failure' in result) {
      return HostRefusal.internal(result.failure);
    }
    if (mark !== 0) {
      this.#returning.met(asked, mark);
    }
    return new CoreDecision(result.answer, this, asked);
  }

  /**
   * The normalised certificate of the caller in a request on which these documents decided. Others may be
   * in force by now, and would read another caller in it, or none.
   */
  describe(asked: Asked): string | undefined {
    try {
      const result = ask(this.#living(), asked, describe);
      return 'answer' in result ? Buffer.from(result.answer, 'latin1').toString('utf8') : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * These documents in the instance of now. Whoever asks after they were replaced or freed has them
   * loaded again: once, for as long as somebody holds a request that they decided on.
   */
  #living(): GateHandle {
    const now = generation();
    if (!this.#isFreed && this.generation === now) {
      return this.handle;
    }
    if (this.#again?.generation !== now) {
      this.#again = loaded(this.texts);
    }
    return this.#again.handle;
  }

  free(): void {
    this.#isFreed = true;
    this.#returning.forget();
    // A handle of an instance that is gone would free something else in the new one.
    if (this.generation === generation()) {
      this.handle.free();
    }
  }
}

const CONNECTION_USES = ['never', 'if-proxy', 'always'] as const;

/** A policy and a source that fit each other. Made by `createGate`. */
export class Gate {
  #loaded: Loaded | undefined;

  private constructor(options: GateOptions) {
    this.#loaded = loaded(texts(options));
  }

  /** @internal */
  static of(options: GateOptions): Gate {
    return new Gate(options);
  }

  /** `name` of the policy in force. */
  get policyName(): string {
    return this.#use((handle) => handle.policyName());
  }

  /** SHA-256 of the policy in force, of its canonical JSON, in lower-case hexadecimal digits. */
  get policySha256(): string {
    return Buffer.from(this.#use((handle) => handle.policySha256())).toString('hex');
  }

  /** What is odd about the documents in force. */
  get warnings(): readonly PolicyWarning[] {
    return JSON.parse(this.#use((handle) => handle.warnings())) as PolicyWarning[];
  }

  /**
   * Decides about a request. Refuses in doubt, and throws only when `request` is no request at all.
   */
  decide(request: GateRequest): Decision {
    const decision = this.answer(request, false);
    this.publish(request, decision);
    return decision;
  }

  /**
   * Puts other documents in force, all at once. When they are refused, the old ones stay.
   * @throws {PolicyError} when a document is refused
   */
  update(documents: GateUpdate): void {
    const given = gateOptions('what update() takes', documents);
    const old = this.#current();
    this.#loaded = loaded(updated(old.texts, alone(given)));
    old.free();
  }

  /** Gives the memory back at once, and not when the garbage collector comes by. Refuses from then on. */
  free(): void {
    this.#loaded?.free();
    this.#loaded = undefined;
  }

  /** When core looks at the connection; for tests. @internal */
  get connectionUse(): Wanted['connection'] {
    return this.#current().connection;
  }

  /** Whether callers are named in header lines, which whoever connects could write. @internal */
  get trustsHeaders(): boolean {
    return this.#loaded !== undefined && this.#use((handle) => handle.trustsHeaders());
  }

  /**
   * Decides and tells nobody: for a guard, whose application may have a last word. `resolved` stands in
   * the place of the connection's certificate. @internal
   */
  answer(request: GateRequest, untrustedPeer: boolean, resolved?: Resolved): Answer {
    if (typeof request !== 'object' || request === null) {
      throw new TypeError('peergate: decide() takes a request');
    }
    return this.#answer(request, untrustedPeer, resolved);
  }

  /**
   * The refusal of a request that the application does not want: status and body are those of a request
   * that the rules refuse. `of` is what was decided before. @internal
   */
  forbid(detail: ApplicationDetail, of?: Decision): Answer {
    if (this.#loaded === undefined) {
      return HostRefusal.internal('gate_freed');
    }
    try {
      const answer = this.#use(forbid);
      return answer === undefined
        ? HostRefusal.internal('frame_mismatch')
        : HostRefusal.byApplication(detail, new CoreDecision(answer).refusal(), of);
    } catch {
      return HostRefusal.internal('wasm_trap');
    }
  }

  /** Tells subscribers how a request was decided in the end. @internal */
  publish(request: GateRequest, decision: Decision): void {
    if (decisions.hasSubscribers) {
      decisions.publish({ gate: this, decision, request } satisfies DecisionMessage);
    }
  }

  #answer(request: GateRequest, untrustedPeer: boolean, resolved: Resolved | undefined): Answer {
    if (this.#loaded === undefined) {
      return HostRefusal.internal('gate_freed');
    }
    try {
      const current = this.#current();
      let asked = read(request, current, untrustedPeer);
      if (resolved !== undefined) {
        if (this.trustsHeaders) {
          // Documents that do not look at it have come in since the guard was made.
          return HostRefusal.internal('resolve_unused');
        }
        asked = { ...asked, connection: resolved.connection };
      }
      return current.answer(asked);
    } catch (thrown) {
      if (thrown instanceof WasmTrapError) {
        return HostRefusal.internal('wasm_trap');
      }
      throw thrown;
    }
  }

  #use<T>(call: (handle: GateHandle) => T): T {
    const { handle } = this.#current();
    return guarded(() => call(handle));
  }

  /** The documents in force, loaded again if the instance that held them is gone. */
  #current(): Loaded {
    const now = this.#loaded;
    if (now === undefined) {
      throw new Error('peergate: this gate was freed');
    }
    if (now.generation !== generation()) {
      this.#loaded = loaded(now.texts);
      now.free();
      return this.#loaded;
    }
    return now;
  }
}

/**
 * Loads and checks documents.
 * @throws {PolicyError} when a document is refused
 */
export function createGate(options: GateOptions): Gate {
  const given = gateOptions('what createGate() takes, {policy, source} or {deployment},', options);
  for (const [name, value] of given) {
    if (value === undefined) {
      // Without its source a gate would believe Envoy's header.
      throw isUndefined(name);
    }
  }
  return Gate.of(alone(given) as GateOptions);
}

function gateOptions(what: string, options: object): Map<string, unknown> {
  const given = own(what, options);
  for (const name of given.keys()) {
    if (!GATE_OPTIONS.includes(name)) {
      throw new TypeError(`peergate: unknown option ${JSON.stringify(name)}`);
    }
  }
  return given;
}

function loaded(from: Texts): Loaded {
  return new Loaded(from, load(from));
}
