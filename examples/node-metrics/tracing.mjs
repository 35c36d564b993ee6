// Decisions as attributes of the span that is active, named as OpenTelemetry names them.

import { subscribe } from 'node:diagnostics_channel';
import { trace } from '@opentelemetry/api';

subscribe('peergate:decision', ({ decision, request }) => {
  const span = trace.getActiveSpan();
  if (span === undefined) return;
  span.setAttributes({ 'peergate.decision': decision.decision, 'peergate.reason': decision.reason });
  if (decision.rule !== null) span.setAttribute('peergate.rule', decision.rule);
  // Of the semantic conventions for TLS; the fingerprint in upper-case hexadecimal digits.
  if (decision.sha256 !== null) span.setAttribute('tls.client.hash.sha256', decision.sha256.toUpperCase());
  const certificate = request.socket?.getPeerX509Certificate?.();
  if (certificate !== undefined) {
    span.setAttributes({
      'tls.client.subject': (certificate.subject ?? '').replaceAll('\n', ', '),
      'tls.client.issuer': (certificate.issuer ?? '').replaceAll('\n', ', '),
      'tls.client.not_after': new Date(certificate.validTo).toISOString(),
    });
  }
});
