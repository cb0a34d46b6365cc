//! The reference interpreter of CEL: slow, complete, and held to cel-spec's conformance data.
//!
//! What comes in: a tree that `rules-cel` has checked, what its names stand for ([`Activation`]), and the message types it
//! may build ([`Descriptors`]). What goes out: a [`Value`], or why there is none ([`Stop`]). It walks the very tree that
//! rules are lowered from, so it can be asked whether a lowered rule is right; `tests/conformance` asks whether it is right
//! itself, and with it the parser and the checker.
//!
//! Values are dynamic: each call tries the overloads that the checker left in it, by what the operands turn out to be. So a
//! tree from [`rules_cel::Typing::Dynamic`], in which nothing is typed, runs just as well.
//!
//! ```
//! use rules_cel::{Env, Type, compile};
//! use rules_cel_reference::{Bindings, Descriptors, Settings, Value, evaluate};
//!
//! let types = Descriptors::default();
//! let mut env = Env::new(&types);
//! env.variable("names", Type::list(Type::String));
//! let checked = compile("names.filter(n, n.startsWith('a')).size()", &env).expect("it is well typed");
//!
//! let names = ["anna", "ben", "alex"].map(Value::from).to_vec();
//! let bindings = Bindings::new().bind("names", Value::list(names));
//! let value = evaluate(&checked, &bindings, &types, Settings::default()).expect("it has a value");
//! assert_eq!(value.as_int(), Some(2));
//! ```
//!
//! Everything may be hostile. What an evaluation costs is counted and bounded ([`Settings`]), also where a short text makes a
//! long value; regular expressions run in linear time; nothing recurses deeper than the tree or the values it was given.
//!
//! Deliberately absent: speed, clocks, randomness, files, and everything particular to rules. The daemon does not link it.

mod activation;
mod equal;
mod eval;
mod failure;
mod functions;
mod map;
mod nest;
mod proto;
mod run;
mod value;

pub use activation::{Activation, Bindings, Lookup};
pub use equal::equal;
pub use eval::evaluate;
pub use failure::{Failure, Fault, Kind, Stop};
pub use map::Map;
pub use nest::{List, Message};
pub use proto::Descriptors;
pub use run::{Numbers, Run, Settings};
pub use value::Value;
