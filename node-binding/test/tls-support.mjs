// Servers and clients with certificates made for the occasion.

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import tls from 'node:tls';
import { getClientCertificate } from '../dist/index.mjs';

const folder = mkdtempSync(join(tmpdir(), 'peergate-tls-'));
after(() => rmSync(folder, { recursive: true }));

/** A certificate that signs itself. `names` are its alternative names, as OpenSSL writes them. */
export function certificate(name, names = 'DNS:localhost') {
  const key = join(folder, `${name}.key`);
  const cert = join(folder, `${name}.pem`);
  const config = join(folder, `${name}.cnf`);
  // Its own configuration, because that of the system may add to the extensions.
  writeFileSync(config, `[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n[dn]\nCN=${name}\n[v3]\nsubjectAltName=${names}\n`);
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
    ...['-config', config, '-keyout', key, '-out', cert],
  ], { stdio: 'ignore' });
  const pem = readFileSync(cert);
  const { fingerprint256, serialNumber } = new X509Certificate(pem);
  const sha256 = fingerprint256.replaceAll(':', '').toLowerCase();
  return { key: readFileSync(key), cert: pem, sha256, serial: `0x${serialNumber}` };
}

export const server = certificate('server');
export const alice = certificate('alice', 'URI:spiffe://td/alice,DNS:alice.example');
export const bob = certificate('bob', 'URI:spiffe://td/bob,DNS:bob.example');
export const mallory = certificate('mallory', 'URI:spiffe://td/mallory');

/** Options of a server that trusts Alice's certificate, and takes any other without trusting it. */
export const serverOptions = { key: server.key, cert: server.cert, ca: [alice.cert], requestCert: true, rejectUnauthorized: false };

/** What a client presents. */
export const as = ({ key, cert }) => ({ key, cert });

/** Counts how often the certificate of a connection is read. */
export function counting(listener) {
  const reads = { count: 0 };
  listener.on('secureConnection', (socket) => {
    const real = socket.getPeerX509Certificate;
    socket.getPeerX509Certificate = function () {
      reads.count += 1;
      return real.call(this);
    };
  });
  return reads;
}

/** Runs `use` with a server on a free port, and stops the server whatever happens. */
export async function running(listener, use) {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    return await use(listener.address().port);
  } finally {
    listener.closeAllConnections?.();
    listener.close();
  }
}

/** The same with a guard, behind which the application names the caller. */
export async function listening(auth, use, options = {}) {
  const listener = https.createServer({ ...serverOptions, ...options }, (request, response) => {
    if (auth(request, response)) {
      response.end(JSON.stringify({ caller: getClientCertificate(request) ?? null }));
    }
  });
  const reads = counting(listener);
  return running(listener, (port) => use(port, reads));
}

export async function get(port, client, { path = '/', agent = false, headers = {} } = {}) {
  const request = https.get({ port, host: '127.0.0.1', path, agent, headers, ca: [server.cert], servername: 'localhost', ...client });
  const [response] = await once(request, 'response');
  let body = '';
  for await (const part of response.setEncoding('utf8')) {
    body += part;
  }
  return { status: response.statusCode, body };
}

/** A request over a connection of its own; also what is needed to take its TLS session up again. */
export function ask(port, client) {
  return new Promise((resolve, reject) => {
    let session;
    let answer = '';
    const socket = tls.connect({ port, host: '127.0.0.1', ca: [server.cert], servername: 'localhost', ...client }, () => {
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    });
    // In TLS 1.3 there are two, and each may be used once; the last is as good as the first.
    socket.on('session', (ticket) => {
      session = ticket;
    });
    socket.on('data', (part) => {
      answer += part;
    });
    socket.on('end', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]), session, reused: socket.isSessionReused() }));
    socket.on('error', reject);
  });
}
