// A service that ends mutual TLS itself. Certificates and policy follow their files.

import https from 'node:https';
import { clientCertAuth, createGate, getClientCertificate, watchPolicy } from 'peergate';
import { reloadServerCertificates } from 'peergate/tls';

const gate = createGate({ policy: 'policy.json', source: { preset: 'connection' } });
const auth = clientCertAuth({ gate });

const server = https.createServer({ minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true }, (request, response) => {
  if (!auth(request, response)) return;
  response.end(`order ${request.url.split('/').at(-1)} for ${getClientCertificate(request).identity}\n`);
});

reloadServerCertificates(server, { directory: 'certs', key: 'server.key', cert: 'server.crt', ca: 'ca.crt' })
  .on('reloaded', ({ fingerprint256 }) => console.log(`certificate ${fingerprint256.slice(0, 8)} is in use`))
  .on('error', (error) => console.error(error.message));

watchPolicy(gate, 'policy.json')
  .on('reloaded', ({ name }) => console.log(`policy ${name} is in force`))
  .on('refused', (error) => console.error(error.message));

server.listen(process.env.PORT ?? 8443, 'localhost', () => console.log('listening'));
