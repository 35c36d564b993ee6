// Decisions as Prometheus metrics, and how long certificates and the policy are in use.

import { subscribe } from 'node:diagnostics_channel';
import { Counter, Gauge, register } from 'prom-client';
import { certificateExpiry } from 'peergate/tls';

const requests = new Counter({
  name: 'peergate_requests_total',
  help: 'Decisions, by what was decided and why',
  labelNames: ['decision', 'reason'],
});
const shadow = new Counter({
  name: 'peergate_shadow_total',
  help: 'What enforcing everything in shadow would have answered',
  labelNames: ['decision', 'reason'],
});

// Both labels have few values. A caller's name would be a label that callers make up.
subscribe('peergate:decision', ({ decision }) => {
  requests.inc({ decision: decision.decision, reason: decision.reason });
  if (decision.shadow !== null) shadow.inc({ decision: decision.shadow.decision, reason: decision.shadow.reason });
});

/** @param watcher of `watchPolicy`; @param paths of certificates */
export function measure(watcher, paths) {
  new Gauge({
    name: 'peergate_policy_info',
    help: 'The policy in force',
    labelNames: ['policy', 'sha256'],
    collect() {
      this.reset();
      this.set({ policy: watcher.current.name, sha256: watcher.current.sha256 }, 1);
    },
  });
  new Gauge({
    name: 'peergate_certificate_expiry_seconds',
    help: 'Seconds until the first certificate of the file or of its chain ends',
    labelNames: ['path'],
    collect() {
      this.reset();
      for (const { path, secondsLeft } of certificateExpiry(paths).reverse()) this.set({ path }, secondsLeft);
    },
  });
}

export { register };
