// The npm package as the conformance suite asks it: one JSON object a line in, one a line out.
//
//   in   {"documents": {"deployment"?, "policy"?, "source"?}, "request": {…}, "now": seconds}
//        documents are texts; method, path, names and values are {"base64": …}
//   in   {"documents": {…}} asks only whether the documents are taken
//   out  {"decision": {…}, "upstream": {"set", "removed"} or null}
//        {"error": {"code", "pointer"}}   {"broken": "why the driver gives up on this case"}
//
// What is answered is what `decide` says to the request. The same request then goes through
// `clientCertAuth`, as an IncomingMessage and, where Node's parser would hand it on as it is, over a
// real connection; an application behind it must see exactly what `decide` promised. It does
// so several times in a row: whoever comes again is answered in another way, and must get the same answer.

import { X509Certificate } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { clientCertAuth, createGate, getClientCertificate, parseCertificate, PolicyError } from '../../node-binding/dist/index.mjs';

const clock = Date.now;
const counts = { incoming: 0, again: 0, connection: 0 };

/** As often as it takes until an answer is one that the caller got before. */
const TURNS = 4;

/** Bytes of a caller's lines and certificate up to which a gate keeps them. */
const KEPT_BYTES = 4 * 1024;

/** Counts the answers to those who come again. */
const { GateHandle } = createRequire(import.meta.url)('../../node-binding/dist/wasm/peergate.js');
const { again } = GateHandle.prototype;
let answeredAgain = 0;
GateHandle.prototype.again = function (...about) {
  const said = again.apply(this, about);
  answeredAgain += said === 0 ? 0 : 1;
  return said;
};

/** What could not be asked of the middleware, by rule. */
const notExpressible = new Map();
const skip = (rule) => notExpressible.set(rule, (notExpressible.get(rule) ?? 0) + 1);

/** The last documents and their gate. */
let current = { key: '', gate: undefined };

/** The last decision of the middleware. */
let published;
subscribe('peergate:decision', ({ decision }) => {
  published = decision.toJSON();
});

class Broken extends Error {}

function gateOf(documents) {
  const key = JSON.stringify(documents);
  if (current.key !== key) {
    const texts = Object.entries(documents).map(([name, text]) => [name, Buffer.from(text, 'utf8')]);
    const gate = createGate(Object.fromEntries(texts));
    current.gate?.free();
    current = { key, gate };
  }
  return current.gate;
}

/** One character a byte, as Node hands header lines over. */
function latin1({ base64 }) {
  return Buffer.from(base64, 'base64').toString('latin1');
}

function plain(request) {
  return {
    method: latin1(request.method),
    target: latin1(request.path),
    lines: request.headers.map(([name, value]) => [latin1(name), latin1(value)]),
  };
}

function upstreamOf(decision) {
  const { remove, set } = decision.upstream();
  return {
    set: set === undefined ? {} : { [set[0].toLowerCase()]: set[1] },
    removed: [...new Set(remove.map((name) => name.toLowerCase()))],
  };
}

/** A socket on which a peer showed this certificate; `undefined` where no TLS connection could be like that. */
function socketOf(connection) {
  if (connection?.certificatePem === undefined) {
    return new net.Socket();
  }
  const pem = latin1(connection.certificatePem);
  let certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return undefined;
  }
  // Node reads the first block of several, and forgives damage around it: not what was shown.
  if (certificate.toString().replace(/\s/g, '') !== pem.replace(/\s/g, '')) {
    return undefined;
  }
  const socket = new net.Socket();
  socket.authorized = connection.verified;
  socket.getPeerX509Certificate = () => certificate;
  return socket;
}

/** What an application sees of a request. */
function seen(request) {
  const caller = getClientCertificate(request);
  const lines = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    lines.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  }
  return { lines, headers: { ...request.headers }, distinct: { ...request.headersDistinct }, caller };
}

/** What `decide` promised against what the middleware did. */
function compare(path, decision, upstream, request, outcome) {
  const expect = (what, expected, actual) => {
    if (!isDeepStrictEqual(expected, actual)) {
      throw new Broken(`${path}: ${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
    }
  };
  expect('the decision', decision, published);
  if (decision.decision === 'deny') {
    expect('the status', decision.status, outcome.status);
    // An answer to HEAD has none.
    if (outcome.body !== undefined) {
      expect('the body', { type: 'about:blank', status: decision.status }, (({ title: _, ...rest }) => rest)(JSON.parse(outcome.body)));
    }
    return;
  }
  const { lines, headers, distinct, caller } = outcome.seen;
  const kept = request.lines.filter(([name]) => !upstream.removed.includes(name.toLowerCase()));
  const set = Object.entries(upstream.set);
  expect('rawHeaders', [...kept, ...set], lines.filter(([name]) => !outcome.own?.includes(name)));
  for (const name of upstream.removed) {
    expect(`headers.${name}`, upstream.set[name], headers[name]);
    expect(`headersDistinct.${name}`, name in upstream.set ? [upstream.set[name]] : undefined, distinct[name]);
  }
  for (const [name, value] of set) {
    expect(`headers.${name}`, value, headers[name]);
    expect(`headersDistinct.${name}`, [value], distinct[name]);
  }
  if (decision.reason !== 'shadow_mode') {
    compareCaller(decision, caller, expect);
  }
}

const NAMES = {
  spiffe: (identity, { subjectAltNames }) => subjectAltNames.includes(`URI:${identity}`),
  dns: (identity, { subjectAltNames }) => subjectAltNames.includes(`DNS:${identity}`),
  cn: (identity, { subjectCn }) => subjectCn === identity,
};

/** What the application is told of the caller's certificate, against the decision and the certificate itself. */
function compareCaller({ identity, identityType, sha256, verified }, caller, expect) {
  if (verified === null) {
    expect('the caller', undefined, caller);
    return;
  }
  const { identity: name, identityType: kind, sha256: digest, verified: vouched, ...certificate } = caller ?? {};
  const known = { identity, identityType, sha256: sha256 ?? undefined, verified };
  expect('the caller', known, { identity: name, identityType: kind, sha256: digest, verified: vouched });
  expect('fingerprint256', sha256?.toUpperCase(), certificate.fingerprint256);
  if (identity !== null) {
    expect('that the certificate holds the name', true, NAMES[identityType](identity, certificate));
  }
  if (certificate.pem !== undefined) {
    expect('the certificate', parseCertificate(certificate.pem), certificate);
  }
}

/** Through the middleware as an IncomingMessage that holds exactly these bytes. */
function throughIncoming(gate, request, socket) {
  const incoming = new http.IncomingMessage(socket);
  incoming.method = request.method;
  incoming.url = request.target;
  // What the parser calls; there is no public way to the same.
  incoming._addHeaderLines(request.lines.flat(), request.lines.length * 2);
  const response = new http.ServerResponse(incoming);
  let body = '';
  response.end = (chunk) => {
    body = chunk;
    return response;
  };
  published = undefined;
  let called = false;
  clientCertAuth({ gate, trustPeer: () => true })(incoming, response, () => {
    called = true;
  });
  return called ? { seen: seen(incoming) } : { status: response.statusCode, body };
}

const server = http.createServer({ maxHeaderSize: 1 << 20 });
server.listen(0, '127.0.0.1');
server.unref();

/** Header lines that the test itself sends, and those that mean something to the parser. */
const OWN = ['Host', 'Connection'];
const PARSED = ['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'upgrade', 'trailer'];

/** Whether Node's parser hands these bytes on as they are. */
function isHttp({ method, target, lines }) {
  return (
    http.METHODS.includes(method) &&
    method !== 'CONNECT' &&
    /^[\x21-\x7e]+$/.test(target) &&
    (target.startsWith('/') || (target === '*' && method === 'OPTIONS')) &&
    lines.every(
      ([name, value]) =>
        /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) &&
        !PARSED.includes(name.toLowerCase()) &&
        /^([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/.test(value),
    )
  );
}

/** Through the middleware over a connection. */
async function throughConnection(gate, request) {
  const auth = clientCertAuth({ gate });
  let behind;
  const listener = (incoming, response) => {
    published = undefined;
    if (auth(incoming, response)) {
      behind = seen(incoming);
      response.writeHead(204).end();
    }
  };
  server.removeAllListeners('request').on('request', listener);
  const text = [
    `${request.method} ${request.target} HTTP/1.1`,
    ...request.lines.map(([name, value]) => `${name}: ${value}`),
    'Host: localhost',
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  const answer = await exchange(Buffer.from(text, 'latin1'));
  const [head, body] = answer.split('\r\n\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  return behind === undefined
    ? { status, body: request.method === 'HEAD' ? undefined : body }
    : { seen: behind, own: OWN };
}

function exchange(bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(server.address().port, '127.0.0.1', () => socket.write(bytes));
    const parts = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('end', () => resolve(Buffer.concat(parts).toString('latin1')));
    socket.on('error', reject);
  });
}

async function answer({ documents, request, now }) {
  const gate = gateOf(documents);
  if (request === undefined) {
    return { decision: 'the documents were taken', upstream: null };
  }
  // The middleware has no clock but this one.
  Date.now = () => now * 1000;
  try {
    const decided = gate.decide(request);
    const decision = decided.toJSON();
    const upstream = decision.decision === 'allow' ? upstreamOf(decided) : null;
    await confirm(gate, request, decision, upstream);
    return { decision, upstream };
  } finally {
    Date.now = clock;
  }
}

/** The two ways through the middleware. */
async function confirm(gate, request, decision, upstream) {
  const bytes = plain(request);
  const socket = socketOf(request.connection);
  // A service that is not itself the proxy does not compare its own connection with the header.
  const agrees = request.connection?.certificatePem === undefined || !comparesAsProxy(gate, request);
  if (socket === undefined) {
    skip('no TLS connection of Node shows such a certificate');
  } else if (!agrees) {
    skip('as an IncomingMessage, the connection is not the proxy\'s');
  } else {
    counts.incoming += 1;
    answeredAgain = 0;
    for (let turn = 1; turn <= TURNS; turn += 1) {
      compare(`as an IncomingMessage, turn ${turn}`, decision, upstream, bytes, throughIncoming(gate, bytes, socket));
    }
    if (answeredAgain > 0) {
      counts.again += 1;
    } else if (isKept(bytes, socket)) {
      throw new Broken('who came again was taken for a stranger');
    }
  }
  if (request.connection?.certificatePem !== undefined) {
    skip('over a connection, which is without TLS here');
  } else if (!isHttp(bytes)) {
    skip('over a connection, Node\'s parser does not hand these bytes on as they are');
  } else {
    counts.connection += 1;
    compare('over a connection', decision, upstream, bytes, await throughConnection(gate, bytes));
  }
}

/** Whether a gate must know these bytes again. */
function isKept({ method, target, lines }, socket) {
  const certificate = socket.getPeerX509Certificate?.().raw.length ?? 0;
  const length = lines.flat().reduce((sum, text) => sum + text.length, certificate);
  return length <= KEPT_BYTES && /^[\x00-\x7f]*$/.test(method + target);
}

/** Whether the answer hangs on a connection that only the proxy has. */
function comparesAsProxy(gate, request) {
  return gate.connectionUse === 'if-proxy' && request.connection !== undefined;
}

function failure(thrown) {
  if (thrown instanceof PolicyError) {
    return { error: { code: thrown.code, pointer: thrown.pointer } };
  }
  return { broken: thrown instanceof Broken ? thrown.message : String(thrown?.stack ?? thrown) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const out = await answer(JSON.parse(line)).catch(failure);
  process.stdout.write(`${JSON.stringify(out)}\n`);
}
process.stderr.write(`node: ${counts.incoming} cases also as IncomingMessage (${counts.again} of them known again), ${counts.connection} over a connection; not expressible there:\n`);
for (const [rule, count] of [...notExpressible].sort(([, a], [, b]) => b - a)) {
  process.stderr.write(`${count} × ${rule}\n`);
}
