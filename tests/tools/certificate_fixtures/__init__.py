"""Fixtures of certificates in headers: the certificates, an oracle, and the cases."""
