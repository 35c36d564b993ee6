// Measuring: requests whose strings are as fresh as those of a server, and cases that take turns, so
// that a busy machine slows all of them. Medians and their ratios are printed.

import http from 'node:http';
import { Socket } from 'node:net';
import os from 'node:os';

const RUNS = 9;
const RUN_MS = 100;

/** Header lines that come with a request through a proxy. */
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

/** So many requests, each with lines of its own, of strings that were made as the parser makes them. */
export function requests(count, lines) {
  const socket = new Socket();
  return Array.from({ length: count }, (_, i) => {
    const request = new http.IncomingMessage(socket);
    request.method = 'GET';
    request.url = fresh(`/v1/orders/${i}`);
    for (const [name, text] of [...OTHERS, ...lines(i)]) {
      request.rawHeaders.push(fresh(name), fresh(text));
    }
    return request;
  });
}

export function fresh(text) {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Measures the cases, `[about, call]`, and prints each beside the first. */
export function measure(cases, unit) {
  if (globalThis.gc === undefined) {
    throw new Error('run it with node --expose-gc, as `npm run bench` does');
  }
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
  const first = median(runs[0]);
  cases.forEach(([about], i) => {
    const ns = median(runs[i]);
    console.log(`${about.padEnd(78)} ${ns.toFixed(0).padStart(8)} ns ${(ns / first).toFixed(3).padStart(7)} x ${unit}`);
  });
}

/** Nanoseconds a call, over one run. No case clears away what another has left. */
function timed(call) {
  globalThis.gc();
  const start = process.hrtime.bigint();
  const end = start + BigInt(RUN_MS) * 1_000_000n;
  let calls = 0;
  let now = start;
  while (now < end) {
    for (let i = 0; i < 200; i += 1) {
      call(calls + i);
    }
    calls += 200;
    now = process.hrtime.bigint();
  }
  return Number(now - start) / calls;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}
