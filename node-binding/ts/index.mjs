// One instance for both module systems: what `require` gets and what `import` gets is the same.
export { AccessDeniedError, Gate, PolicyError, clientCertAuth, createGate, getClientCertificate } from './index.js';
