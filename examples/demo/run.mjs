// The demo: a real Envoy with mutual TLS and the Peergate filter, a Node service behind it that
// checks again with the same policy, and callers of every kind.
//
//   make demo           asks everything, prints a table, stops; fails if an answer is not as expected
//   make demo KEEP=1    leaves it running until Ctrl-C and prints curl commands

import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { Setup } from './setup.mjs';
import { ask } from './ask.mjs';
import { ROWS } from './rows.mjs';
import { print } from './table.mjs';

const keep = process.argv.includes('--keep');
const setup = new Setup();

// However this ends, nothing that it started goes on.
process.on('exit', () => setup.stop());
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.on(signal, () => process.exit(code));
}

try {
  await setup.start();
  const results = [];
  for (const row of ROWS) {
    results.push({ row, got: await ask(setup, row) });
  }
  const wrong = print(results);
  if (keep) {
    printCommands();
    await new Promise(() => setInterval(() => {}, 60_000));
  }
  process.exit(wrong === 0 ? 0 : 1);
} catch (error) {
  console.error(`demo: ${error.message}`);
  for (const log of setup.logs().filter(existsSync)) {
    console.error(`demo: see ${log}`);
  }
  process.exit(1);
}

function printCommands() {
  const { port, admin } = setup;
  const near = (path) => relative(process.cwd(), path);
  const certs = near(setup.certs);
  const curl = (caller, rest) =>
    `curl --cacert ${certs}/root.cert.pem` +
    (caller === undefined ? '' : ` --cert ${certs}/${caller}.chain.pem --key ${certs}/${caller}.key.pem`) +
    ` https://localhost:${port}${rest}`;
  console.log(`
It goes on until Ctrl-C. Ask yourself:

  ${curl('api', '/v1/orders/7')}
  ${curl('web', '/v1/orders/7')}
  ${curl('web', '/whoami')}
  ${curl('bad-comma', '/v1/orders/7')}
  ${curl(undefined, '/healthz')}
  curl 'http://${admin}/stats/prometheus?filter=wasmcustom'

Envoy's log, with a record of each decision: ${near(setup.envoyLog)}
To change the rules while it runs, edit a copy of this file and rename it into its place:
  ${near(setup.extension)}`);
}
