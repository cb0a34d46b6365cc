//! Everything at once: files in, report and rule set out.
//!
//! In: the bytes of rule files, a catalogue, and whose rules they are. Out: a [`Compilation`], which holds the texts (so that
//! its report can be shown), the report of all files together, and the rule set where there are no errors.

use std::collections::BTreeSet;
use std::sync::Arc;

use rules_catalogue::Catalogue;
use rules_engine::RuleSet;
use rules_engine::ir::RuleSetIr;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::set::limits::Priced;
use crate::set::overlay::Region;
use crate::set::package::{Package, ParsedFile, beside, gather};
use crate::set::{self, Compiled, Identity, Places};
use crate::source::{FileId, SourceFile, Sources, Span};
use crate::syntax;
use crate::tester;
use crate::yaml;

/// A file to compile: one of rules, or one of parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputFile {
    /// Shown in diagnostics; a rule file's `params:` is sought relative to it.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What compiling gave.
pub struct Compilation {
    pub(crate) sources: Sources,
    pub(crate) files: Vec<ParsedFile>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) identity: Identity,
    report: Report,
    set: RuleSetIr,
    pub(crate) places: Places,
    pub(crate) priced: Vec<Priced>,
}

impl InputFile {
    /// A file of text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> InputFile {
        InputFile { path: path.into(), bytes: text.into().into_bytes() }
    }
}

impl Compilation {
    /// Compiles all files together, without any region's overlay. Never fails: what is wrong is in [`Compilation::report`].
    pub fn new(inputs: Vec<InputFile>, catalogue: Arc<Catalogue>, identity: Identity) -> Compilation {
        Compilation::for_region(inputs, catalogue, identity, None)
    }

    /// As [`Compilation::new`], with the overlays of a region. The overlays of all regions are checked, and their tests run under them,
    /// whatever the region.
    pub fn for_region(
        inputs: Vec<InputFile>,
        catalogue: Arc<Catalogue>,
        identity: Identity,
        region: Option<&str>,
    ) -> Compilation {
        let mut sources = Sources::default();
        let mut report = Report::default();
        let mut files = Vec::new();
        for input in inputs {
            let id = take_in(&mut sources, input, &mut report);
            if report.diagnostics().last().is_some_and(|d| d.code == Code::NotText && d.span.file == id) {
                continue;
            }
            if let Some(tree) = yaml::read(id, sources.file(id), &mut report) {
                let file = syntax::read(sources.file(id), &tree, &mut report);
                files.push(ParsedFile { id, file });
            }
        }
        let packages = gather(&files, &sources, &catalogue, &mut report);
        let of_region = Region { name: region, ..Region::default() };
        let Compiled { set, places, priced } = set::compile(&packages, &catalogue, &identity, of_region, &mut report);
        for other in regions(&packages).filter(|other| Some(*other) != region) {
            let changed = Region { name: Some(other), changed_only: true, given: None };
            let mut theirs = Report::default();
            set::compile(&packages, &catalogue, &identity, changed, &mut theirs);
            report.add_new(theirs);
        }
        for package in &packages {
            for (test, _) in &package.tests {
                tester::prepare(test, package, &catalogue, &mut report);
            }
        }
        if !report.has_errors()
            && let Err(refusal) = RuleSet::load(set.clone(), Arc::clone(&catalogue))
        {
            let d = Diagnostic::new(
                Code::EngineRefuses,
                Span::default(),
                format!("the engine refuses the rules: {refusal}"),
            );
            report.push(
                d.help("change the rule that is named; if nothing about it looks wrong, report this as a defect"),
            );
        }
        report.sort();
        Compilation { sources, files, catalogue, identity, report, set, places, priced }
    }

    /// What is wrong or deserves a look.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The texts that the report points into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The catalogue that it was compiled against.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The rule set; `None` where there are errors.
    pub fn rule_set(&self) -> Option<&RuleSetIr> {
        (!self.report.has_errors()).then_some(&self.set)
    }

    /// The rule set as the engine runs it; `None` where there are errors.
    pub fn loaded(&self) -> Option<Arc<RuleSet>> {
        let loaded = RuleSet::load(self.rule_set()?.clone(), Arc::clone(&self.catalogue));
        Some(Arc::new(loaded.expect("INVARIANT: the engine took these rules when they were compiled")))
    }

    /// Regions that have overlays among the files, sorted.
    pub fn regions(&self) -> Vec<String> {
        let heads = self.files.iter().filter_map(|parsed| parsed.file.overlay_head.as_ref());
        heads.map(|head| head.region.value.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The report as a person reads it.
    pub fn to_text(&self, color: bool) -> String {
        self.report.to_text(&self.sources, color)
    }

    /// The packages, resolved anew; mistakes were told when the compilation was made.
    pub(crate) fn packages(&self) -> Vec<Package<'_>> {
        gather(&self.files, &self.sources, &self.catalogue, &mut Report::default())
    }
}

/// Regions that have overlays, each once.
fn regions<'a>(packages: &'a [Package<'_>]) -> impl Iterator<Item = &'a str> {
    let all = packages.iter().flat_map(|package| &package.overlays).map(|overlay| overlay.head.region.value.as_str());
    all.collect::<BTreeSet<_>>().into_iter()
}

/// Paths of the files of parameters that a rule file names, relative as the rule file's own path is. For callers that read
/// files: what the author names must be read, too.
pub fn named_params(path: &str, text: &str) -> Vec<String> {
    let mut quiet = Report::default();
    let source = SourceFile::new(path, text);
    let Some(tree) = yaml::read(FileId::default(), &source, &mut quiet) else { return Vec::new() };
    let file = syntax::read(&source, &tree, &mut quiet);
    let named = file.head.and_then(|head| head.params);
    named.map(|params| beside(path, &params.value)).into_iter().collect()
}

fn take_in(sources: &mut Sources, input: InputFile, report: &mut Report) -> FileId {
    match String::from_utf8(input.bytes) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
            sources.add(SourceFile::new(input.path, text))
        }
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let id = sources.add(SourceFile::new(input.path, String::from_utf8_lossy(error.as_bytes())));
            let d = Diagnostic::new(Code::NotText, Span::new(id, valid..valid), "the file is not UTF-8 text");
            report.push(d.label("here").help("save it as UTF-8"));
            id
        }
    }
}
