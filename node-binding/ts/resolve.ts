// A certificate that the application itself found.

import { DER, PEM, type ConnectionCertificate } from './frame.js';

/** What the hook `resolve` gives. */
export interface ResolvedCertificate {
  /** DER, PEM (exactly one block), or what has its DER as `raw`: a `crypto.X509Certificate`. */
  readonly certificate: Uint8Array | string | { readonly raw: Uint8Array };
  /** Whether whoever ended TLS vouches for it. Only `true` says yes. */
  readonly verified: boolean;
}

/**
 * What a hook says about a request, `undefined` for no certificate; `null` when it failed: it threw, or
 * gave a promise or anything else that it must not.
 * @internal
 */
export function resolvedConnection<Subject>(
  resolve: (request: Subject) => ResolvedCertificate | undefined,
  subject: Subject,
): ConnectionCertificate | undefined | null {
  try {
    const resolved: unknown = resolve(subject);
    return resolved === undefined ? undefined : connectionOf(resolved);
  } catch {
    return null;
  }
}

function connectionOf(resolved: unknown): ConnectionCertificate | null {
  if (typeof resolved !== 'object' || resolved === null) {
    return null;
  }
  if (resolved instanceof Promise) {
    // It is refused whatever it comes to, and must not end the process when it comes to nothing.
    resolved.catch(() => undefined);
    return null;
  }
  const { certificate, verified: vouched } = resolved as { certificate?: unknown; verified?: unknown };
  const verified = vouched === true;
  if (typeof certificate === 'string') {
    return { bytes: Buffer.from(certificate, 'utf8'), form: PEM, verified };
  }
  const der: unknown = certificate instanceof Uint8Array ? certificate : (certificate as { raw?: unknown } | null | undefined)?.raw;
  // A copy: what was decided on is what is told of it later.
  return der instanceof Uint8Array ? { bytes: Buffer.from(der), form: DER, verified } : null;
}
