// Roles that an authority writes into certificates, in an extension of its own.

import https from 'node:https';
import { clientCertAuth } from 'peergate';
import { reloadServerCertificates } from 'peergate/tls';

const auth = clientCertAuth({ policy: 'policy.json', source: { preset: 'connection' } });

const server = https.createServer({ requestCert: true, rejectUnauthorized: true }, (request, response) => {
  if (auth(request, response)) response.end(request.method === 'DELETE' ? 'deleted\n' : 'an order\n');
});
reloadServerCertificates(server, { directory: 'certs', key: 'server.key', cert: 'server.crt', ca: 'ca.crt' });
server.listen(process.env.PORT ?? 8443, 'localhost', () => console.log('listening'));
