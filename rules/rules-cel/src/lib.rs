//! CEL: the Common Expression Language, from text to a typed tree.
//!
//! What comes in: the text of one expression ([`parse`]), and an [`Env`] that says what it may speak of ([`check()`]).
//! What goes out: a tree with spans ([`ast::Ast`]), a typed and resolved tree with macros expanded
//! ([`checked::Checked`]), and [`Diagnostic`]s in the author's words. [`fold::fold`] computes what is constant,
//! [`unparse::unparse`] writes a tree as text again.
//!
//! The grammar and the type rules are those of the language definition in cel-spec. Two deliberate widenings, both with
//! the run-time meaning the definition gives: numbers of different types compare for equality without `dyn()` (also in
//! `in`), and macros are written as the definition's extensions have them without being switched on. [`Typing`] takes the
//! first one back, or the types altogether: `rules-cel-reference` holds parser and checker to cel-spec's test data so.
//!
//! ```
//! use rules_cel::{Env, NoTypes, Type, compile};
//!
//! let mut env = Env::new(&NoTypes);
//! env.variable("deaths", Type::Int).named_constant("zones.hard", Type::list(Type::String));
//! let checked = compile("deaths >= 3 && 'catacombs' in zones.hard", &env).expect("it is well typed");
//! assert_eq!(checked.ty(), &Type::Bool);
//!
//! let mistakes = compile("deahts >= 3", &env).expect_err("a name is wrong");
//! assert_eq!(mistakes[0].help.as_deref(), Some("did you mean `deaths`?"));
//! ```
//!
//! Text may be hostile: its length ([`MAX_TEXT_BYTES`]), its nesting ([`MAX_NESTING`]) and the height of its tree
//! ([`MAX_HEIGHT`]) are bounded, so neither the stack nor the time can be exhausted.
//!
//! Deliberately absent: files and lines, evaluation, and everything particular to rules.

pub mod ast;
pub mod check;
pub mod checked;
pub mod diagnostic;
pub mod env;
pub mod fold;
mod lexer;
pub mod library;
mod literal;
pub mod nearest;
pub mod overload;
pub mod parser;
pub mod pattern;
pub mod span;
pub mod time;
mod token;
pub mod types;
pub mod unparse;

pub use check::{Check, check};
pub use checked::{Checked, Constant};
pub use diagnostic::{Code, Diagnostic, render};
pub use env::{Declared, Env, FieldInfo, NoTypes, Signature, TypeProvider, Typing};
pub use overload::Overload;
pub use parser::{Parse, parse};
pub use span::Span;
pub use types::Type;

/// The longest text that is parsed, in bytes.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;

/// How deep brackets, calls' parentheses and ternaries may be nested in the text.
pub const MAX_NESTING: usize = 64;

/// How high a tree may be: also `a + b + c + …` and `a.b.c…` grow by one for each operator. Chains of `&&` and `||` do not.
pub const MAX_HEIGHT: usize = 128;

/// How many mistakes are told about one expression.
pub const MAX_DIAGNOSTICS: usize = 16;

/// Parses and checks.
///
/// # Errors
/// Everything that is wrong with the text, in its order: mistakes of grammar, or, where there are none, of types.
pub fn compile(source: &str, env: &Env<'_>) -> Result<Checked, Vec<Diagnostic>> {
    let parsed = parse(source);
    let checked = check(&parsed.ast, env);
    let diagnostics = [parsed.diagnostics, checked.diagnostics].concat();
    if diagnostics.is_empty() { Ok(checked.checked) } else { Err(diagnostics) }
}
