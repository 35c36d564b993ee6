// One table of requests, put to every framework over real HTTP.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, test } from 'node:test';
import { AccessDeniedError } from '../../dist/index.mjs';
import { ask, brief, deployment, hash, policy, xfcc } from '../support.mjs';
import { frameworks } from './frameworks.mjs';

process.env.NODE_ENV = 'test';

const CALLER = [['X-Forwarded-Client-Cert', xfcc()]];
const STRANGER = [['X-Forwarded-Client-Cert', xfcc('spiffe://td/b')]];
const trustPeer = () => true;
const KNOWN = { identity: 'spiffe://td/a', identityType: 'spiffe', sha256: hash(), verified: true };

/** `caller`: who the application is told; `undefined`: it is not reached. `web`: where that differs. */
const REQUESTS = [
  { name: 'the right caller', lines: CALLER, status: 200, caller: KNOWN },
  { name: 'a query changes nothing', target: '/v1/x?a=/../b', lines: CALLER, status: 200, caller: KNOWN },
  { name: 'no certificate', status: 401 },
  { name: 'another caller', lines: STRANGER, status: 403 },
  { name: 'a path for anyone', target: '/healthz', status: 200, caller: null },
  { name: 'a path for anyone, with a certificate', target: '/healthz', lines: STRANGER, status: 200, caller: { ...KNOWN, identity: 'spiffe://td/b' } },
  { name: 'a path without a rule', target: '/x', lines: CALLER, status: 403 },
  { name: 'a method without a rule', method: 'POST', target: '/healthz', lines: CALLER, status: 403 },
  { name: 'an encoded slash', target: '/v1/..%2fx', lines: CALLER, status: 400 },
  // Who is given a Web request sees /v1/x.
  { name: 'dot segments', target: '/v1/y/../x', lines: CALLER, status: 400, web: { status: 200, caller: KNOWN } },
  { name: 'an empty segment', target: '/v1//x', lines: CALLER, status: 400 },
  { name: 'a header that ends too early', lines: [['X-Forwarded-Client-Cert', `${xfcc()};`]], status: 403 },
  { name: 'two elements', lines: [['X-Forwarded-Client-Cert', `${xfcc()},${xfcc()}`]], status: 403 },
  { name: 'a repeated header line', lines: [...CALLER, ...CALLER], status: 403 },
  { name: 'two header lines, the second is another caller', lines: [...STRANGER, ...CALLER], status: 403 },
  { name: 'an alias of the header', lines: [...CALLER, ['X_Forwarded_Client_Cert', xfcc()]], status: 403 },
  { name: 'only an alias of the header', lines: [['x-forwarded_client-cert', xfcc()]], status: 403 },
  { name: 'an alias on a path for anyone', target: '/healthz', lines: [['x-forwarded_client-cert', xfcc()]], status: 403 },
  { name: 'HEAD without a certificate', method: 'HEAD', status: 401 },
];

const FORGED = [
  ['X-Client-Identity', 'URI:spiffe://td/root'],
  ['x-client-identity', 'again'],
  ['X_Client_Identity', 'alias'],
  ['x.client-identity', 'alias'],
];

const counts = new Map();
after(() => {
  for (const [name, count] of counts) {
    console.log(`# ${name}: ${count} cases`);
  }
});

/** Runs `use` with the application, and stops it whatever happens. */
async function running(framework, wiring, use) {
  const { server, seen, close } = await framework.build(
    // Without Node's socket there is nobody to ask about.
    { ...wiring, auth: { ...(framework.web && framework.name !== 'Fetch' ? {} : { trustPeer }), ...wiring.auth } },
    (listener) => http.createServer(listener),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asked = (request) => {
    counts.set(framework.name, (counts.get(framework.name) ?? 0) + 1);
    return ask(server.address().port, request);
  };
  try {
    return await use(asked, seen);
  } finally {
    server.closeAllConnections();
    server.close();
    await close?.();
  }
}

function isProblem(answer, status, about) {
  assert.equal(answer.status, status, about);
  assert.match(answer.headers['content-type'], /^application\/problem\+json(; ?charset=utf-8)?$/, about);
  assert.equal(answer.headers['cache-control'], 'no-store', about);
  assert.equal(answer.headers['www-authenticate'], status === 401 ? 'ClientCertificate' : undefined, about);
}

for (const framework of frameworks) {
  const { name, build: _, web, state, error: hasErrors } = framework;

  test(`${name}: the table`, async () => {
    await running(framework, { auth: { deployment } }, async (asked, seen) => {
      for (const { name: about, web: onWeb, method, target, lines, ...expected } of REQUESTS) {
        const { status, caller } = web && onWeb !== undefined ? onWeb : expected;
        const before = seen.reached;
        const answer = await asked({ method, target, lines });
        if (status !== 200) {
          isProblem(answer, status, about);
          assert.equal(seen.reached, before, `${about}: the handler ran`);
          if (method !== 'HEAD') {
            assert.deepEqual(Object.keys(JSON.parse(answer.body)).sort(), ['status', 'title', 'type'], about);
          }
          continue;
        }
        assert.equal(answer.status, 200, about);
        assert.equal(seen.reached, before + 1, about);
        const told = JSON.parse(answer.body);
        assert.deepEqual(brief(told.caller), caller, about);
        assert.deepEqual(told.state, state ? told.caller : null, about);
        assert.equal(told.header, caller === null ? null : `URI:${caller.identity}`, about);
      }
    });
  });

  test(`${name}: what a client calls itself is gone, in every spelling`, async () => {
    for (const before of [false, true]) {
      await running(framework, { auth: { deployment }, before }, async (asked) => {
        const known = JSON.parse((await asked({ lines: [...FORGED, ...CALLER] })).body);
        assert.equal(known.header, 'URI:spiffe://td/a');
        const unknown = JSON.parse((await asked({ target: '/healthz', lines: FORGED })).body);
        assert.deepEqual([unknown.caller, unknown.header], [null, null]);
      });
    }
  });

  test(`${name}: the body is the application's`, async () => {
    await running(framework, { auth: { deployment } }, async (asked) => {
      const body = 'x'.repeat(1000);
      for (const lines of [CALLER, [...FORGED, ...CALLER]]) {
        const answer = await asked({ method: 'POST', lines: [...lines, ['Content-Length', '1000'], ['Content-Type', 'text/x-any']], body });
        assert.equal(answer.status, 200);
        assert.equal(JSON.parse(answer.body).body, body);
      }
      const refused = await asked({ method: 'POST', lines: [...STRANGER, ['Content-Length', '1000'], ['Content-Type', 'text/x-any']], body });
      isProblem(refused, 403);
    });
  });

  test(`${name}: the hook verify has the last word`, async () => {
    const answers = {
      yes: () => true,
      'yes, later': async () => (await new Promise(setImmediate), true),
      no: () => false,
      'no, later': async () => false,
      truthy: () => 1,
      'truthy, later': async () => 'true',
      throws: () => {
        throw new Error('no');
      },
      rejects: async () => {
        throw new Error('no');
      },
    };
    for (const [about, verify] of Object.entries(answers)) {
      const certificates = [];
      const noting = (certificate, subject) => {
        certificates.push(certificate?.identity);
        assert.equal(typeof subject, 'object');
        return verify();
      };
      await running(framework, { auth: { deployment, verify: noting } }, async (asked, seen) => {
        const answer = await asked({ lines: CALLER });
        const passes = about.startsWith('yes');
        assert.equal(answer.status, passes ? 200 : 403, about);
        assert.equal(seen.reached, passes ? 1 : 0, about);
        if (passes) {
          assert.deepEqual(brief(JSON.parse(answer.body).caller), KNOWN);
        } else {
          isProblem(answer, 403, about);
        }
        await asked({ lines: STRANGER });
        assert.deepEqual(certificates, ['spiffe://td/a'], 'it is not asked about who is refused already');
      });
    }
  });

  test(`${name}: the short form of options`, async () => {
    const short = { header: { format: 'xfcc' }, allowSANs: ['URI:spiffe://td/a', 'URI:spiffe://td/c'] };
    await running(framework, { auth: short }, async (asked, seen) => {
      const known = await asked({ lines: CALLER });
      assert.deepEqual(brief(JSON.parse(known.body).caller), KNOWN);
      isProblem(await asked({ lines: STRANGER }), 403);
      isProblem(await asked({}), 401);
      assert.equal(seen.reached, 1);
    });
  });

  test(`${name}: a policy in shadow lets everything through, and a refused certificate names nobody`, async () => {
    const shadow = { ...deployment, policy: { ...policy, mode: 'shadow' } };
    await running(framework, { auth: { deployment: shadow } }, async (asked) => {
      const stranger = await asked({ lines: STRANGER });
      assert.equal(JSON.parse(stranger.body).caller.identity, 'spiffe://td/b');
      const broken = await asked({ lines: [['X-Forwarded-Client-Cert', `${xfcc()};`], ...FORGED] });
      assert.equal(broken.status, 200);
      assert.deepEqual([JSON.parse(broken.body).caller, JSON.parse(broken.body).header], [null, null]);
    });
  });

  test(`${name}: only trusted peers speak for callers`, async () => {
    const peers = [];
    const refusing = (peer) => (peers.push(peer), false);
    await running(framework, { auth: { deployment, trustPeer: refusing } }, async (asked, seen) => {
      isProblem(await asked({ lines: CALLER }), 403);
      assert.equal((await asked({ target: '/healthz' })).status, 200);
      assert.equal(seen.reached, 1);
    });
    if (!web) {
      assert.equal(peers.length, 2);
      assert.equal(peers[0].constructor.name, 'Socket');
    }
  });

  test(`${name}: a refusal with status 404 is one, too`, async () => {
    const hidden = { ...deployment, responses: { unauthenticated: 404, forbidden: 404 } };
    await running(framework, { auth: { deployment: hidden } }, async (asked, seen) => {
      isProblem(await asked({ lines: STRANGER }), 404);
      isProblem(await asked({}), 404);
      assert.equal(seen.reached, 0);
    });
  });

  test(`${name}: the guard twice is the guard`, async () => {
    await running(framework, { auth: { deployment }, times: 2 }, async (asked) => {
      const known = JSON.parse((await asked({ lines: [...FORGED, ...CALLER] })).body);
      assert.deepEqual([brief(known.caller), known.header], [KNOWN, 'URI:spiffe://td/a']);
      isProblem(await asked({ lines: STRANGER }), 403);
    });
  });

  if (framework.below !== undefined) {
    test(`${name}: below a mount point the whole path counts`, async () => {
      await running(framework, { auth: { deployment }, mounted: true }, async (asked) => {
        const answer = await asked({ lines: CALLER });
        assert.deepEqual([answer.status, JSON.parse(answer.body).url], [200, framework.below]);
        isProblem(await asked({ lines: STRANGER }), 403);
      });
      const below = { version: 1, allow: [{ name: 'x', from: 'anyone', paths: ['/x'] }] };
      await running(framework, { auth: { policy: below }, mounted: true }, async (asked, seen) => {
        isProblem(await asked({}), 401);
        assert.equal(seen.reached, 0);
      });
    });
  }

  if (state) {
    test(`${name}: the certificate is where the application wants it`, async () => {
      await running(framework, { auth: { deployment, stateKey: 'caller' } }, async (asked) => {
        assert.deepEqual(brief(JSON.parse((await asked({ lines: CALLER })).body).state), KNOWN);
        assert.equal(JSON.parse((await asked({ target: '/healthz' })).body).state, null);
      });
      for (const stateKey of ['', 1, null, '__proto__']) {
        await assert.rejects(running(framework, { auth: { deployment, stateKey } }, () => {}), TypeError);
      }
    });
  }

  if (hasErrors) {
    test(`${name}: its error handler sees the error, and nobody sees the certificate`, async () => {
      await running(framework, { auth: { deployment, onDeny: 'throw' }, onError: true }, async (asked, seen) => {
        for (const [lines, status] of [[STRANGER, 403], [[], 401]]) {
          const answer = await asked({ lines });
          assert.equal(answer.status, status);
          // It may come in chunks.
          assert.match(answer.body, /^(3\r\n)?own(\r\n0\r\n\r\n)?$/);
          const { error, caller } = seen.errors.pop();
          assert.equal(error.code, 'ERR_PEERGATE_DENIED');
          const own = error instanceof AccessDeniedError ? error : error.cause;
          assert.ok(own instanceof AccessDeniedError);
          assert.deepEqual([own.status, own.statusCode, own.expose], [status, status, true]);
          assert.equal(own.decision.decision, 'deny');
          assert.doesNotMatch(JSON.stringify(error), /no_rule|no_certificate|spiffe/);
          assert.equal(caller, null);
        }
        assert.equal(seen.reached, 0);
        assert.equal((await asked({ lines: CALLER })).status, 200);
        assert.equal(seen.errors.length, 0);
      });
    });

    test(`${name}: without an error handler the error still is the right answer`, async () => {
      await running(framework, { auth: { deployment, onDeny: 'throw' } }, async (asked, seen) => {
        for (const [lines, status] of [[STRANGER, 403], [[], 401]]) {
          const answer = await asked({ lines });
          assert.equal(answer.status, status);
          assert.doesNotMatch(answer.body, /no_rule|no_certificate|spiffe/);
          assert.equal(answer.headers['www-authenticate'], status === 401 ? 'ClientCertificate' : undefined);
        }
        assert.equal(seen.reached, 0);
      });
    });
  }

  test(`${name}: documents that are refused and options that do not exist are errors at once`, async () => {
    await assert.rejects(running(framework, { auth: { policy: { version: 1, allow: [{ form: 'x' }] } } }, () => {}), {
      name: 'PolicyError',
    });
    await assert.rejects(running(framework, { auth: { deployment, onDenied: 'throw' } }, () => {}), TypeError);
  });
}
