// Who called: known to the application only after the request was let through.

import type { Answer, Decision, IdentityType } from './decision.js';

/** The caller's certificate, as far as the source told. */
export interface ClientCertificate {
  /** The SPIFFE ID, else the first DNS name, else the only common name. */
  readonly identity: string | null;
  readonly identityType: IdentityType | null;
  /** SHA-256 of the certificate in 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Whether somebody vouches for the certificate. */
  readonly verified: boolean;
}

class Foreign {
  constructor(subject: object) {
    return subject;
  }
}

/**
 * A private field on a request that is not ours: nobody else can set it, copy it or print it by
 * accident. A WeakMap would do the same for a multiple of the price, paid by every request.
 */
class Stamp extends Foreign {
  #answer: Answer | undefined;

  static set(subject: object, answer: Answer | undefined): void {
    const stamped = #answer in subject ? subject : (new Stamp(subject) as Stamp);
    stamped.#answer = answer;
  }

  static get(subject: object): Answer | undefined {
    return typeof subject === 'object' && subject !== null && #answer in subject ? subject.#answer : undefined;
  }
}

/** With a policy in shadow, refused certificates go on as well; these name nobody. */
const KNOWN_CALLER: readonly string[] = ['allowed', 'no_rule', 'denied_by_rule'];

/** @internal */
export function stamp(request: object, answer: Answer): void {
  Stamp.set(request, answer);
}

/** @internal */
export function unstamp(request: object): void {
  if (Stamp.get(request) !== undefined) {
    Stamp.set(request, undefined);
  }
}

/**
 * The client certificate with which a request was let through by `clientCertAuth`; `undefined` when
 * it had none, was refused, or never passed a guard.
 */
export function getClientCertificate(request: object): ClientCertificate | undefined {
  const answer = Stamp.get(request);
  return answer === undefined ? undefined : certificateOf(answer);
}

/** @internal */
export function certificateOf(decision: Decision): ClientCertificate | undefined {
  const { sha256, verified } = decision;
  const reason = decision.reason === 'shadow_mode' ? decision.shadow?.reason : decision.reason;
  if (sha256 === null || verified === null || reason === undefined || !KNOWN_CALLER.includes(reason)) {
    return undefined;
  }
  return { identity: decision.identity, identityType: decision.identityType, sha256, verified };
}
