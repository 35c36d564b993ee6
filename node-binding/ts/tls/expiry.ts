// When certificates end.

import { resolve } from 'node:path';
import { certificates, readAll } from './material.js';
import { files, text, wrong, type CertificatePaths } from './paths.js';

/** Until when one certificate of a file is valid. */
export interface CertificateExpiry {
  /** The file, as an absolute path. */
  readonly path: string;
  /** The certificate's place in the file, from 0. */
  readonly index: number;
  /** Its subject, for people; not escaped as RFC 4514 has it, so compare it with nothing. */
  readonly subject: string;
  readonly notAfter: Date;
  /** From now on; negative when it is past. */
  readonly secondsLeft: number;
}

/**
 * Until when the certificates of the files are valid, those of authorities and of the chain, too; what ends
 * first comes first. Takes what `reloadServerCertificates` takes, or paths of certificates.
 * @throws {TlsError} when a file cannot be read or holds no certificate
 */
export function certificateExpiry(
  paths: string | readonly string[] | Pick<CertificatePaths, 'directory' | 'cert' | 'ca'>,
): CertificateExpiry[] {
  const named = list(paths);
  const now = Date.now();
  return readAll(named)
    .flatMap((content, at) => {
      const path = named[at] ?? '';
      return certificates('ERR_PEERGATE_TLS_CERTIFICATE', path, content).map((certificate, index) => {
        const notAfter = new Date(certificate.validTo);
        const subject = (certificate.subject ?? '').replaceAll('\n', ', ');
        return { path, index, subject, notAfter, secondsLeft: Math.floor((notAfter.getTime() - now) / 1000) };
      });
    })
    .sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime());
}

function list(paths: Parameters<typeof certificateExpiry>[0]): string[] {
  if (typeof paths === 'string') {
    return [resolve(text('path', paths))];
  }
  if (Array.isArray(paths)) {
    if (paths.length === 0) {
      throw wrong('certificateExpiry() takes at least one path');
    }
    return paths.map((path) => resolve(text('path', path)));
  }
  const { cert, ca } = files({ key: 'not-read', ...(paths as Pick<CertificatePaths, 'cert'>) });
  return [cert, ...ca];
}
