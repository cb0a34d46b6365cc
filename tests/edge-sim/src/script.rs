//! What a story is told from: a seed and a plan. And its file, which tells the same story again.
//!
//! In: a seed, or a file's text. Out: a [`Script`], or the text. A file is TOML: the plan in full, so that a story stays what it
//! is when plans are drawn in another way; the seed stands for every choice that the plan leaves open. Lines that begin
//! with `#` are for its reader. Deliberately absent: what happens in the story.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use edge_door::sim::Rng;
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Trouble};
use crate::span;

/// Everything that decides a story.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Decides what the plan leaves open.
    pub(crate) seed: u64,
    /// Who plays, on what, and which trouble comes when.
    pub(crate) plan: Plan,
}

impl Script {
    /// The script of a seed.
    pub fn draw(seed: u64) -> Script {
        Script { seed, plan: Plan::draw(&mut Rng::new(seed).fork(1)) }
    }

    /// The seed that it was drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The script that a file tells.
    ///
    /// # Errors
    /// The text is no script; says where.
    pub fn from_text(text: &str) -> Result<Script> {
        toml::from_str(text).context("this is no story's file")
    }

    /// The file's text; each trouble on a line of its own.
    pub fn to_text(&self) -> String {
        let head = Script { plan: Plan { troubles: Vec::new(), ..self.plan.clone() }, seed: self.seed };
        let mut text = toml::to_string(&head).expect("numbers, words and spans");
        let mut troubles = String::from("troubles = [\n");
        for (at, what) in &self.plan.troubles {
            let moment = toml::Value::try_from(Moment { at: *at, what: what.clone() });
            let _ = writeln!(troubles, "    {},", moment.expect("numbers, words and spans"));
        }
        troubles.push(']');
        text = text.replacen("troubles = []", &troubles, 1);
        text
    }

    /// A generator for one part of the story, which nothing in the other parts disturbs.
    pub(crate) fn part(&self, label: u64) -> Rng {
        Rng::new(self.seed).fork(label)
    }
}

/// Something that happens, and when.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    #[serde(with = "span")]
    at: Duration,
    what: Trouble,
}

/// Moments by time, as a file tells them.
pub(crate) mod moments {
    use super::{Deserialize, Duration, Moment, Trouble};

    pub(crate) fn serialize<S: serde::Serializer>(all: &[(Duration, Trouble)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(|(at, what)| Moment { at: *at, what: what.clone() }))
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<(Duration, Trouble)>, D::Error> {
        let all = Vec::<Moment>::deserialize(from)?;
        Ok(all.into_iter().map(|moment| (moment.at, moment.what)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails where a plan draws something that the file does not tell: add it to `knobs.rs`.
    #[test]
    fn a_file_tells_everything_that_a_plan_draws() {
        for seed in 0..500 {
            let script = Script::draw(seed);
            let text = script.to_text();
            let read = Script::from_text(&text).unwrap_or_else(|why| panic!("{why:#}\n{text}"));
            assert_eq!(format!("{script:?}"), format!("{read:?}"), "{text}");
        }
    }

    #[test]
    fn what_is_no_story_says_where() {
        let text = Script::draw(1).to_text().replacen("shards", "sharks", 1);
        let said = format!("{:#}", Script::from_text(&text).unwrap_err());
        assert!(said.contains("unknown field `sharks`"), "{said}");
    }
}
