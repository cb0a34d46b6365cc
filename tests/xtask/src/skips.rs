//! Which tests could not do their work on this machine, and why.
//!
//! What comes in: the test runner's report with what passing tests printed; a test that is skipped prints a line `skipped: WHY`.
//! What goes out: a table for the end of the test command. The report is XML as the runner writes it, one element a line; nothing
//! else of it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::tools;

/// The tests that were skipped, by the reason.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Skips(BTreeMap<String, Vec<String>>);

/// Where the runner leaves its report; see `.config/nextest.toml`.
fn report() -> PathBuf {
    tools::target_dir().join("nextest/default/junit.xml")
}

impl Skips {
    /// Of the last run.
    pub(crate) fn told() -> Result<Skips> {
        let path = report();
        let text = std::fs::read_to_string(&path).with_context(|| format!("the report {}", path.display()))?;
        Ok(Skips::of(&text))
    }

    fn of(report: &str) -> Skips {
        let mut skips = Skips::default();
        let mut test = String::new();
        for line in report.lines().map(str::trim) {
            if line.starts_with("<testcase ") {
                let attribute = |name: &str| line.split(&format!(" {name}=\"")).nth(1)?.split('"').next();
                let (name, of) = (attribute("name").unwrap_or("?"), attribute("classname").unwrap_or("?"));
                test = format!("{of} {name}");
            }
            // The first and the last line of what was printed share theirs with an element.
            let printed = line.rsplit('>').find(|part| !part.is_empty()).unwrap_or_default();
            let printed = printed.split('<').next().unwrap_or_default();
            if let Some(why) = printed.strip_prefix("skipped: ") {
                let tests = skips.0.entry(unescaped(why)).or_default();
                // A test may lack the same thing in several places.
                if tests.last() != Some(&test) {
                    tests.push(test.clone());
                }
            }
        }
        skips
    }
}

fn unescaped(text: &str) -> String {
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    marks.iter().fold(text.to_owned(), |text, (escaped, mark)| text.replace(escaped, mark))
}

impl fmt::Display for Skips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tests: Vec<&String> = self.0.values().flatten().collect();
        tests.sort_unstable();
        tests.dedup();
        match tests.len() {
            0 => return f.write_str("no test was skipped"),
            1 => f.write_str("1 test was skipped here:")?,
            many => write!(f, "{many} tests were skipped here:")?,
        }
        for (why, tests) in &self.0 {
            write!(f, "\n  {why}")?;
            tests.iter().try_for_each(|test| write!(f, "\n    {test}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_skipped_test_is_told_once_with_its_reason() {
        let report = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nextest-run" tests="4">
    <testsuite name="scenarios::daemon" tests="3">
        <testcase name="kill9::none_is_lost" classname="scenarios::daemon" time="0.1">
            <system-out>
running 1 test
skipped: needs &quot;a loop device&quot;: no
skipped: needs &quot;a loop device&quot;: no
test kill9::none_is_lost ... ok
</system-out>
        </testcase>
        <testcase name="demo::recorded" classname="scenarios::daemon" time="0.1">
            <system-out>skipped: no recording</system-out>
        </testcase>
        <testcase name="pages::all" classname="scenarios::daemon" time="0.1">
            <system-out>3 lines, 1 skipped: no</system-out>
        </testcase>
    </testsuite>
    <testsuite name="rules" tests="1">
        <testcase name="recorded" classname="rules" time="0.1">
            <system-err>skipped: no recording
</system-err>
        </testcase>
    </testsuite>
</testsuites>"#;
        let told = "3 tests were skipped here:
  needs \"a loop device\": no
    scenarios::daemon kill9::none_is_lost
  no recording
    scenarios::daemon demo::recorded
    rules recorded";
        assert_eq!(Skips::of(report).to_string(), told);
        assert_eq!(Skips::default().to_string(), "no test was skipped");
    }
}
