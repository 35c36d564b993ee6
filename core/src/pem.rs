//! One PEM certificate to DER, strictly.
