//! What an expression may speak of: names, message types, functions.
//!
//! The caller fills an [`Env`] and lends it to [`crate::check()`]. An environment may stand on another ([`Env::child`]), so
//! that thousands of rules share one and add a few names each. Deliberately absent: values of variables.

use crate::checked::Constant;
use crate::overload::Overload;
use crate::types::Type;
use std::collections::BTreeMap;

/// What the caller knows about message types and enumerations. Names are full, without leading dot.
pub trait TypeProvider {
    /// Whether there is a message type of that name.
    fn has_message(&self, message: &str) -> bool;

    /// The field of that name, where message and field exist.
    fn field(&self, message: &str, field: &str) -> Option<FieldInfo>;

    /// All fields of the message, to find near names; empty where it does not exist.
    fn field_names(&self, message: &str) -> Vec<String>;

    /// The type of a constant whose value only the caller knows; asked before [`TypeProvider::enum_value`].
    fn named_constant(&self, _name: &str) -> Option<Type> {
        None
    }

    /// The number behind an enumeration's value (`game.v1.Zone.CATACOMBS`).
    fn enum_value(&self, _name: &str) -> Option<i64> {
        None
    }
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The type of its value; enumerations are [`Type::Int`].
    pub ty: Type,
    /// The caller's own index; comes back in [`crate::checked::FieldRef`].
    pub index: u32,
}

/// How far an expression is held to types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typing {
    /// For authors of rules: as [`Typing::Definition`], but numbers compare across types without `dyn()`, and the macros
    /// that only tools write (`cel.block`, `proto.getExt`) are unknown.
    #[default]
    Strict,
    /// As the language definition has it, with every macro of its extensions.
    Definition,
    /// Not at all: every node is `dyn`, and what nobody declared is sought when the expression runs.
    Dynamic,
}

/// A provider without any message.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTypes;

impl TypeProvider for NoTypes {
    fn has_message(&self, _message: &str) -> bool {
        false
    }

    fn field(&self, _message: &str, _field: &str) -> Option<FieldInfo> {
        None
    }

    fn field_names(&self, _message: &str) -> Vec<String> {
        Vec::new()
    }
}

/// What a declared name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Declared {
    /// A value known when the expression runs.
    Variable(Type),
    /// A value that may be absent when the expression runs: `has(name)` asks whether it is there.
    Maybe(Type),
    /// A value that the caller keeps under the name.
    NamedConstant(Type),
    /// A value known now.
    Constant(Constant),
}

/// One signature of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// What a call to it becomes.
    pub overload: Overload,
    /// Whether it is written `first.name(rest)` rather than `name(all)`.
    pub method: bool,
    /// The operands' types, the receiver's first; [`Type::Param`] for types to infer.
    pub params: Vec<Type>,
    /// The result's type.
    pub result: Type,
}

/// The names an expression may use.
pub struct Env<'a> {
    parent: Option<&'a Env<'a>>,
    provider: &'a dyn TypeProvider,
    container: String,
    typing: Typing,
    names: BTreeMap<String, Declared>,
    functions: BTreeMap<String, Vec<Signature>>,
}

impl<'a> Env<'a> {
    /// The standard library, the provider's types, and no variable.
    pub fn new(provider: &'a dyn TypeProvider) -> Self {
        Self {
            parent: None,
            provider,
            container: String::new(),
            typing: Typing::default(),
            names: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
    }

    /// An environment that has everything of this one, and may get more; its own names win.
    pub fn child(&'a self) -> Env<'a> {
        Env {
            parent: Some(self),
            provider: self.provider,
            container: self.container.clone(),
            typing: self.typing,
            names: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
    }

    /// Sets the name space in which the expression stands: in `a.b`, the name `c` is sought as `a.b.c`, `a.c`, `c`.
    pub fn set_container(&mut self, container: impl Into<String>) -> &mut Self {
        self.container = container.into();
        self
    }

    /// Says how far expressions are held to types.
    pub fn set_typing(&mut self, typing: Typing) -> &mut Self {
        self.typing = typing;
        self
    }

    /// How far expressions are held to types.
    pub fn typing(&self) -> Typing {
        self.typing
    }

    /// Declares a variable. The name may be dotted: `conn.platform`.
    pub fn variable(&mut self, name: impl Into<String>, ty: Type) -> &mut Self {
        self.declare(name, Declared::Variable(ty))
    }

    /// Declares a variable that may have no value: `has(name)` asks whether it has one.
    pub fn maybe(&mut self, name: impl Into<String>, ty: Type) -> &mut Self {
        self.declare(name, Declared::Maybe(ty))
    }

    /// Declares a constant whose value the caller keeps: a named set of `list(T)`. The name may be dotted: `zones.hard`.
    pub fn named_constant(&mut self, name: impl Into<String>, ty: Type) -> &mut Self {
        self.declare(name, Declared::NamedConstant(ty))
    }

    /// Declares a constant with its value. The name may be dotted.
    pub fn constant(&mut self, name: impl Into<String>, value: Constant) -> &mut Self {
        self.declare(name, Declared::Constant(value))
    }

    /// Declares a name; a name declared again is replaced.
    pub fn declare(&mut self, name: impl Into<String>, declared: Declared) -> &mut Self {
        self.names.insert(name.into(), declared);
        self
    }

    /// Adds a signature to a function of the caller. The name may be dotted: `geo.distance`.
    pub fn function(&mut self, name: impl Into<String>, signature: Signature) -> &mut Self {
        self.functions.entry(name.into()).or_default().push(signature);
        self
    }

    /// The provider of message types.
    pub fn provider(&self) -> &dyn TypeProvider {
        self.provider
    }

    /// What a full name was declared as.
    pub fn declared(&self, name: &str) -> Option<&Declared> {
        self.names.get(name).or_else(|| self.parent.and_then(|parent| parent.declared(name)))
    }

    /// All declared names, the environments below included.
    pub fn declared_names(&self) -> impl Iterator<Item = &str> {
        self.layers().flat_map(|env| env.names.keys().map(String::as_str))
    }

    /// The full names that `name` may stand for, the innermost first.
    pub(crate) fn name_candidates(&self, rooted: bool, name: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut container = if rooted { "" } else { self.container.as_str() };
        while !container.is_empty() {
            out.push(format!("{container}.{name}"));
            container = container.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
        out.push(name.to_owned());
        out
    }

    /// Signatures of the caller under a full name, then those of the library.
    pub(crate) fn signatures<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Signature> {
        self.layers().filter_map(move |env| env.functions.get(name)).flatten().chain(crate::library::signatures(name))
    }

    /// Names of functions, the library's included, some perhaps twice.
    pub(crate) fn function_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.layers().flat_map(|env| env.functions.keys().map(String::as_str)).collect();
        for name in crate::library::names() {
            names.push(name);
        }
        names
    }

    fn layers(&self) -> impl Iterator<Item = &Env<'a>> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let env = next?;
            next = env.parent;
            Some(env)
        })
    }
}
