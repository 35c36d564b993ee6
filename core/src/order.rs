//! Sorting for code size: the library's sorts are several kilobytes for each type that is sorted, and
//! a proxy compiles every one of them. These are some hundred bytes each, and as little quadratic.

use alloc::vec::Vec;

/// Sorts in place; equal elements come in any order.
pub(crate) fn sort_unstable<T: Ord>(slice: &mut [T]) {
    for root in (0..slice.len() / 2).rev() {
        sift_down(slice, root);
    }
    for end in (1..slice.len()).rev() {
        slice.swap(0, end);
        if let Some(heap) = slice.get_mut(..end) {
            sift_down(heap, 0);
        }
    }
}

/// Lets the element at `root` sink until no child of it is greater.
fn sift_down<T: Ord>(heap: &mut [T], mut root: usize) {
    loop {
        let left = root.saturating_mul(2).saturating_add(1);
        let right = left.saturating_add(1);
        let Some(mut greater) = heap.get(left) else { return };
        let mut child = left;
        if let Some(other) = heap.get(right)
            && other > greater
        {
            (greater, child) = (other, right);
        }
        if heap.get(root).is_none_or(|root| root >= greater) {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}

/// Sorts by a key; elements of equal keys stay in their order.
pub(crate) fn sort_by_key<T, K: Ord>(elements: &mut Vec<T>, key: impl Fn(&T) -> K) {
    let mut order: Vec<(K, usize)> =
        elements.iter().enumerate().map(|(index, element)| (key(element), index)).collect();
    sort_unstable(&mut order);
    let mut taken: Vec<Option<T>> = elements.drain(..).map(Some).collect();
    elements.extend(order.iter().filter_map(|(_, index)| taken.get_mut(*index).and_then(Option::take)));
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
        fn equal_keys_stay_in_order(numbers in proptest::collection::vec(0_u8..10, 0..100)) {
            let mut pairs: Vec<(u8, usize)> =
                numbers.into_iter().enumerate().map(|(index, number)| (number, index)).collect();
            let mut expected = pairs.clone();
            expected.sort_by_key(|(number, _)| *number);
            sort_by_key(&mut pairs, |(number, _)| *number);
            prop_assert_eq!(pairs, expected);
        }
    }
}
