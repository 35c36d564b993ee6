// What a guarded request costs inside the process, beside a careful reading of the same header in
// plain JavaScript, which knows no policy. The cases take turns, so that a busy machine slows all of
// them; medians and their ratios are printed.

import { statSync } from 'node:fs';
import http from 'node:http';
import { Socket } from 'node:net';
import os from 'node:os';
import { clientCertAuth, createGate } from '../dist/index.mjs';
import { parseXfcc } from './plain-parser.mjs';

const RUNS = 9;
const RUN_MS = 100;

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

/** Nanoseconds a call, over one run. */
function timed(call) {
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
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

const response = new http.ServerResponse(new http.IncomingMessage(new Socket()));
const trustPeer = () => true;
let through = 0;
const next = () => {
  through += 1;
};

/** A guard that lets every one of its requests through, or the case measures something else. */
function guarded(gate, all) {
  const auth = clientCertAuth({ gate, trustPeer });
  return (i) => {
    const before = through;
    auth(all(i), response, next);
    if (through === before) {
      throw new Error('a request was refused that should have been let through');
    }
  };
}

/** What is computed, so that nothing is left out because nobody wants it. */
let sink = 0;

const own = requests((i) => xfcc(i, spiffe(i)));
const values = own.map((request) => request.rawHeaders.at(-1));
const cases = [
  [
    `plain JavaScript: a careful parse of the header (${values[VALUES - 1].length} bytes)`,
    (i) => {
      sink += parseXfcc(values[i % VALUES])[0].URI.length;
    },
  ],
];
for (const count of [1, 1_000, 100_000]) {
  const all = requests((i) => xfcc(i, spiffe(count - 1 - (i % Math.min(count, VALUES)))));
  const identities = count === 1 ? '1 identity' : `${count.toLocaleString('en')} identities`;
  cases.push([`clientCertAuth: ${identities}`, guarded(gateOf(count), (i) => all[i % VALUES])]);
}
const gate = gateOf(VALUES);
const strangers = requests((i) => xfcc(i, `${spiffe(i)}/stranger`));
cases.push([
  'decide: refused by no_rule',
  (i) => {
    sink += gate.decide(strangers[i % VALUES]).decision === 'deny' ? 1 : 0;
  },
]);
cases.push([
  'decide: let through, every field read',
  (i) => {
    sink += Object.keys(gate.decide(own[i % VALUES]).toJSON()).length;
  },
]);
const anyone = { version: 1, allow: [{ name: 'all', from: 'authenticated' }] };
const naming = createGate({ deployment: { identityHeader: 'x-client-identity', policy: anyone } });
const bare = (i) => {
  const request = new http.IncomingMessage(undefined);
  request.method = 'GET';
  request.url = '/';
  request.rawHeaders.push('x-forwarded-client-cert', values[i % VALUES]);
  return request;
};
cases.push([
  'making a bare request for the next two',
  (i) => {
    sink += bare(i).rawHeaders.length;
  },
]);
cases.push(['clientCertAuth: one rule for all, bare request', guarded(createGate({ policy: anyone }), bare)]);
cases.push(['clientCertAuth: the same, identity header set', guarded(naming, bare)]);

const runs = cases.map(() => []);
for (let run = -1; run < RUNS; run += 1) {
  cases.forEach(([, call], i) => {
    const ns = timed(call);
    // The first one warms up.
    if (run >= 0) {
      runs[i].push(ns);
    }
  });
}

console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, Node ${process.version}, median of ${RUNS} runs of ${RUN_MS} ms`);
const plain = median(runs[0]);
cases.forEach(([about], i) => {
  const ns = median(runs[i]);
  console.log(`${about.padEnd(66)} ${ns.toFixed(0).padStart(8)} ns ${(ns / plain).toFixed(2).padStart(7)} x plain`);
});
const module = statSync(new URL('../dist/wasm/peergate_bg.wasm', import.meta.url));
console.log(`the module has ${module.size} bytes`);
if (sink === 0) {
  throw new Error('nothing was measured');
}
