// The guard in front of real servers.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import http2 from 'node:http2';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { test } from 'node:test';
import { AccessDeniedError, clientCertAuth, createGate, getClientCertificate } from '../dist/index.mjs';
import { ask, deployment, hash, policy, served, view, xfcc } from './support.mjs';

// Otherwise the frameworks write errors to stderr.
process.env.NODE_ENV = 'test';

const require = createRequire(import.meta.url);
const CALLER = [['X-Forwarded-Client-Cert', xfcc()]];
const STRANGER = [['X-Forwarded-Client-Cert', xfcc('spiffe://td/b')]];
const trustPeer = () => true;

/** The same application in three frameworks, with the guard above a mounted sub-application. */
const frameworks = {
  'Express 4': (auth, handler, onError) => express(require('express4'), auth, handler, onError),
  'Express 5': (auth, handler, onError) => express(require('express'), auth, handler, onError),
  Connect(auth, handler, onError) {
    const app = require('connect')();
    const inner = require('connect')();
    inner.use(auth).use(handler);
    app.use('/v1', inner);
    app.use('/healthz', auth);
    app.use('/healthz', handler);
    return onError === undefined ? app : app.use(onError);
  },
};

function express(create, auth, handler, onError) {
  const app = create();
  const inner = create.Router();
  inner.use(auth, handler);
  app.use('/v1', inner);
  app.get('/healthz', auth, handler);
  return onError === undefined ? app : app.use(onError);
}

const echo = (request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ caller: getClientCertificate(request) ?? null, url: request.url, ...view(request) }));
};

for (const [name, build] of Object.entries(frameworks)) {
  test(`${name}: lets the right caller through and tells the application who it is`, async () => {
    const auth = clientCertAuth({ deployment, trustPeer });
    await served(build(auth, echo), async (port) => {
      const { status, body } = await ask(port, { lines: CALLER });
      assert.equal(status, 200);
      const set = ['x-client-identity', 'URI:spiffe://td/a'];
      assert.deepEqual(JSON.parse(body), {
        caller: {
          identity: 'spiffe://td/a',
          identityType: 'spiffe',
          sha256: hash(),
          verified: true,
          subjectDn: '',
          fingerprint256: hash('A'),
          subjectAltNames: ['URI:spiffe://td/a'],
        },
        url: '/x',
        lines: [set],
        headers: Object.fromEntries([set]),
        distinct: { 'x-client-identity': ['URI:spiffe://td/a'] },
      });
    });
  });

  test(`${name}: the target is the whole one, not what a mount point left of it`, async () => {
    const auth = clientCertAuth({ policy: { version: 1, allow: [{ name: 'x', from: 'anyone', paths: ['/x'] }] }, trustPeer });
    await served(build(auth, echo), async (port) => {
      // Below the mount point this is /x.
      assert.equal((await ask(port, { target: '/v1/x' })).status, 401);
    });
  });

  test(`${name}: answers a refused request itself`, async () => {
    const auth = clientCertAuth({ policy, trustPeer });
    let reached = 0;
    await served(build(auth, () => (reached += 1)), async (port) => {
      const stranger = await ask(port, { lines: STRANGER });
      assert.equal(stranger.status, 403);
      assert.equal(stranger.headers['content-type'], 'application/problem+json');
      assert.equal(stranger.headers['cache-control'], 'no-store');
      assert.equal(stranger.headers['www-authenticate'], undefined);
      assert.deepEqual(JSON.parse(stranger.body), { type: 'about:blank', title: 'Forbidden', status: 403 });
      const nobody = await ask(port);
      assert.equal(nobody.status, 401);
      assert.equal(nobody.headers['www-authenticate'], 'ClientCertificate');
      const ambiguous = await ask(port, { target: '/v1/..%2fadmin', lines: CALLER });
      assert.equal(ambiguous.status, 400);
      for (const { body } of [stranger, nobody, ambiguous]) {
        assert.doesNotMatch(body, /no_rule|spiffe|ambiguous_request|detail/);
      }
      assert.equal(reached, 0);
    });
  });

  test(`${name}: passes an error on where that is asked for`, async () => {
    const auth = clientCertAuth({ policy, trustPeer, onDeny: 'next' });
    let seen;
    // Four parameters make it an error handler.
    const onError = (error, request, response, next) => {
      seen = { error, caller: getClientCertificate(request), next };
      response.statusCode = error.status;
      response.end(JSON.stringify(error));
    };
    await served(build(auth, echo, onError), async (port) => {
      const { status, body } = await ask(port, { lines: STRANGER });
      assert.equal(status, 403);
      assert.ok(seen.error instanceof AccessDeniedError);
      const { code, statusCode, expose, message, headers, decision } = seen.error;
      assert.deepEqual(
        { code, statusCode, expose, message, headers },
        {
          code: 'ERR_PEERGATE_DENIED',
          statusCode: 403,
          expose: true,
          message: 'Forbidden',
          headers: { 'cache-control': 'no-store' },
        },
      );
      assert.equal(decision.reason, 'no_rule');
      assert.equal(seen.caller, undefined);
      assert.doesNotMatch(body, /no_rule|spiffe/, 'an error that is printed must not tell why');
    });
  });

  test(`${name}: its own error handling turns the error into the right status`, async () => {
    const auth = clientCertAuth({ policy, trustPeer, onDeny: 'next' });
    await served(build(auth, echo), async (port) => {
      const { status, body, headers } = await ask(port);
      assert.equal(status, 401);
      assert.equal(headers['www-authenticate'], 'ClientCertificate');
      assert.doesNotMatch(body, /no_certificate|no_rule/);
    });
  });

  test(`${name}: what a client calls itself is gone, in every spelling`, async () => {
    const auth = clientCertAuth({ deployment, trustPeer });
    const early = (request, response, next) => {
      // Whoever looked before the guard must not keep the forged ones in the caches of Node.
      void request.headers;
      void request.headersDistinct;
      next();
    };
    const forged = [
      ['X-Client-Identity', 'URI:spiffe://td/root'],
      ['x-client-identity', 'again'],
      ['X_Client_Identity', 'alias'],
      ['x.client-identity', 'alias'],
    ];
    for (const before of [undefined, early]) {
      const guard = before === undefined ? auth : (...all) => before(all[0], all[1], () => auth(...all));
      await served(build(guard, echo), async (port) => {
        const known = JSON.parse((await ask(port, { lines: [...forged, ...CALLER] })).body);
        assert.deepEqual(known.lines, [['x-client-identity', 'URI:spiffe://td/a']]);
        assert.deepEqual(known.headers, { 'x-client-identity': 'URI:spiffe://td/a' });
        assert.deepEqual(known.distinct, { 'x-client-identity': ['URI:spiffe://td/a'] });
        const unknown = JSON.parse((await ask(port, { target: '/healthz', lines: forged })).body);
        assert.deepEqual(unknown, { caller: null, url: unknown.url, lines: [], headers: {}, distinct: {} });
      });
    }
  });
}

test('node:http: true lets through, false has been answered', async () => {
  const auth = clientCertAuth({ policy, trustPeer, onDeny: 'next' });
  const answers = [];
  const listener = (request, response) => {
    const through = auth(request, response);
    answers.push(through);
    if (through) {
      echo(request, response);
    }
  };
  await served(listener, async (port) => {
    assert.equal((await ask(port, { lines: CALLER })).status, 200);
    assert.equal((await ask(port, { lines: STRANGER })).status, 403);
    const head = await ask(port, { method: 'HEAD', lines: STRANGER });
    assert.deepEqual([head.status, head.body], [403, '']);
  });
  assert.deepEqual(answers, [true, false, false]);
});

test('node:http2: the compatibility API works the same', async () => {
  const auth = clientCertAuth({ deployment, trustPeer });
  const server = http2.createServer((request, response) => {
    if (auth(request, response)) {
      response.end(JSON.stringify({ caller: getClientCertificate(request) ?? null, id: request.headers['x-client-identity'] }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
  const get = async (headers) => {
    const stream = client.request({ ':path': '/v1/x', ...headers });
    const [answer] = await once(stream, 'response');
    let body = '';
    for await (const part of stream.setEncoding('utf8')) {
      body += part;
    }
    return { status: answer[':status'], body };
  };
  try {
    const known = await get({ 'x-forwarded-client-cert': xfcc(), 'x-client-identity': 'forged' });
    assert.equal(known.status, 200);
    assert.equal(JSON.parse(known.body).id, 'URI:spiffe://td/a');
    assert.equal(JSON.parse(known.body).caller.identity, 'spiffe://td/a');
    assert.equal((await get({})).status, 401);
  } finally {
    client.close();
    server.close();
  }
});

test('a header of 64 KiB arrives, where the server takes it', async () => {
  const auth = clientCertAuth({ policy, trustPeer });
  const long = (length) => {
    const start = `Hash=${hash()};Subject="CN=`;
    const end = '";URI=spiffe://td/a';
    return [['x-forwarded-client-cert', start + 'x'.repeat(length - start.length - end.length) + end]];
  };
  const listener = (request, response) => auth(request, response) && echo(request, response);
  await served(
    listener,
    async (port) => {
      assert.equal((await ask(port, { lines: long(65_536) })).status, 200);
      assert.equal((await ask(port, { lines: long(65_537) })).status, 403);
      assert.equal((await ask(port, { lines: CALLER })).status, 200);
    },
    { maxHeaderSize: 256 * 1024 },
  );
});

test('bytes beyond ASCII are the bytes on the wire', async () => {
  const auth = clientCertAuth({ policy, trustPeer });
  const reasons = [];
  const note = ({ decision }) => reasons.push(decision.detail);
  subscribe('peergate:decision', note);
  try {
    await served((request, response) => auth(request, response) && echo(request, response), async (port) => {
      const line = ['x-forwarded-client-cert', `Hash=${hash()};Subject="CN=\xe9";URI=spiffe://td/a`];
      assert.equal((await ask(port, { lines: [line] })).status, 403);
    });
  } finally {
    unsubscribe('peergate:decision', note);
  }
  assert.deepEqual(reasons, ['non_ascii_byte']);
});

test('the channel hears of a request once, and how it ended', async () => {
  const heard = [];
  const note = ({ decision }) => heard.push([decision.decision, decision.reason, decision.detail]);
  subscribe('peergate:decision', note);
  try {
    for (const verify of [() => true, async () => false, () => { throw new Error('no'); }]) {
      const auth = clientCertAuth({ policy, trustPeer, verify });
      await served(
        async (request, response) => (await auth(request, response)) && response.end(),
        (port) => ask(port, { lines: CALLER }),
      );
    }
    const unreadable = clientCertAuth({ policy, trustPeer: () => { throw new Error('no'); } });
    await served(unreadable, (port) => ask(port, { lines: CALLER }));
  } finally {
    unsubscribe('peergate:decision', note);
  }
  assert.deepEqual(heard, [
    ['allow', 'allowed', null],
    ['deny', 'application', 'verify_refused'],
    ['deny', 'application', 'verify_failed'],
    ['deny', 'internal_error', 'unreadable_request'],
  ]);
});

test('the channel peergate:decision tells operators what callers are not told', async () => {
  const gate = createGate({ policy });
  const auth = clientCertAuth({ gate, trustPeer });
  const messages = [];
  const note = (message) => messages.push(message);
  subscribe('peergate:decision', note);
  try {
    await served((request, response) => auth(request, response) && echo(request, response), (port) =>
      ask(port, { lines: STRANGER }),
    );
  } finally {
    unsubscribe('peergate:decision', note);
  }
  assert.equal(messages.length, 1);
  assert.equal(messages[0].gate, gate);
  assert.equal(messages[0].decision.reason, 'no_rule');
  assert.equal(messages[0].decision.identity, 'spiffe://td/b');
  assert.equal(messages[0].request.url, '/v1/x');
});

test('only trusted peers speak for callers, in shadow as well', async () => {
  for (const mode of ['enforce', 'shadow']) {
    for (const answer of [false, undefined, 1, 'true', null]) {
      const auth = clientCertAuth({ policy: { ...policy, mode }, trustPeer: () => answer });
      await served((request, response) => auth(request, response) && echo(request, response), async (port) => {
        assert.equal((await ask(port, { lines: CALLER })).status, 403, `${mode} ${answer}`);
        assert.equal((await ask(port, { lines: [['X_Forwarded-Client-Cert', 'x']] })).status, 403);
        assert.equal((await ask(port, { target: '/healthz' })).status, 200);
      });
    }
    const broken = clientCertAuth({ policy: { ...policy, mode }, trustPeer: () => { throw new Error('no'); } });
    await served((request, response) => broken(request, response) && echo(request, response), async (port) => {
      assert.equal((await ask(port, { lines: CALLER })).status, 500);
    });
  }
  const seen = [];
  const auth = clientCertAuth({ policy, trustPeer: (socket) => seen.push(socket.remoteAddress) === 1 });
  await served((request, response) => auth(request, response) && echo(request, response), async (port) => {
    assert.equal((await ask(port, { lines: CALLER })).status, 200);
    assert.equal((await ask(port, { lines: CALLER })).status, 403);
  });
  assert.deepEqual(seen, ['127.0.0.1', '127.0.0.1']);
});

test('a server that others can reach is warned about once', async () => {
  const warnings = [];
  const note = (warning) => warnings.push(warning.code);
  process.on('warning', note);
  try {
    const served2 = async (options, host) => {
      const auth = clientCertAuth(options);
      await served(
        (request, response) => auth(request, response) && echo(request, response),
        async (port) => {
          await ask(port, { lines: CALLER });
          await ask(port, { lines: CALLER });
        },
        { host },
      );
      await new Promise(setImmediate);
      return warnings.splice(0);
    };
    assert.deepEqual(await served2({ policy }, '127.0.0.1'), []);
    assert.deepEqual(await served2({ policy }, '0.0.0.0'), ['PEERGATE_ANY_PEER']);
    assert.deepEqual(await served2({ policy, trustPeer }, '0.0.0.0'), []);
  } finally {
    process.off('warning', note);
  }
});

test('with a policy in shadow a refused certificate goes on and names nobody', async () => {
  const auth = clientCertAuth({ deployment: { ...deployment, policy: { ...policy, mode: 'shadow' } }, trustPeer });
  await served((request, response) => auth(request, response) && echo(request, response), async (port) => {
    const unknown = JSON.parse((await ask(port, { lines: STRANGER })).body);
    assert.equal(unknown.caller.identity, 'spiffe://td/b');
    const broken = [['X-Forwarded-Client-Cert', `${xfcc()};`], ['X-Client-Identity', 'forged']];
    const refused = JSON.parse((await ask(port, { lines: broken })).body);
    assert.deepEqual([refused.caller, refused.lines], [null, []]);
  });
});

test('a request that was let through by one guard and refused by another has no caller', async () => {
  const first = clientCertAuth({ policy, trustPeer });
  const second = clientCertAuth({ policy: { version: 1, allow: [] }, trustPeer, onDeny: 'next' });
  const callers = [];
  await served((request, response) => {
    first(request, response, () => {
      callers.push(getClientCertificate(request)?.identity);
      second(request, response, () => {
        callers.push(getClientCertificate(request));
        response.end();
      });
    });
  }, (port) => ask(port, { lines: CALLER }));
  assert.deepEqual(callers, ['spiffe://td/a', undefined]);
});

test('an answer that has begun is cut off, and not completed', async () => {
  const auth = clientCertAuth({ policy, trustPeer });
  await served((request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('begun');
    assert.equal(auth(request, response), false);
  }, async (port) => {
    await assert.rejects(fetch(`http://127.0.0.1:${port}/v1/x`).then((answer) => answer.text()));
  });
});

test('options that do not exist or do not go together are errors', () => {
  const gate = createGate({ policy });
  for (const options of [
    undefined,
    {},
    { gate, policy },
    { gate, polcy: policy },
    { gate: {} },
    { policy, trustPeers: trustPeer },
    { policy, trustPeer: true },
    { policy, onDeny: 'throw' },
    { policy, allowSANs: ['URI:spiffe://td/a'] },
  ]) {
    assert.throws(() => clientCertAuth(options), TypeError, JSON.stringify(options));
  }
});
