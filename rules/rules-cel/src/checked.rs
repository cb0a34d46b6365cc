//! The tree of an expression after checking: typed, resolved, macros expanded.
//!
//! The checker makes it, whoever lowers or interprets reads it. Nodes live in one vector, children before parents, so
//! that a single forward pass over [`Checked::nodes`] sees every operand before its user. Where there was a mistake
//! stands a [`NodeKind::Error`], mostly of type [`Type::Error`]; a tree from a check without diagnostics has none.

use crate::overload::Overload;
use crate::span::Span;
use crate::types::Type;

/// A node of one [`Checked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

/// A variable that a macro declares: an index into [`Checked::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(pub(crate) u32);

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Checked {
    pub(crate) nodes: Vec<Node>,
    pub(crate) locals: Vec<Local>,
    pub(crate) root: NodeId,
}

/// A typed node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The text it came from; nodes that a macro made have the macro's.
    pub span: Span,
    /// Its type; never [`Type::Param`].
    pub ty: Type,
    /// What it is.
    pub kind: NodeKind,
}

/// A variable that a macro declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// As the author named it.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Its type.
    pub ty: Type,
}

/// A known value.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// `null`
    Null,
    /// A bool.
    Bool(bool),
    /// An int, also from an enumeration's name.
    Int(i64),
    /// A uint.
    Uint(u64),
    /// A double.
    Double(f64),
    /// A string.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A moment: seconds since 1970 and nanoseconds 0..1,000,000,000.
    Timestamp {
        /// Whole seconds since 1970-01-01T00:00:00Z, -62,135,596,800..=253,402,300,799.
        seconds: i64,
        /// The rest, 0..=999,999,999.
        nanos: u32,
    },
    /// A length of time, in nanoseconds.
    Duration {
        /// Nanoseconds; negative is backwards.
        nanos: i64,
    },
}

/// A field of a message, as the caller's provider told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRef {
    /// The message's full name.
    pub message: String,
    /// The field's name.
    pub name: String,
    /// The caller's index of the field.
    pub index: u32,
}

/// What a checked node is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A mistake that was told.
    Error,
    /// A literal, an enumeration's value, or a constant of the caller with a known value.
    Constant(Constant),
    /// A type used as a value: `int`, `game.v1.PlayerDied`.
    TypeValue(Type),
    /// A variable of the caller, by its full declared name (`event`, `conn.platform`).
    Variable {
        /// As declared, without leading dot.
        name: String,
    },
    /// A constant whose value only the caller knows (a named set), by its full declared name.
    NamedConstant {
        /// As declared, without leading dot.
        name: String,
    },
    /// A variable that a macro around this node declares.
    Local(LocalId),
    /// `operand.field` of a message. The type is optional when `optional` is set or the operand is an optional.
    Field {
        /// A message, or an optional of one.
        operand: NodeId,
        /// Which field.
        field: FieldRef,
        /// Whether written `.?`.
        optional: bool,
    },
    /// `operand.key` of a map with string keys, or of something known only at run time.
    Key {
        /// A map or dyn, or an optional of one.
        operand: NodeId,
        /// The key.
        key: String,
        /// Whether written `.?`.
        optional: bool,
    },
    /// `has(name)` of a variable that may be absent ([`crate::Declared::Maybe`]).
    HasVariable {
        /// As declared, without leading dot.
        name: String,
    },
    /// `has(operand.field)` of a message: whether the field is set.
    HasField {
        /// A message, or an optional of one.
        operand: NodeId,
        /// Which field.
        field: FieldRef,
    },
    /// `has(operand.key)` of a map or of something known only at run time.
    HasKey {
        /// A map or dyn, or an optional of one.
        operand: NodeId,
        /// The key.
        key: String,
    },
    /// `operand[index]` of a list, a map or dyn. The type is optional when `optional` is set or the operand is one.
    Index {
        /// A list, a map or dyn, or an optional of one.
        operand: NodeId,
        /// Position or key.
        index: NodeId,
        /// Whether written `[?`.
        optional: bool,
    },
    /// A function or operator.
    Call {
        /// Which fit. One, unless an operand is dyn: then all that are possible, in the order of the library.
        overloads: Vec<Overload>,
        /// The operands; the receiver of a method is the first.
        args: Vec<NodeId>,
    },
    /// `a && b && …`: false when any is false, whatever the others are.
    And(Vec<NodeId>),
    /// `a || b || …`: true when any is true, whatever the others are.
    Or(Vec<NodeId>),
    /// `condition ? then : otherwise`.
    Conditional {
        /// A bool.
        condition: NodeId,
        /// When true.
        then: NodeId,
        /// When false.
        otherwise: NodeId,
    },
    /// A list literal; the flag marks `?element`, whose node is an optional.
    List(Vec<(bool, NodeId)>),
    /// A map literal; the flag marks `?key: value`, whose value node is an optional.
    Map(Vec<(bool, NodeId, NodeId)>),
    /// A message literal; the flag marks `?field: value`, whose node is an optional.
    Message {
        /// The message's full name.
        name: String,
        /// In the order of the text.
        fields: Vec<(bool, FieldRef, NodeId)>,
    },
    /// A loop that a macro stands for.
    Comprehension(Comprehension),
    /// `cel.bind(local, init, body)`: `body` with `local` bound once.
    Bind {
        /// What is bound.
        local: LocalId,
        /// Its value.
        init: NodeId,
        /// Where it is used.
        body: NodeId,
    },
    /// `optional.optMap(local, body)` and `optional.optFlatMap(local, body)`: nothing stays nothing.
    OptionalMap {
        /// The optional.
        operand: NodeId,
        /// Its value, inside `body`.
        local: LocalId,
        /// What becomes of it; itself an optional where `flat`.
        body: NodeId,
        /// Whether `body` is an optional already.
        flat: bool,
    },
}

/// Which macro a loop stands for, and so what comes out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fold {
    /// `all`: the `&&` of all bodies; true for none.
    All,
    /// `exists`: the `||` of all bodies; false for none.
    Exists,
    /// `exists_one`, `existsOne`: whether exactly one body is true; errors are not absorbed.
    ExistsOne,
    /// `filter`: the elements (of a map: the keys) whose body is true.
    Filter,
    /// `map`, `transformList`: the bodies where the filter is true, as a list.
    List,
    /// `transformMap`: the bodies where the filter is true, under the key of the element.
    Map,
    /// `transformMapEntry`: the maps of all bodies where the filter is true, joined; a key twice is an error.
    MapEntry,
}

/// A loop over a list or the entries of a map. One variable: the element, or the key of a map. Two variables: index and
/// element, or key and value.
#[derive(Clone, Debug, PartialEq)]
pub struct Comprehension {
    /// What comes out.
    pub fold: Fold,
    /// A list, a map or dyn.
    pub range: NodeId,
    /// Element or key; with two variables: index or key.
    pub first: LocalId,
    /// With two variables: element or value.
    pub second: Option<LocalId>,
    /// A bool: which elements count. Only for the last three folds.
    pub filter: Option<NodeId>,
    /// What is asked of, or made from, each element.
    pub body: NodeId,
}

impl Checked {
    /// The whole expression.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// The type of the whole expression.
    pub fn ty(&self) -> &Type {
        &self.node(self.root).ty
    }

    /// The node behind an id of this tree.
    ///
    /// # Panics
    /// When the id belongs to another tree.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// All nodes with their ids, operands before users; some may not be reachable from the root.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0u32..).map(NodeId).zip(&self.nodes)
    }

    /// The variable behind an id of this tree.
    ///
    /// # Panics
    /// When the id belongs to another tree.
    pub fn local(&self, id: LocalId) -> &Local {
        &self.locals[id.0 as usize]
    }

    /// All variables of macros.
    pub fn locals(&self) -> &[Local] {
        &self.locals
    }
}

impl NodeId {
    /// The position in [`Checked::nodes`], for tables beside the tree.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl LocalId {
    /// The position in [`Checked::locals`], for tables beside the tree.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Constant {
    /// The type of the value.
    pub fn ty(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Timestamp { .. } => Type::Timestamp,
            Self::Duration { .. } => Type::Duration,
        }
    }
}
