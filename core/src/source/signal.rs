//! What a proxy's headers say of verification, with a certificate and without.

use super::Refusal;
use super::form::{Says, Signal, Vouching, Without};
use super::lines::Value;
use crate::reason::{Detail, Reason};

/// Whether somebody vouches for the certificate that came with these values.
///
/// # Errors
/// `contradictory_headers` when one of them says that there is none.
pub(crate) fn with_certificate(vouching: &Vouching, values: &[Value<'_>]) -> Result<bool, Refusal> {
    let signals = match vouching {
        Vouching::Promise => return Ok(true),
        Vouching::Never => return Ok(false),
        Vouching::Signals(signals) => signals,
    };
    let mut verified = vouching.can_verify();
    for signal in &**signals {
        let value = value_of(signal, values);
        let accepted = signal.accept.contains(value);
        let says_none = signal.none.contains(value) || (signal.says == Says::Present && !accepted);
        if says_none {
            return Err(Refusal::malformed(Detail::ContradictoryHeaders));
        }
        verified &= accepted;
    }
    Ok(verified)
}

/// # Errors
/// Values that cannot stand where there is no certificate: `contradictory_headers`, or `unverified`
/// when they announce a certificate and say that it is not verified.
pub(crate) fn without_certificate(vouching: &Vouching, values: &[Value<'_>]) -> Result<(), Refusal> {
    let Vouching::Signals(signals) = vouching else { return Ok(()) };
    let accepted = |signal: &Signal| signal.accept.contains(value_of(signal, values));
    let stands = |signal: &Signal| match signal.without {
        Without::Any => true,
        Without::NotAccepted => !accepted(signal),
        Without::None => {
            let value = value_of(signal, values);
            value.is_empty() || signal.none.contains(value)
        }
    };
    if signals.iter().all(stands) {
        return Ok(());
    }
    let announced = signals.iter().any(|signal| signal.says == Says::Present && accepted(signal));
    if announced && !signals.iter().all(accepted) {
        return Err(Refusal::of(Reason::Unverified));
    }
    Err(Refusal::malformed(Detail::ContradictoryHeaders))
}

fn value_of<'v>(signal: &Signal, values: &'v [Value<'_>]) -> &'v [u8] {
    values.get(usize::from(signal.header.0)).and_then(Value::bytes).unwrap_or_default()
}
