// Who called: known to the application only after the request was let through.

import type { ClientCertificate } from './certificate.js';
import type { Answer } from './decision.js';

export type { ClientCertificate } from './certificate.js';

/** What a stamp says. A certificate is made of the answer when it is first asked for. */
type Caller = Answer | ClientCertificate;

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
  #caller: Caller | undefined;

  static set(subject: object, caller: Caller | undefined): void {
    const stamped = #caller in subject ? subject : (new Stamp(subject) as Stamp);
    stamped.#caller = caller;
  }

  static get(subject: object): Caller | undefined {
    return typeof subject === 'object' && subject !== null && #caller in subject ? subject.#caller : undefined;
  }
}

/** @internal */
export function stamp(request: object, caller: Answer | ClientCertificate): void {
  Stamp.set(request, caller);
}

/** @internal */
export function unstamp(request: object): void {
  if (Stamp.get(request) !== undefined) {
    Stamp.set(request, undefined);
  }
}

/**
 * The client certificate with which a request was let through by `clientCertAuth`; `undefined` when
 * it had none, was refused, or never passed a guard. Frozen, and the same object each time.
 */
export function getClientCertificate(request: object): ClientCertificate | undefined {
  const caller = Stamp.get(request);
  if (caller === undefined || !('upstream' in caller)) {
    return caller;
  }
  return caller.certificate;
}

const isString = (value: unknown): boolean => typeof value === 'string';
const isStringOrNull = (value: unknown): boolean => value === null || isString(value);
const isDate = (value: unknown): boolean => value instanceof Date && !Number.isNaN(value.getTime());

/** What each field of a certificate must be. */
const FIELDS = new Map<string, (value: unknown) => boolean>([
  ['identity', isStringOrNull],
  ['identityType', isStringOrNull],
  ['sha256', isString],
  ['verified', (value) => typeof value === 'boolean'],
  ['subjectDn', isString],
  ['subjectCn', isString],
  ['issuerDn', isString],
  ['issuerCn', isString],
  ['serialNumber', isString],
  ['fingerprint256', isString],
  ['subjectAltNames', (value) => Array.isArray(value) && value.every(isString)],
  ['notBefore', isDate],
  ['notAfter', isDate],
  ['pem', isString],
]);

/**
 * Says who sent a request, for tests of applications and for adapters of frameworks that have none:
 * `getClientCertificate` gives this from now on. It is no input to any guard, which looks for itself;
 * `undefined` takes back what was said. What is left out is unknown: `identity` and `identityType` are
 * then `null`, `verified` is `false`.
 * @throws {TypeError} for a field that certificates do not have, or of another type
 */
export function setClientCertificate(request: object, certificate: Partial<ClientCertificate> | undefined): void {
  if (typeof request !== 'object' || request === null) {
    throw new TypeError('peergate: setClientCertificate() takes a request');
  }
  if (certificate === undefined) {
    unstamp(request);
    return;
  }
  if (typeof certificate !== 'object' || certificate === null) {
    throw new TypeError('peergate: setClientCertificate() takes a certificate');
  }
  const known = Object.entries(certificate).filter(([, value]) => value !== undefined);
  for (const [name, value] of known) {
    const holds = FIELDS.get(name);
    if (holds === undefined) {
      throw new TypeError(`peergate: a certificate has no field ${JSON.stringify(name)}`);
    }
    if (!holds(value)) {
      throw new TypeError(`peergate: \`${name}\` of a certificate is of another type`);
    }
  }
  const nobody = { identity: null, identityType: null, verified: false };
  Stamp.set(request, Object.freeze({ ...nobody, ...Object.fromEntries(known) }));
}
