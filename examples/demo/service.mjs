// The service behind Envoy. It checks again, with the same documents: whoever gets past the proxy
// meets the same policy.

import { createServer } from 'node:http';
import { subscribe } from 'node:diagnostics_channel';
import { clientCertAuth, createGate, getClientCertificate } from 'peergate';

const gate = createGate({ deployment: new URL('deployment.json', import.meta.url) });
const guard = clientCertAuth({ gate });

// Each decision as a line, for whoever operates the service.
subscribe('peergate:decision', ({ decision }) => console.log(JSON.stringify({ decision })));

const server = createServer((request, response) => {
  if (!guard(request, response)) {
    return;
  }
  const caller = getClientCertificate(request)?.identity ?? null;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ caller, header: request.headers['x-client-identity'] ?? null }));
});

// Loopback only: a header names the caller, so nobody but the proxy may speak to this server.
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
