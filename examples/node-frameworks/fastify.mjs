import Fastify from 'fastify';
import { clientCertAuth } from 'peergate/fastify';

const app = Fastify();

await app.register(clientCertAuth, {
  policy: 'policy.json',
  trustPeer: (socket) => socket.remoteAddress === '127.0.0.1',
});

app.get('/healthz', async () => 'ok');
app.get('/v1/orders/:id', async (request) => {
  return { id: request.params.id, caller: request.clientCertificate.identity };
});

await app.listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' });
console.log('listening');
