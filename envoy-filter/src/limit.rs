//! A rate limit for log lines, one bucket a reason, so that a flood of one kind of refusal neither
//! fills the disk nor hides the others.

use std::cell::Cell;

/// Lines a bucket holds when full.
pub(crate) const BURST: u64 = 500;
/// Nanoseconds for one more line: 100 lines a second.
pub(crate) const REFILL_NS: u64 = 10_000_000;

/// One bucket.
#[derive(Clone, Copy)]
struct Bucket {
    lines: u64,
    refilled_ns: u64,
    dropped: u64,
}

/// A bucket for each reason.
pub(crate) struct Limiter {
    buckets: Box<[Cell<Bucket>]>,
}

impl Limiter {
    /// Full buckets.
    pub(crate) fn new(reasons: usize, now_ns: u64) -> Self {
        let full = Bucket { lines: BURST, refilled_ns: now_ns, dropped: 0 };
        Self { buckets: (0..reasons).map(|_| Cell::new(full)).collect() }
    }

    /// Whether a line may be written: `Some` with the number of lines dropped since the last one.
    /// The clock is asked only when the bucket is empty.
    pub(crate) fn admit(&self, reason: usize, clock: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let cell = self.buckets.get(reason)?;
        let mut bucket = cell.get();
        if bucket.lines == 0 {
            let now_ns = clock().unwrap_or(bucket.refilled_ns);
            let earned = now_ns.saturating_sub(bucket.refilled_ns).checked_div(REFILL_NS).unwrap_or(0);
            if earned > 0 {
                bucket.lines = earned.min(BURST);
                bucket.refilled_ns = now_ns;
            }
        }
        let admitted = bucket.lines > 0;
        let dropped = bucket.dropped;
        if admitted {
            bucket.lines = bucket.lines.saturating_sub(1);
            bucket.dropped = 0;
        } else {
            bucket.dropped = bucket.dropped.saturating_add(1);
        }
        cell.set(bucket);
        admitted.then_some(dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn written(limiter: &Limiter, reason: usize, tries: usize, now_ns: u64) -> usize {
        (0..tries).filter(|_| limiter.admit(reason, || Some(now_ns)).is_some()).count()
    }

    #[test]
    fn a_burst_then_a_hundred_a_second() {
        let limiter = Limiter::new(2, SECOND);
        assert_eq!(written(&limiter, 0, 5_000, SECOND), 500);
        assert_eq!(written(&limiter, 0, 5_000, 2 * SECOND), 100);
        assert_eq!(written(&limiter, 0, 5_000, 3 * SECOND), 100);
        assert_eq!(written(&limiter, 0, 5_000, 1_000 * SECOND), 500, "never more than a burst");
    }

    #[test]
    fn reasons_do_not_share() {
        let limiter = Limiter::new(2, SECOND);
        assert_eq!(written(&limiter, 0, 5_000, SECOND), 500);
        assert_eq!(written(&limiter, 1, 5_000, SECOND), 500);
        assert_eq!(limiter.admit(2, || Some(SECOND)), None, "no such reason");
    }

    #[test]
    fn the_next_line_says_what_was_dropped() {
        let limiter = Limiter::new(1, SECOND);
        assert_eq!(written(&limiter, 0, 507, SECOND), 500);
        assert_eq!(limiter.admit(0, || Some(2 * SECOND)), Some(7));
        assert_eq!(limiter.admit(0, || Some(2 * SECOND)), Some(0));
    }

    #[test]
    fn a_clock_that_fails_or_goes_back_earns_nothing() {
        let limiter = Limiter::new(1, SECOND);
        assert_eq!(written(&limiter, 0, 500, SECOND), 500);
        assert_eq!(limiter.admit(0, || None), None);
        assert_eq!(limiter.admit(0, || Some(0)), None);
        assert_eq!(limiter.admit(0, || Some(SECOND + REFILL_NS)), Some(2));
    }
}
