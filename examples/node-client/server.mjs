// Somebody to ask: answers with the name in the caller's certificate.

import { readFileSync } from 'node:fs';
import https from 'node:https';

const read = (name) => readFileSync(`certs/${name}`);
const options = { key: read('server.key'), cert: read('server.crt'), ca: read('ca.crt'), requestCert: true, rejectUnauthorized: true };

https
  .createServer(options, (request, response) => response.end(`hello ${request.socket.getPeerCertificate().subject.CN}\n`))
  .listen(process.env.PORT ?? 8443, 'localhost', () => console.log('listening'));
