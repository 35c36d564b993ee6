//! Sorting for code size: the library's sorts are several kilobytes for each type that is sorted, and
//! a proxy compiles every one of them. These are some hundred bytes each, and as little quadratic.

/// Sorts in place; equal elements come in any order.
pub(crate) fn sort_unstable<T: Ord>(slice: &mut [T]) {
    sort_unstable_by(slice, T::lt);
}

/// The same in an order of one's own.
pub(crate) fn sort_unstable_by<T>(slice: &mut [T], is_less: impl Fn(&T, &T) -> bool) {
    for root in (0..slice.len() / 2).rev() {
        sift_down(slice, root, &is_less);
    }
    for end in (1..slice.len()).rev() {
        slice.swap(0, end);
        if let Some(heap) = slice.get_mut(..end) {
            sift_down(heap, 0, &is_less);
        }
    }
}

/// Lets the element at `root` sink until no child of it is greater.
fn sift_down<T>(heap: &mut [T], mut root: usize, is_less: &impl Fn(&T, &T) -> bool) {
    loop {
        let left = root.saturating_mul(2).saturating_add(1);
        let right = left.saturating_add(1);
        let Some(mut greater) = heap.get(left) else { return };
        let mut child = left;
        if let Some(other) = heap.get(right)
            && is_less(greater, other)
        {
            (greater, child) = (other, right);
        }
        if heap.get(root).is_none_or(|root| !is_less(root, greater)) {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorts_as_the_library_does(mut numbers in proptest::collection::vec(0_u8..40, 0..200)) {
            let mut expected = numbers.clone();
            expected.sort_unstable();
            sort_unstable(&mut numbers);
            prop_assert_eq!(numbers, expected);
        }

        #[test]
        fn sorts_in_any_order(mut numbers in proptest::collection::vec(0_u8..40, 0..200)) {
            let mut expected = numbers.clone();
            expected.sort_unstable_by(|a, b| b.cmp(a));
            sort_unstable_by(&mut numbers, |a, b| b < a);
            prop_assert_eq!(numbers, expected);
        }
    }
}
