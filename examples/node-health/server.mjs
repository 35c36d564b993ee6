// Health checks come without a certificate; everybody else needs one.

import https from 'node:https';
import { clientCertAuth } from 'peergate';
import { reloadServerCertificates } from 'peergate/tls';

const auth = clientCertAuth({ policy: 'policy.json', source: { preset: 'connection' } });

// TLS lets those without a certificate connect, and those with a wrong one: the guard refuses them.
const server = https.createServer({ requestCert: true, rejectUnauthorized: false }, (request, response) => {
  if (auth(request, response)) response.end(request.url === '/healthz' ? 'ok\n' : 'an order\n');
});
reloadServerCertificates(server, { directory: 'certs', key: 'server.key', cert: 'server.crt', ca: 'ca.crt' });
server.listen(process.env.PORT ?? 8443, 'localhost', () => console.log('listening'));
