// A server and a client whose certificates are renewed under load, in the way in which Kubernetes does it.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, copyFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { request } from 'undici';
import { certificateExpiry, createMtlsAgent, reloadServerCertificates } from 'peergate/tls';

const base = mkdtempSync('volume-');
process.on('exit', () => rmSync(base, { recursive: true }));
const issuer = join(base, 'issuer');
const volume = join(base, 'volume');
const FILES = ['ca.crt', 'server.crt', 'server.key', 'web.crt', 'web.key'];
const script = new URL('../node-certificates.sh', import.meta.url).pathname;
const certificates = (...args) => promisify(execFile)('sh', [script, issuer, ...args]);

/** A secret of Kubernetes: `name` leads to `..data/name`, and `..data` to a folder that is exchanged. */
let generation = 0;
function mount() {
  const folder = `..${(generation += 1)}`;
  mkdirSync(join(volume, folder), { recursive: true });
  for (const name of FILES) copyFileSync(join(issuer, name), join(volume, folder, name));
  symlinkSync(folder, join(volume, '..new'));
  renameSync(join(volume, '..new'), join(volume, '..data'));
}
await certificates();
mount();
for (const name of FILES) symlinkSync(join('..data', name), join(volume, name));

const paths = (name) => ({ directory: volume, key: `${name}.key`, cert: `${name}.crt`, ca: 'ca.crt' });
const server = https.createServer({ requestCert: true, rejectUnauthorized: true }, (incoming, response) => {
  response.end(incoming.socket.getPeerCertificate().serialNumber);
});
const reloader = reloadServerCertificates(server, paths('server'));
const agent = createMtlsAgent({ ...paths('web'), pool: { connections: 20 } });
server.listen(0, 'localhost');
await once(server, 'listening');
const url = `https://localhost:${server.address().port}/`;

let running = true;
let answered = 0;
let lost = 0;
const callers = new Set();
const load = Array.from({ length: 50 }, async () => {
  while (running) {
    try {
      const { statusCode, body } = await request(url, { dispatcher: agent });
      callers.add(await body.text());
      if (statusCode === 200) answered += 1;
      else lost += 1;
    } catch {
      lost += 1;
    }
  }
});

for (let i = 0; i < 3; i += 1) {
  await certificates('renew', 'server');
  await certificates('renew', 'web');
  const both = Promise.all([once(reloader, 'reloaded'), once(agent.certificates, 'reloaded')]);
  mount();
  await both;
  const [soonest] = certificateExpiry(paths('server'));
  console.log(`renewed: the server has ${Math.floor(soonest.secondsLeft / 86_400)} days`);
  for (const enough = answered + 200; answered < enough && lost === 0; ) await new Promise((resolve) => setTimeout(resolve, 10));
}
running = false;
await Promise.all(load);
await agent.close();
server.close();
console.log(`${answered} requests answered, ${lost} lost`);
console.log(`the server saw ${callers.size} certificates of one client`);
process.exitCode = lost === 0 ? 0 : 1;
