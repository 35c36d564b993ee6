import Koa from 'koa';
import { clientCertAuth } from 'peergate/koa';

const app = new Koa();

app.use(clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '127.0.0.1' }));

app.use((ctx) => {
  const order = /^\/v1\/orders\/([^/]+)$/.exec(ctx.path);
  ctx.body = order === null ? 'ok' : { id: order[1], caller: ctx.state.clientCertificate.identity };
});

app.listen(process.env.PORT ?? 8080, '127.0.0.1', () => console.log('listening'));
