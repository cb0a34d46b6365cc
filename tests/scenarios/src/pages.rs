//! The daemon's pages for machines: fetched by hand, and the figures held to the OpenMetrics text format.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::wait::PATIENCE;

/// An answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// 200 and its like.
    pub status: u16,
    /// Lower-case head lines.
    pub head: String,
    /// The text.
    pub body: String,
}

/// Fetches a page.
///
/// # Errors
/// Nobody listens, or the answer is no HTTP.
pub fn get(server: SocketAddr, path: &str) -> io::Result<Page> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let no_http = || io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {answer}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(no_http)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(no_http)?;
    Ok(Page { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}

/// The figures of one moment.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    samples: BTreeMap<String, Vec<(String, f64)>>,
    /// Name and type of each family.
    pub families: BTreeMap<String, String>,
}

impl Scrape {
    /// Reads the OpenMetrics text format, strictly: every sample belongs to the family declared last, a family is declared
    /// once and has a help text, no sample is there twice, counters end in `_total`, and the text ends with `# EOF`.
    ///
    /// # Panics
    /// Where the text is not of that form.
    pub fn parse(text: &str) -> Scrape {
        assert!(text.ends_with("# EOF\n"), "figures end with `# EOF`");
        let mut scrape = Scrape::default();
        let mut seen = BTreeSet::new();
        let mut helped = BTreeSet::new();
        let mut family = String::new();
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => {
                    assert!(!help.is_empty() && helped.insert(name.to_owned()), "help of {name} once, with words");
                }
                ["#", "TYPE", name, kind] => {
                    assert!(is_name(name), "`{name}` is no name of a figure");
                    assert!(["counter", "gauge", "histogram", "info"].contains(&kind), "{line}");
                    assert!(scrape.families.insert(name.into(), kind.into()).is_none(), "{name} is declared twice");
                    name.clone_into(&mut family);
                }
                ["#", "UNIT", name, unit] => assert!(name.ends_with(&format!("_{unit}")), "{line}"),
                ["#", "EOF"] => {}
                _ => {
                    let (name, labels, value) = sample(line);
                    let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line} under {family}"));
                    let suffixes: &[&str] = match scrape.families.get(&family).map_or("", String::as_str) {
                        "counter" => &["_total"],
                        "histogram" => &["_sum", "_count", "_bucket"],
                        _ => &["", "_info"],
                    };
                    assert!(suffixes.contains(&suffix), "{line}: a sample of {family}");
                    assert!(seen.insert((name.to_owned(), labels.to_owned())), "{line} is there twice");
                    scrape.samples.entry(name.to_owned()).or_default().push((labels.to_owned(), value));
                }
            }
        }
        let without_help: Vec<_> = scrape.families.keys().filter(|name| !helped.contains(*name)).collect();
        assert!(without_help.is_empty(), "no help for {without_help:?}");
        scrape
    }

    /// The sum over all samples of a name whose labels hold `labels`, e.g. `shard="0"`; 0 where there is none.
    pub fn sum(&self, name: &str, labels: &str) -> f64 {
        let samples = self.samples.get(name).into_iter().flatten();
        samples.filter(|(found, _)| found.contains(labels)).map(|(_, value)| value).sum()
    }

    /// The sum over all samples of a name.
    ///
    /// # Panics
    /// Where there is no such name.
    pub fn total(&self, name: &str) -> f64 {
        assert!(self.samples.contains_key(name), "no figure `{name}`");
        self.sum(name, "")
    }
}

/// `name{labels} value` with an optional time stamp, taken apart.
fn sample(line: &str) -> (&str, &str, f64) {
    let (name, labels, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = rest.rsplit_once('}').unwrap_or_else(|| panic!("{line}: braces"));
            (name, labels, rest)
        }
        None => {
            let (name, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line}: no value"));
            (name, "", rest)
        }
    };
    assert!(is_name(name), "{line}: no name of a figure");
    let value = rest.trim().split(' ').next().and_then(|value| value.parse().ok());
    (name, labels, value.unwrap_or_else(|| panic!("{line}: no number")))
}

fn is_name(name: &str) -> bool {
    name.starts_with("edge_") && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# HELP edge_a Things.\n# TYPE edge_a counter\nedge_a_total{shard=\"0\"} 3\nedge_a_total{shard=\"1\"} 4\n# EOF\n";

    #[test]
    fn figures_are_read_and_summed() {
        let scrape = Scrape::parse(GOOD);
        assert_eq!((scrape.total("edge_a_total"), scrape.sum("edge_a_total", "shard=\"1\"")), (7.0, 4.0));
    }

    #[test]
    fn what_is_not_of_the_form_is_noticed() {
        let twice = GOOD.replace("shard=\"1\"", "shard=\"0\"");
        let no_total = GOOD.replace("edge_a_total{shard=\"0\"}", "edge_a{shard=\"0\"}");
        let no_help = GOOD.replace("# HELP edge_a Things.\n", "");
        let no_end = GOOD.replace("# EOF\n", "");
        for wrong in [twice, no_total, no_help, no_end] {
            assert!(std::panic::catch_unwind(|| Scrape::parse(&wrong)).is_err(), "{wrong}");
        }
    }
}
