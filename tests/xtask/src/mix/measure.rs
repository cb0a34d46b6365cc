//! What is measured: quantiles, and how much of a value is told by the one before it or by how long the match has gone on.

/// The shares at which values are told.
pub(super) const AT: [f64; 14] = [0.0, 0.01, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];

/// The values at [`AT`], linear in between. Empty for no values.
pub(super) fn quantiles(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    let at = |q: f64| {
        let place = q * last as f64;
        let (low, part) = (place.floor() as usize, place.fract());
        values[low] + (values[(low + 1).min(last)] - values[low]) * part
    };
    AT.into_iter().map(at).collect()
}

/// How well the order of `a` tells the order of `b`: -1 to 1 (Spearman, ties share their rank). 0 where nothing varies.
pub(super) fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(&b) {
        both += (x - mean_a) * (y - mean_b);
        of_a += (x - mean_a).powi(2);
        of_b += (y - mean_b).powi(2);
    }
    if of_a == 0.0 || of_b == 0.0 { 0.0 } else { both / (of_a * of_b).sqrt() }
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let alike = order[from..].iter().take_while(|i| values[**i] == values[order[from]]).count();
        let rank = from as f64 + (alike - 1) as f64 / 2.0;
        order[from..from + alike].iter().for_each(|i| ranks[*i] = rank);
        from += alike;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_ramp_are_its_shares() {
        let found = quantiles((0..=100).rev().map(f64::from).collect());
        assert!(found.iter().zip(AT).all(|(v, q)| (v - q * 100.0).abs() < 1e-9), "{found:?}");
        assert!(quantiles(Vec::new()).is_empty());
        assert_eq!(quantiles(vec![7.0]), [7.0; AT.len()]);
    }

    #[test]
    fn correlation_knows_same_opposite_and_nothing() {
        let up = [1.0, 2.0, 3.0, 4.0];
        assert!((rank_correlation(&up, &[10.0, 20.0, 30.0, 1e9]) - 1.0).abs() < 1e-9);
        assert!((rank_correlation(&up, &[4.0, 3.0, 2.0, 1.0]) + 1.0).abs() < 1e-9);
        assert_eq!(rank_correlation(&up, &[5.0; 4]), 0.0);
        assert_eq!(rank_correlation(&[], &[]), 0.0);
    }
}
