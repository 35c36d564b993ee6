import { clientCertAuth } from 'peergate/h3';

export default defineEventHandler(
  clientCertAuth({ policy: 'policy.json', trustPeer: (socket) => socket.remoteAddress === '127.0.0.1' }),
);
