//! The hunt for one mutant through stories, and what counts as a catch.
//!
//! In: the promises that the mutant is made to break, and somebody who tells stories, with the mutant or without. Out: the story
//! that caught it, if one did. A story catches where it breaks one of these promises, and the same story without the
//! mutant breaks nothing. Whatever else breaks is kept beside it: an accident where the promise is another's, and where the
//! clean story breaks, too, something that is wrong with the clean code. After either the hunt goes on. Deliberately absent: processes.

use anyhow::Result;

use super::found::{Broken, Finding, Found};

/// Which code a story is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    /// With the mutant.
    Planted,
    /// Without any.
    Clean,
}

/// Which stories are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seeds {
    /// The first one; `None`: a fresh one.
    pub(super) from: Option<u64>,
    /// So many, or fewer where one before the last breaks something.
    pub(super) count: u64,
}

/// How a hunt went.
#[derive(PartialEq, Debug, Default)]
pub(super) struct Hunt {
    /// Told with the mutant.
    pub(super) stories: u64,
    pub(super) caught: Option<Caught>,
    /// Stories that broke, but no promise that the mutant is made to break.
    pub(super) accidents: Vec<Finding>,
    /// Stories that break without the mutant, and how.
    pub(super) wanting: Vec<Finding>,
}

/// The story that caught a mutant.
#[derive(PartialEq, Debug)]
pub(super) struct Caught {
    pub(super) seed: u64,
    pub(super) by: Broken,
}

/// Tells up to `stories_max` stories, until one of them catches.
pub(super) fn hunt(
    promises: &[&str],
    stories_max: u64,
    tell: &mut dyn FnMut(Code, Seeds) -> Result<Found>,
) -> Result<Hunt> {
    let mut hunt = Hunt::default();
    let mut from = None;
    while hunt.stories < stories_max {
        let found = tell(Code::Planted, Seeds { from, count: stories_max - hunt.stories })?;
        hunt.stories += found.stories;
        let Some(last) = found.findings.last() else { break };
        // Several are told at a time, so some behind the first that broke something may have been.
        from = Some(found.from.wrapping_add(found.stories).max(last.seed.wrapping_add(1)));
        for finding in found.findings {
            hunt.judge(finding, promises, tell)?;
            if hunt.caught.is_some() {
                return Ok(hunt);
            }
        }
    }
    Ok(hunt)
}

impl Hunt {
    fn judge(
        &mut self,
        finding: Finding,
        promises: &[&str],
        tell: &mut dyn FnMut(Code, Seeds) -> Result<Found>,
    ) -> Result<()> {
        let again = tell(Code::Clean, Seeds { from: Some(finding.seed), count: 1 })?;
        if !again.findings.is_empty() {
            self.wanting.extend(again.findings);
            return Ok(());
        }
        match finding.broken.iter().find(|broken| promises.contains(&broken.promise.as_str())) {
            Some(by) => self.caught = Some(Caught { seed: finding.seed, by: by.clone() }),
            None => self.accidents.push(finding),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A simulator that breaks what it is said to: with the mutant, and without.
    #[derive(Default)]
    struct Stage {
        planted: Vec<Finding>,
        clean: Vec<Finding>,
        /// How many stories it tells behind the first that broke something.
        ahead: u64,
        told: Vec<(Code, Seeds)>,
    }

    const FRESH: u64 = 100;

    impl Stage {
        fn tell(&mut self, code: Code, seeds: Seeds) -> Result<Found> {
            self.told.push((code, seeds));
            let from = seeds.from.unwrap_or(FRESH);
            let broken = if code == Code::Planted { &self.planted } else { &self.clean };
            let first = broken.iter().map(|finding| finding.seed).find(|seed| *seed >= from);
            let end = first.map_or(from + seeds.count, |seed| (seed + 1 + self.ahead).min(from + seeds.count));
            let findings = broken.iter().filter(|finding| (from..end).contains(&finding.seed)).cloned().collect();
            Ok(Found { from, stories: end - from, findings })
        }

        fn hunt(&mut self, promises: &[&str], stories_max: u64) -> Hunt {
            hunt(promises, stories_max, &mut |code, seeds| self.tell(code, seeds)).unwrap()
        }
    }

    fn finding(seed: u64, promises: &[&str]) -> Finding {
        Finding { seed, broken: promises.iter().map(|promise| broken(promise)).collect() }
    }

    fn broken(promise: &str) -> Broken {
        Broken { promise: promise.to_owned(), what: format!("{promise} is broken") }
    }

    fn caught(seed: u64, promise: &str) -> Option<Caught> {
        Some(Caught { seed, by: broken(promise) })
    }

    #[test]
    fn a_story_that_breaks_the_promise_and_is_clean_without_the_mutant_catches_it() {
        let mut stage = Stage { planted: vec![finding(104, &["P1"])], ..Stage::default() };
        let hunt = stage.hunt(&["P1"], 50);
        assert_eq!(hunt, Hunt { stories: 5, caught: caught(104, "P1"), ..Hunt::default() });
        let again = Seeds { from: Some(104), count: 1 };
        assert_eq!(stage.told, [(Code::Planted, Seeds { from: None, count: 50 }), (Code::Clean, again)]);
    }

    #[test]
    fn a_promise_that_breaks_second_counts_too() {
        let mut stage = Stage { planted: vec![finding(100, &["P1", "Liveness", "P6"])], ..Stage::default() };
        assert_eq!(stage.hunt(&["P2", "P6"], 50).caught, caught(100, "P6"));
    }

    #[test]
    fn an_accident_is_kept_and_the_hunt_goes_on() {
        let mut stage = Stage { planted: vec![finding(102, &["Panic"]), finding(109, &["P1"])], ..Stage::default() };
        let hunt = stage.hunt(&["P1"], 50);
        assert_eq!((hunt.stories, hunt.caught), (10, caught(109, "P1")));
        assert_eq!((hunt.accidents, hunt.wanting), (vec![finding(102, &["Panic"])], vec![]));
    }

    #[test]
    fn what_breaks_without_the_mutant_catches_nothing_and_is_told_as_the_clean_code_broke_it() {
        let planted = vec![finding(102, &["P1"]), finding(103, &["P1"])];
        let mut stage = Stage { planted, clean: vec![finding(102, &["Protocol"])], ..Stage::default() };
        let hunt = stage.hunt(&["P1"], 50);
        assert_eq!((hunt.stories, hunt.caught), (4, caught(103, "P1")));
        assert_eq!((hunt.accidents, hunt.wanting), (vec![], vec![finding(102, &["Protocol"])]));
    }

    #[test]
    fn with_nothing_but_accidents_a_mutant_survives() {
        let planted = (100..150).map(|seed| finding(seed, &["P2"])).collect();
        let hunt = Stage { planted, ..Stage::default() }.hunt(&["P1"], 20);
        assert_eq!((hunt.stories, hunt.caught, hunt.accidents.len()), (20, None, 20));
    }

    #[test]
    fn with_nothing_found_a_mutant_survives() {
        let mut stage = Stage { planted: vec![finding(120, &["P1"])], ..Stage::default() };
        assert_eq!(stage.hunt(&["P1"], 20), Hunt { stories: 20, ..Hunt::default() });
    }

    #[test]
    fn no_story_is_judged_twice_where_some_were_told_ahead() {
        let planted = vec![finding(102, &["P2"]), finding(104, &["P2"]), finding(107, &["P1"])];
        let mut stage = Stage { planted, ahead: 3, ..Stage::default() };
        let hunt = stage.hunt(&["P1"], 50);
        assert_eq!((hunt.caught, hunt.accidents.len()), (caught(107, "P1"), 2));
        assert!(stage.told.contains(&(Code::Planted, Seeds { from: Some(106), count: 44 })), "{:?}", stage.told);
    }
}
