import { clientCertAuth, getClientCertificate } from 'peergate/fetch';

const auth = clientCertAuth({ policy: 'policy.json', trustPeer: (peer) => peer === '127.0.0.1' });

/** `peer` is the address of who connected, as far as the host tells. */
export async function handle(request, peer) {
  const outcome = auth(request, peer);
  if (outcome instanceof Response) return outcome;

  const order = /^\/v1\/orders\/([^/]+)$/.exec(new URL(outcome.url).pathname);
  if (order === null) return new Response('ok');
  return Response.json({ id: order[1], caller: getClientCertificate(outcome).identity });
}
