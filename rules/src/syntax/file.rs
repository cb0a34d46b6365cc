//! A whole file: its header and sections.
//!
//! In: the YAML tree. Out: a [`RuleFile`] with everything that could be read, in the order written.

use super::RuleFile;
use super::head::key_span;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::source::{SourceFile, Span};
use crate::suggest::nearest;
use crate::yaml::{Kind, Node};

/// Most rules in one file.
pub(crate) const MAX_RULES_PER_FILE: usize = 10_000;

/// Most tests in one file.
pub(crate) const MAX_TESTS_PER_FILE: usize = 10_000;

/// Reads one file.
pub fn read(source: &SourceFile, root: &Node, report: &mut Report) -> RuleFile {
    let mut reader = Reader { source, report };
    reader.file(root)
}

impl Reader<'_> {
    fn file(&mut self, root: &Node) -> RuleFile {
        let mut out = RuleFile::default();
        let Some(mut fields) = self.fields(root, "a rule file") else { return out };
        let head = fields.get("rules/v1");
        let params_head = fields.get("params/v1");
        match (head, params_head) {
            (Some(head), None) => out.head = self.head(head),
            (None, Some(head)) => out.params_head = self.params_head(head),
            (Some(_), Some(_)) => {
                let words = "a file has either `rules/v1` or `params/v1`, not both";
                let at = key_span(root, "params/v1");
                self.push(
                    Diagnostic::new(Code::WrongFile, at, words).help("put the parameters into a file of their own"),
                );
            }
            (None, None) => {
                self.no_header(root);
                fields.skip(|key| key.starts_with("rules/") || key.starts_with("params/"));
            }
        }
        let rules_file = params_head.is_none();
        if let Some(node) = fields.get("params") {
            out.params = self.params(node);
        }
        if let Some(node) = fields.get("sets")
            && self.belongs("sets", key_span(root, "sets"), rules_file)
        {
            out.sets = self.sets(node);
        }
        if let Some(node) = fields.get("calendars")
            && self.belongs("calendars", key_span(root, "calendars"), rules_file)
        {
            out.calendars = self.calendars(node);
        }
        if let Some(node) = fields.get("regions")
            && self.belongs("regions", key_span(root, "regions"), rules_file)
        {
            out.regions = self.regions(node);
        }
        if let Some(node) = fields.get("rules")
            && self.belongs("rules", key_span(root, "rules"), rules_file)
        {
            let items = self.bounded(node, "rules", MAX_RULES_PER_FILE);
            out.rules = items.iter().filter_map(|item| self.rule(item)).collect();
        }
        if let Some(node) = fields.get("tests")
            && self.belongs("tests", key_span(root, "tests"), rules_file)
        {
            let items = self.bounded(node, "tests", MAX_TESTS_PER_FILE);
            out.tests = items.iter().filter_map(|item| self.test(item)).collect();
        }
        fields.finish(self);
        out
    }

    fn bounded<'n>(&mut self, node: &'n Node, what: &str, most: usize) -> &'n [Node] {
        let items = self.items(node, &format!("`{what}`"));
        if items.len() > most {
            let words = format!("a file has {} {what}; limit {most}", items.len());
            let d = Diagnostic::new(Code::TooLarge, node.span.at_start(), words);
            self.push(d.help("split it into several files of the same package"));
            return &items[..most];
        }
        items
    }

    fn no_header(&mut self, root: &Node) {
        let Kind::Map(entries) = &root.kind else { return };
        let versioned = entries.iter().find(|e| e.key.starts_with("rules/") || e.key.starts_with("params/"));
        if root.cut_off && versioned.is_none() {
            return;
        }
        let (span, words) = match versioned {
            Some(entry) => (entry.key_span, format!("`{}` is not a version this compiler knows", entry.key)),
            None => (Span { end: root.span.start, ..root.span }, "the file has no header".to_owned()),
        };
        let guess = entries.iter().find_map(|e| nearest(&e.key, ["rules/v1", "params/v1"]));
        let help = "begin with `rules/v1: { package: eu.retention, catalogue: game.v1, owner: team-eu }`";
        self.push(
            Diagnostic::new(Code::NoHeader, span, words).did_you_mean(guess.filter(|_| versioned.is_some())).help(help),
        );
    }
}
