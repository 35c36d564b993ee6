import { createServer } from 'node:http';
import { clientCertAuth, createGate } from 'peergate';
import { WebSocketServer } from 'ws';

const gate = createGate({ policy: 'policy.json' });
const auth = clientCertAuth({ gate, trustPeer: (socket) => socket.remoteAddress === '127.0.0.1' });
const sockets = new WebSocketServer({ noServer: true });

const server = createServer((request, response) => {
  if (auth(request, response)) response.end('ok');
});

server.on('upgrade', (request, socket, head) => {
  // Node watches over this socket no more: without a listener a client that breaks off ends the process.
  socket.on('error', () => socket.destroy());
  const { decision, status } = gate.decide(request);
  if (decision === 'deny' || socket.remoteAddress !== '127.0.0.1') {
    socket.end(`HTTP/1.1 ${status ?? 403} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    return;
  }
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on('error', () => webSocket.terminate());
    webSocket.send('hello');
  });
});

server.listen(process.env.PORT ?? 8080, '127.0.0.1', () => console.log('listening'));
