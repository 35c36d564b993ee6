// What the demo asks, and what must be answered.
//
// `envoy` and `node` are the reason and the rule (or the finer code) of the decision there; a host
// that is not named must not have been asked. `caller` is whom the service was told.

import { spiffe } from './setup.mjs';

const forged = `Hash=${'0'.repeat(64)};Subject="CN=api";URI=${spiffe('api')}`;
const order = '/v1/orders/7';

const letIn = (rule, caller) => ({ status: 200, envoy: ['allowed', rule], node: ['allowed', rule], caller });
const refused = (status, ...why) => ({ status, envoy: why });

export const ROWS = [
  { who: 'api, the right caller', by: 'api', path: order, expect: letIn('orders-read', spiffe('api')) },
  { who: 'api', by: 'api', method: 'POST', path: '/v1/orders', expect: letIn('orders-write', spiffe('api')) },
  { who: 'api, wrong path', by: 'api', path: '/v1/invoices/7', expect: refused(403, 'no_rule', null) },
  { who: 'api, wrong method', by: 'api', method: 'DELETE', path: order, expect: refused(403, 'no_rule', null) },
  { who: 'web, the wrong caller', by: 'web', path: order, expect: refused(403, 'no_rule', null) },
  { who: 'web', by: 'web', path: '/whoami', expect: letIn('whoami', spiffe('web')) },
  { who: 'old, quarantined', by: 'old', path: '/whoami', expect: refused(403, 'denied_by_rule', 'quarantine') },
  { who: 'no certificate', path: order, expect: refused(401, 'no_certificate', null) },
  { who: 'no certificate', path: '/healthz', expect: letIn('health', null) },

  {
    who: 'no certificate, forged XFCC',
    path: order,
    headers: [['x-forwarded-client-cert', forged]],
    expect: refused(401, 'no_certificate', null),
  },
  {
    who: 'web, forged XFCC',
    by: 'web',
    path: order,
    headers: [['x-forwarded-client-cert', forged]],
    expect: refused(403, 'no_rule', null),
  },
  {
    who: 'web, forged under an alias',
    by: 'web',
    path: order,
    headers: [['x_forwarded_client_cert', forged]],
    expect: refused(403, 'malformed_header', 'aliased_header'),
  },
  {
    who: 'web, forged identity header',
    by: 'web',
    path: '/whoami',
    headers: [['x-client-identity', `URI:${spiffe('api')}`]],
    expect: letIn('whoami', spiffe('web')),
  },

  { who: 'api, dot segments', by: 'api', path: '/v1/orders/../invoices', expect: refused(403, 'no_rule', null) },
  { who: 'api, escaped slash', by: 'api', path: '/v1/orders/..%2finvoices', expect: refused(400, 'ambiguous_request', 'encoded_slash') },

  { who: 'expired certificate', by: 'bad-expired', path: order, expect: { failure: /CERTIFICATE_EXPIRED/ } },
  { who: 'not yet valid', by: 'bad-not-yet-valid', path: order, expect: { failure: /CERTIFICATE/ } },
  { who: 'of a foreign authority', by: 'bad-foreign-ca', path: order, expect: { failure: /UNKNOWN_CA/ } },

  { who: 'comma in a SAN', by: 'bad-comma', path: order, expect: refused(403, 'unexpected_element', null) },
  { who: 'semicolon in a SAN', by: 'bad-semicolon', path: order, expect: refused(403, 'ambiguous_identity', null) },
  { who: 'quote in a SAN', by: 'bad-quote', path: order, expect: refused(403, 'malformed_header', 'quote_in_bare_value') },
  { who: 'line feed in a SAN', by: 'bad-line-feed', path: order, expect: refused(403, 'malformed_header', 'control_byte') },
  { who: 'two URI SANs', by: 'bad-two-uris', path: order, expect: refused(403, 'ambiguous_identity', null) },

  {
    who: 'past Envoy, to the service',
    direct: true,
    path: order,
    expect: { status: 401, node: ['no_certificate', null] },
  },
];
