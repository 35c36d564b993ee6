// Decisions: what core answered, taken apart only as far as somebody asks.

import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { certificateOf, type ClientCertificate } from './certificate.js';
import type { Detail, Reason } from './codes.js';
import type { Asked } from './frame.js';
import { codes } from './instance.js';

/**
 * Two reasons core does not know: `internal_error`, Peergate itself failed in this process, and
 * `application`, the hook `verify` did not say `true` or the hook `resolve` failed.
 */
export type DecisionReason = Reason | 'internal_error' | 'application';

/** Details of `internal_error`. */
export type InternalDetail = 'wasm_trap' | 'frame_mismatch' | 'request_too_long' | 'not_latin1' | 'gate_freed' | 'unreadable_request' | 'resolve_unused' | 'state_key_taken';

/** Details of `application`: the hook said no, or it threw or gave what it must not. */
export type ApplicationDetail = 'verify_refused' | 'verify_failed' | 'resolve_failed';

export type IdentityType = 'spiffe' | 'dns' | 'cn';

/** What enforcement of everything that is in shadow would have answered. */
export interface ShadowDecision {
  readonly decision: 'allow' | 'deny';
  readonly status: number | null;
  readonly reason: Reason;
  readonly rule: string | null;
}

/** One decision. Everything but `decision` and `status` is for operators and not for the caller. */
export interface Decision {
  readonly decision: 'allow' | 'deny';
  /** The status of the answer to a refused request; `null` when allowed. */
  readonly status: number | null;
  /** Why; a stable code. */
  readonly reason: DecisionReason;
  /** A finer code of a refusal. */
  readonly detail: Detail | InternalDetail | ApplicationDetail | null;
  /** The rule that decided, the first in file order. */
  readonly rule: string | null;
  /** The caller's name, for people. */
  readonly identity: string | null;
  readonly identityType: IdentityType | null;
  /** Whether somebody vouches for the certificate; `null` without one. */
  readonly verified: boolean | null;
  /** The certificate's SHA-256 in 64 lower-case hexadecimal digits; `null` without one. */
  readonly sha256: string | null;
  /** `null` unless something is in shadow. */
  readonly shadow: ShadowDecision | null;
  /** The fields above as a plain object. */
  toJSON(): DecisionJson;
}

/** The fields of a decision. */
export type DecisionJson = Omit<Decision, 'toJSON'>;

/** What goes on to the application with a request that was let through. @internal */
export interface Upstream {
  readonly remove: readonly string[];
  readonly set: readonly [name: string, value: string] | undefined;
}

/** What a refused caller gets. @internal */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A decision with what follows from it for a host. @internal */
export interface Answer extends Decision {
  upstream(): Upstream;
  refusal(): Refusal;
  /** The certificate that it was about, made when it is first asked for; `undefined` when about none. */
  readonly certificate: ClientCertificate | undefined;
}

/** What can say more, in core's JSON, of the caller in a request that it has decided on. @internal */
export interface Describer {
  describe(asked: Asked): string | undefined;
}

/** What all who got the very same answer share. @internal */
export interface Told {
  readonly answer: string;
  upstream: Upstream | undefined;
}

const FINGERPRINT = 12;
const FIRST_PIECE = 44;
const NOTHING: Upstream = Object.freeze({ remove: Object.freeze([]), set: undefined });

/** A decision of core. The layout is told in node-binding/src/answer.rs. @internal */
export class CoreDecision implements Answer {
  readonly #answer: string;
  readonly #describer: Describer | undefined;
  readonly #asked: Asked | undefined;
  readonly #told: Told | undefined;
  #certificate: ClientCertificate | undefined;
  #sha256: string | undefined;

  /** `asked` is a request of the caller's. `told` holds this answer, if others got it, too. */
  constructor(answer: string, describer?: Describer, asked?: Asked, told?: Told) {
    this.#answer = answer;
    this.#describer = describer;
    this.#asked = asked;
    this.#told = told;
  }

  get decision(): 'allow' | 'deny' {
    return this.#byte(0) === 1 ? 'allow' : 'deny';
  }

  get status(): number | null {
    return this.#status(8);
  }

  get reason(): Reason {
    return codes.reasons[this.#byte(1)] as Reason;
  }

  get detail(): Detail | null {
    return (codes.details[this.#byte(2) - 1] as Detail | undefined) ?? null;
  }

  get rule(): string | null {
    return this.#text(0);
  }

  get identity(): string | null {
    const bytes = this.#text(2);
    return bytes === null ? null : Buffer.from(bytes, 'latin1').toString('utf8');
  }

  get identityType(): IdentityType | null {
    return (codes.kinds[this.#byte(3) - 1] as IdentityType | undefined) ?? null;
  }

  get verified(): boolean | null {
    const verified = this.#byte(4);
    return verified === 0 ? null : verified === 2;
  }

  get sha256(): string | null {
    const kind = this.#byte(5);
    if (kind === 2) {
      // The one place that is not told at once: most policies do not look at it, and nobody may ask.
      return (this.#sha256 ??= hash(this.#answer.slice(-u32(this.#answer, FINGERPRINT))));
    }
    return kind === 0 ? null : Buffer.from(this.#answer.slice(FINGERPRINT, FIRST_PIECE), 'latin1').toString('hex');
  }

  get shadow(): ShadowDecision | null {
    const shadow = this.#byte(6);
    if (shadow === 0) {
      return null;
    }
    return {
      decision: shadow === 2 ? 'allow' : 'deny',
      status: this.#status(10),
      reason: codes.reasons[this.#byte(7)] as Reason,
      rule: this.#text(1),
    };
  }

  upstream(): Upstream {
    const told = this.#told;
    return told === undefined ? this.#upstream() : (told.upstream ??= this.#upstream());
  }

  #upstream(): Upstream {
    const answer = this.#answer;
    const name = pieceAfter(answer, FIRST_PIECE, 3);
    const value = skip(answer, name);
    let at = skip(answer, value);
    const count = u32(answer, at);
    const set = u32(answer, name) !== 0;
    if (count === 0 && !set) {
      return NOTHING;
    }
    const remove: string[] = [];
    at += 4;
    for (let i = 0; i < count; i += 1) {
      remove.push(text(answer, at) ?? '');
      at = skip(answer, at);
    }
    // Others may get the very same.
    return Object.freeze({
      remove: Object.freeze(remove),
      set: set ? Object.freeze<Upstream['set'] & object>([text(answer, name) ?? '', text(answer, value) ?? '']) : undefined,
    });
  }

  refusal(): Refusal {
    const answer = this.#answer;
    const body = pieceAfter(answer, FIRST_PIECE, 5) + 4;
    let at = skip(answer, body);
    const count = u32(answer, at);
    const headers: Record<string, string> = {};
    at += 4;
    for (let i = 0; i < count; i += 1) {
      const value = skip(answer, at);
      headers[text(answer, at) ?? ''] = text(answer, value) ?? '';
      at = skip(answer, value);
    }
    return { status: this.status ?? 500, headers, body: text(answer, body) ?? '' };
  }

  get certificate(): ClientCertificate | undefined {
    // Frameworks have several objects for one request, and there is one certificate for all of them.
    return (this.#certificate ??= certificateOf(this, () => this.#asked && this.#describer?.describe(this.#asked)));
  }

  toJSON(): DecisionJson {
    return plain(this);
  }

  [inspect.custom](): DecisionJson {
    return this.toJSON();
  }

  #byte(at: number): number {
    return this.#answer.charCodeAt(at);
  }

  #status(at: number): number | null {
    const status = this.#byte(at) | (this.#byte(at + 1) << 8);
    return status === 0 ? null : status;
  }

  #text(index: number): string | null {
    return text(this.#answer, pieceAfter(this.#answer, FIRST_PIECE, index));
  }
}

/** A refusal that is not core's: Peergate failed, or the application said no. @internal */
export class HostRefusal implements Answer {
  readonly decision = 'deny';
  readonly rule = null;
  readonly shadow = null;
  readonly status: number;
  readonly identity: string | null;
  readonly identityType: IdentityType | null;
  readonly verified: boolean | null;
  readonly sha256: string | null;
  readonly #refusal: Refusal;

  private constructor(
    readonly reason: 'internal_error' | 'application',
    readonly detail: InternalDetail | ApplicationDetail,
    refusal: Refusal,
    of: Decision | undefined,
  ) {
    this.status = refusal.status;
    this.#refusal = refusal;
    this.identity = of?.identity ?? null;
    this.identityType = of?.identityType ?? null;
    this.verified = of?.verified ?? null;
    this.sha256 = of?.sha256 ?? null;
  }

  /** In doubt nobody is let through. */
  static internal(detail: InternalDetail): HostRefusal {
    return new HostRefusal('internal_error', detail, FAILED, undefined);
  }

  /** With the answer of a gate to those whom its rules refuse; `of` is what the gate itself decided. */
  static byApplication(detail: ApplicationDetail, refusal: Refusal, of: Decision | undefined): HostRefusal {
    return new HostRefusal('application', detail, refusal, of);
  }

  upstream(): Upstream {
    return NOTHING;
  }

  refusal(): Refusal {
    return this.#refusal;
  }

  get certificate(): undefined {
    return undefined;
  }

  toJSON(): DecisionJson {
    return plain(this);
  }
}

/** What the caller gets when Peergate failed. */
const FAILED: Refusal = {
  status: 500,
  headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  body: '{"type":"about:blank","title":"Internal Server Error","status":500}',
};

function plain(decision: Decision): DecisionJson {
  const { status, reason, detail, rule, identity, identityType, verified, sha256, shadow } = decision;
  return { decision: decision.decision, status, reason, detail, rule, identity, identityType, verified, sha256, shadow };
}

/** SHA-256 of a certificate, one character a byte, in hexadecimal digits. */
function hash(certificate: string): string {
  return createHash('sha256').update(certificate, 'latin1').digest('hex');
}

function u32(answer: string, at: number): number {
  return (
    (answer.charCodeAt(at) |
      (answer.charCodeAt(at + 1) << 8) |
      (answer.charCodeAt(at + 2) << 16) |
      (answer.charCodeAt(at + 3) << 24)) >>>
    0
  );
}

/** Behind the piece at this place. */
function skip(answer: string, at: number): number {
  const length = u32(answer, at);
  return at + 4 + (length === 0 ? 0 : length - 1);
}

function pieceAfter(answer: string, at: number, count: number): number {
  let place = at;
  for (let i = 0; i < count; i += 1) {
    place = skip(answer, place);
  }
  return place;
}

function text(answer: string, at: number): string | null {
  const length = u32(answer, at);
  return length === 0 ? null : answer.slice(at + 4, at + 3 + length);
}
