// One agent for the whole process: it shows a certificate, trusts one authority, and follows the files.

import { fetch, request } from 'undici';
import { createMtlsAgent } from 'peergate/tls';

const [, , url, directory = 'certs'] = process.argv;

const agent = createMtlsAgent({
  directory,
  ca: 'ca.crt',
  cert: 'web.crt',
  key: 'web.key',
  pool: { connections: 10, headersTimeout: 5_000 },
});
agent.certificates.on('error', (error) => console.error(error.message));

try {
  const { statusCode, body } = await request(url, { dispatcher: agent });
  console.log(`request: ${statusCode} ${(await body.text()).trim()}`);
  const answer = await fetch(url, { dispatcher: agent });
  console.log(`fetch: ${answer.status} ${(await answer.text()).trim()}`);
} catch (error) {
  console.log(`failed: ${error.code}`);
}
await agent.close();
