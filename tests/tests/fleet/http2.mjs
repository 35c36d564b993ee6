// One request over HTTP/2: `node http2.mjs ADDRESS HOST TARGET LINES CA [CERTIFICATE KEY]`, LINES being a
// list of pairs as JSON. Prints the status; nothing when no answer came about.

import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';

const [address, host, target, lines, ca, cert, key] = process.argv.slice(2);
const headers = { ':path': target, ':authority': host };
for (const [name, value] of JSON.parse(lines)) {
  const before = headers[name.toLowerCase()] ?? [];
  headers[name.toLowerCase()] = [...before, value];
}
const session = connect(`https://${address}`, {
  servername: host,
  ca: readFileSync(ca),
  ...(cert === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
});
session.on('error', () => process.exit(0));
const stream = session.request(headers);
stream.on('error', () => process.exit(0));
stream.on('response', (answer) => {
  console.log(answer[':status']);
  session.destroy();
});
stream.end();
