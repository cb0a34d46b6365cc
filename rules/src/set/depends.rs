//! `depends_on:`: what a rule cannot do without.
//!
//! In: the rules of all packages. Out: diagnostics where a name means nothing, where what it means is not enabled, and where rules and
//! workflows depend on each other in a circle. A rule depends on what it names, a workflow on the rules that start it.

use std::collections::BTreeMap;

use super::Building;
use super::package::Package;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Span, Spanned};
use crate::suggest::nearest;
use crate::syntax::{RuleDecl, Verb};

/// Rules and workflows by name, `package/rule` and `workflow.Type`, with what they depend on and where that is said.
type Graph = BTreeMap<String, Vec<(String, Span)>>;

impl Building<'_> {
    pub(crate) fn check_dependencies(&mut self, packages: &[Package<'_>]) {
        if !packages.iter().any(|package| package.rules.iter().any(|(rule, _)| !rule.depends_on.is_empty())) {
            return;
        }
        let rules: BTreeMap<String, &RuleDecl> = packages
            .iter()
            .flat_map(|package| package.rules.iter().map(|(rule, _)| (full(&package.name, &rule.id.value), *rule)))
            .collect();
        let mut graph = Graph::new();
        for (name, rule) in &rules {
            graph.entry(name.clone()).or_default();
            for started in rule.actions.iter().filter(|action| action.verb == Verb::StartWorkflow) {
                let workflow = format!("workflow.{}", started.name.value);
                graph.entry(workflow).or_default().push((name.clone(), started.name.span));
            }
        }
        for package in packages {
            for (rule, _) in &package.rules {
                for wanted in &rule.depends_on {
                    if let Some(target) = self.target(wanted, &package.name, &graph) {
                        if let Some(disabled) = rules.get(&target).filter(|rule| !rule.enabled) {
                            let words =
                                format!("rule `{}` depends on `{}`, which is not enabled", rule.id.value, wanted.value);
                            let d = Diagnostic::new(Code::DependencyDisabled, wanted.span, words);
                            self.report.push(
                                d.also(disabled.id.span, "not enabled").help("enable it, or disable this rule, too"),
                            );
                        }
                        graph.entry(full(&package.name, &rule.id.value)).or_default().push((target, wanted.span));
                    }
                }
            }
        }
        self.circles(&graph);
    }

    /// The full name of what a dependency names; complains where it is nothing.
    fn target(&mut self, wanted: &Spanned<String>, package: &str, graph: &Graph) -> Option<String> {
        let is_rule = !wanted.value.starts_with("workflow.");
        let name =
            if is_rule && !wanted.value.contains('/') { full(package, &wanted.value) } else { wanted.value.clone() };
        if graph.contains_key(&name) {
            return Some(name);
        }
        let own = format!("{package}/");
        let known = graph.keys().map(|known| known.strip_prefix(&own).unwrap_or(known));
        let words = if is_rule {
            format!("no rule `{}` to depend on", wanted.value)
        } else {
            format!("no rule starts `{}`", wanted.value)
        };
        let d =
            Diagnostic::new(Code::UnknownDependency, wanted.span, words).did_you_mean(nearest(&wanted.value, known));
        self.report.push(d.help("name a rule, a `package/rule`, or as `workflow.Type` a workflow that a rule starts"));
        None
    }

    /// Tells each circle once, at the first thing said in it.
    fn circles(&mut self, graph: &Graph) {
        let mut done: BTreeMap<&str, bool> = BTreeMap::new();
        for start in graph.keys() {
            // The way from `start`: a name, and how many of its dependencies were tried.
            let mut way: Vec<(&str, usize)> = vec![(start, 0)];
            while let Some((name, tried)) = way.last_mut() {
                let (name, at) = (*name, *tried);
                *tried += 1;
                done.entry(name).or_insert(false);
                let Some((next, _)) = graph[name].get(at) else {
                    done.insert(name, true);
                    way.pop();
                    continue;
                };
                match done.get(next.as_str()) {
                    None => way.push((next, 0)),
                    Some(true) => {}
                    Some(false) => {
                        let from = way.iter().position(|(on, _)| on == next).unwrap_or_default();
                        self.circle(graph, &way[from..]);
                    }
                }
            }
        }
    }

    fn circle(&mut self, graph: &Graph, way: &[(&str, usize)]) {
        let names: Vec<&str> = way.iter().map(|(name, _)| *name).chain(way.first().map(|(name, _)| *name)).collect();
        let places: Vec<Span> = way.iter().map(|(name, tried)| graph[*name][tried - 1].1).collect();
        let words = format!("a circle of dependencies: {}", names.join(" -> "));
        let mut d = Diagnostic::new(Code::DependencyCircle, places[0], words);
        for place in &places[1..] {
            d = d.also(*place, "and this");
        }
        self.report.push(d.help("decide which of them comes first, and let it depend on none of the others"));
    }
}

fn full(package: &str, rule: &str) -> String {
    format!("{package}/{rule}")
}
