// One header value or one certificate by itself: core takes it apart, nothing here does.

import glue = require('./wasm/peergate.js');
import { fromJson, type NormalizedCertificate } from './certificate.js';
import type { CertificateCode, Detail } from './codes.js';
import { ParseError } from './errors.js';
import { guarded } from './instance.js';

/** One element of `x-forwarded-client-cert`: what one proxy said of its client. */
export interface ForwardedClientCert {
  /** URI names of the proxy's own certificate. */
  readonly By: readonly string[];
  /** SHA-256 of the client's certificate, as it was written. */
  readonly Hash?: string;
  /** The client's certificate: percent-encoded PEM in the text form, PEM in the JSON form. */
  readonly Cert?: string;
  /** The client's chain, leaf first: one percent-encoded text in the text form, PEM each in the JSON form. */
  readonly Chain: readonly string[];
  /** The client's subject in RFC 4514 form, its backslashes included. */
  readonly Subject?: string;
  /** URI names of the client's certificate. */
  readonly URI: readonly string[];
  /** DNS names of the client's certificate. */
  readonly DNS: readonly string[];
}

/** How `x-forwarded-client-cert` is written. */
export interface ForwardedClientCertOptions {
  /** `text` (the default) is `key=value`, `json` the form that Envoy 1.38 and later can write. */
  readonly format?: 'text' | 'json' | undefined;
}

/** Why a value could not be taken apart. */
export type ParseCode = Detail | CertificateCode;

/** What a request header or a certificate could never be. It would stay in the module's memory. */
const MAXIMAL_BYTES = 16 * 1024 * 1024;

/**
 * The elements of a value of `x-forwarded-client-cert`, the last one written by the nearest proxy; none
 * for an empty value. By grammar only: it does not say which element is the caller, nor whether anything
 * of it is true. Join repeated lines with `,` first.
 * @throws {ParseError} for whatever is not exactly the grammar; `offset` counts bytes
 */
export function parseForwardedClientCert(
  value: string | Uint8Array,
  options: ForwardedClientCertOptions = {},
): ForwardedClientCert[] {
  const format = formatOf(options);
  const bytes = bytesOf('parseForwardedClientCert() takes a header value', value, 'header_too_long');
  const json = parsed(() => glue.parseXfcc(bytes, format === 'json'));
  const { elements } = JSON.parse(json) as { elements: [string, string][][] };
  return elements.map(element);
}

/**
 * A certificate in PEM (exactly one block) or DER, normalised.
 * @throws {ParseError} for whatever has more than one reading; `offset` counts bytes of the DER
 */
export function parseCertificate(certificate: string | Uint8Array): NormalizedCertificate {
  const bytes = bytesOf('parseCertificate() takes PEM or DER', certificate, 'too_long');
  return fromJson(parsed(() => glue.parseCertificate(bytes)));
}

/** What Node knows of a peer: `tls.PeerCertificate` or `crypto.X509Certificate`. */
export interface WithRaw {
  /** The DER. */
  readonly raw: Uint8Array;
}

/**
 * The certificate that Node's `getPeerCertificate()` or `getPeerX509Certificate()` gave, or one in PEM or
 * DER, normalised. Only its DER is read: the texts beside it can be read in several ways.
 * @throws {TypeError} when it has no DER
 * @throws {ParseError} as `parseCertificate`
 */
export function normalizePeerCertificate(certificate: WithRaw | string | Uint8Array): NormalizedCertificate {
  if (typeof certificate === 'string' || certificate instanceof Uint8Array) {
    return parseCertificate(certificate);
  }
  const raw: unknown = certificate?.raw;
  if (!(raw instanceof Uint8Array) || raw.length === 0) {
    throw new TypeError('peergate: the certificate has no `raw`: pass what getPeerCertificate() or getPeerX509Certificate() gave, whole');
  }
  return parseCertificate(raw);
}

const KEYS = ['By', 'Hash', 'Cert', 'Chain', 'Subject', 'URI', 'DNS'];
const REPEATED = ['By', 'Chain', 'URI', 'DNS'];

function element(pairs: readonly (readonly [string, string])[]): ForwardedClientCert {
  const out: Record<string, string | string[]> = {};
  for (const key of KEYS) {
    const values = pairs.filter(([name]) => name === key).map(([, value]) => value);
    if (REPEATED.includes(key)) {
      out[key] = values;
    } else if (values[0] !== undefined) {
      // The grammar admits no second one.
      out[key] = values[0];
    }
  }
  return out as unknown as ForwardedClientCert;
}

function formatOf(options: ForwardedClientCertOptions): 'text' | 'json' {
  if (typeof options !== 'object' || options === null || Object.keys(options).some((name) => name !== 'format')) {
    throw new TypeError('peergate: the only option of parseForwardedClientCert() is `format`');
  }
  const { format = 'text' } = options;
  if (format !== 'text' && format !== 'json') {
    throw new TypeError("peergate: `format` must be 'text' or 'json'");
  }
  return format;
}

function bytesOf(takes: string, value: unknown, tooLong: ParseCode): Uint8Array {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw new TypeError(`peergate: ${takes}, as a string or as bytes`);
  }
  if (value.length > MAXIMAL_BYTES) {
    throw new ParseError(tooLong, MAXIMAL_BYTES);
  }
  // Beyond ASCII there is nothing that is not refused where it stands.
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}

/** The module throws what is wrong with a value as JSON text. */
function parsed(call: () => string): string {
  try {
    return guarded(call);
  } catch (thrown) {
    if (typeof thrown !== 'string') {
      throw thrown;
    }
    const { code, offset } = JSON.parse(thrown) as { code: ParseCode; offset: number };
    throw new ParseError(code, offset);
  }
}
