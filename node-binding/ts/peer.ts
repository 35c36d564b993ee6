// The client certificate of Node's own TLS connection.

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Http2Session, Http2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { DER, DIGEST, type ConnectionCertificate } from './frame.js';

/** What the peer of one connection showed. */
interface Shown {
  readonly whole: ConnectionCertificate;
  /** Made when somebody asks for it. */
  digest: ConnectionCertificate | undefined;
}

/** Reading costs microseconds, and what a connection's peer showed does not change. */
const seen = new WeakMap<object, Shown | null>();

/** No certificate at all, which core refuses: for a connection that cannot be asked. */
const NOT_TO_BE_ASKED: ConnectionCertificate = { bytes: new Uint8Array(0), form: DER, verified: false };

/**
 * What the peer of a request's connection showed, whole or as its SHA-256; `undefined` on plaintext
 * and when it showed nothing.
 *
 * `authorized` alone proves nothing: a TLS 1.3 session that began without a certificate says `true`
 * when it is resumed (nodejs/node#35317). So a certificate must be there, too.
 */
export function peerCertificate(request: IncomingMessage, whole: boolean): ConnectionCertificate | undefined {
  const connection = connectionOf(request);
  if (connection === undefined) {
    return undefined;
  }
  let shown = seen.get(connection);
  if (shown === undefined) {
    if (hasEnded(connection)) {
      return NOT_TO_BE_ASKED;
    }
    shown = wasRenegotiated(connection) ? { whole: NOT_TO_BE_ASKED, digest: NOT_TO_BE_ASKED } : read(connection);
    seen.set(connection, shown);
  }
  return shown === null ? undefined : whole ? shown.whole : (shown.digest ??= digest(shown.whole));
}

/** What stands for the connection: the socket or, in HTTP/2, the session, of which requests share one. */
function connectionOf(request: IncomingMessage): TLSSocket | Http2Session | undefined {
  if (request.httpVersionMajor === 2) {
    // A stream that was reset has none any more. Its socket then answers as one without TLS.
    const { stream } = request as IncomingMessage & { stream?: Http2Stream };
    return stream?.session ?? GONE;
  }
  return (request.socket as TLSSocket | null | undefined) ?? undefined;
}

const GONE = { destroyed: true, encrypted: true } as TLSSocket;

/** Node forgets the certificate with the connection: who asks too late would hear of none. */
function hasEnded(connection: TLSSocket | Http2Session): boolean {
  return connection.destroyed && connection.encrypted === true;
}

/**
 * Up to TLS 1.2 a client may begin another handshake at any time and show another certificate in it. OpenSSL
 * tells that one from then on, before the client has proved that it holds the key, while Node's `authorized`
 * is still about the one before, and stays `true` even when the new one is found to be false.
 *
 * Node counts such handshakes, to limit them, where nobody else looks. It takes none over HTTP/2.
 */
function wasRenegotiated(connection: TLSSocket | Http2Session): boolean {
  const { _handle: handle } = connection as { _handle?: { handshakes?: unknown } | null };
  return typeof handle?.handshakes === 'number' && handle.handshakes > 0;
}

function read(connection: TLSSocket | Http2Session): Shown | null {
  const socket = ('getPeerX509Certificate' in connection ? connection : connection.socket) as TLSSocket | undefined;
  if (typeof socket?.getPeerX509Certificate !== 'function') {
    return null;
  }
  const raw = socket.getPeerX509Certificate()?.raw;
  if (raw === undefined || raw.length === 0) {
    return null;
  }
  return shownBefore(raw, socket.authorized === true);
}

/** Clients and proxies have several connections, and show the same on each: it is held once. */
const lately = new Array<Shown | undefined>(64).fill(undefined);

/** Bytes of a certificate that is held beyond its connections. */
const HELD_BYTES = 4 * 1024;

function shownBefore(raw: Buffer, verified: boolean): Shown {
  const mark = markOf(raw) ^ (verified ? 1 : 0);
  const place = mark & (lately.length - 1);
  const held = lately[place]?.whole;
  if (held !== undefined && held.verified === verified && raw.equals(held.bytes)) {
    return lately[place]!;
  }
  const shown: Shown = { whole: { bytes: raw, form: DER, verified, mark }, digest: undefined };
  if (raw.length <= HELD_BYTES) {
    lately[place] = shown;
  }
  return shown;
}

function digest({ bytes, verified, mark }: ConnectionCertificate): ConnectionCertificate {
  const digits = createHash('sha256').update(bytes).digest('hex');
  return { bytes: Buffer.from(digits, 'latin1'), form: DIGEST, verified, mark };
}

/** The last bytes of a certificate are its signature's. */
function markOf(raw: Buffer): number {
  return raw.length < 4 ? raw.length : raw.readInt32LE(raw.length - 4);
}
