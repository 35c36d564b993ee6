// A warning for the set-up in which anybody can be anybody.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Gate } from './gate.js';

/** Where a server listens; not all that `socket.server` may be has this. */
interface Listening {
  address?: () => { readonly address: string } | string | null;
}

/**
 * Looks at the first request. A service that believes headers from whoever connects, and that others
 * than this machine can reach, is told so once.
 */
export function peerWarning(gate: Gate): ((request: IncomingMessage) => void) | undefined {
  let done = false;
  return (request) => {
    if (done) {
      return;
    }
    done = true;
    if (gate.trustsHeaders && !isAuthenticated(request.socket) && isReachable(request.socket)) {
      process.emitWarning(
        'clientCertAuth() believes identity headers from every peer that connects. Listen on loopback, ' +
          'demand client certificates of the proxy, or say which peers may speak for callers with `trustPeer`',
        { code: 'PEERGATE_ANY_PEER' },
      );
    }
  };
}

function isAuthenticated(socket: Socket | undefined): boolean {
  return (socket as Partial<TLSSocket> | undefined)?.authorized === true;
}

function isReachable(socket: (Socket & { server?: Listening }) | undefined): boolean {
  if (socket === undefined || socket === null) {
    return false;
  }
  const listening = socket.server?.address?.();
  const address = typeof listening === 'object' && listening !== null ? listening.address : listening;
  // A string is a Unix socket; without a server there is still the address of this end.
  return typeof listening !== 'string' && !isLoopback(address ?? socket.localAddress ?? '');
}

function isLoopback(address: string): boolean {
  return address === '' || address === '::1' || /^(::ffff:)?127\./.test(address);
}
