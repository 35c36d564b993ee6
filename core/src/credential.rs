//! One normalised certificate, borrowed from the input.
