// A policy that only watches at first: everybody is let in, and what it would have refused is told.

import { subscribe } from 'node:diagnostics_channel';
import https from 'node:https';
import { clientCertAuth, createGate, watchPolicy } from 'peergate';
import { reloadServerCertificates } from 'peergate/tls';

const gate = createGate({ policy: 'policy.json', source: { preset: 'connection' } });
const auth = clientCertAuth({ gate });

subscribe('peergate:decision', ({ decision }) => {
  const { identity, shadow, reason } = decision;
  if (shadow?.decision === 'deny') {
    console.log(`would be refused: ${identity}, ${shadow.reason}`);
  } else if (decision.decision === 'deny') {
    console.log(`refused: ${identity}, ${reason}`);
  }
});

watchPolicy(gate, 'policy.json')
  .on('reloaded', ({ sha256 }) => console.log(`in force: ${sha256.slice(0, 8)}`))
  .on('refused', (error) => console.log(`stays as it was: ${error.message}`));

const server = https.createServer({ requestCert: true, rejectUnauthorized: true }, (request, response) => {
  if (auth(request, response)) response.end('here you are\n');
});
reloadServerCertificates(server, { directory: 'certs', key: 'server.key', cert: 'server.crt', ca: 'ca.crt' });
server.listen(process.env.PORT ?? 8443, 'localhost', () => console.log('listening'));
