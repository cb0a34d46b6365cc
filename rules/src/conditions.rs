//! Conditions as their authors wrote them, and what they speak of: for whoever evaluates them in another way.
//!
//! In: a [`Compilation`] without errors. Out: for each package its parameters and sets with their values, and the text of each
//! rule's `when`. Absent: everything that the compiler made of them.

use rules_cel::Constant;

use crate::compilation::Compilation;
use crate::expr::whole;

/// The conditions of a package.
#[derive(Clone, PartialEq, Debug)]
pub struct WrittenConditions {
    /// The package.
    pub package: String,
    /// Parameters by name, without `params.`, and their values.
    pub params: Vec<(String, Constant)>,
    /// Sets by name, e.g. `zones.hard`, and their members.
    pub sets: Vec<(String, Vec<Constant>)>,
    /// One a rule that has a `when` and is enabled.
    pub rules: Vec<WrittenCondition>,
}

/// The condition of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrittenCondition {
    /// The rule's id.
    pub rule: String,
    /// The expression, as it is after YAML has read it.
    pub text: String,
    /// `path:line:column`
    pub place: String,
}

impl Compilation {
    /// The conditions of every package, sorted by its name.
    pub fn conditions(&self) -> Vec<WrittenConditions> {
        let of_package = |package: crate::set::package::Package<'_>| {
            let enabled = package.rules.iter().map(|(decl, _)| *decl).filter(|decl| decl.enabled);
            let condition = |decl: &crate::syntax::RuleDecl| {
                let cel = decl.when.as_ref()?;
                let place = self.sources.describe(whole(cel));
                Some(WrittenCondition { rule: decl.id.value.clone(), text: cel.text.clone(), place })
            };
            WrittenConditions {
                rules: enabled.filter_map(condition).collect(),
                params: package.names.params.iter().map(|(name, of)| (name.clone(), of.value.clone())).collect(),
                sets: package.names.sets.iter().map(|(name, of)| (name.clone(), of.items.clone())).collect(),
                package: package.name,
            }
        };
        self.packages().into_iter().map(of_package).collect()
    }
}
