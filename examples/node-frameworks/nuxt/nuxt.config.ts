export default defineNuxtConfig({
  compatibilityDate: '2026-01-01',
  modules: ['peergate/nuxt'],
  peergate: { policy: '../policy.json', source: { preset: 'envoy' } },
});
