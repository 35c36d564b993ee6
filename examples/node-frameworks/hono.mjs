import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { clientCertAuth } from 'peergate/hono';

const app = new Hono();

app.use(clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '127.0.0.1' }));

app.get('/healthz', (c) => c.text('ok'));
app.get('/v1/orders/:id', (c) => c.json({ id: c.req.param('id'), caller: c.var.clientCertificate.identity }));

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8080), hostname: '127.0.0.1' }, () => console.log('listening'));
