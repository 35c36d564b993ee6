// Decisions as attributes of the span that is active, named as OpenTelemetry names them.

import { subscribe } from 'node:diagnostics_channel';
import { trace } from '@opentelemetry/api';
import { parseCertificate } from 'peergate';

subscribe('peergate:decision', ({ decision, request }) => {
  const span = trace.getActiveSpan();
  if (span === undefined) return;
  span.setAttributes({ 'peergate.decision': decision.decision, 'peergate.reason': decision.reason });
  if (decision.rule !== null) span.setAttribute('peergate.rule', decision.rule);
  // Of the semantic conventions for TLS; the fingerprint in upper-case hexadecimal digits.
  const raw = decision.sha256 === null ? undefined : request.socket?.getPeerX509Certificate?.()?.raw;
  if (raw === undefined) return;
  const { fingerprint256, subjectDn, issuerDn, notBefore, notAfter } = parseCertificate(raw);
  span.setAttributes({
    'tls.client.hash.sha256': fingerprint256,
    'tls.client.subject': subjectDn,
    'tls.client.issuer': issuerDn,
    'tls.client.not_before': notBefore.toISOString(),
    'tls.client.not_after': notAfter.toISOString(),
  });
});
