//! What a foreign program says about its story: one JSON object a line on its standard output.
//!
//! `{"cue": "…"}` asks the test to do something to the daemon, or to wait for it, and is answered by a line when that is
//! done. The last line is the report itself,
//! `{"proved": ["…"], "cases": [{"name": "…", "found": "…"}]}`. Everything else goes to standard error, for people.

use serde_json::Value;

/// What a story showed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The items of the table of what each stack covers, by their keys.
    pub proved: Vec<String>,
    /// How each case of a table of refusals ended: its name, what the client found.
    pub cases: Vec<(String, String)>,
}

/// One line of a foreign program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Line {
    /// The test's turn.
    Cue(String),
    /// The end.
    Report(Report),
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Line, String> {
        let value: Value = serde_json::from_str(line).map_err(|why| format!("{why}: {line}"))?;
        if let Some(cue) = value["cue"].as_str() {
            return Ok(Line::Cue(cue.to_owned()));
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let case = |case: &Value| Some((text(&case["name"])?, text(&case["found"])?));
        let list = |name: &str| value[name].as_array().cloned().unwrap_or_default();
        let proved = list("proved").iter().map(text).collect::<Option<_>>();
        let cases = list("cases").iter().map(case).collect::<Option<_>>();
        match (proved, cases) {
            (Some(proved), Some(cases)) if value.get("proved").is_some() => Ok(Line::Report(Report { proved, cases })),
            _ => Err(format!("neither a cue nor a report: {line}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_and_reports_are_told_apart_and_nothing_else_passes() {
        assert_eq!(Line::parse(r#"{"cue":"drain"}"#), Ok(Line::Cue("drain".into())));
        let report = Report { proved: vec!["hello".into()], cases: vec![("a".into(), "b".into())] };
        assert_eq!(Line::parse(r#"{"proved":["hello"],"cases":[{"name":"a","found":"b"}]}"#), Ok(Line::Report(report)));
        for wrong in ["", "hello", "{}", r#"{"proved":[1]}"#, r#"{"proved":[],"cases":[{"name":"a"}]}"#] {
            assert!(Line::parse(wrong).is_err(), "{wrong}");
        }
    }
}
