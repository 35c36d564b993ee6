// The three shapes in which a request comes: Node's, the Web's, and the one of fixtures.

import type { IncomingMessage } from 'node:http';
import { PEM, type Asked } from './frame.js';
import { isPlain } from './own.js';
import { peerCertificate } from './peer.js';

/** A header value: text, or bytes in base64. */
export type FixtureText = string | { readonly base64: string };

/** A request as fixtures and `peergate eval` write it. */
export interface RequestFixture {
  /** `GET` when left out. */
  readonly method?: FixtureText | undefined;
  /** The request target, query included; `/` when left out. */
  readonly path?: FixtureText | undefined;
  /** Name and value of each line; names may repeat. */
  readonly headers?: readonly (readonly [name: FixtureText, value: FixtureText])[] | undefined;
  /** The TLS connection on which the request arrived; left out for plaintext. */
  readonly connection?:
    | { readonly certificatePem?: FixtureText | undefined; readonly verified?: boolean | undefined }
    | undefined;
  /** An RFC 3339 time or a `Date`; the current time when left out. */
  readonly now?: string | Date | undefined;
}

/**
 * A Web `Request`. It has no raw header lines and no raw target: repeated lines are joined and the
 * URL is normalised before Peergate sees them, and the decision is about what is left.
 */
export interface FetchRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { forEach(each: (value: string, name: string) => void): void };
}

/** What `decide` takes. */
export type GateRequest = IncomingMessage | FetchRequest | RequestFixture;

/** What a gate wants to know of a request. @internal */
export interface Wanted {
  /** Whether a header line with this name matters; one character, one byte. */
  reads(name: string): boolean;
  readonly clock: boolean;
  /** `if-proxy`: only where this host is the proxy that met the caller. */
  readonly connection: 'never' | 'if-proxy' | 'always';
  /** Whether it wants the connection's certificate itself, or only to compare its SHA-256. */
  readonly wholeCertificate: boolean;
}

/** Reads a request of any shape. @internal */
export function read(request: GateRequest, wanted: Wanted, untrustedPeer: boolean): Asked {
  if ('rawHeaders' in request) {
    return readIncoming(request, wanted, untrustedPeer);
  }
  return isFetch(request) ? readFetch(request, wanted, untrustedPeer) : readFixture(request, wanted, untrustedPeer);
}

/** Seconds since 1970; `undefined` from a clock that does not say, which tests put in its place. */
function seconds(): number | undefined {
  const now = Math.floor(Date.now() / 1000);
  return Number.isSafeInteger(now) ? now : undefined;
}

/**
 * Behind a proxy the peer of this connection is the proxy, so its certificate is handed over only
 * where the source says that the peer is what counts.
 */
function readIncoming(request: IncomingMessage, wanted: Wanted, untrustedPeer: boolean): Asked {
  const { rawHeaders } = request;
  const lines: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (wanted.reads(name)) {
      lines.push(name, rawHeaders[i + 1]!);
    }
  }
  return {
    method: request.method ?? '',
    target: targetOf(request),
    connection: wanted.connection === 'always' ? peerCertificate(request, wanted.wholeCertificate) : undefined,
    now: wanted.clock ? seconds() : undefined,
    untrustedPeer,
    lines,
  };
}

/**
 * The target is the one of the request line. Connect and Express cut `req.url` below a mount point
 * and keep the whole in `originalUrl`.
 * @internal
 */
export function targetOf(request: IncomingMessage): string {
  return hasOriginalUrl(request) ? request.originalUrl : (request.url ?? '');
}

/** @internal */
export function hasOriginalUrl(request: IncomingMessage): request is IncomingMessage & { readonly originalUrl: string } {
  return typeof (request as { originalUrl?: unknown }).originalUrl === 'string';
}

function isFetch(request: FetchRequest | RequestFixture): request is FetchRequest {
  return typeof (request as { url?: unknown }).url === 'string';
}

function readFetch(request: FetchRequest, wanted: Wanted, untrustedPeer: boolean): Asked {
  const url = new URL(request.url);
  const lines: string[] = [];
  request.headers.forEach((value, name) => {
    if (wanted.reads(name)) {
      lines.push(name, value);
    }
  });
  return {
    method: request.method,
    target: url.pathname + url.search,
    connection: undefined,
    now: wanted.clock ? seconds() : undefined,
    untrustedPeer,
    lines,
  };
}

const FIXTURE_KEYS: readonly string[] = ['method', 'path', 'headers', 'connection', 'now'];

/** What is something else, such as the event of a Lambda function, would pass for `GET /` of nobody. */
function readFixture(request: RequestFixture, wanted: Wanted, untrustedPeer: boolean): Asked {
  const unknown = Object.keys(request).find((name) => !FIXTURE_KEYS.includes(name));
  if (unknown !== undefined || !isPlain(request)) {
    throw new TypeError(`peergate: ${unknown === undefined ? 'this' : `what has ${JSON.stringify(unknown)}`} is no request that decide() takes`);
  }
  const lines: (string | Uint8Array)[] = [];
  for (const [name, value] of request.headers ?? []) {
    const raw = bytes(name);
    if (wanted.reads(typeof raw === 'string' ? raw : Buffer.from(raw).toString('latin1'))) {
      lines.push(raw, bytes(value));
    }
  }
  const pem = request.connection?.certificatePem;
  return {
    method: bytes(request.method ?? 'GET'),
    target: bytes(request.path ?? '/'),
    connection:
      wanted.connection === 'never' || pem === undefined
        ? undefined
        : { bytes: Buffer.from(bytes(pem)), form: PEM, verified: request.connection?.verified === true },
    now: wanted.clock ? fixtureTime(request.now) : undefined,
    untrustedPeer,
    lines,
  };
}

function fixtureTime(now: string | Date | undefined): number | undefined {
  if (now === undefined) {
    return seconds();
  }
  const time = Math.floor(new Date(now).getTime() / 1000);
  if (Number.isNaN(time)) {
    throw new TypeError('peergate: `now` must be an RFC 3339 time or a Date');
  }
  return time;
}

function bytes(text: FixtureText): string | Uint8Array {
  if (typeof text === 'string') {
    return text;
  }
  if (typeof text?.base64 !== 'string') {
    throw new TypeError('peergate: text in a request is a string or {"base64": …}');
  }
  return Buffer.from(text.base64, 'base64');
}
