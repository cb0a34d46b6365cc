//! What was counted, whether it is enough, and how it is told.

use std::collections::BTreeMap;
use std::fmt;

use crate::answer::Comparison;
use crate::form::Grammar;
use crate::tree::Tree;

/// Of a form: in how many expressions it was.
#[derive(Clone, Copy, Default)]
struct Count {
    /// Of which both sides said the same, that there is no value included.
    agreed: usize,
    /// And had a value.
    with_value: usize,
}

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) asked: usize,
    pub(crate) agreed: usize,
    pub(crate) with_value: usize,
    pub(crate) refused: usize,
    pub(crate) unseen: usize,
    /// Expressions with a difference that is known, by the number of its entry.
    pub(crate) known: BTreeMap<usize, usize>,
    forms: BTreeMap<String, Count>,
}

impl Tally {
    /// Every form of a grammar at nothing.
    pub(crate) fn of(grammar: &Grammar) -> Self {
        let forms = grammar.forms().iter().map(|form| (form.name.clone(), Count::default())).collect();
        Self { forms, ..Self::default() }
    }

    pub(crate) fn count(&mut self, grammar: &Grammar, tree: &Tree, comparison: &Comparison) {
        self.asked += 1;
        self.refused += usize::from(comparison.is_refused);
        self.unseen += usize::from(comparison.is_unseen);
        if !comparison.differences.is_empty() || !comparison.is_compared {
            return;
        }
        self.agreed += 1;
        self.with_value += usize::from(comparison.has_value);
        let mut names: Vec<&str> = tree.forms().into_iter().map(|form| grammar.form(form).name.as_str()).collect();
        names.dedup();
        for name in names {
            let count = self.forms.entry(name.to_owned()).or_default();
            count.agreed += 1;
            count.with_value += usize::from(comparison.has_value);
        }
    }

    /// What is too little: half of the expressions must have a value, and each form must be in one of a thousand that do.
    pub(crate) fn too_little(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.with_value * 2 < self.asked {
            out.push(format!("only {} of {} expressions have a value", self.with_value, self.asked));
        }
        let wanted = self.asked / 1_000;
        let rare = self.forms.iter().filter(|(_, count)| count.with_value < wanted);
        out.extend(rare.map(|(name, count)| {
            format!("`{name}` was in {} expressions with a value, and not in {wanted}", count.with_value)
        }));
        out
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "in how many expressions on which both sides agree each form was, and in how many with a value:")?;
        let forms: Vec<_> = self.forms.iter().collect();
        for row in forms.chunks(3) {
            let cell =
                |(name, count): &(&String, &Count)| format!("{name:<36} {:>6} {:>6}", count.agreed, count.with_value);
            writeln!(f, "  {}", row.iter().map(cell).collect::<Vec<_>>().join("   ").trim_end())?;
        }
        if let Some((name, rarest)) = self.forms.iter().min_by_key(|(_, count)| count.with_value) {
            writeln!(f, "the rarest is {name}: {} and {}", rarest.agreed, rarest.with_value)?;
        }
        write!(
            f,
            "{} expressions: {} agree, {} of them with a value; {} are refused by both checkers; {} cannot be seen from Python",
            self.asked, self.agreed, self.with_value, self.refused, self.unseen
        )
    }
}
