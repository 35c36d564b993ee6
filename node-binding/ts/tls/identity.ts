// Whether a server whose certificate was verified is the one that is meant.

import { X509Certificate } from 'node:crypto';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type * as gates from '../gate.js';
import { TlsError } from './errors.js';

/** What Node asks when a server's certificate was verified: `undefined` says yes. */
type Check = (host: string, certificate: PeerCertificate) => Error | undefined;

/**
 * By a name that is set here, by whom core takes the server to be, or by the name of the URL.
 *
 * undici asks for the name in a request's `Host`, if there is one; where a name is set, which one counts is
 * not the request's to say.
 * @internal
 */
export function identityCheck(servername: string | undefined, identity: object | readonly object[] | undefined): Check {
  const is = identity === undefined ? undefined : identityOf(identity);
  return (host, certificate) => {
    if (servername !== undefined || is === undefined) {
      const error = checkServerIdentity(servername ?? host, certificate);
      if (error !== undefined || is === undefined) {
        return error;
      }
    }
    return is(host, certificate);
  };
}

/** One rule, whose `from` is whom servers may be. */
function identityOf(identity: object | readonly object[]): Check {
  // Only who names servers so needs the module that decides.
  const { createGate } = require('../gate.js') as typeof gates;
  const from = Array.isArray(identity) ? identity : [identity];
  const gate = createGate({
    policy: { version: 1, name: 'server-identity', allow: [{ name: 'server', from }] },
    source: { preset: 'connection' },
  });
  const refusal = (why: string, cause?: unknown): TlsError =>
    new TlsError('ERR_PEERGATE_TLS_SERVER_IDENTITY', `the server is not one that is meant: ${why}`, undefined, cause);
  return (_, { raw }) => {
    try {
      const certificatePem = new X509Certificate(raw).toString();
      const { decision, reason } = gate.answer({ connection: { certificatePem, verified: true } }, false);
      return decision === 'allow' ? undefined : refusal(reason);
    } catch (cause) {
      // Thrown into Node's TLS it would end the process.
      return refusal('its certificate cannot be read', cause);
    }
  };
}
