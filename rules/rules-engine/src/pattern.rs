//! Regular expressions of rules, within their limits.
//!
//! In: a pattern of the crate `regex`, which matches in time linear in the text. Out: it, compiled, or why it is none. The
//! compiler asks here, too, so that what it takes is what loads.

use regex::{Regex, RegexBuilder};

/// Memory that one may take. Bytes, of the program and again of its automaton.
const COMPILED_BYTES: usize = 256 * 1024;

/// How deep its groups may be nested.
const NEST_MAX: u32 = 64;

/// Compiles a pattern.
///
/// # Errors
/// Where it is no regular expression, or larger than an evaluation should hold.
pub fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(COMPILED_BYTES).dfa_size_limit(COMPILED_BYTES).nest_limit(NEST_MAX).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What backtracks would not end before the sun does; what matches in linear time is through at once.
    #[test]
    fn patterns_that_ruin_backtracking_match_in_linear_time() {
        let text = "a".repeat(1 << 20) + "!";
        for pattern in
            ["^(a+)+$", "^(a|aa)+$", "^(a*)*b", "(x+x+)+y|(a+a+)+b", "^(([a-z])+.)+[A-Z]([a-z])+$", "^(a?){64}a{64}$"]
        {
            assert!(!compiled(pattern).expect("it is a pattern").is_match(&text), "{pattern}");
        }
    }

    #[test]
    fn a_short_pattern_that_is_large_inside_is_refused() {
        for pattern in ["(a{1000}){1000}", "\\pL{1000}", "(((a{10}){10}){10}){10}{10}"] {
            assert!(compiled(pattern).is_err(), "{pattern}");
        }
        let deep = "(".repeat(100) + &")".repeat(100);
        assert!(compiled(&deep).is_err());
    }
}
