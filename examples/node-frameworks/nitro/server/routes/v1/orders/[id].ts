export default defineEventHandler((event) => {
  return { id: getRouterParam(event, 'id'), caller: event.context.clientCertificate.identity };
});
