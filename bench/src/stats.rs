//! Medians and percentiles, on plain data.

use std::collections::BTreeMap;

/// The middle value; the mean of the two middle ones where the count is even.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// The median of `ours / theirs`, pair by pair.
///
/// The rounds are paired because the machine drifts from minute to minute and two runs of the same
/// round share its mood; the ratio of two medians would mix rounds. A round in which either side is
/// missing has no pair.
pub(crate) fn median_ratio(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<f64> {
    let pairs = ours.iter().zip(theirs).filter_map(|(ours, theirs)| Some((*ours)? / (*theirs)?));
    median(pairs)
}

/// The value below or at which `quantile` of the counted values lie.
pub(crate) fn quantile(counts: &BTreeMap<u64, u64>, quantile: f64) -> Option<u64> {
    let total: u64 = counts.values().sum();
    let wanted = ((total as f64 * quantile).ceil() as u64).max(1);
    let mut seen = 0;
    counts
        .iter()
        .find(|(_, count)| {
            seen += **count;
            seen >= wanted
        })
        .map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median([f64::NAN, 7.0]), Some(7.0));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let ours = [Some(1.0), Some(30.0), Some(100.0)];
        let theirs = [Some(2.0), Some(10.0), Some(100.0)];
        assert_eq!(median_ratio(&ours, &theirs), Some(1.0));
        assert_eq!(median_ratio(&[None, Some(2.0)], &[Some(5.0), Some(4.0)]), Some(0.5));
        assert_eq!(median_ratio(&[None], &[Some(5.0)]), None);
    }

    #[test]
    fn quantiles_count_from_below() {
        let counts = BTreeMap::from([(1, 50), (2, 49), (900, 1)]);
        assert_eq!(quantile(&counts, 0.5), Some(1));
        assert_eq!(quantile(&counts, 0.99), Some(2));
        assert_eq!(quantile(&counts, 0.999), Some(900));
        assert_eq!(quantile(&BTreeMap::new(), 0.5), None);
    }
}
