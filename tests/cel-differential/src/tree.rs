//! Drawn expressions, as trees of forms: drawn by a type, written as text, and made smaller.
//!
//! What comes in: a [`Grammar`], choices, and the form to begin with. What goes out: a [`Tree`], nearly always well typed; a tree
//! with `mischief` has now and then something of another type in a hole. [`Tree::smaller`] tells what may be tried in its
//! place when something about it is wrong.

use std::collections::{BTreeMap, BTreeSet};

use rules_cel::Type;

use crate::dice::Dice;
use crate::form::{Grammar, Hole, chosen, letters, unified};
use crate::leaf;
use crate::notation::KEY;

/// How many nodes a tree has at most, but for leaves of composed types.
const NODES_MAX: usize = 24;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Of what type it was drawn.
    pub ty: Type,
    node: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Leaf(String),
    Form { form: usize, variables: Vec<String>, parts: Vec<Tree> },
}

/// How trees are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How high they are at most.
    pub height: usize,
    /// Whether something of another type may stand in a hole.
    pub mischief: bool,
    /// What stands before the names of variables: nothing, or `event.`
    pub prefix: &'static str,
}

/// A tree that begins with a form.
pub fn draw(grammar: &Grammar, form: usize, manner: Manner, dice: &mut impl Dice) -> Tree {
    let mut open = Vec::new();
    letters(&grammar.form(form).result, &mut open);
    let mut drawer = Drawer { grammar, dice, manner, locals: Vec::new(), left: NODES_MAX };
    let bound = drawer.choose(&open, BTreeMap::new());
    drawer.form(form, bound, manner.height)
}

struct Drawer<'d, D> {
    grammar: &'d Grammar,
    dice: &'d mut D,
    manner: Manner,
    /// What the macros around declare.
    locals: Vec<(String, Type)>,
    left: usize,
}

impl<D: Dice> Drawer<'_, D> {
    /// Chooses what is still open.
    fn choose(&mut self, open: &[u32], mut bound: BTreeMap<u32, Type>) -> BTreeMap<u32, Type> {
        for letter in open {
            if !bound.contains_key(letter) {
                let ty = if *letter == KEY { leaf::key(self.dice) } else { leaf::any(self.dice) };
                bound.insert(*letter, ty);
            }
        }
        bound
    }

    fn form(&mut self, number: usize, bound: BTreeMap<u32, Type>, height: usize) -> Tree {
        let form = self.grammar.form(number);
        let mut open = Vec::new();
        for hole in &form.holes {
            letters(&hole.ty, &mut open);
            hole.sees.iter().for_each(|(_, ty)| letters(ty, &mut open));
        }
        let bound = self.choose(&open, bound);
        self.left = self.left.saturating_sub(1);
        let first = self.locals.len();
        let variables: Vec<String> = (0..form.variables()).map(|at| format!("v{}", first + at)).collect();
        let mut parts = Vec::new();
        for hole in &form.holes {
            let seen = hole.sees.iter().map(|(at, ty)| (variables[*at].clone(), chosen(ty, &bound)));
            self.locals.extend(seen);
            parts.push(self.hole(hole, &chosen(&hole.ty, &bound), height.saturating_sub(1)));
            self.locals.truncate(first);
        }
        Tree { ty: chosen(&form.result, &bound), node: Node::Form { form: number, variables, parts } }
    }

    fn hole(&mut self, hole: &Hole, ty: &Type, height: usize) -> Tree {
        if self.manner.mischief && self.dice.below(8) == 0 {
            let other = leaf::any(self.dice);
            let tree = self.tree(&other, height);
            let forgets = self.grammar.forms().iter().position(|form| form.name == "to_dyn");
            return match forgets.filter(|_| self.dice.below(2) > 0) {
                None => tree,
                Some(form) => {
                    let node = Node::Form { form, variables: Vec::new(), parts: vec![tree] };
                    Tree { ty: ty.clone(), node }
                }
            };
        }
        if !hole.hints.is_empty() && self.dice.below(4) > 0 {
            return leaf(ty, self.dice.pick(hole.hints).to_owned());
        }
        self.tree(ty, height)
    }

    fn tree(&mut self, ty: &Type, height: usize) -> Tree {
        if height == 0 || self.left == 0 || self.dice.below(4) == 0 {
            return self.leaf(ty);
        }
        let forms = self.grammar.of_type(ty);
        let mut bound = BTreeMap::new();
        match forms.get(self.dice.below(forms.len())) {
            Some(form) if unified(&self.grammar.form(*form).result, ty, &mut bound) => self.form(*form, bound, height),
            _ => self.leaf(ty),
        }
    }

    fn leaf(&mut self, ty: &Type) -> Tree {
        let prefix = self.manner.prefix;
        let declared = leaf::variables().into_iter().filter(|(_, of)| of == ty);
        let declared = declared.map(|(name, _)| format!("{prefix}{name}"));
        let locals = self.locals.iter().filter(|(_, of)| of == ty).map(|(name, _)| name.clone());
        // What a macro declares is used more often than not.
        let names: Vec<String> = locals.clone().chain(locals).chain(declared).collect();
        let text = match self.dice.below(names.len() + 2) {
            at if at < names.len() => names[at].clone(),
            _ => self.constant(ty),
        };
        leaf(ty, text)
    }

    fn constant(&mut self, ty: &Type) -> String {
        match ty {
            Type::List(element) => {
                let elements: Vec<String> = (0..self.dice.below(4)).map(|_| self.constant(element)).collect();
                format!("[{}]", elements.join(", "))
            }
            Type::Map(key, value) => {
                // No key twice: that is a mistake, and mistakes have their place elsewhere.
                let keys: BTreeSet<String> = (0..self.dice.below(3)).map(|_| self.constant(key)).collect();
                let entries: Vec<String> =
                    keys.into_iter().map(|key| format!("{key}: {}", self.constant(value))).collect();
                format!("{{{}}}", entries.join(", "))
            }
            Type::Optional(_) if self.dice.below(3) == 0 => "optional.none()".to_owned(),
            Type::Optional(value) => format!("optional.of({})", self.constant(value)),
            Type::Type(of) => format!("type({})", self.constant(of)),
            Type::Dyn => {
                let ty = leaf::basic(self.dice);
                format!("dyn({})", self.constant(&ty))
            }
            ty => self.dice.pick(leaf::constants(ty)).to_owned(),
        }
    }
}

fn leaf(ty: &Type, text: String) -> Tree {
    Tree { ty: ty.clone(), node: Node::Leaf(text) }
}

impl Tree {
    /// As text, with more brackets than it needs.
    pub fn text(&self, grammar: &Grammar) -> String {
        match &self.node {
            Node::Leaf(text) => text.clone(),
            Node::Form { form, variables, parts } => {
                let parts: Vec<String> = parts.iter().map(|part| part.text(grammar)).collect();
                grammar.form(*form).filled(&parts, variables)
            }
        }
    }

    /// The numbers of the forms in it.
    pub fn forms(&self) -> BTreeSet<usize> {
        let mut out = BTreeSet::new();
        self.walk(&mut |tree| {
            if let Node::Form { form, .. } = tree.node {
                out.insert(form);
            }
        });
        out
    }

    /// How large it is: nodes, variables of macros among them, bytes.
    pub fn size(&self, grammar: &Grammar) -> (usize, usize, usize) {
        let (mut nodes, mut locals) = (0, 0);
        self.walk(&mut |tree| {
            nodes += 1;
            locals += usize::from(tree.is_local());
        });
        (nodes, locals, self.text(grammar).len())
    }

    /// Whether it is a variable of a macro around it.
    fn is_local(&self) -> bool {
        let number = |text: &str| text.strip_prefix('v').is_some_and(|rest| rest.parse::<usize>().is_ok());
        matches!(&self.node, Node::Leaf(text) if number(text))
    }

    fn walk<'t>(&'t self, each: &mut impl FnMut(&'t Tree)) {
        each(self);
        if let Node::Form { parts, .. } = &self.node {
            parts.iter().for_each(|part| part.walk(each));
        }
    }

    /// Trees to try instead, each smaller; the smallest first.
    pub fn smaller(&self, grammar: &Grammar) -> Vec<Tree> {
        let mut out: Vec<Tree> = Vec::new();
        self.walk(&mut |tree| out.push(tree.clone()));
        out.extend(self.with_one_simpler());
        let size = self.size(grammar);
        let mut sized: Vec<_> = out.into_iter().map(|tree| (tree.size(grammar), tree)).collect();
        sized.retain(|(of, _)| *of < size);
        sized.sort_by_key(|(of, _)| *of);
        sized.dedup();
        sized.into_iter().map(|(_, tree)| tree).collect()
    }

    /// The tree with one of its nodes replaced by something simpler of its type.
    fn with_one_simpler(&self) -> Vec<Tree> {
        let mut texts = simple(&self.ty);
        if self.is_local() {
            // Any constant may be what the macro made of it.
            texts.extend(leaf::constants(&self.ty).iter().map(|text| (*text).to_owned()));
        }
        let mut out: Vec<Tree> = texts.into_iter().map(|text| leaf(&self.ty, text)).collect();
        let Node::Form { form, variables, parts } = &self.node else { return out };
        for part in parts {
            part.walk(&mut |inner| {
                if inner.ty == self.ty {
                    out.push(inner.clone());
                }
            });
        }
        for (at, part) in parts.iter().enumerate() {
            for other in part.with_one_simpler() {
                let mut parts = parts.clone();
                parts[at] = other;
                let node = Node::Form { form: *form, variables: variables.clone(), parts };
                out.push(Tree { ty: self.ty.clone(), node });
            }
        }
        out
    }
}

/// Some simple texts of a type.
fn simple(ty: &Type) -> Vec<String> {
    match ty {
        Type::List(element) => {
            let some = simple(element).into_iter().map(|element| format!("[{element}]"));
            ["[]".to_owned()].into_iter().chain(some).collect()
        }
        Type::Map(key, value) => {
            let some = simple(key).into_iter().zip(simple(value)).map(|(key, value)| format!("{{{key}: {value}}}"));
            ["{}".to_owned()].into_iter().chain(some).collect()
        }
        Type::Optional(value) => simple(value).into_iter().map(|value| format!("optional.of({value})")).collect(),
        Type::Type(of) => simple(of).into_iter().map(|of| format!("type({of})")).collect(),
        Type::Dyn => vec!["dyn(0)".to_owned(), "dyn('')".to_owned()],
        ty => leaf::constants(ty).iter().take(3).map(|text| (*text).to_owned()).collect(),
    }
}
