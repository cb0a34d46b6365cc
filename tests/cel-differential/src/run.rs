//! The run: draws, asks both sides, compares, and makes small what differs.

use std::time::Instant;

use anyhow::{Result, bail};
use rules_cel::parse;
use rules_cel::unparse::unparse;

use crate::answer::{Comparison, Difference, Part, Said, compared};
use crate::dice::{Dice, Seeded};
use crate::form::Grammar;
use crate::known::Known;
use crate::ours::Ours;
use crate::seen::observed;
use crate::tally::Tally;
use crate::theirs::{Place, Theirs};
use crate::tree::{Manner, Tree, draw};

/// Sets of values for the variables.
const SETS: usize = 16;

/// Expressions that are asked of together.
const TOGETHER: usize = 500;

/// A run under way.
pub(crate) struct Run {
    seed: u64,
    grammar: Grammar,
    known: Known,
    /// Names of forms that their checker lacks.
    unchecked: Vec<String>,
    ours: Ours,
    theirs: Theirs,
    tally: Tally,
    shown: usize,
    /// How many differences that nobody knows are shown; then the run ends.
    shown_max: usize,
}

/// An expression, and the number of the values that its variables have.
#[derive(Clone)]
struct Drawn {
    tree: Tree,
    set: usize,
}

impl Run {
    pub(crate) fn new(seed: u64, shown_max: usize, known: Known, place: Place) -> Result<Self> {
        let grammar = Grammar::without(&known.missing());
        let ours = Ours::new(SETS, &mut Seeded::new(seed));
        let theirs = Theirs::start(place, ours.declarations())?;
        let (unchecked, tally) = (known.unchecked(), Tally::of(&grammar));
        Ok(Self { seed, grammar, known, unchecked, ours, theirs, tally, shown: 0, shown_max })
    }

    /// Asks of so many expressions.
    ///
    /// # Errors
    /// Where sides differ and nobody knows why, or too little was compared.
    pub(crate) fn expressions(&mut self, wanted: usize) -> Result<()> {
        let began = Instant::now();
        let mut dice = Seeded::new(self.seed ^ 0x5eed);
        let mut next = 0;
        while next < wanted && self.shown < self.shown_max {
            let end = wanted.min(next + TOGETHER);
            let drawn: Vec<Drawn> = (next..end).map(|number| self.draw(number, &mut dice)).collect();
            next = end;
            for (drawn, comparison) in drawn.iter().zip(self.compare(&drawn)?) {
                self.tally.count(&self.grammar, &drawn.tree, &comparison);
                for difference in &comparison.differences {
                    self.differs(drawn, difference)?;
                }
            }
            if next % 5_000 < TOGETHER {
                let Tally { agreed, with_value, known, .. } = &self.tally;
                let (known, s) = (known.values().sum::<usize>(), began.elapsed().as_secs_f64());
                println!(
                    "{next} asked, {agreed} agree ({with_value} with a value), {known} known differences, {s:.0} s"
                );
            }
        }
        self.told()
    }

    /// Each form begins as many expressions as each other; every eighth expression has a mistake on purpose, or several.
    fn draw(&self, number: usize, dice: &mut Seeded) -> Drawn {
        let forms = self.grammar.forms().len();
        let manner = Manner { height: 1 + dice.below(4), mischief: dice.below(8) == 0, prefix: "" };
        Drawn { tree: draw(&self.grammar, number % forms, manner, dice), set: dice.below(SETS) }
    }

    fn text(&self, tree: &Tree) -> String {
        observed(&tree.ty, &tree.text(&self.grammar))
    }

    /// The other side gets the text as our unparser writes it, with as few brackets as it needs.
    fn compare(&mut self, drawn: &[Drawn]) -> Result<Vec<Comparison>> {
        let texts: Vec<String> = drawn.iter().map(|drawn| self.text(&drawn.tree)).collect();
        let written = |text: &String| {
            let parsed = parse(text);
            if parsed.diagnostics.is_empty() { unparse(&parsed.ast) } else { text.clone() }
        };
        let questions: Vec<_> = drawn.iter().zip(&texts).map(|(drawn, text)| (drawn.set, written(text))).collect();
        self.theirs.ask(&questions)?;
        let ours: Vec<Said> = drawn.iter().zip(&texts).map(|(drawn, text)| self.ours.said(text, drawn.set)).collect();
        let theirs = self.theirs.answers(&questions)?;
        let one =
            |((drawn, ours), theirs): ((&Drawn, &Said), &Said)| compared(ours, theirs, self.is_unchecked(&drawn.tree));
        Ok(drawn.iter().zip(&ours).zip(&theirs).map(one).collect())
    }

    fn is_unchecked(&self, tree: &Tree) -> bool {
        tree.forms().into_iter().any(|form| self.unchecked.contains(&self.grammar.form(form).name))
    }

    /// Makes a difference small, and counts or shows it.
    fn differs(&mut self, drawn: &Drawn, difference: &Difference) -> Result<()> {
        let (small, difference) = self.made_small(drawn.clone(), difference.clone())?;
        let text = self.text(&small.tree);
        if let Some(entry) = self.known.recognised(&text, &difference) {
            *self.tally.known.entry(entry).or_default() += 1;
            return Ok(());
        }
        self.shown += 1;
        let Difference { part, ours, theirs, .. } = difference;
        println!("\nnot the same ({part:?}, values {}):\n  {text}\n  ours:   {ours}\n  theirs: {theirs}", small.set);
        let whole = self.text(&drawn.tree);
        if whole != text {
            println!("  found in: {whole}");
        }
        Ok(())
    }

    /// As long as a smaller expression differs in the same part, that one.
    fn made_small(&mut self, mut drawn: Drawn, mut difference: Difference) -> Result<(Drawn, Difference)> {
        'smaller: loop {
            let trees = drawn.tree.smaller(&self.grammar);
            let smaller: Vec<Drawn> = trees.into_iter().map(|tree| Drawn { tree, set: drawn.set }).collect();
            for some in smaller.chunks(40) {
                let comparisons = self.compare(some)?;
                let part = |of: Comparison, part: Part| of.differences.into_iter().find(|of| of.part == part);
                let found = some.iter().zip(comparisons).find_map(|(of, to)| Some((of, part(to, difference.part)?)));
                if let Some((of, same)) = found {
                    (drawn, difference) = (of.clone(), same);
                    continue 'smaller;
                }
            }
            return Ok((drawn, difference));
        }
    }

    fn told(&self) -> Result<()> {
        println!("\n{}", self.tally);
        println!("known differences (tests/cel-differential/differences.toml):");
        for (number, entry) in self.known.entries().iter().enumerate() {
            println!("  {:>6}  {}", self.tally.known.get(&number).copied().unwrap_or(0), entry.name);
        }
        let too_little = self.tally.too_little();
        if self.shown > 0 {
            bail!("{} differences that nobody knows, of seed {}", self.shown, self.seed);
        }
        if !too_little.is_empty() {
            bail!("too little was compared with seed {}:\n  {}", self.seed, too_little.join("\n  "));
        }
        println!("the same, but for the known differences (seed {})", self.seed);
        Ok(())
    }
}
