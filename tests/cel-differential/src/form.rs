//! Forms of expressions: a text with holes, of what types the holes are, and of what type the whole.
//!
//! What comes in: the table of everything that can be called, from `rules-cel` itself, and the checker's own forms (`own`). What
//! goes out: a [`Grammar`]. So what is added to the library is drawn without a line here; only arguments that make sense
//! of texts (`hints`) are written by hand.

mod hints;
mod own;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rules_cel::{Overload, Signature, Type, library};

use crate::notation;

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// The id of its overload, or a name of its own; forms of one name are ways to write one thing.
    pub name: String,
    /// What it is worth; letters are to be chosen.
    pub result: Type,
    /// What is to be filled in, in the order of the text.
    pub holes: Vec<Hole>,
    pieces: Vec<Piece>,
}

/// A place for an expression.
#[derive(Clone, Debug)]
pub struct Hole {
    /// Of what type.
    pub ty: Type,
    /// Which variables of the form it sees, and their types.
    pub sees: Vec<(usize, Type)>,
    /// Texts that make sense here; perhaps none.
    pub hints: &'static [&'static str],
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Hole(usize),
    Variable(usize),
}

/// All forms.
pub struct Grammar {
    forms: Vec<Form>,
    /// Which forms can be of a type: sought once.
    of_type: RefCell<BTreeMap<Type, Rc<[usize]>>>,
}

impl Form {
    /// `@` in the template is a hole, `$x` and `$y` are variables. A hole's type may be followed by what it sees: `B / x: A`.
    fn of(name: &str, result: Type, template: &str, holes: &[&str]) -> Self {
        let holes: Vec<Hole> = holes.iter().enumerate().map(|(at, text)| hole(text, hints::of(name, at))).collect();
        let mut form = Self { name: name.to_owned(), result, holes, pieces: Vec::new() };
        let mut next = 0;
        let mut rest = template;
        while let Some(at) = rest.find(['@', '$']) {
            form.pieces.push(Piece::Text(rest[..at].to_owned()));
            let is_hole = rest[at..].starts_with('@');
            let length = if is_hole { 1 } else { 2 };
            form.pieces.push(match &rest[at..at + length] {
                "@" => Piece::Hole(next),
                "$x" => Piece::Variable(0),
                _ => Piece::Variable(1),
            });
            next += usize::from(is_hole);
            rest = &rest[at + length..];
        }
        form.pieces.push(Piece::Text(rest.to_owned()));
        assert_eq!(next, form.holes.len(), "{name}");
        form
    }

    /// A signature of the library, as one writes it.
    fn called(name: &str, signature: &Signature) -> Self {
        let marks = vec!["@"; signature.params.len()];
        let template = match name {
            "!" => "(!@)".to_owned(),
            "0-" => "(-@)".to_owned(),
            _ if !name.starts_with(|c: char| c.is_ascii_alphabetic()) => format!("(@ {name} @)"),
            _ if signature.method => format!("@.{name}({})", marks[1..].join(", ")),
            _ => format!("{name}({})", marks.join(", ")),
        };
        let id = signature.overload.id();
        let mut form = Self::of(&id, signature.result.clone(), &template, &vec!["dyn"; marks.len()]);
        for (hole, ty) in form.holes.iter_mut().zip(&signature.params) {
            hole.ty = ty.clone();
        }
        form
    }

    /// How many variables it declares.
    pub fn variables(&self) -> usize {
        let numbers = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(number) => Some(number + 1),
            _ => None,
        });
        numbers.max().unwrap_or(0)
    }

    /// The text with everything filled in.
    pub fn filled(&self, parts: &[String], variables: &[String]) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Hole(number) => parts[*number].clone(),
            Piece::Variable(number) => variables[*number].clone(),
        };
        self.pieces.iter().map(text).collect()
    }
}

fn hole(text: &str, hints: &'static [&'static str]) -> Hole {
    let (ty, sees) = text.split_once('/').unwrap_or((text, ""));
    let seen = |(number, of): (usize, &str)| {
        let (_, of) = of.split_once(':').expect("a variable has a type");
        (number, notation::ty(of))
    };
    let sees = sees.split(';').filter(|of| !of.trim().is_empty()).enumerate().map(seen).collect();
    Hole { ty: notation::ty(ty), sees, hints }
}

impl Grammar {
    /// Everything, but for the forms of these names.
    pub fn without(missing: &[String]) -> Self {
        let operators = ["!", "0-", "+", "-", "*", "/", "%", "<", "<=", ">", ">="];
        let mut forms = own::forms();
        for name in operators.into_iter().chain(library::names()) {
            // What their signatures say is less than what the checker knows of them; their forms are own ones.
            let is_own = |overload| matches!(overload, Overload::MathGreatest | Overload::MathLeast | Overload::Format);
            let signatures = library::signatures(name).iter().filter(|signature| !is_own(signature.overload));
            forms.extend(signatures.map(|signature| Form::called(name, signature)));
        }
        forms.retain(|form| !missing.contains(&form.name));
        Self { forms, of_type: RefCell::default() }
    }

    /// All of them.
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// The form of a number.
    pub fn form(&self, number: usize) -> &Form {
        &self.forms[number]
    }

    /// The numbers of the forms that can be of a type.
    pub fn of_type(&self, ty: &Type) -> Rc<[usize]> {
        if let Some(found) = self.of_type.borrow().get(ty) {
            return Rc::clone(found);
        }
        let fits = |number: &usize| unified(&self.forms[*number].result, ty, &mut BTreeMap::new());
        let found: Rc<[usize]> = (0..self.forms.len()).filter(fits).collect();
        self.of_type.borrow_mut().insert(ty.clone(), Rc::clone(&found));
        found
    }
}

/// Whether the pattern is the type where its letters are chosen well; and how they are.
pub(crate) fn unified(pattern: &Type, ty: &Type, letters: &mut BTreeMap<u32, Type>) -> bool {
    match (pattern, ty) {
        (Type::Param(letter), ty) => {
            (*letter != notation::KEY || is_key(ty)) && letters.entry(*letter).or_insert_with(|| ty.clone()) == ty
        }
        (Type::List(pattern), Type::List(ty))
        | (Type::Optional(pattern), Type::Optional(ty))
        | (Type::Type(pattern), Type::Type(ty)) => unified(pattern, ty, letters),
        (Type::Map(key, value), Type::Map(other_key, other)) => {
            unified(key, other_key, letters) && unified(value, other, letters)
        }
        (pattern, ty) => pattern == ty,
    }
}

fn is_key(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Int | Type::Uint | Type::String)
}

/// The type with its letters replaced.
///
/// # Panics
/// Where a letter was not chosen.
pub(crate) fn chosen(ty: &Type, letters: &BTreeMap<u32, Type>) -> Type {
    match ty {
        Type::Param(letter) => letters[letter].clone(),
        Type::List(element) => Type::list(chosen(element, letters)),
        Type::Optional(value) => Type::optional(chosen(value, letters)),
        Type::Type(of) => Type::type_of(chosen(of, letters)),
        Type::Map(key, value) => Type::map(chosen(key, letters), chosen(value, letters)),
        other => other.clone(),
    }
}

/// The letters of a type.
pub(crate) fn letters(ty: &Type, out: &mut Vec<u32>) {
    match ty {
        Type::Param(letter) => out.push(*letter),
        Type::List(inner) | Type::Optional(inner) | Type::Type(inner) => letters(inner, out),
        Type::Map(key, value) => {
            letters(key, out);
            letters(value, out);
        }
        _ => {}
    }
}
