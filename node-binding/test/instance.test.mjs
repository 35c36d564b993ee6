// What the border to the module must stand: memory that grows, instances that trap, many gates.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { createGate } from '../dist/index.mjs';
import { policy, xfcc } from './support.mjs';

// The glue below the package, the same instance: what the package itself calls.
const require = createRequire(import.meta.url);
const glue = require('../dist/wasm/peergate.js');
const instance = require('../dist/instance.js');

const caller = (uri) => ({ path: '/v1/x', headers: [['x-forwarded-client-cert', xfcc(uri)]] });

function identities(count) {
  const from = Array.from({ length: count }, (_, i) => ({ spiffe: `spiffe://td/ns/team-${i}/sa/service` }));
  return { version: 1, allow: [{ name: 'many', from }] };
}

test('growth between two requests is seen: the header of the second counts', () => {
  const gate = createGate({ policy });
  for (let i = 0; i < 5; i += 1) {
    const before = glue.linearMemory().buffer;
    assert.equal(gate.decide(caller('spiffe://td/a')).decision, 'allow');
    glue.linearMemory().grow(1);
    assert.equal(before.byteLength, 0, 'the old view must be dead, or this tests nothing');
    const decision = gate.decide(caller('spiffe://td/b'));
    assert.deepEqual([decision.decision, decision.identity], ['deny', 'spiffe://td/b']);
  }
});

test('growth by another gate and by a long header is seen', () => {
  const gate = createGate({ policy });
  const before = glue.linearMemory().buffer.byteLength;
  const others = [];
  for (let i = 0; glue.linearMemory().buffer.byteLength === before; i += 1) {
    assert.ok(i < 100, 'memory never grew');
    others.push(createGate({ policy: identities(20_000) }));
    assert.equal(gate.decide(caller('spiffe://td/a')).decision, 'allow');
    assert.equal(gate.decide(caller('spiffe://td/b')).decision, 'deny');
  }
  others.forEach((other) => other.free());
  const long = `${xfcc('spiffe://td/a')}${';URI=spiffe://td/b'.repeat(200_000)}`;
  assert.equal(gate.decide({ path: '/v1/x', headers: [['x-forwarded-client-cert', long]] }).detail, 'header_too_long');
  assert.equal(gate.decide(caller('spiffe://td/b')).identity, 'spiffe://td/b');
});

test('text that is not ASCII stays within its frame', () => {
  const gate = createGate({ policy });
  const headers = [['x-forwarded-client-cert', `${xfcc('spiffe://td/a')}${'\xff'.repeat(5_000_000)}`]];
  const long = () => assert.equal(gate.decide({ path: '/v1/x', headers }).detail, 'header_too_long');
  // The frame is as long as this text from here on, and as UTF-8 the text is twice as long.
  long();
  createGate({ policy: identities(20_000) });
  const behind = () => instance.view().bytes.subarray(instance.frameEnd(), instance.frameEnd() + 100_000);
  const before = Buffer.from(behind());
  assert.equal(before.length, 100_000);
  long();
  assert.ok(before.equals(behind()));
});

test('a frame that was not written, or not whole, or written before, is refused', () => {
  const gate = createGate({ policy });
  const real = glue.GateHandle.prototype.decide;
  const wrongs = [
    (handle, number, length) => real.call(handle, number + 1, length),
    (handle, number, length) => real.call(handle, number, length - 1),
    (handle, number, length) => real.call(handle, number, length + 1),
    (handle, number, length) => real.call(handle, number, 0xffffffff),
    (handle) => real.call(handle, 0, 0),
    (handle, number, length) => {
      assert.notEqual(real.call(handle, number, length), 0);
      return real.call(handle, number, length);
    },
  ];
  for (const wrong of wrongs) {
    glue.GateHandle.prototype.decide = function (number, length) {
      return wrong(this, number, length);
    };
    try {
      const decision = gate.decide(caller('spiffe://td/a'));
      assert.deepEqual([decision.decision, decision.detail], ['deny', 'frame_mismatch'], String(wrong));
    } finally {
      glue.GateHandle.prototype.decide = real;
    }
  }
  assert.equal(gate.decide(caller('spiffe://td/a')).decision, 'allow');
});

test('a trap refuses its request, and every gate goes on in a new instance', async () => {
  const gates = [createGate({ policy }), createGate({ policy: identities(100) })];
  const freed = createGate({ policy });
  const memory = glue.linearMemory();
  const warned = once(process, 'warning');
  const real = glue.GateHandle.prototype.decide;
  // A handle that points outside of the memory: the module itself traps on it.
  glue.GateHandle.prototype.decide = function (number, length) {
    glue.GateHandle.prototype.decide = real;
    this.__wbg_ptr = 0xfffffff0;
    return real.call(this, number, length);
  };
  const decision = gates[0].decide(caller('spiffe://td/a'));
  assert.deepEqual(
    [decision.decision, decision.status, decision.reason, decision.detail],
    ['deny', 500, 'internal_error', 'wasm_trap'],
  );
  const [warning] = await warned;
  assert.equal(warning.code, 'PEERGATE_WASM_TRAP');
  assert.match(warning.detail, /out of bounds/);

  assert.notEqual(glue.linearMemory(), memory, 'the instance must be another one');
  freed.free();
  assert.equal(gates[0].decide(caller('spiffe://td/a')).decision, 'allow');
  assert.equal(gates[0].decide(caller('spiffe://td/b')).decision, 'deny');
  assert.equal(gates[1].decide(caller('spiffe://td/ns/team-7/sa/service')).rule, 'many');
  assert.equal(gates[1].policyName, 'policy');
  assert.equal(freed.decide(caller('spiffe://td/a')).detail, 'gate_freed');
});

test('a trap while documents are loaded leaves the gate as it was', () => {
  const gate = createGate({ policy });
  const real = glue.GateHandle.fromParts;
  glue.GateHandle.fromParts = () => {
    glue.GateHandle.fromParts = real;
    throw new WebAssembly.RuntimeError('unreachable');
  };
  assert.throws(() => gate.update({ policy: identities(1) }), { code: 'ERR_PEERGATE_WASM_TRAP' });
  assert.equal(gate.policyName, 'test');
  assert.equal(gate.decide(caller('spiffe://td/a')).decision, 'allow');
});

test('ten thousand gates come and go in the same memory', () => {
  const round = (count) => {
    for (let i = 0; i < count; i += 1) {
      const gate = createGate({ policy });
      assert.equal(gate.decide(caller('spiffe://td/a')).decision, 'allow');
      gate.update({ policy });
      gate.free();
    }
    return glue.linearMemory().buffer.byteLength;
  };
  const before = round(100);
  assert.equal(round(10_000), before);
});

test('gates and old documents that nobody holds are collected', () => {
  const program = `
    import http from 'node:http';
    import net from 'node:net';
    import { createRequire } from 'node:module';
    import { clientCertAuth, createGate, getClientCertificate } from ${JSON.stringify(new URL('../dist/index.mjs', import.meta.url).href)};
    const glue = createRequire(${JSON.stringify(import.meta.url)})('../dist/wasm/peergate.js');
    const from = Array.from({ length: 2000 }, (_, i) => ({ spiffe: 'spiffe://td/ns/team-' + i + '/sa/service' }));
    const policy = { version: 1, allow: [{ name: 'many', from }, { name: 'all', from: 'authenticated' }] };
    const socket = new net.Socket();
    function round() {
      for (let i = 0; i < 10; i += 1) {
        const gate = createGate({ policy });
        const request = new http.IncomingMessage(socket);
        request.method = 'GET';
        request.url = '/v1/x';
        request.rawHeaders.push('x-forwarded-client-cert', ${JSON.stringify(xfcc())});
        clientCertAuth({ gate, trustPeer: () => true })(request, {}, () => {});
        gate.update({ policy });
        // Loads the first documents again.
        if (getClientCertificate(request)?.subjectAltNames[0] !== 'URI:spiffe://td/a') {
          throw new Error('another caller');
        }
      }
    }
    async function rounds(count) {
      for (let i = 0; i < count; i += 1) {
        round();
        gc();
        // Finalizers run when the program waits.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return glue.linearMemory().buffer.byteLength;
    }
    const before = await rounds(10);
    const after = await rounds(60);
    console.log(JSON.stringify({ before, after }));
  `;
  const output = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], { encoding: 'utf8' });
  const { before, after } = JSON.parse(output);
  // Two gates of every round would be 60 times as much.
  assert.ok(after <= before * 1.5, output);
});
