//! What a run of the simulator found, out of its summary.
//!
//! In: the JSON that `--summary` writes (`tests/edge-sim/src/cli.rs`). Out: how many stories were told from which seed, and what
//! broke in which of them. Deliberately absent: whether that is good.

use anyhow::{Context, Result};
use serde_json::Value;

/// What a run found.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Found {
    /// The first seed; the others followed it.
    pub(super) from: u64,
    pub(super) stories: u64,
    /// By seed.
    pub(super) findings: Vec<Finding>,
}

/// A story in which something broke.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Finding {
    pub(super) seed: u64,
    /// Each promise once, the first one first; never empty.
    pub(super) broken: Vec<Broken>,
}

/// A promise, or `Panic`, and how it was broken.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Broken {
    pub(super) promise: String,
    pub(super) what: String,
}

impl Found {
    pub(super) fn parse(text: &str) -> Result<Found> {
        let value: Value = serde_json::from_str(text).context("the simulator's summary")?;
        let findings = list(&value, "failures")?.iter().map(Finding::parse);
        Ok(Found {
            from: number(&value, "from")?,
            stories: number(&value, "stories")?,
            findings: findings.collect::<Result<_>>()?,
        })
    }
}

impl Finding {
    fn parse(value: &Value) -> Result<Finding> {
        let broken: Vec<Broken> = list(value, "broken")?.iter().map(Broken::parse).collect::<Result<_>>()?;
        anyhow::ensure!(!broken.is_empty(), "a story fails and breaks nothing: {value}");
        Ok(Finding { seed: number(value, "seed")?, broken })
    }
}

impl Broken {
    fn parse(value: &Value) -> Result<Broken> {
        Ok(Broken { promise: text(value, "promise")?, what: text(value, "what")? })
    }
}

fn number(value: &Value, name: &str) -> Result<u64> {
    value[name].as_u64().with_context(|| format!("no number `{name}` in {value}"))
}

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no text `{name}` in {value}"))?.to_owned())
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    value[name].as_array().with_context(|| format!("no list `{name}` in {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read() {
        let text = r#"{ "from": 7, "stories": 5, "seconds": 0.5, "failures": [
            { "seed": 11, "broken": [{ "promise": "P1", "what": "lost" }, { "promise": "P8", "what": "ended nowhere" }] }] }"#;
        let broken = [("P1", "lost"), ("P8", "ended nowhere")];
        let broken = broken.map(|(promise, what)| Broken { promise: promise.into(), what: what.into() }).into();
        let findings = vec![Finding { seed: 11, broken }];
        assert_eq!(Found::parse(text).unwrap(), Found { from: 7, stories: 5, findings });
        let clean = r#"{ "from": 7, "stories": 5, "failures": [] }"#;
        assert_eq!(Found::parse(clean).unwrap(), Found { from: 7, stories: 5, findings: vec![] });
    }

    #[test]
    fn a_summary_that_lacks_something_is_refused_and_not_taken_for_a_clean_one() {
        for (text, why) in [
            ("", "the simulator's summary"),
            (r#"{ "from": 7, "stories": 5 }"#, "no list `failures` in "),
            (r#"{ "from": 7, "failures": [] }"#, "no number `stories` in "),
            (r#"{ "from": 7, "stories": 5, "failures": [{ "seed": 7 }] }"#, "no list `broken` in "),
            (
                r#"{ "from": 7, "stories": 5, "failures": [{ "seed": 7, "broken": [] }] }"#,
                "a story fails and breaks nothing",
            ),
            (
                r#"{ "from": 7, "stories": 5, "failures": [{ "broken": [{ "promise": "P1", "what": "" }] }] }"#,
                "no number `seed`",
            ),
        ] {
            let said = Found::parse(text).unwrap_err().to_string();
            assert!(said.starts_with(why), "{text}: {said}");
        }
    }
}
