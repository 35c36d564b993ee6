// What every adapter shares: options checked once, and one way from a request to an answer.

import { HostRefusal, type Answer } from './decision.js';
import { GATE_OPTIONS, type GateOptions } from './documents.js';
import { createGate, Gate } from './gate.js';
import type { GateRequest } from './request.js';
import { certificateOf, stamp, unstamp, type ClientCertificate } from './stamp.js';

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
}

/** A gate, or the documents of one. */
export type GuardOptions<Peer, Subject> = GuardHooks<Peer, Subject> & ({ readonly gate: Gate } | GateOptions);

/** A gate with the application's hooks. @internal */
export class Guard<Peer, Subject extends object> {
  readonly gate: Gate;
  readonly #trustPeer: GuardHooks<Peer, Subject>['trustPeer'];
  readonly #verify: GuardHooks<Peer, Subject>['verify'];

  /** @throws {PolicyError} when a document is refused */
  constructor(options: GuardOptions<Peer, Subject>, adapterOptions: readonly string[] = []) {
    if (typeof options !== 'object' || options === null) {
      throw new TypeError('peergate: clientCertAuth() takes {gate} or {policy, source}');
    }
    const { gate, trustPeer, verify, ...rest } = options as Partial<Given<Peer, Subject>> & Record<string, unknown>;
    this.#trustPeer = hook('trustPeer', trustPeer);
    this.#verify = hook('verify', verify);
    this.gate = gateOf(gate, without(rest, adapterOptions));
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
    const answer = this.#decide(request, peer);
    if (this.#verify !== undefined && answer.decision === 'allow') {
      unstamp(subject);
      return this.#confirmed(request, subject, answer, this.#verify);
    }
    return this.#settled(request, subject, answer);
  }

  #decide(request: GateRequest, peer: Peer | undefined): Answer {
    try {
      const untrusted = this.#trustPeer !== undefined && (peer === undefined || this.#trustPeer(peer) !== true);
      return this.gate.answer(request, untrusted);
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
      this.#settled(request, subject, verdict === true ? answer : HostRefusal.byApplication('verify_refused'));
    const failed = (): Answer => this.#settled(request, subject, HostRefusal.byApplication('verify_failed'));
    let verdict: unknown;
    try {
      verdict = verify(certificateOf(answer), subject);
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

interface Given<Peer, Subject> extends GuardHooks<Peer, Subject> {
  readonly gate: Gate;
}

function gateOf(gate: unknown, documents: Record<string, unknown>): Gate {
  if (gate === undefined) {
    return createGate(documents as unknown as GateOptions);
  }
  if (!(gate instanceof Gate)) {
    throw new TypeError('peergate: `gate` must come from createGate() of this package');
  }
  const given = GATE_OPTIONS.filter((name) => name in documents);
  const [unknown] = given.length === 0 ? Object.keys(documents) : given;
  if (unknown !== undefined) {
    throw new TypeError(`peergate: option ${JSON.stringify(unknown)} does not go with \`gate\``);
  }
  return gate;
}

function hook<T>(name: string, given: T | undefined): T | undefined {
  if (given !== undefined && typeof given !== 'function') {
    throw new TypeError(`peergate: \`${name}\` must be a function`);
  }
  return given;
}

function without(options: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
