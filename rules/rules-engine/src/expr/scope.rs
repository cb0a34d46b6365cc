//! What one expression sees while it is evaluated, and the limits on what it may use.
//!
//! Computed strings and lists live in an arena that is emptied between rules, so the steady state allocates nothing. Steps
//! and bytes are counted per rule: an expensive rule fails alone.

use std::cell::{Cell, RefCell};

use bumpalo::Bump;
use edge_event::Event;
use regex::Regex;
use rules_catalogue::{Cardinality, FieldPath, FieldValue, Kind};

use super::value::{EvalError, Timestamp, Value, compare, set_order};
use crate::ir::{ConstIr, ParamIr, Var, limits};
use crate::rule_set::Arm;

/// Steps of one rule.
const MAX_STEPS: u32 = 20_000;
/// Bytes of all that one rule computes.
const MAX_BYTES: usize = 128 * 1024;

/// What all expressions of a rule set share.
pub(crate) struct Pools {
    pub(crate) consts: Vec<ConstIr>,
    pub(crate) params: Vec<ParamIr>,
    /// Each sorted by [`set_order`], without repeats.
    pub(crate) sets: Vec<Vec<ConstIr>>,
    pub(crate) regexes: Vec<Regex>,
}

/// The value of a rule's `let`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum LetValue {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Timestamp(Timestamp),
    /// Nanoseconds.
    Duration(i64),
    /// Where the text stands in [`Scratch::let_bytes`].
    String(LetBytes),
    Bytes(LetBytes),
    /// The window holds nothing.
    Empty,
    Failed(EvalError),
}

/// A place in [`Scratch::let_bytes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LetBytes {
    start: u32,
    end: u32,
}

/// Memory that evaluations use again and again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) arena: Bump,
    pub(crate) text: RefCell<String>,
    /// Texts and bytes of the `let`s that were read last.
    pub(crate) let_bytes: RefCell<Vec<u8>>,
}

impl Scratch {
    /// Room for the bytes of one `let`, filled by `write`.
    pub(crate) fn keep_bytes(&self, write: impl FnOnce(&mut Vec<u8>)) -> LetBytes {
        let mut bytes = self.let_bytes.borrow_mut();
        let start = bytes.len() as u32;
        write(&mut bytes);
        LetBytes { start, end: bytes.len() as u32 }
    }
}

/// What one rule's expressions see.
pub(crate) struct Scope<'a> {
    pub(crate) pools: &'a Pools,
    pub(crate) event: &'a Event,
    /// One value a slot, as the extractor left them.
    pub(crate) slots: &'a [FieldValue<'a>],
    /// What each slot reads.
    pub(crate) paths: &'a [FieldPath],
    pub(crate) lets: &'a [LetValue],
    /// The variation that was chosen; only while commands are made.
    pub(crate) arm: Option<&'a Arm>,
    scratch: &'a Scratch,
    locals: [Cell<Value<'a>>; limits::MAX_LOCALS],
    depth: Cell<usize>,
    steps: Cell<u32>,
    bytes: Cell<usize>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        pools: &'a Pools,
        event: &'a Event,
        slots: &'a [FieldValue<'a>],
        paths: &'a [FieldPath],
        lets: &'a [LetValue],
        scratch: &'a Scratch,
    ) -> Scope<'a> {
        Scope {
            pools,
            event,
            slots,
            paths,
            lets,
            arm: None,
            scratch,
            locals: [const { Cell::new(Value::Null) }; limits::MAX_LOCALS],
            depth: Cell::new(0),
            steps: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    /// Counts work.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), EvalError> {
        let sum = self.steps.get().saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        self.steps.set(sum);
        if sum > MAX_STEPS { Err(EvalError::TooCostly) } else { Ok(()) }
    }

    /// Counts memory; reading and writing it is work, too.
    fn charge(&self, bytes: usize) -> Result<(), EvalError> {
        let sum = self.bytes.get().saturating_add(bytes);
        self.bytes.set(sum);
        if sum > MAX_BYTES {
            return Err(EvalError::TooLarge);
        }
        self.spend(bytes / 16)
    }

    pub(crate) fn local(&self, level: u8) -> Value<'a> {
        self.locals[usize::from(level)].get()
    }

    /// Runs `body` with one more local bound; `body` gets a setter for it.
    pub(crate) fn with_local<T>(&self, body: impl FnOnce(&dyn Fn(Value<'a>)) -> T) -> T {
        let level = self.depth.get();
        // INVARIANT: the check at load bounds the nesting of macros.
        let cell = &self.locals[level];
        self.depth.set(level + 1);
        let result = body(&|value| cell.set(value));
        self.depth.set(level);
        result
    }

    /// A string of the arena that `write` makes.
    pub(crate) fn text(&self, write: impl FnOnce(&mut String) -> Result<(), EvalError>) -> Result<&'a str, EvalError> {
        let mut text = self.scratch.text.borrow_mut();
        text.clear();
        write(&mut text)?;
        self.charge(text.len())?;
        Ok(self.scratch.arena.alloc_str(&text))
    }

    /// The bytes of both, one after the other.
    pub(crate) fn concat(&self, left: &[u8], right: &[u8]) -> Result<&'a [u8], EvalError> {
        let len = left.len() + right.len();
        self.charge(len)?;
        let out = self.scratch.arena.alloc_slice_fill_copy(len, 0_u8);
        out[..left.len()].copy_from_slice(left);
        out[left.len()..].copy_from_slice(right);
        Ok(out)
    }

    /// The text of both, one after the other.
    pub(crate) fn concat_str(&self, left: &str, right: &str) -> Result<&'a str, EvalError> {
        self.affords(left.len() + right.len())?;
        self.text(|out| {
            out.push_str(left);
            out.push_str(right);
            Ok(())
        })
    }

    /// Fails before `bytes` more are computed that would not be allowed.
    pub(crate) fn affords(&self, bytes: usize) -> Result<(), EvalError> {
        if self.bytes.get().saturating_add(bytes) > MAX_BYTES { Err(EvalError::TooLarge) } else { Ok(()) }
    }

    /// Room for `len` values, all null.
    pub(crate) fn values(&self, len: usize) -> Result<&'a mut [Value<'a>], EvalError> {
        self.charge(len.saturating_mul(size_of::<Value<'_>>()))?;
        Ok(self.scratch.arena.alloc_slice_fill_copy(len, Value::Null))
    }

    /// Room for `len` pairs, all null.
    pub(crate) fn pairs(&self, len: usize) -> Result<&'a mut [(Value<'a>, Value<'a>)], EvalError> {
        self.charge(len.saturating_mul(2 * size_of::<Value<'_>>()))?;
        Ok(self.scratch.arena.alloc_slice_fill_copy(len, (Value::Null, Value::Null)))
    }
}

/// Reading what an expression names.
impl<'a> Scope<'a> {
    /// A parameter, as the variation that was chosen has it.
    pub(crate) fn param(&self, index: u16) -> Value<'a> {
        let changed = self.arm.and_then(|arm| {
            let at = arm.params.binary_search_by_key(&index, |(param, _)| *param).ok()?;
            Some(&arm.params[at].1)
        });
        Value::of_const(changed.unwrap_or(&self.pools.params[usize::from(index)].value))
    }

    pub(crate) fn var(&self, var: Var) -> Result<Value<'a>, EvalError> {
        let conn = &*self.event.conn;
        Ok(match var {
            Var::PlayerId => Value::String(&self.event.subject),
            Var::ConnPlatform => Value::String(&conn.platform),
            Var::ConnLocale => Value::String(&conn.locale),
            Var::ConnBuild => Value::String(&conn.build),
            Var::ConnRegion | Var::TokenRegion => Value::String(&conn.region),
            Var::TokenSub => Value::String(&conn.sub),
            Var::Variation => Value::String(self.arm.map_or("", |arm| &arm.name)),
            Var::ConnAttributes => {
                let pairs = self.pairs(conn.attributes.len())?;
                for (pair, (name, value)) in pairs.iter_mut().zip(&conn.attributes) {
                    *pair = (Value::String(name), Value::String(value));
                }
                Value::Map(pairs)
            }
            Var::TokenSegments => {
                let items = self.values(conn.segments.len())?;
                for (item, segment) in items.iter_mut().zip(&conn.segments) {
                    *item = Value::String(segment);
                }
                Value::List(items)
            }
        })
    }

    /// The value of the rule's `let` of this index.
    pub(crate) fn let_value(&self, at: u16) -> Result<Value<'a>, EvalError> {
        Ok(match *self.lets.get(usize::from(at)).ok_or(EvalError::NoSuchKey)? {
            LetValue::Bool(b) => Value::Bool(b),
            LetValue::Int(n) => Value::Int(n),
            LetValue::Uint(n) => Value::Uint(n),
            LetValue::Double(d) => Value::Double(d),
            LetValue::Timestamp(t) => Value::Timestamp(t),
            LetValue::Duration(nanos) => Value::Duration(nanos),
            LetValue::Bytes(at) => Value::Bytes(self.let_bytes(at)?),
            LetValue::String(at) => {
                Value::String(std::str::from_utf8(self.let_bytes(at)?).map_err(|_| EvalError::Unreadable)?)
            }
            LetValue::Empty => return Err(EvalError::Empty),
            LetValue::Failed(e) => return Err(e),
        })
    }

    /// Whether the window of the rule's `let` of this index holds anything.
    pub(crate) fn has_let(&self, at: u16) -> Result<bool, EvalError> {
        match self.lets.get(usize::from(at)).ok_or(EvalError::NoSuchKey)? {
            LetValue::Empty => Ok(false),
            LetValue::Failed(e) => Err(*e),
            _ => Ok(true),
        }
    }

    /// Copied, as the arena lives as long as the values do, and the next rule's `let`s take the place of this one's.
    fn let_bytes(&self, at: LetBytes) -> Result<&'a [u8], EvalError> {
        let bytes = self.scratch.let_bytes.borrow();
        let bytes = &bytes[at.start as usize..at.end as usize];
        self.charge(bytes.len())?;
        Ok(self.scratch.arena.alloc_slice_copy(bytes))
    }

    pub(crate) fn field(&self, slot: u16) -> Result<Value<'a>, EvalError> {
        let slot = usize::from(slot);
        field_value(self, self.slots[slot], &self.paths[slot])
    }

    pub(crate) fn has_field(&self, slot: u16) -> bool {
        is_set(&self.slots[usize::from(slot)], &self.paths[usize::from(slot)])
    }

    pub(crate) fn in_set(&self, set: u16, value: Value<'_>) -> bool {
        set_contains(&self.pools.sets[usize::from(set)], value)
    }
}

/// CEL's `has()`: a field with explicit presence is set, any other differs from its default.
pub(crate) fn is_set(value: &FieldValue<'_>, path: &FieldPath) -> bool {
    match path.cardinality {
        Cardinality::Explicit => !matches!(value, FieldValue::Absent),
        _ => value.differs_from_default(),
    }
}

/// Whether a sorted set holds a value.
pub(crate) fn set_contains(set: &[ConstIr], value: Value<'_>) -> bool {
    let at = set.binary_search_by(|item| set_order(Value::of_const(item), value));
    // A value without order (NaN) may be "found" by its rank; it equals nothing.
    at.is_ok_and(|at| compare(Value::of_const(&set[at]), value).is_some() || matches!(value, Value::Null))
}

/// What a field holds, as CEL sees it: absent fields read as their defaults.
pub(crate) fn field_value<'a>(
    scope: &Scope<'a>,
    value: FieldValue<'a>,
    path: &FieldPath,
) -> Result<Value<'a>, EvalError> {
    match value {
        FieldValue::Repeated(list) => {
            let count = list.len();
            scope.spend(count)?;
            let items = scope.values(count)?;
            for (item, raw) in items.iter_mut().zip(list) {
                *item = single(raw, path.kind)?;
            }
            Ok(Value::List(items))
        }
        FieldValue::Map(map) => {
            let count = map.len();
            scope.spend(count.saturating_mul(8))?;
            let pairs = scope.pairs(count)?;
            for (pair, (key, value)) in pairs.iter_mut().zip(map) {
                *pair = (single(key, map.key_kind())?, single(value, map.value_kind())?);
            }
            last_of_each_key(scope, pairs).map(Value::Map)
        }
        value => single(value, path.kind),
    }
}

/// One value of a kind.
fn single<'a>(value: FieldValue<'a>, kind: Kind) -> Result<Value<'a>, EvalError> {
    let value = if matches!(value, FieldValue::Absent) { FieldValue::default_of(kind) } else { value };
    Ok(match value {
        FieldValue::Bool(b) => Value::Bool(b),
        FieldValue::Int(n) => Value::Int(n),
        FieldValue::Uint(n) => Value::Uint(n),
        FieldValue::Double(d) => Value::Double(d),
        FieldValue::Str(s) => Value::String(s),
        FieldValue::Bytes(b) => Value::Bytes(b),
        FieldValue::Enum(n) => Value::Int(i64::from(n)),
        FieldValue::Timestamp { seconds, nanos } => {
            let nanos = u32::try_from(nanos).map_err(|_| EvalError::Unreadable)?;
            Value::Timestamp(Timestamp::new(seconds, nanos)?)
        }
        FieldValue::Duration { seconds, nanos } => {
            let whole = seconds.checked_mul(1_000_000_000).ok_or(EvalError::Overflow)?;
            Value::Duration(whole.checked_add(i64::from(nanos)).ok_or(EvalError::Overflow)?)
        }
        FieldValue::Message(bytes) => match kind {
            Kind::Message(message) => Value::Message { message, bytes },
            _ => return Err(EvalError::Unreadable),
        },
        FieldValue::Absent | FieldValue::Repeated(_) | FieldValue::Map(_) => return Err(EvalError::Unreadable),
    })
}

/// A map on the wire may name a key twice; the last counts. Keeps the order of the survivors.
fn last_of_each_key<'a>(
    scope: &Scope<'a>,
    pairs: &'a mut [(Value<'a>, Value<'a>)],
) -> Result<&'a [(Value<'a>, Value<'a>)], EvalError> {
    scope.affords(pairs.len() * size_of::<u32>())?;
    let order = scope.scratch.arena.alloc_slice_fill_with(pairs.len(), |at| at as u32);
    order.sort_unstable_by(|a, b| {
        let (x, y) = (pairs[*a as usize].0, pairs[*b as usize].0);
        set_order(x, y).then(a.cmp(b))
    });
    let kept = scope.scratch.arena.alloc_slice_fill_copy(pairs.len(), true);
    for two in order.windows(2) {
        if compare(pairs[two[0] as usize].0, pairs[two[1] as usize].0).is_some_and(|o| o.is_eq()) {
            kept[two[0] as usize] = false;
        }
    }
    let mut len = 0;
    for at in 0..pairs.len() {
        if kept[at] {
            pairs[len] = pairs[at];
            len += 1;
        }
    }
    Ok(&pairs[..len])
}
