// The client certificate of Node's own TLS connection.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionCertificate } from './frame.js';

/** Reading costs microseconds, and what a connection's peer showed does not change. */
const seen = new WeakMap<object, ConnectionCertificate | null>();

/**
 * What the peer of a connection showed; `undefined` on plaintext and when it showed nothing.
 *
 * `authorized` alone proves nothing: a TLS 1.3 session that began without a certificate says `true`
 * when it is resumed (nodejs/node#35317). So a certificate must be there, too.
 */
export function peerCertificate(socket: Socket | undefined): ConnectionCertificate | undefined {
  if (socket === undefined || socket === null) {
    return undefined;
  }
  let certificate = seen.get(socket);
  if (certificate === undefined) {
    certificate = read(socket as TLSSocket);
    seen.set(socket, certificate);
  }
  return certificate ?? undefined;
}

function read(socket: TLSSocket): ConnectionCertificate | null {
  if (typeof socket.getPeerX509Certificate !== 'function') {
    return null;
  }
  const raw = socket.getPeerX509Certificate()?.raw;
  if (raw === undefined || raw.length === 0) {
    return null;
  }
  return { bytes: raw, form: 1, verified: socket.authorized === true };
}
