// The name under which an application finds the caller's certificate on what its framework passes around.

import { getClientCertificate } from './stamp.js';

/**
 * A name that is safe to be set on an object of a framework.
 * @throws {TypeError} for what is no name, and for one that every object has
 * @internal
 */
export function stateKey(given: unknown): string {
  if (typeof given !== 'string' || given === '') {
    throw new TypeError('peergate: `stateKey` must be a name');
  }
  if (given in Object.prototype || given === 'prototype' || given === 'then') {
    throw new TypeError(`peergate: \`stateKey\` must not be ${JSON.stringify(given)}`);
  }
  return given;
}

/** One for all requests, so that it is known again. */
function certificate(this: object): unknown {
  return getClientCertificate(this);
}

/**
 * Lets a request show its certificate under this name, made when it is first looked at. False when
 * something else has that name.
 * @internal
 */
export function show(request: object, key: string): boolean {
  const there = Object.getOwnPropertyDescriptor(request, key);
  if (there === undefined ? key in request : there.get !== certificate) {
    return false;
  }
  // Not enumerable: nothing prints it by accident.
  return there !== undefined || Reflect.defineProperty(request, key, { get: certificate, configurable: true });
}
