import { createServer } from 'node:http';
import { H3, getRouterParam, toNodeHandler } from 'h3';
import { clientCertAuth } from 'peergate/h3';

const app = new H3();

app.use(clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '127.0.0.1' }));

app.get('/healthz', () => 'ok');
app.get('/v1/orders/:id', (event) => {
  return { id: getRouterParam(event, 'id'), caller: event.context.clientCertificate.identity };
});

createServer(toNodeHandler(app)).listen(process.env.PORT ?? 8080, '127.0.0.1', () => console.log('listening'));
