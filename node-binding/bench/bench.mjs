// What a guarded request costs inside the process, beside a careful reading of the same header in
// plain JavaScript and Node's own X509Certificate. Prints medians.

import http from 'node:http';
import { Socket } from 'node:net';
import os from 'node:os';
import { clientCertAuth, createGate } from '../dist/index.mjs';
import { parseXfcc } from './plain-parser.mjs';

const RUNS = 9;
const RUN_MS = 150;

/** Distinct values, so that no cache of the engine's sees one twice in a row. */
const VALUES = 4096;

const hex = (number) => number.toString(16).padStart(64, '0');
const spiffe = (i) => `spiffe://prod.example/ns/team-${i % 97}/sa/service-${i}`;
const xfcc = (i, uri) => `Hash=${hex(i)};Subject="CN=service-${i},O=Example";URI=${uri}`;

/** Header lines that come with a request through Envoy. */
const OTHERS = [
  ['Host', 'orders.example'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['Accept', 'application/json'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Content-Type', 'application/json'],
  ['X-Forwarded-For', '10.1.2.3'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Request-Id', '6f2b1d9e-9c1f-4d5a-8f6b-0c9a8f3e7d21'],
  ['X-Envoy-Attempt-Count', '1'],
  ['Traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
];

/** A policy with `count` identities, of which the last is the caller. */
function gateOf(count) {
  const from = Array.from({ length: count }, (_, i) => ({ spiffe: spiffe(i) }));
  return createGate({ policy: { version: 1, allow: [{ name: 'orders', from, methods: ['GET'], paths: ['/v1/orders/{id}'] }] } });
}

/** Requests whose strings were made from bytes, as the parser of HTTP makes them. */
function requests(value) {
  const socket = new Socket();
  return Array.from({ length: VALUES }, (_, i) => {
    const request = new http.IncomingMessage(socket);
    request.method = 'GET';
    request.url = fresh(`/v1/orders/${i}`);
    for (const [name, text] of [...OTHERS, ['X-Forwarded-Client-Cert', value(i)]]) {
      request.rawHeaders.push(fresh(name), fresh(text));
    }
    return request;
  });
}

function fresh(text) {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Nanoseconds a call: the median of several runs after one that warms up. */
function measure(call) {
  const once = () => {
    const start = process.hrtime.bigint();
    const end = start + BigInt(RUN_MS) * 1_000_000n;
    let calls = 0;
    let now = start;
    while (now < end) {
      for (let i = 0; i < 1000; i += 1) {
        call(calls + i);
      }
      calls += 1000;
      now = process.hrtime.bigint();
    }
    return Number(now - start) / calls;
  };
  once();
  const runs = Array.from({ length: RUNS }, once).sort((a, b) => a - b);
  return runs[RUNS >> 1];
}

const response = new http.ServerResponse(new http.IncomingMessage(new Socket()));
let through = 0;
const next = () => {
  through += 1;
};
const trustPeer = () => true;

console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, Node ${process.version}, median of ${RUNS} runs of ${RUN_MS} ms`);

const rows = [];
function row(about, ns, calls) {
  rows.push([about, ns]);
  console.log(`${about.padEnd(66)} ${ns.toFixed(0).padStart(8)} ns${calls === undefined ? '' : `  ${calls}`}`);
  return ns;
}

// Plain JavaScript: the header only, without any policy.
const lines = requests((i) => xfcc(i, spiffe(i))).map((request) => request.rawHeaders.at(-1));
let read = 0;
const plain = row(
  `plain JavaScript: a careful parse of the header (${lines[VALUES - 1].length} bytes)`,
  measure((i) => {
    read += parseXfcc(lines[i % VALUES])[0].URI.length;
  }),
);

for (const count of [1, 1_000, 100_000]) {
  const gate = gateOf(count);
  const auth = clientCertAuth({ gate, trustPeer });
  const all = requests((i) => xfcc(i, spiffe(count - 1 - (i % Math.min(count, VALUES)))));
  through = 0;
  let asked = 0;
  const ns = row(
    `clientCertAuth: ${count.toLocaleString('en')} identities, let through`,
    measure((i) => {
      asked += 1;
      auth(all[i % VALUES], response, next);
    }),
  );
  if (through !== asked) {
    throw new Error(`only ${through} of ${asked} were let through: this measured something else`);
  }
  console.log(`${''.padEnd(66)} ${(ns / plain).toFixed(2).padStart(8)} × the plain parse`);
  gate.free();
}

const gate = gateOf(1_000);
const strangers = requests((i) => xfcc(i, `${spiffe(i)}/stranger`));
let refused = 0;
row(
  'gate.decide: 1,000 identities, refused',
  measure((i) => {
    refused += gate.decide(strangers[i % VALUES]).decision === 'deny' ? 1 : 0;
  }),
);
row(
  'gate.decide: 1,000 identities, let through, every field read',
  measure((i) => {
    read += Object.keys(gate.decide(strangers[i % VALUES]).toJSON()).length;
  }),
);
const withHeader = createGate({
  deployment: {
    identityHeader: 'x-client-identity',
    policy: { version: 1, allow: [{ name: 'all', from: 'authenticated' }] },
  },
});
const setting = clientCertAuth({ gate: withHeader, trustPeer });
row(
  'clientCertAuth: identity header set for the application (new request each)',
  measure((i) => {
    const request = new http.IncomingMessage(undefined);
    request.method = 'GET';
    request.url = '/';
    request.rawHeaders.push('x-forwarded-client-cert', lines[i % VALUES]);
    setting(request, response, next);
  }),
);
console.log(`size of the module: ${(await import('node:fs')).statSync(new URL('../dist/wasm/peergate_bg.wasm', import.meta.url)).size} bytes`);
if (read === 0 || refused === 0) {
  throw new Error('nothing was measured');
}
