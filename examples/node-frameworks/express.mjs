import express from 'express';
import { clientCertAuth, getClientCertificate } from 'peergate';

const app = express();

app.use(clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '127.0.0.1' }));

app.get('/healthz', (request, response) => response.send('ok'));
app.get('/v1/orders/:id', (request, response) => {
  response.json({ id: request.params.id, caller: getClientCertificate(request).identity });
});

app.listen(process.env.PORT ?? 8080, '127.0.0.1', () => console.log('listening'));
