//! Unions of intervals of an ordered type: for which values a comparison, a prefix or their negation holds.
//!
//! Comes in: ends. Goes out: membership, and the ends again, at which rows are cut. Intervals are half open: they begin with
//! their first value and end before their second.

/// Disjoint, rising, not empty. An end that is not there is no bound.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Intervals<T>(Vec<Interval<T>>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Interval<T> {
    pub(super) from: Option<T>,
    pub(super) to: Option<T>,
}

impl<T: Ord + Clone> Intervals<T> {
    pub(super) const fn none() -> Intervals<T> {
        Intervals(Vec::new())
    }

    /// From the first up to, without, the second. Nothing lies below the default.
    pub(super) fn one(from: Option<T>, to: Option<T>) -> Intervals<T>
    where
        T: Default,
    {
        let from = from.filter(|from| *from != T::default());
        let is_empty = to.as_ref().is_some_and(|to| *to <= from.clone().unwrap_or_default());
        Intervals(if is_empty { Vec::new() } else { vec![Interval { from, to }] })
    }

    /// Everything else.
    pub(super) fn complement(self) -> Intervals<T> {
        let mut out = Vec::with_capacity(self.0.len() + 1);
        let mut from = None;
        let mut bounded = true;
        for (at, interval) in self.0.into_iter().enumerate() {
            if at > 0 || interval.from.is_some() {
                out.push(Interval { from, to: interval.from });
            }
            bounded = interval.to.is_some();
            from = interval.to;
        }
        if bounded {
            out.push(Interval { from, to: None });
        }
        Intervals(out)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Interval<T>> {
        self.0.iter()
    }

    /// What lies in both.
    pub(super) fn intersect(&self, other: &Intervals<T>) -> Intervals<T> {
        let mut out = Vec::new();
        for a in &self.0 {
            for b in &other.0 {
                let from = a.from.as_ref().max(b.from.as_ref());
                // No bound is the greatest here.
                let to = match (&a.to, &b.to) {
                    (Some(x), Some(y)) => Some(x.min(y)),
                    (x, y) => x.as_ref().or(y.as_ref()),
                };
                if from.zip(to).is_none_or(|(from, to)| from < to) {
                    out.push(Interval { from: from.cloned(), to: to.cloned() });
                }
            }
        }
        Intervals(out)
    }

    /// The only one, where there is one.
    pub(super) fn only(&self) -> Option<&Interval<T>> {
        match &self.0[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// How much they hold of what lies between these cuts, which rise.
    pub(super) fn share(&self, cuts: &[T]) -> f64 {
        let before = |end: &T| cuts.partition_point(|cut| cut < end);
        let stretches = self.0.iter().map(|interval| {
            let from = interval.from.as_ref().map_or(0, |from| before(from) + 1);
            let to = interval.to.as_ref().map_or(cuts.len() + 1, |to| before(to) + 1);
            to.saturating_sub(from)
        });
        stretches.sum::<usize>() as f64 / (cuts.len() + 1) as f64
    }

    #[cfg(test)]
    pub(super) fn contains(&self, value: &T) -> bool {
        self.0
            .iter()
            .any(|i| i.from.as_ref().is_none_or(|from| from <= value) && i.to.as_ref().is_none_or(|to| value < to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complements_and_intersections_hold_what_they_should() {
        let one = |from, to| Intervals::one(from, to);
        let some = [
            Intervals::none(),
            one(None, None),
            one(Some(3), None),
            one(None, Some(3)),
            one(Some(2), Some(5)),
            one(Some(2), Some(5)).complement(),
            one(Some(5), Some(6)),
            one(Some(0), Some(4)),
            one(None, Some(0)),
        ];
        for intervals in &some {
            let complement = intervals.clone().complement();
            for value in 0..8 {
                assert_ne!(intervals.contains(&value), complement.contains(&value), "{value} of {intervals:?}");
            }
            assert_eq!(complement.complement(), *intervals);
            for other in &some {
                let both = intervals.intersect(other);
                for value in 0..8 {
                    let wanted = intervals.contains(&value) && other.contains(&value);
                    assert_eq!(both.contains(&value), wanted, "{value} of {intervals:?} and {other:?}");
                }
            }
        }
    }
}
