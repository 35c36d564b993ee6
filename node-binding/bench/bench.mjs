// What a guarded request costs inside the process, beside a careful reading of the same header in
// plain JavaScript, which knows no policy.

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import http from 'node:http';
import { Socket } from 'node:net';
import { clientCertAuth, createGate } from '../dist/index.mjs';
import { measure, requests as requestsWith } from './measure.mjs';
import { parseXfcc } from './plain-parser.mjs';

/**
 * Distinct values, so that no cache of the engine's sees one twice in a row, and far more than a gate keeps.
 * What a request is marked with lives as long as the request: so many of them give the garbage collector work
 * that a server, whose requests are gone soon, has not.
 */
const VALUES = 4096;

/** Values of callers who come again and again, as those of a service do. */
const KNOWN = 64;

/** A digest for each number. */
const hex = (number) => createHash('sha256').update(String(number)).digest('hex');
const spiffe = (i) => `spiffe://prod.example/ns/team-${i % 97}/sa/service-${i}`;
const xfcc = (i, uri) => `Hash=${hex(i)};Subject="CN=service-${i},O=Example";URI=${uri}`;

/** A policy with `count` identities, of which the last is the caller. */
function gateOf(count) {
  const from = Array.from({ length: count }, (_, i) => ({ spiffe: spiffe(i) }));
  return createGate({ policy: { version: 1, allow: [{ name: 'orders', from, methods: ['GET'], paths: ['/v1/orders/{id}'] }] } });
}

const requests = (value) => requestsWith(VALUES, (i) => [['X-Forwarded-Client-Cert', value(i)]]);

const response = new http.ServerResponse(new http.IncomingMessage(new Socket()));
const trustPeer = () => true;
const proxy = new Socket();
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

/** The same check as the guard's, by hand: parse with care, look up the caller, match the rule. */
function byHand(count) {
  const callers = new Set(Array.from({ length: count }, (_, i) => spiffe(i)));
  const path = /^\/v1\/orders\/[^/?]+(\?|$)/;
  return (request) => {
    let value;
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      if (request.rawHeaders[i].toLowerCase() === 'x-forwarded-client-cert') {
        if (value !== undefined) {
          return false;
        }
        value = request.rawHeaders[i + 1];
      }
    }
    const elements = value === undefined ? [] : parseXfcc(value);
    return elements.length === 1 && callers.has(elements[0].URI) && request.method === 'GET' && path.test(request.url);
  };
}

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
  const check = byHand(count);
  for (const [who, values] of [['who come again', KNOWN], ['new each time', VALUES]]) {
    cases.push([
      `plain JavaScript: parse and the same check, ${identities}, callers ${who}`,
      (i) => {
        if (!check(all[i % values])) {
          throw new Error('a request was refused that should have been let through');
        }
      },
    ]);
    cases.push([`clientCertAuth: ${identities}, callers ${who}`, guarded(gateOf(count), (i) => all[i % values])]);
  }
}
const fingerprints = Array.from({ length: 100_000 }, (_, i) => ({ sha256: hex(i) }));
cases.push([
  'clientCertAuth: 100,000 fingerprints, callers who come again',
  guarded(createGate({ policy: { version: 1, allow: [{ name: 'pins', from: fingerprints }] } }), (i) => own[i % KNOWN]),
]);
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
  const request = new http.IncomingMessage(proxy);
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

measure(cases, 'plain');
const module = statSync(new URL('../dist/wasm/peergate_bg.wasm', import.meta.url));
console.log(`the module has ${module.size} bytes`);
if (sink === 0) {
  throw new Error('nothing was measured');
}
