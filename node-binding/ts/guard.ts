// What every adapter shares: options checked once, and one way from a request to an answer.

import type { ClientCertificate } from './certificate.js';
import { HostRefusal, type Answer } from './decision.js';
import { GATE_OPTIONS, type GateOptions } from './documents.js';
import { createGate, Gate } from './gate.js';
import { alone, isUndefined, own } from './own.js';
import type { GateRequest } from './request.js';
import { resolvedConnection, type ResolvedCertificate } from './resolve.js';
import { SHORT_FORM_OPTIONS, shortFormGate, type ShortFormOptions } from './short-form.js';
import { stamp, unstamp } from './stamp.js';

/**
 * What a guard asks the application besides deciding. `Peer` is what the framework knows of who
 * connected, `Subject` what it calls a request.
 */
export interface GuardHooks<Peer, Subject> {
  /**
   * Which peers may speak for callers, that is, whose identity headers count: your proxies. Only
   * `true` says yes. From others a request that names a caller is refused, also when the policy is
   * in shadow; one that names none is decided as usual.
   */
  readonly trustPeer?: ((peer: Peer) => boolean) | undefined;
  /**
   * A last word about requests that the policy lets through; `undefined` stands for a caller without
   * a certificate, which only rules for `anyone` let through. Only `true`, or a promise of it, passes;
   * whatever else, and whatever is thrown, is a refusal.
   */
  readonly verify?:
    | ((certificate: ClientCertificate | undefined, request: Subject) => boolean | Promise<boolean>)
    | undefined;
  /**
   * Where the caller's certificate is when it is neither on Node's TLS connection nor in a header that a
   * preset knows, such as in the event of a Lambda function. It takes the place of the connection's
   * certificate, so it goes with the source `connection` only, which the short form has without `header`.
   * `undefined` says that there is none. Whatever else it gives, throws or promises is a refusal.
   */
  readonly resolve?: (request: Subject) => ResolvedCertificate | undefined;
}

/** A gate, the documents of one, or the short form of those. */
export type GuardOptions<Peer, Subject> = GuardHooks<Peer, Subject> &
  (
    | (({ readonly gate: Gate } | (GateOptions & { readonly gate?: undefined })) & { readonly [name in keyof ShortFormOptions]?: never })
    | (ShortFormOptions & { readonly gate?: never; readonly policy?: never; readonly source?: never; readonly deployment?: never })
  );

/** A gate with the application's hooks. @internal */
export class Guard<Peer, Subject extends object> {
  readonly gate: Gate;
  readonly #trustPeer: GuardHooks<Peer, Subject>['trustPeer'];
  readonly #verify: GuardHooks<Peer, Subject>['verify'];
  readonly #resolve: GuardHooks<Peer, Subject>['resolve'];

  /** @throws {PolicyError} when a document is refused */
  constructor(options: GuardOptions<Peer, Subject>, adapterOptions: readonly string[] = []) {
    const given = own('what clientCertAuth() takes, {gate}, {policy, source} or lists of callers,', options);
    const undefinedHook = HOOKS.find((name) => given.has(name) && given.get(name) === undefined);
    if (undefinedHook !== undefined) {
      throw isUndefined(undefinedHook);
    }
    const { trustPeer, verify, resolve } = alone(given) as GuardHooks<Peer, Subject>;
    this.#trustPeer = hook('trustPeer', trustPeer);
    this.#verify = hook('verify', verify);
    this.#resolve = hook('resolve', resolve);
    this.gate = gateOf(given, [...HOOKS, ...adapterOptions]);
    if (resolve !== undefined && this.gate.trustsHeaders) {
      throw new TypeError('peergate: `resolve` goes with the source {preset: "connection"} only');
    }
  }

  /** Whether the application says which peers may speak for callers. */
  get knowsPeers(): boolean {
    return this.#trustPeer !== undefined;
  }

  /**
   * Decides about a request, and marks `subject` (and nothing else) with the caller if it is let
   * through. Never throws: whatever goes wrong on the way is a refusal. A promise only where `verify`
   * gives one.
   *
   * What goes on to the application (`answer.upstream()`) is the adapter's to do, before anything of
   * the application runs.
   */
  check(request: GateRequest, subject: Subject, peer: Peer | undefined): Answer | Promise<Answer> {
    const answer = this.#decide(request, subject, peer);
    if (this.#verify !== undefined && answer.decision === 'allow') {
      unstamp(subject);
      return this.#confirmed(request, subject, answer, this.#verify);
    }
    return this.#settled(request, subject, answer);
  }

  #decide(request: GateRequest, subject: Subject, peer: Peer | undefined): Answer {
    try {
      const untrusted = this.#trustPeer !== undefined && (peer === undefined || !isTrue(this.#trustPeer(peer)));
      if (this.#resolve === undefined) {
        return this.gate.answer(request, untrusted);
      }
      const connection = resolvedConnection(this.#resolve, subject);
      return connection === null
        ? this.gate.forbid('resolve_failed')
        : this.gate.answer(request, untrusted, { connection });
    } catch {
      return HostRefusal.internal('unreadable_request');
    }
  }

  #confirmed(
    request: GateRequest,
    subject: Subject,
    answer: Answer,
    verify: NonNullable<GuardHooks<Peer, Subject>['verify']>,
  ): Answer | Promise<Answer> {
    const settle = (verdict: unknown): Answer =>
      this.#settled(request, subject, verdict === true ? answer : this.gate.forbid('verify_refused', answer));
    const failed = (): Answer => this.#settled(request, subject, this.gate.forbid('verify_failed', answer));
    let verdict: unknown;
    try {
      verdict = verify(answer.certificate, subject);
      if (isPromise(verdict)) {
        return Promise.resolve(verdict).then(settle, failed);
      }
    } catch {
      return failed();
    }
    return settle(verdict);
  }

  #settled(request: GateRequest, subject: Subject, answer: Answer): Answer {
    if (answer.decision === 'allow') {
      stamp(subject, answer);
    } else {
      unstamp(subject);
    }
    this.gate.publish(request, answer);
    return answer;
  }
}

const HOOKS = ['trustPeer', 'verify', 'resolve'];

/** What only the short form may leave out: everything but a word about who is let in. */
const SPEAKING = [...SHORT_FORM_OPTIONS, 'verify', 'resolve'];

function gateOf(given: ReadonlyMap<string, unknown>, others: readonly string[]): Gate {
  const names = [...given.keys()].filter((name) => !others.includes(name));
  const rest = alone(new Map(names.map((name) => [name, given.get(name)])));
  // A name counts that stands for nothing: what was meant to be a gate is no short form.
  const document = ['gate', ...GATE_OPTIONS].find((name) => given.has(name));
  const unknown = names.find((name) => name !== 'gate' && !GATE_OPTIONS.includes(name) && !SHORT_FORM_OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`peergate: unknown option ${JSON.stringify(unknown)}`);
  }
  if (document === undefined) {
    if (!SPEAKING.some((name) => given.has(name))) {
      throw new TypeError('peergate: clientCertAuth() takes {gate}, {policy, source} or lists of callers');
    }
    return shortFormGate(rest);
  }
  const short = names.find((name) => SHORT_FORM_OPTIONS.includes(name));
  if (short !== undefined) {
    throw new TypeError(`peergate: option ${JSON.stringify(short)} does not go with \`${document}\``);
  }
  const { gate, ...documents } = rest as { gate?: unknown };
  if (gate === undefined) {
    return createGate(documents as unknown as GateOptions);
  }
  if (!(gate instanceof Gate)) {
    throw new TypeError('peergate: `gate` must come from createGate() of this package');
  }
  const [other] = Object.keys(documents);
  if (other !== undefined) {
    throw new TypeError(`peergate: option ${JSON.stringify(other)} does not go with \`gate\``);
  }
  return gate;
}

function hook<T>(name: string, given: T | undefined): T | undefined {
  if (given !== undefined && typeof given !== 'function') {
    throw new TypeError(`peergate: \`${name}\` must be a function`);
  }
  return given;
}

/** A promise says no, and must not end the process when it comes to nothing. */
function isTrue(said: unknown): boolean {
  if (said instanceof Promise) {
    said.catch(() => undefined);
  }
  return said === true;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
