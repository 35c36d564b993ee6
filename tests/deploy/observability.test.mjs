// The dashboard and the alert rules of examples/observability against what a real Envoy publishes: the single
// proxy of examples/envoy, which is reloaded on the way as an operator would.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Lab, read, root, run } from './envoy.mjs';

const API = 'spiffe://demo.test/ns/pay/sa/api';
const installed = existsSync(fileURLToPath(new URL('node_modules/yaml', import.meta.url)));
const skip = installed ? false : 'the npm registry could not be reached: no readers of YAML and PromQL';

let lab;
let envoy;
let rules;

before(async () => {
  lab = new Lab(['--client', `api=${API}`, '--server', 'server=localhost,127.0.0.1', '--bad']);
  const port = await lab.service();
  rules = join(lab.folder, 'peergate.yaml');
  replaceRules((text) => text);
  envoy = await lab.envoy('single', read('examples/envoy/envoy.yaml'), {
    files: { '/etc/envoy/peergate/peergate.yaml': rules },
    ports: { 3000: port },
  });
});

after(() => lab?.close());

/** Puts the example's rules into place as the operator does: a new file, renamed. */
function replaceRules(change) {
  const example = lab.adapted(read('examples/envoy/peergate.yaml'), {}, {});
  const changed = change(example);
  writeFileSync(`${rules}.new`, changed);
  renameSync(`${rules}.new`, rules);
}

const metrics = async () => (await fetch(`http://${envoy.admin}/stats/prometheus`)).text();

/** The value of a metric without labels. */
async function value(name) {
  const line = (await metrics()).split('\n').find((line) => line.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1));
}

async function until(condition, what) {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (await condition()) {
      return;
    }
    await new Promise((soon) => setTimeout(soon, 20));
  }
  throw new Error(`${what}\n${envoy.log.join('\n')}`);
}

const status = async (path, caller = 'api') => (await lab.ask(envoy, caller ?? undefined, path)).status;

test('the single proxy decides, reloads, and keeps its rules when a document is refused', async () => {
  assert.equal(await status('/v1/orders/7'), 200);
  assert.equal(await status('/healthz', null), 200);
  assert.equal(await status('/v1/orders/7', null), 401);
  assert.equal(await status('/elsewhere'), 403);

  // In shadow everything is let through, and counted.
  replaceRules((text) => text.replace('"name": "orders-api",', '"name": "orders-api", "mode": "shadow",'));
  await until(async () => (await status('/elsewhere')) === 200, 'the shadow policy is not in force');

  // By the certificate of the connection: then there is something to say about its end.
  replaceRules((text) =>
    text
      .replace('"preset": "envoy"', '"preset": "connection", "verifiedBy": "listener"')
      .replace('"rules": true', '"rules": true, "expiry": true'),
  );
  await until(async () => (await status('/elsewhere')) === 403, 'the policy by the connection is not in force');
  assert.equal(await status('/v1/orders/7'), 200);

  replaceRules((text) => text.replace('"name": "orders-api",', '"name": "orders-api", "mode": "shadow",'));
  await until(async () => (await status('/elsewhere')) === 200, 'the shadow policy is not in force again');

  // A refused document changes nothing, and says so.
  replaceRules((text) => text.replace('"name": "orders-api",', '"name": "orders-api", "allows": [],'));
  const failed = 'envoy_extension_config_discovery_http_filter_peergate_config_fail';
  await until(async () => (await value(failed)) === 1, 'no failure is counted');
  assert.equal(await status('/elsewhere'), 200);
  const said = envoy.log.find((line) => line.includes('peergate: refused configuration'));
  assert.match(said ?? '', /\/policy\/allows unknown_key/);

  // Revoked by fingerprint, at once.
  const { sha256 } = await fingerprint('api');
  replaceRules((text) =>
    text.replace('"allow": [', `"deny": [ { "name": "revoked", "from": [ { "sha256": "${sha256}" } ] } ], "allow": [`),
  );
  await until(async () => (await status('/v1/orders/7')) === 403, 'the certificate is not revoked');
  assert.equal(await status('/healthz', null), 200);
});

async function fingerprint(caller) {
  const { X509Certificate } = await import('node:crypto');
  const { readFileSync } = await import('node:fs');
  const certificate = new X509Certificate(readFileSync(join(lab.certs, `${caller}.cert.pem`)));
  return { sha256: certificate.fingerprint256 };
}

/** Metric names of a query, with the labels that it asks each for, and the values it compares them with. */
async function selectors(query) {
  const { parser } = await import('@prometheus-io/lezer-promql');
  const text = query.replaceAll('$__rate_interval', '5m').replace(/\$[a-z]+/g, 'x');
  const found = [];
  const grouped = new Set();
  const children = (node, name) => {
    const all = [];
    node.cursor().iterate((inner) => {
      if (inner.name === name) {
        all.push(inner.node);
      }
    });
    return all;
  };
  const of = (node) => text.slice(node.from, node.to);
  parser.parse(text).iterate({
    enter(node) {
      assert.ok(!node.type.isError, `not PromQL: ${text} at ${node.from}`);
      if (node.name === 'VectorSelector') {
        const matchers = ['UnquotedLabelMatcher', 'EqualMatcher'].flatMap((kind) => children(node.node, kind));
        const labels = matchers.map((matcher) => /^([a-z0-9_]+)\s*(=~|=|!=|!~)\s*"(.*)"$/.exec(of(matcher)));
        assert.ok(labels.every(Boolean), text);
        found.push({ name: of(children(node.node, 'Identifier')[0]), labels: labels.map(([, name, , value]) => [name, value]) });
      }
      if (node.name === 'GroupingLabels') {
        children(node.node, 'LabelName').forEach((label) => grouped.add(of(label)));
      }
    },
  });
  assert.ok(found.length > 0, `no metric in ${text}`);
  return { found, grouped };
}

/** Every query of the dashboard and of the alerts, by what it is for. */
async function queries() {
  const { parse } = await import('yaml');
  const dashboard = JSON.parse(read('examples/observability/dashboard.json'));
  const panels = dashboard.panels.flatMap((panel) => panel.targets.map(({ expr }) => [panel.title, expr]));
  const variables = dashboard.templating.list
    .filter((variable) => variable.type === 'query')
    .map(({ name, definition }) => [`$${name}`, /^label_values\((.*), [a-z]+\)$/.exec(definition)[1]]);
  const alerts = parse(read('examples/observability/alerts.yaml')).groups.flatMap(({ rules }) => {
    return rules.map(({ alert, expr }) => [alert, expr]);
  });
  assert.ok(panels.length >= 10 && alerts.length >= 8, 'panels and alerts');
  return [...panels, ...variables, ...alerts];
}

/** What Prometheus itself puts on what it scrapes. */
const SCRAPED = ['job', 'instance'];

test('every metric and label in the dashboard and the alerts exists in what Envoy prints', { skip }, async () => {
  const published = await metrics();
  const reasons = new Set([...read('docs/codes.md').matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) => code));
  for (const [title, query] of await queries()) {
    const { found, grouped } = await selectors(query);
    const labels = new Set([...SCRAPED, 'fingerprint']);
    for (const selector of found) {
      const lines = published.split('\n').filter((line) => line.startsWith(`${selector.name}{`));
      assert.ok(lines.length > 0, `${title}: Envoy has no ${selector.name}`);
      const has = new Set(lines.flatMap((line) => [...line.matchAll(/[{,]([a-z0-9_]+)="/g)].map(([, label]) => label)));
      has.forEach((label) => labels.add(label));
      for (const [label, value] of selector.labels.filter(([label]) => !SCRAPED.includes(label))) {
        assert.ok(has.has(label), `${title}: ${selector.name} has no label ${label}`);
        const known = label === 'reason' ? (one) => reasons.has(one) : (one) => ['allow', 'deny'].includes(one);
        assert.ok(value.split('|').every(known), `${title}: ${label} is never ${value}`);
      }
    }
    for (const label of grouped) {
      assert.ok(labels.has(label), `${title}: nothing has the label ${label}`);
    }
  }
});

test('a query with another name or label would be found', { skip }, async () => {
  assert.deepEqual(await selectors('sum by (reason) (rate(a_total{decision="deny", reason=~"x|y"}[5m]))'), {
    found: [{ name: 'a_total', labels: [['decision', 'deny'], ['reason', 'x|y']] }],
    grouped: new Set(['reason']),
  });
  await assert.rejects(selectors('sum(rate(a_total[5m])'), /not PromQL/);
});

test('the metrics are as they were driven', async () => {
  const published = await metrics();
  for (const line of [
    'peergate_requests_total{decision="deny",reason="no_certificate"} 1',
    'peergate_requests_total{decision="deny",reason="no_rule"}',
    'peergate_requests_total{decision="allow",reason="shadow_mode"}',
    'peergate_shadow_total{decision="deny",reason="no_rule"}',
    'peergate_requests_total{decision="deny",reason="denied_by_rule"}',
    'peergate_shadow_changes_total{decision="deny",reason="no_rule"}',
    'peergate_rules_total{decision="allow",rule="orders-read"} ',
    'peergate_rules_total{decision="deny",rule="revoked"} ',
    'peergate_client_certificate_expiry_timestamp_seconds{} ',
    'peergate_policy_info{policy="orders-api",sha256="',
    'peergate_config_refused_total{} 1',
  ]) {
    assert.ok(published.includes(`\n${line}`), line);
  }
});

test('the alerts fire when they should', (t) => {
  // Its tests are a file for Prometheus' own tool.
  const found = spawnSync('sh', [join(root, 'tests/tools/get-proxies.sh'), 'promtool'], { encoding: 'utf8' });
  if (found.status !== 0) {
    console.error(`*** SKIPPED: the alerts are not tested: ${found.stderr.trim()}`);
    t.skip('no promtool');
    return;
  }
  const promtool = found.stdout.trim();
  run(promtool, ['check', 'rules', join(root, 'examples/observability/alerts.yaml')]);
  run(promtool, ['test', 'rules', join(root, 'examples/observability/alerts.test.yaml')]);
});

test('every proxy of the examples has the same labels for the metrics', { skip }, async () => {
  const { parse, parseAllDocuments } = await import('yaml');
  const resources = (path) => parseAllDocuments(read(path)).map((document) => document.toJS());
  const [, metricsFilter] = resources('examples/istio/envoy-filters.yaml');
  const envoyProxy = resources('examples/envoy-gateway/gateway.yaml').find(({ kind }) => kind === 'EnvoyProxy');
  const expected = parse(read('examples/envoy/envoy.yaml')).stats_config;
  assert.ok(expected.stats_tags.length >= 3);
  for (const [name, config] of [
    ['edge', parse(read('examples/envoy/two-hops/edge.yaml')).stats_config],
    ['sidecar', parse(read('examples/envoy/two-hops/sidecar.yaml')).stats_config],
    ['istio', metricsFilter.spec.configPatches[0].patch.value.stats_config],
    ['envoy-gateway', parse(envoyProxy.spec.bootstrap.value).stats_config],
  ]) {
    assert.deepEqual(config, expected, name);
  }
});

test('the alerts are what the Prometheus operator takes, and the dashboard is laid out', { skip }, async () => {
  const { parse } = await import('yaml');
  const { PrometheusRule } = await import('@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule');
  const alerts = parse(read('examples/observability/alerts.yaml'));
  new PrometheusRule({ metadata: { name: 'peergate' }, spec: alerts }).validate();
  const names = alerts.groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  assert.equal(new Set(names).size, names.length);

  const { panels, templating } = JSON.parse(read('examples/observability/dashboard.json'));
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set();
  for (const { title, gridPos } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(x < 24 && !taken.has(`${x},${y}`), `${title} covers another panel`);
        taken.add(`${x},${y}`);
      }
    }
  }
  const known = new Set(['__rate_interval', ...templating.list.map(({ name }) => name)]);
  const named = JSON.stringify(panels).matchAll(/\$\{?([a-z_]+)/g);
  assert.deepEqual([...named].map(([, name]) => name).filter((name) => !known.has(name)), []);
});
