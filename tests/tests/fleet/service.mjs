// The services behind the proxies: one server for each deployment, guarded by the npm package, and one
// at which the test asks what came of a request.
//
// `node service.mjs '{"NAME": "DEPLOYMENT FILE"}'` prints the ports as one line of JSON and ends with its
// standard input.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { clientCertAuth, createGate } from '../../../node-binding/dist/index.mjs';

/** What the servers saw, by request target; no two requests of the test have the same. */
const seen = new Map();

/** The decision about the request that is just being guarded. */
let decision = null;
subscribe('peergate:decision', (message) => {
  decision = message.decision;
});

/** A copy of the lines, as pairs. */
const lines = ({ rawHeaders }) =>
  rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1]]] : []));

function service(deployment) {
  const guard = clientCertAuth({ gate: createGate({ deployment }) });
  return createServer((request, response) => {
    const headers = lines(request);
    decision = null;
    const goesOn = guard(request, response);
    const application = goesOn ? lines(request) : null;
    seen.set(request.url, { headers, decision, application });
    if (goesOn) {
      response.end('ok\n');
    }
  });
}

const control = createServer((request, response) => {
  response.setHeader('connection', 'close');
  response.end(JSON.stringify(seen.get(request.url) ?? null));
  seen.delete(request.url);
});

async function port(server) {
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server.address().port;
}

const ports = {};
for (const [name, deployment] of Object.entries(JSON.parse(process.argv[2]))) {
  ports[name] = await port(service(deployment));
}
console.log(JSON.stringify({ control: await port(control), ports }));
process.stdin.resume().on('end', () => process.exit(0));
