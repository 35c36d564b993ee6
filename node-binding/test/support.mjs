// What several tests need: header values, servers, raw requests.

import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';

/** A fingerprint, told apart by one digit. */
export const hash = (digit = 'a') => digit.repeat(64);

/** What Envoy writes for a caller. */
export const xfcc = (uri = 'spiffe://td/a') => `Hash=${hash()};Subject="";URI=${uri}`;

/** One rule for one caller, and one for everybody. */
export const policy = {
  version: 1,
  name: 'test',
  allow: [
    { name: 'a', from: [{ spiffe: 'spiffe://td/a' }], paths: ['/v1/*'] },
    { name: 'health', from: 'anyone', methods: ['GET'], paths: ['/healthz'] },
  ],
};

export const deployment = { policy, identityHeader: 'x-client-identity' };

/** Runs `use` with a server on a free port, and stops the server whatever happens. */
export async function served(listener, use, options = {}) {
  const server = http.createServer(options, listener);
  server.listen(0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(server.address().port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A port for a program that is told where to listen. */
export async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Sends header lines as they are, repeated and misspelt ones, too. */
export async function ask(port, { method = 'GET', target = '/v1/x', lines = [], body = '' } = {}) {
  const socket = net.connect(port, '127.0.0.1');
  const text = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...lines.map(([name, value]) => `${name}: ${value}`),
    '',
    '',
  ];
  socket.write(Buffer.from(text.join('\r\n') + body, 'latin1'));
  const parts = [];
  for await (const part of socket) {
    parts.push(part);
  }
  const answer = Buffer.concat(parts).toString('latin1');
  const end = answer.indexOf('\r\n\r\n');
  const [first, ...rest] = answer.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    rest.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  return { status: Number(first.split(' ')[1]), headers, body: answer.slice(end + 4) };
}

/** What an application can see of the identity header, in each of the places where it may look. */
export function view(request) {
  const names = (name) => /^x[-_.]client[-_.]identity$/i.test(name);
  const pick = (object) => Object.fromEntries(Object.entries(object).filter(([name]) => names(name)));
  const lines = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (names(request.rawHeaders[i])) {
      lines.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    }
  }
  return { lines, headers: pick(request.headers), distinct: pick(request.headersDistinct) };
}

/** The fields of a certificate that every source tells. */
export function brief(certificate) {
  if (certificate === null || certificate === undefined) {
    return certificate;
  }
  const { identity, identityType, sha256, verified } = certificate;
  return { identity, identityType, sha256, verified };
}
