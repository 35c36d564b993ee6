// What a guard costs where Node itself ends mutual TLS: on a real connection, asked again and again, and
// on one that is asked for the first time.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import clientCertificateAuth from 'client-certificate-auth';
import { clientCertAuth } from '../dist/index.mjs';
import { measure } from './measure.mjs';

const CALLER = 'spiffe://prod.example/ns/pay/sa/api';

const { socket, stop } = await connection();
const request = new http.IncomingMessage(socket);
request.method = 'GET';
request.url = '/v1/orders/7';
// What Express adds, and client-certificate-auth asks for.
request.secure = true;
const response = new http.ServerResponse(request);

let through = 0;
const next = (error) => {
  if (error !== undefined) {
    throw error;
  }
  through += 1;
};
const counted = (call) => () => {
  const before = through;
  call();
  if (through === before) {
    throw new Error('a request was refused that should have been let through');
  }
};

const policy = { version: 1, allow: [{ name: 'orders', from: [{ spiffe: CALLER }], methods: ['GET'], paths: ['/v1/orders/{id}'] }] };
const ours = clientCertAuth({ policy, source: { preset: 'connection' } });
const theirs = clientCertificateAuth((certificate) => certificate.subjectaltname === `URI:${CALLER}`);

measure(
  [
    ['socket.getPeerX509Certificate().raw', () => void socket.getPeerX509Certificate().raw.length],
    ['client-certificate-auth 0.3.0: one name', counted(() => theirs(request, response, next))],
    ['clientCertAuth, preset connection: one name, a path', counted(() => ours(request, response, next))],
  ],
  'reading the certificate once',
);
stop();

/** The server's end of a connection with a client certificate. */
async function connection() {
  const folder = mkdtempSync(join(tmpdir(), 'peergate-bench-'));
  const config = join(folder, 'cnf');
  writeFileSync(config, `[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n[dn]\nCN=api\n[v3]\nsubjectAltName=URI:${CALLER}\n`);
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
    ...['-config', config, '-keyout', key, '-out', cert],
  ], { stdio: 'ignore' });
  const own = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  const server = tls.createServer({ ...own, ca: [own.cert], requestCert: true, rejectUnauthorized: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({ ...own, ca: [own.cert], port: server.address().port, host: '127.0.0.1', checkServerIdentity: () => undefined });
  const [accepted] = await once(server, 'secureConnection');
  return {
    socket: accepted,
    stop() {
      client.destroy();
      accepted.destroy();
      server.close();
    },
  };
}
