// What is known of a certificate, as core tells it.

import type { Decision, IdentityType } from './decision.js';

/** The normalised certificate. What is not known is absent. */
export interface NormalizedCertificate {
  /** The subject in RFC 4514 form. */
  readonly subjectDn?: string | undefined;
  /** The subject's only common name; absent when there are several. */
  readonly subjectCn?: string | undefined;
  /** The issuer in RFC 4514 form. */
  readonly issuerDn?: string | undefined;
  /** The issuer's only common name. */
  readonly issuerCn?: string | undefined;
  /** `0x` and lower-case hexadecimal digits, as `serial` of a policy takes it. */
  readonly serialNumber?: string | undefined;
  /** SHA-256 of the DER in 64 upper-case hexadecimal digits. */
  readonly fingerprint256?: string | undefined;
  /** Each with its type, as `san` of a policy takes it: `URI:…`, `DNS:…`, `IP:…`, `email:…`. */
  readonly subjectAltNames?: readonly string[] | undefined;
  /** First moment of its validity. */
  readonly notBefore?: Date | undefined;
  /** Last moment of its validity. */
  readonly notAfter?: Date | undefined;
  /** The certificate in PEM. */
  readonly pem?: string | undefined;
}

/** The caller's certificate, as far as the source told. */
export interface ClientCertificate extends NormalizedCertificate {
  /** Whom the decision named: the SPIFFE ID, else the first DNS name, else the only common name. */
  readonly identity: string | null;
  readonly identityType: IdentityType | null;
  /** SHA-256 of the certificate in 64 lower-case hexadecimal digits, as decisions have it. */
  readonly sha256?: string | undefined;
  /** Whether somebody vouches for the certificate. */
  readonly verified: boolean;
}

/** With a policy in shadow, refused certificates go on as well; these name nobody. */
const KNOWN_CALLER: readonly string[] = ['allowed', 'no_rule', 'denied_by_rule'];

/**
 * The certificate that a decision was about; `undefined` when it was about none. `describe` gives core's
 * JSON of it, or nothing when there is no telling any more. @internal
 */
export function certificateOf(decision: Decision, describe: () => string | undefined): ClientCertificate | undefined {
  const { identity, identityType, sha256, verified } = decision;
  const reason = decision.reason === 'shadow_mode' ? decision.shadow?.reason : decision.reason;
  if (verified === null || reason === undefined || !KNOWN_CALLER.includes(reason)) {
    return undefined;
  }
  // Where core can say nothing any more, there is still what the decision holds.
  const json = describe();
  const known = json === undefined ? undefined : fromJson(json);
  Object.freeze(known?.subjectAltNames);
  const held = sha256 === null ? { identity, identityType, verified } : { identity, identityType, sha256, verified };
  return Object.freeze(Object.assign(held, known));
}

/** Core's JSON with its times as dates. @internal */
export function fromJson(json: string): NormalizedCertificate {
  const certificate = JSON.parse(json) as Record<string, unknown>;
  for (const name of ['notBefore', 'notAfter']) {
    const time = certificate[name];
    if (typeof time === 'string') {
      certificate[name] = new Date(time);
    }
  }
  return certificate;
}
