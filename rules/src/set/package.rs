//! A package: what its files declare together.
//!
//! In: the files that were read. Out: [`Package`]s with sets and parameters resolved, sorted by name, and diagnostics for what
//! is declared twice or contradicts itself. Rules and tests are only collected here.

use std::collections::BTreeMap;

use rules_catalogue::Catalogue;
use rules_cel::Type;
use rules_cel::checked::Constant;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expr::{Names, ParamInfo, SetInfo};
use crate::source::{FileId, Sources, Span, Spanned};
use crate::suggest::nearest;
use crate::syntax::{
    CalendarDecl, Head, Literal, ParamDecl, ParamValue, RegionsDecl, RuleDecl, RuleFile, SetDecl, TestDecl,
};

/// A file and where it stands.
pub(crate) struct ParsedFile {
    pub(crate) id: FileId,
    pub(crate) file: RuleFile,
}

/// What the files of one package declare.
pub(crate) struct Package<'a> {
    pub(crate) name: String,
    pub(crate) names: Names,
    /// Rules with the owner of their file, in the order of files and lines.
    pub(crate) rules: Vec<(&'a RuleDecl, &'a str)>,
    pub(crate) tests: Vec<&'a TestDecl>,
    pub(crate) calendars: Vec<&'a CalendarDecl>,
    pub(crate) regions: Option<&'a RegionsDecl>,
}

/// Sorts files into packages and resolves what they share. Parameters are numbered through all packages.
pub(crate) fn gather<'a>(
    files: &'a [ParsedFile],
    sources: &Sources,
    catalogue: &Catalogue,
    report: &mut Report,
) -> Vec<Package<'a>> {
    let mut by_name: BTreeMap<&str, Vec<(&ParsedFile, &Head)>> = BTreeMap::new();
    for parsed in files {
        if let Some(head) = &parsed.file.head {
            check_catalogue(head, catalogue, report);
            check_params_file(head, parsed, files, sources, report);
            by_name.entry(&head.package.value).or_default().push((parsed, head));
        }
    }
    let mut next_param = 0;
    let package = |(name, parts): (&&str, &Vec<(&'a ParsedFile, &'a Head)>)| {
        let extra = files.iter().filter(|p| p.file.params_head.as_ref().is_some_and(|h| h.package.value == **name));
        let params = parts.iter().map(|(p, _)| *p).chain(extra).flat_map(|p| &p.file.params);
        let sets = parts.iter().flat_map(|(p, _)| &p.file.sets);
        let names = Names { params: resolve_params(params, &mut next_param, report), sets: resolve_sets(sets, report) };
        let rules: Vec<_> =
            parts.iter().flat_map(|(p, head)| p.file.rules.iter().map(|r| (r, head.owner.value.as_str()))).collect();
        let tests: Vec<_> = parts.iter().flat_map(|(p, _)| &p.file.tests).collect();
        unique(rules.iter().map(|(r, _)| &r.id), Code::DuplicateRule, "rule", report);
        let calendars: Vec<_> = parts.iter().flat_map(|(p, _)| &p.file.calendars).collect();
        let regions: Vec<_> = parts.iter().filter_map(|(p, _)| p.file.regions.as_ref()).collect();
        unique(tests.iter().map(|t| &t.name), Code::DuplicateName, "test", report);
        unique(calendars.iter().map(|c| &c.name), Code::DuplicateName, "calendar", report);
        one_table(&regions, report);
        let regions = regions.first().copied();
        Package { name: (*name).to_owned(), names, rules, tests, calendars, regions }
    };
    by_name.iter().map(package).collect()
}

/// A package has one table of regions.
fn one_table(regions: &[&RegionsDecl], report: &mut Report) {
    let [first, more @ ..] = regions else { return };
    for second in more {
        let d = Diagnostic::new(Code::DuplicateName, second.span, "the package declares `regions` twice");
        report.push(d.also(first.span, "first here").help("put all regions into one table"));
    }
}

fn check_catalogue(head: &Head, catalogue: &Catalogue, report: &mut Report) {
    if head.catalogue.value != catalogue.name() {
        let words = format!("the file is for catalogue `{}`", head.catalogue.value);
        let d = Diagnostic::new(Code::WrongCatalogue, head.catalogue.span, words)
            .did_you_mean(nearest(&head.catalogue.value, [catalogue.name()]));
        report.push(d.help(format!("the catalogue that was loaded is `{}`", catalogue.name())));
    }
}

fn check_params_file(head: &Head, of: &ParsedFile, files: &[ParsedFile], sources: &Sources, report: &mut Report) {
    let Some(params) = &head.params else { return };
    let wanted = beside(&sources.file(of.id).path, &params.value);
    let found = files.iter().find(|p| normal(&sources.file(p.id).path) == wanted);
    let words = match found.map(|p| &p.file.params_head) {
        None => format!("file `{wanted}` was not read"),
        Some(None) => format!("file `{wanted}` is no file of parameters"),
        Some(Some(their)) if their.package.value != head.package.value => {
            format!("file `{wanted}` is for package `{}`", their.package.value)
        }
        Some(Some(_)) => return,
    };
    let help = format!("it begins with `params/v1: {{ package: {} }}` and stands beside this file", head.package.value);
    report.push(Diagnostic::new(Code::NoParamsFile, params.span, words).help(help));
}

/// The path of a file named relative to another one.
pub(crate) fn beside(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((directory, _)) => normal(&format!("{directory}/{name}")),
        None => normal(name),
    }
}

/// Without `.` and without `x/..`.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn unique<'a>(names: impl Iterator<Item = &'a Spanned<String>>, code: Code, what: &str, report: &mut Report) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for name in names {
        if let Some(first) = seen.get(name.value.as_str()) {
            let words = format!("{what} `{}` is declared twice", name.value);
            let d = Diagnostic::new(code, name.span, words).also(*first, "first here");
            report.push(d.help("give one of them another name"));
        } else {
            seen.insert(&name.value, name.span);
        }
    }
}

fn resolve_params<'a>(
    params: impl Iterator<Item = &'a ParamDecl>,
    next: &mut usize,
    report: &mut Report,
) -> BTreeMap<String, ParamInfo> {
    let mut out: BTreeMap<String, ParamInfo> = BTreeMap::new();
    for param in params {
        if let Some(first) = out.get(&param.name.value) {
            let words = format!("parameter `{}` is declared twice", param.name.value);
            let d = Diagnostic::new(Code::DuplicateName, param.name.span, words).also(first.span, "first here");
            report.push(d.help("remove one of them"));
            continue;
        }
        let Ok(index) = u16::try_from(*next) else {
            report.push(Diagnostic::new(Code::TooLarge, param.name.span, "more than 65,536 parameters"));
            break;
        };
        *next += 1;
        let highest = param.range.as_ref().map(|range| range.value.1.map_or(i64::MAX, |high| high as i64));
        let value = param_constant(&param.value.value);
        let (range, tunable, span) = (param.range.clone(), param.tunable, param.name.span);
        out.insert(param.name.value.clone(), ParamInfo { index, value, highest, range, tunable, span });
    }
    out
}

fn param_constant(value: &ParamValue) -> Constant {
    match value {
        ParamValue::Bool(b) => Constant::Bool(*b),
        ParamValue::Int(n) => Constant::Int(*n),
        ParamValue::Double(n) => Constant::Double(*n),
        ParamValue::Text(s) => Constant::String(s.clone()),
        ParamValue::DurationMs(ms) => Constant::Duration { nanos: ms.saturating_mul(1_000_000) },
    }
}

fn resolve_sets<'a>(sets: impl Iterator<Item = &'a SetDecl>, report: &mut Report) -> BTreeMap<String, SetInfo> {
    let mut out: BTreeMap<String, SetInfo> = BTreeMap::new();
    for set in sets {
        if let Some(first) = out.get(&set.name.value) {
            let words = format!("set `{}` is declared twice", set.name.value);
            let d = Diagnostic::new(Code::DuplicateName, set.name.span, words).also(first.span, "first here");
            report.push(d.help("remove one of them"));
            continue;
        }
        let items: Vec<Constant> = set.items.iter().map(|item| literal_constant(&item.value)).collect();
        let ty = items.first().map_or(Type::String, Constant::ty);
        if let Some(odd) = items.iter().position(|item| item.ty() != ty) {
            let words = format!("set `{}` has members of different types", set.name.value);
            let d = Diagnostic::new(Code::MixedSet, set.items[odd].span, words)
                .label(format!("{}, and the first member is {ty}", items[odd].ty()));
            report.push(d.help("quotes make a member text: `['1', '2']`"));
        }
        out.insert(set.name.value.clone(), SetInfo { ty, items, span: set.name.span });
    }
    out
}

/// A constant of the type it looks like.
pub(crate) fn literal_constant(literal: &Literal) -> Constant {
    match literal {
        Literal::Bool(b) => Constant::Bool(*b),
        Literal::Int(n) => Constant::Int(*n),
        Literal::Double(n) => Constant::Double(*n),
        Literal::Text(s) => Constant::String(s.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_beside_a_file() {
        assert_eq!(beside("rules/eu/a.yaml", "p.yaml"), "rules/eu/p.yaml");
        assert_eq!(beside("rules/eu/a.yaml", "../p.yaml"), "rules/p.yaml");
        assert_eq!(beside("a.yaml", "./p.yaml"), "p.yaml");
        assert_eq!(beside("../x/a.yaml", "../../p.yaml"), "../../p.yaml");
        assert_eq!(beside("/x/a.yaml", "../p.yaml"), "/p.yaml");
    }
}
