//! Which of the known names an unknown one may have been meant to be.
//!
//! Distance counts inserted, lost, replaced and swapped characters; letter case counts nothing. Deterministic: the
//! nearest first, then in alphabetical order.

/// How many names are offered.
const MAX_OFFERED: usize = 3;

/// Longer names are not compared, so that the time stays small.
const MAX_NAME_CHARS: usize = 64;

/// At most three of `known` that are near to `name`: a third of its characters may differ, and at least one; or that it
/// abbreviates.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let limit = (wanted.len() / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| {
            let chars: Vec<char> = candidate.to_lowercase().chars().collect();
            let comparable =
                chars.len().abs_diff(wanted.len()) <= limit && wanted.len().max(chars.len()) <= MAX_NAME_CHARS;
            let distance = if comparable { distance(&wanted, &chars) } else { usize::MAX };
            if distance <= limit && distance < wanted.len() {
                return Some((distance, candidate));
            }
            abbreviates(&wanted, &chars).then_some((limit + 1, candidate))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(MAX_OFFERED).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// Whether the one is the other with letters left out: `lvl` of `level`, `plat` of `platform`.
fn abbreviates(short: &[char], long: &[char]) -> bool {
    let ends_alike = short.last() == long.last() || long.starts_with(short);
    if short.len() < 3 || short.len() >= long.len() || short.first() != long.first() || !ends_alike {
        return false;
    }
    let mut rest = long.iter();
    short.iter().all(|wanted| rest.any(|c| c == wanted))
}

/// Edits from `left` to `right`, a swap of two neighbours counting as one.
fn distance(left: &[char], right: &[char]) -> usize {
    let width = right.len() + 1;
    let mut rows: Vec<usize> = (0..width).collect();
    rows.resize((left.len() + 1) * width, 0);
    for (row, l) in left.iter().enumerate() {
        let (above, here) = (row * width, (row + 1) * width);
        rows[here] = row + 1;
        for (column, r) in right.iter().enumerate() {
            let replaced = rows[above + column] + usize::from(l != r);
            let edited = rows[above + column + 1].min(rows[here + column]) + 1;
            let mut best = replaced.min(edited);
            if row > 0 && column > 0 && left[row - 1] == *r && right[column - 1] == *l {
                best = best.min(rows[above - width + column - 1] + 1);
            }
            rows[here + column + 1] = best;
        }
    }
    rows[left.len() * width + right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_is_one_edit_and_case_is_none() {
        assert_eq!(nearest("platfrom", ["platform", "region", "flatform"]), ["platform", "flatform"]);
        assert_eq!(nearest("Level", ["level", "lvl"]), ["level"]);
    }

    #[test]
    fn short_names_do_not_match_everything() {
        assert!(nearest("x", ["y", "z"]).is_empty());
        assert_eq!(nearest("lvl", ["level", "lv"]), ["lv", "level"]);
    }

    #[test]
    fn abbreviations_are_known() {
        assert_eq!(nearest("lvl", ["level", "live", "lovely"]), ["level"]);
        assert_eq!(nearest("plat", ["platform", "latency"]), ["platform"]);
    }
}
