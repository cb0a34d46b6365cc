//! Groups with nothing to choose between.
//!
//! In: the rules of a package. Out: a warning where a rule is alone in its group among the rules on its event type: most often a
//! misspelled name.

use std::collections::BTreeMap;

use super::Building;
use super::package::Package;
use crate::diagnostic::{Code, Diagnostic};

impl Building<'_> {
    pub(crate) fn lonely(&mut self, package: &Package<'_>) {
        let mut members: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let grouped = || package.rules.iter().filter_map(|(rule, _)| Some((rule, rule.group.as_ref()?)));
        for (rule, group) in grouped() {
            *members.entry((&group.name.value, &rule.on.value)).or_default() += 1;
        }
        for (rule, group) in grouped() {
            if members[&(group.name.value.as_str(), rule.on.value.as_str())] == 1 {
                let words = format!("no other rule on {} is in group `{}`", rule.on.value, group.name.value);
                let d = Diagnostic::new(Code::LonelyGroup, group.name.span, words);
                self.report.push(d.help("correct the name, or leave `group` out: it chooses among rules on one event"));
            }
        }
    }
}
