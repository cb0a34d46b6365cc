//! A test, checked against rules and catalogue, ready to run.
//!
//! In: a [`TestDecl`] and its package. Out: a [`Prepared`] test, or diagnostics: rules and events that do not exist, events that
//! admission would refuse, parameters and connection attributes nobody knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use edge_event::{EventTypeId, Provenance};
use rules_catalogue::{Catalogue, EventType, Provenances};
use rules_cel::checked::Constant;

use super::payload_of;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::set::package::Package;
use crate::set::tune::as_type_of;
use crate::source::{Span, Spanned};
use crate::suggest::nearest;
use crate::syntax::{Expectation, TestDecl};
use crate::yaml::{Kind, Node};

/// The player of tests that name none.
const PLAYER: &str = "p1";

/// A test that can run.
pub(crate) struct Prepared<'a> {
    pub(crate) decl: &'a TestDecl,
    pub(crate) conn: Conn,
    /// Parameters that have other values than the package's.
    pub(crate) params: BTreeMap<String, Constant>,
    pub(crate) steps: Vec<Step<'a>>,
}

/// What a test says about the connection.
#[derive(Clone, Default)]
pub(crate) struct Conn {
    pub(crate) player: Arc<str>,
    pub(crate) platform: Arc<str>,
    pub(crate) locale: Arc<str>,
    pub(crate) build: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) segments: Vec<Arc<str>>,
    pub(crate) attributes: Vec<(Arc<str>, Arc<str>)>,
}

/// An event of a test, encoded.
pub(crate) struct Step<'a> {
    pub(crate) event_type: EventTypeId,
    pub(crate) name: &'a str,
    pub(crate) name_span: Span,
    pub(crate) provenance: Provenance,
    pub(crate) player: Arc<str>,
    pub(crate) payload: Bytes,
    /// Milliseconds after the test's start.
    pub(crate) happened_ms: i64,
    /// Milliseconds after the test's start.
    pub(crate) arrives_ms: i64,
    pub(crate) expect: Option<&'a Expectation>,
}

/// Prepares a test. `None` where something about it is wrong; the report says what.
pub(crate) fn prepare<'a>(
    decl: &'a TestDecl,
    package: &Package<'_>,
    catalogue: &Catalogue,
    report: &mut Report,
) -> Option<Prepared<'a>> {
    let before = report.diagnostics().len();
    if let Some(rule) = &decl.rule {
        known_rule(rule, package, report);
    }
    let conn = conn_of(decl, report);
    let params = params_of(decl, package, report);
    let mut steps = Vec::with_capacity(decl.events.len());
    for event in &decl.events {
        if let Some(expect) = &event.expect {
            for rule in expect.fires.iter().flatten() {
                known_rule(rule, package, report);
            }
        }
        let Some((name, fields)) = &event.event else { continue };
        let Some(event_type) = event_type(name, catalogue, report) else { continue };
        let player = event.player.as_ref().map_or(Arc::clone(&conn.player), |p| Arc::from(p.value.as_str()));
        let Some(payload) = payload_of(catalogue, event_type, fields, name.span, &player, report) else { continue };
        steps.push(Step {
            event_type: event_type.id,
            name: &name.value,
            name_span: name.span,
            provenance: match event_type.provenance {
                Provenances::Server => Provenance::Server,
                Provenances::Client | Provenances::Any => Provenance::Client,
            },
            player,
            payload: Bytes::from(payload),
            happened_ms: event.at.value,
            arrives_ms: event.arrives.as_ref().unwrap_or(&event.at).value,
            expect: event.expect.as_ref(),
        });
    }
    (report.diagnostics().len() == before).then_some(Prepared { decl, conn, params, steps })
}

fn known_rule(rule: &Spanned<String>, package: &Package<'_>, report: &mut Report) {
    let mut ids = package.rules.iter().map(|(r, _)| r.id.value.as_str());
    if !ids.any(|id| id == rule.value) {
        let ids = package.rules.iter().map(|(r, _)| r.id.value.as_str());
        let words = format!("no rule `{}` in package {}", rule.value, package.name);
        let d = Diagnostic::new(Code::UnknownRule, rule.span, words).did_you_mean(nearest(&rule.value, ids));
        report.push(d.help("a test names rules of its file's own package"));
    }
}

fn event_type<'c>(name: &Spanned<String>, catalogue: &'c Catalogue, report: &mut Report) -> Option<&'c EventType> {
    let found = catalogue.event_type_by_name(&name.value);
    if found.is_none() {
        let names = catalogue.event_types().iter().map(|t| t.name.as_str());
        let guess = nearest(&name.value, names.chain(["at", "arrives", "player", "expect"]));
        let words = format!("no event type `{}` in catalogue {}", name.value, catalogue.name());
        let d = Diagnostic::new(Code::UnknownEventType, name.span, words).did_you_mean(guess);
        report.push(d.help("a step has `at`, one event type, and may have `arrives`, `player`, `expect`"));
    }
    found
}

fn params_of(decl: &TestDecl, package: &Package<'_>, report: &mut Report) -> BTreeMap<String, Constant> {
    let mut out = BTreeMap::new();
    for (name, value) in &decl.params {
        let Some(param) = package.names.params.get(&name.value) else {
            let known = package.names.params.keys().map(String::as_str);
            let words = format!("package {} declares no parameter `{}`", package.name, name.value);
            let d = Diagnostic::new(Code::UnknownParam, name.span, words).did_you_mean(nearest(&name.value, known));
            report.push(d.help("declare it under `params:`"));
            continue;
        };
        match as_type_of(&param.value, &value.value) {
            Some(value) => drop(out.insert(name.value.clone(), value)),
            None => {
                let words = format!("parameter `{}` is of type {}", name.value, param.value.ty());
                let d = Diagnostic::new(Code::UnknownParam, value.span, words).also(param.span, "declared here");
                report.push(d.help("give it a value of that type"));
            }
        }
    }
    out
}

fn conn_of(decl: &TestDecl, report: &mut Report) -> Conn {
    let mut conn = Conn { player: Arc::from(PLAYER), ..Conn::default() };
    for (name, value) in &decl.conn {
        let slot = match name.value.as_str() {
            "player_id" => &mut conn.player,
            "platform" => &mut conn.platform,
            "locale" => &mut conn.locale,
            "build" => &mut conn.build,
            "region" => &mut conn.region,
            "segments" => {
                conn.segments = texts(value, report);
                conn.segments.sort();
                continue;
            }
            "attributes" => {
                conn.attributes = pairs(value, report);
                conn.attributes.sort();
                continue;
            }
            _ => {
                let words = format!("a connection has no `{}`", name.value);
                let known = ["player_id", "platform", "locale", "build", "region", "segments", "attributes"];
                let d = Diagnostic::new(Code::BadGiven, name.span, words).did_you_mean(nearest(&name.value, known));
                report.push(d.help(
                    "it can have `player_id`, `platform`, `locale`, `build`, `region`, `segments`, `attributes`",
                ));
                continue;
            }
        };
        *slot = text(value, report);
    }
    conn
}

fn text(node: &Node, report: &mut Report) -> Arc<str> {
    match node.as_scalar() {
        Some(scalar) => Arc::from(scalar.text.as_str()),
        None => {
            let words = format!("text is needed here, not {}", node.describe());
            report.push(Diagnostic::new(Code::BadGiven, node.span, words).help("write one word or quoted text"));
            Arc::from("")
        }
    }
}

fn texts(node: &Node, report: &mut Report) -> Vec<Arc<str>> {
    match &node.kind {
        Kind::List(items) => items.iter().map(|item| text(item, report)).collect(),
        _ => {
            let words = format!("a list is needed here, not {}", node.describe());
            report.push(Diagnostic::new(Code::BadGiven, node.span, words).help("write `[vip, beta]`"));
            Vec::new()
        }
    }
}

fn pairs(node: &Node, report: &mut Report) -> Vec<(Arc<str>, Arc<str>)> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().map(|e| (Arc::from(e.key.as_str()), text(&e.value, report))).collect(),
        _ => {
            let words = format!("a map is needed here, not {}", node.describe());
            report.push(Diagnostic::new(Code::BadGiven, node.span, words).help("write `{ name: value }`"));
            Vec::new()
        }
    }
}
