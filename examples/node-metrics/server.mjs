// A service that is measured and traced. Spans go to the terminal here; in earnest, to a collector.

import http from 'node:http';
import https from 'node:https';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { clientCertAuth, createGate, watchPolicy } from 'peergate';
import { reloadServerCertificates } from 'peergate/tls';
import { measure, register } from './metrics.mjs';
import './tracing.mjs';

const terminal = {
  export(spans, done) {
    for (const { name, attributes } of spans) console.log(name, JSON.stringify(attributes));
    done({ code: 0 });
  },
  shutdown: async () => {},
};
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(terminal)] }));
const tracer = trace.getTracer('orders');

const gate = createGate({ policy: 'policy.json', source: { preset: 'connection' } });
const auth = clientCertAuth({ gate });
const paths = { directory: 'certs', key: 'server.key', cert: 'server.crt', ca: 'ca.crt' };
measure(watchPolicy(gate, 'policy.json'), paths);

const server = https.createServer({ requestCert: true, rejectUnauthorized: true }, (request, response) => {
  tracer.startActiveSpan(`${request.method} ${request.url}`, (span) => {
    if (auth(request, response)) response.end('an order\n');
    span.end();
  });
});
reloadServerCertificates(server, paths);
server.listen(process.env.PORT ?? 8443, 'localhost', () => console.log('listening'));

http
  .createServer(async (_, response) => response.end(await register.metrics()))
  .listen(process.env.METRICS_PORT ?? 9464, 'localhost');
