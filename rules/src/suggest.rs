//! "Did you mean": the known word nearest to what somebody wrote.
//!
//! In: a word and the candidates. Out: at most one candidate, near enough that the guess helps more than it distracts.

/// The nearest of `candidates`, by edit distance with transpositions; the first of equals. `None` where nothing is near:
/// more than a third of the longer word (at least one letter) would have to change.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 128 {
        return None;
    }
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.len() > 128 {
            continue;
        }
        let near_prefix = !lower.is_empty() && lower.len() >= 3 && candidate.to_lowercase().starts_with(&lower);
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        let allowed = (word.chars().count().max(candidate.chars().count()) / 3).max(1);
        let consonants = skeleton(&lower).len() >= 2 && skeleton(&lower) == skeleton(&candidate.to_lowercase());
        if distance <= allowed || near_prefix || consonants {
            let distance = if distance <= allowed { distance } else { allowed + 1 };
            if best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Abbreviations drop vowels first (`lvl` for `level`) and separators next.
fn skeleton(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | '_' | '-')).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("levle", ["zone", "level"]), Some("level"));
        assert_eq!(nearest("lvl", ["zone", "level"]), Some("level"));
        assert_eq!(nearest("plat", ["platform", "locale"]), Some("platform"));
        assert_eq!(nearest("PlayerDead", ["PlayerDied", "Purchase"]), Some("PlayerDied"));
        assert_eq!(nearest("x", ["zone", "level"]), None);
        assert_eq!(nearest("gold", ["zone", "level"]), None);
    }
}
