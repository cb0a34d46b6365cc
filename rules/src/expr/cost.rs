//! How long an expression may take for one event, at worst.
//!
//! In: a checked expression and the catalogue's limits (lengths of text, counts of items). Out: a bound in nanoseconds, and the
//! parts that cost most, in the author's words. The prices are those of this evaluator on a core of 2.6 GHz, rounded up; a
//! field without a limit is bounded by the largest payload.

use rules_catalogue::{Cardinality, Field, Kind};
use rules_cel::checked::{Constant, FieldRef, NodeId, NodeKind};
use rules_cel::{Overload, Type};

use super::{Expr, Scope};

/// A bound and where it comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Nanoseconds.
    pub(crate) ns: f64,
    /// The most costly part.
    pub(crate) worst: Option<Worst>,
    /// The longest text that it may give. Bytes.
    pub(crate) bytes: f64,
    /// The conditions that `&&` joins, each alone; or the whole, where it joins none.
    pub(crate) parts: Vec<Part>,
}

/// A condition of an expression and its bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Where.
    pub(crate) at: NodeId,
    /// Nanoseconds.
    pub(crate) ns: f64,
    /// What makes it costly, where one thing in it does.
    pub(crate) why: Option<String>,
}

/// A part of an expression that costs a lot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Worst {
    /// Where.
    pub(crate) at: NodeId,
    /// Its share of the whole, nanoseconds.
    pub(crate) ns: f64,
    /// Loops around and in it, e.g. `items (max 256)`, and how often each runs.
    loops: Vec<(String, f64)>,
    /// Where there is no loop: how much is looked at.
    amount: f64,
}

impl Worst {
    /// `items (max 256) x tags (max 64) = 16,384 rounds`
    pub(crate) fn words(&self) -> String {
        let names: Vec<&str> = self.loops.iter().map(|(name, _)| name.as_str()).collect();
        let rounds: f64 = self.loops.iter().map(|(_, times)| times).product();
        match names.len() {
            0 => format!("up to {} bytes or items", round(self.amount)),
            1 => names[0].to_owned(),
            _ => format!("{} = {} rounds", names.join(" x "), round(rounds)),
        }
    }
}

/// How large a value can be: bytes of text, or items of a list whose elements are `each` large.
#[derive(Clone, Copy, Default)]
struct Size {
    bytes: f64,
    items: f64,
    each: f64,
}

/// Bytes of text that comes with the connection or the token.
const CONN_BYTES: f64 = 256.0;

/// Segments of a token, attributes of a connection.
const CONN_ITEMS: f64 = 64.0;

/// The bound of a whole expression.
pub(crate) fn cost_of(expr: &Expr<'_>, scope: Scope<'_>) -> Cost {
    let mut pricing = Pricing { expr, scope, locals: vec![Size::default(); expr.checked.locals().len()], worst: None };
    let mut parts = Vec::new();
    let (ns, size) = pricing.whole(expr.checked.root(), &mut parts);
    Cost { ns, worst: pricing.worst, bytes: size.bytes, parts }
}

struct Pricing<'a, 'e> {
    expr: &'a Expr<'e>,
    scope: Scope<'a>,
    locals: Vec<Size>,
    worst: Option<Worst>,
}

impl Pricing<'_, '_> {
    /// Cost of the whole, and the size of the result; leaves what `&&` joins in `parts`.
    fn whole(&mut self, root: NodeId, parts: &mut Vec<Part>) -> (f64, Size) {
        match self.expr.kind(root) {
            NodeKind::And(joined) => {
                let joined = joined.clone();
                (2.0 + joined.into_iter().map(|at| self.part(at, 1.0, parts).0).sum::<f64>(), Size::default())
            }
            _ => self.part(root, 0.0, parts),
        }
    }

    /// One part, priced as if it stood alone; `own` is what joining it costs.
    fn part(&mut self, at: NodeId, own: f64, parts: &mut Vec<Part>) -> (f64, Size) {
        let before = self.worst.take();
        let (ns, size) = self.node(at, 1.0);
        let ns = ns + own;
        parts.push(Part { at, ns, why: self.worst.as_ref().map(Worst::words) });
        let is_worse = before.as_ref().is_none_or(|b| self.worst.as_ref().is_some_and(|w| w.ns > b.ns));
        if !is_worse {
            self.worst = before;
        }
        (ns, size)
    }

    /// Cost of one run, and the size of the result. `times` is how often the macros around run it.
    fn node(&mut self, id: NodeId, times: f64) -> (f64, Size) {
        match self.expr.kind(id) {
            NodeKind::Constant(constant) => (1.0, constant_size(constant)),
            NodeKind::HasVariable { .. } => (1.0, Size::default()),
            NodeKind::Variable { name } => (1.0, self.variable(name, &self.expr.checked.node(id).ty)),
            NodeKind::NamedConstant { name } => {
                let set = self.scope.names.sets.get(super::lower::set_name(name));
                let items = set.map_or(0, |set| set.items.len()) as f64;
                let each = set.map_or(0.0, |set| set.items.iter().map(|i| constant_size(i).bytes).fold(0.0, f64::max));
                (items * 3.0, Size { bytes: 0.0, items, each })
            }
            NodeKind::Local(local) => (1.0, self.locals[local.index()]),
            NodeKind::Field { operand, field, .. } => self.field(*operand, field, times),
            NodeKind::HasField { operand, .. } => (self.node(*operand, times).0 + 1.0, Size::default()),
            NodeKind::Key { operand, .. } | NodeKind::HasKey { operand, .. } => {
                let (ns, size) = self.node(*operand, times);
                self.done(id, ns, (5.0 + size.items * 5.0, size.items), times, element(size))
            }
            NodeKind::Index { operand, index, .. } => {
                let (ns, size) = self.node(*operand, times);
                let (index_ns, _) = self.node(*index, times);
                self.done(id, ns + index_ns, (5.0 + size.items * 5.0, size.items), times, element(size))
            }
            NodeKind::Call { overloads, args } => {
                let (overload, args) = (overloads.first().copied(), args.clone());
                self.call(id, overload, &args, times)
            }
            NodeKind::Comprehension(_) => self.comprehension(id, times),
            kind => {
                let children = super::reads::children(kind);
                let mut total = 2.0;
                let mut size = Size::default();
                for child in &children {
                    let (ns, of) = self.node(*child, times);
                    total += ns + 1.0;
                    size.bytes = size.bytes.max(of.bytes);
                    size.items = size.items.max(of.items);
                    size.each = size.each.max(of.each).max(of.bytes);
                }
                if matches!(kind, NodeKind::List(_) | NodeKind::Map(_)) {
                    size = Size { bytes: 0.0, items: children.len() as f64, each: size.each };
                    total += 5.0 * size.items;
                }
                (total, size)
            }
        }
    }

    /// Adds a node's own price for the amount that it looks at, and remembers it where it is the highest so far.
    fn done(&mut self, id: NodeId, operands: f64, (own, amount): (f64, f64), times: f64, size: Size) -> (f64, Size) {
        let all = own * times;
        if all > 50.0 && self.worst.as_ref().is_none_or(|w| all > w.ns) {
            self.worst = Some(Worst { at: id, ns: all, loops: Vec::new(), amount });
        }
        (operands + own, size)
    }

    fn variable(&self, name: &str, ty: &Type) -> Size {
        match ty {
            Type::Message(_) | Type::Int | Type::Bool | Type::Double | Type::Uint => Size::default(),
            Type::List(_) | Type::Map(..) => Size { bytes: 0.0, items: CONN_ITEMS, each: CONN_BYTES },
            _ => match name.strip_prefix("params.").and_then(|name| self.scope.names.params.get(name)) {
                Some(param) => constant_size(&param.value),
                None => Size { bytes: CONN_BYTES, ..Size::default() },
            },
        }
    }

    fn field(&mut self, operand: NodeId, field: &FieldRef, times: f64) -> (f64, Size) {
        let (ns, _) = self.node(operand, times);
        let catalogue = self.scope.catalogue;
        let found = catalogue.message_by_name(&field.message).map(|m| catalogue.message(m));
        let most = f64::from(self.scope.event.max_payload_bytes);
        let size = found.and_then(|m| m.field(field.index)).map_or_else(Size::default, |f| field_size(f, most));
        (ns + 1.0, size)
    }

    fn call(&mut self, id: NodeId, overload: Option<Overload>, args: &[NodeId], times: f64) -> (f64, Size) {
        use Overload as O;
        let parts: Vec<(f64, Size)> = args.iter().map(|arg| self.node(*arg, times)).collect();
        let operands: f64 = parts.iter().map(|(ns, _)| ns).sum();
        let size = |n: usize| parts.get(n).map_or_else(Size::default, |(_, size)| *size);
        let (a, b) = (size(0), size(1));
        let joined = Size {
            bytes: parts.iter().map(|(_, s)| s.bytes).sum(),
            items: a.items + b.items,
            each: a.each.max(b.each),
        };
        // A set is looked up by hash; its members were priced as if written out.
        if overload == Some(O::InList)
            && matches!(self.expr.kind(args[1]), NodeKind::NamedConstant { .. } | NodeKind::List(_))
        {
            return self.done(id, parts[0].0, (15.0 + a.bytes / 4.0, a.bytes), times, Size::default());
        }
        let (own, result) = match overload {
            Some(O::Equals | O::NotEquals | O::Compare(..)) => {
                let bytes = a.bytes.min(b.bytes);
                (2.0 + bytes / 16.0 + a.items.min(b.items) * (3.0 + a.each.min(b.each) / 16.0), Size::default())
            }
            Some(O::InList | O::InMap) => (5.0 + b.items * (3.0 + a.bytes.min(b.each) / 16.0), Size::default()),
            Some(O::SizeString) => (2.0 + a.bytes / 8.0, Size::default()),
            Some(O::SizeList | O::SizeMap) => (2.0 + a.items * 3.0, Size::default()),
            Some(O::StartsWith | O::EndsWith) => (3.0 + a.bytes.min(b.bytes) / 16.0, Size::default()),
            Some(O::Contains | O::IndexOf | O::IndexOfFrom | O::LastIndexOf | O::LastIndexOfFrom) => {
                (20.0 + a.bytes + b.bytes, Size::default())
            }
            Some(O::Matches) => (40.0 + a.bytes * 8.0, Size::default()),
            Some(O::AddString | O::AddBytes) => (25.0 + joined.bytes / 8.0, joined),
            Some(O::AddList) => (25.0 + joined.items * 5.0, joined),
            Some(O::Replace | O::ReplaceLimit) => {
                let bytes = a.bytes * (1.0 + size(2).bytes);
                (30.0 + bytes, Size { bytes, ..Size::default() })
            }
            Some(O::Split | O::SplitLimit) => {
                (30.0 + a.bytes * 4.0, Size { bytes: 0.0, items: a.bytes + 1.0, each: a.bytes })
            }
            Some(O::Join | O::JoinSeparator) => {
                let bytes = a.items * (a.each + b.bytes);
                (30.0 + bytes / 4.0, Size { bytes, ..Size::default() })
            }
            Some(O::LowerAscii | O::UpperAscii | O::Trim | O::SubstringFrom | O::SubstringFromTo | O::CharAt) => {
                let bytes = a.bytes.min(4.0 * self.characters(overload, args));
                (25.0 + a.bytes, Size { bytes, ..Size::default() })
            }
            Some(O::IntToString | O::UintToString | O::DoubleToString | O::TimestampToString | O::DurationToString) => {
                (60.0, Size { bytes: 40.0, ..Size::default() })
            }
            Some(O::MathGreatest | O::MathLeast) => (5.0 + (a.items + args.len() as f64) * 3.0, Size::default()),
            _ => (4.0 + a.bytes / 8.0, Size { bytes: a.bytes, ..Size::default() }),
        };
        let amount = parts.iter().map(|(_, s)| s.bytes.max(s.items)).fold(0.0, f64::max);
        self.done(id, operands, (own, amount), times, result)
    }

    /// The most characters of a part of a text, where the part's borders are constant.
    fn characters(&self, overload: Option<Overload>, args: &[NodeId]) -> f64 {
        let constant = |at: usize| match args.get(at).map(|arg| self.expr.kind(*arg)) {
            Some(NodeKind::Constant(Constant::Int(n))) => Some(*n as f64),
            _ => None,
        };
        match (overload, constant(1), constant(2)) {
            (Some(Overload::CharAt), ..) => 1.0,
            (Some(Overload::SubstringFromTo), Some(from), Some(to)) => (to - from).max(0.0),
            _ => f64::INFINITY,
        }
    }

    fn comprehension(&mut self, id: NodeId, times: f64) -> (f64, Size) {
        let NodeKind::Comprehension(loops) = self.expr.kind(id) else { return (0.0, Size::default()) };
        let (range, filter, body, local) = (loops.range, loops.filter, loops.body, loops.first.index());
        let (range_ns, size) = self.node(range, times);
        self.locals[local] = element(size);
        let inner_times = times * size.items.max(1.0);
        let before = self.worst.take();
        let mut each = 4.0;
        if let Some(filter) = filter {
            each += self.node(filter, inner_times).0;
        }
        let (body_ns, made) = self.node(body, inner_times);
        each += body_ns;
        let own = size.items * each;
        let mut loops = vec![(self.loop_label(range, size.items), size.items)];
        loops.extend(self.worst.take().into_iter().flat_map(|inner| inner.loops));
        self.worst = match before {
            Some(before) if before.ns >= own * times => Some(before),
            _ => Some(Worst { at: id, ns: own * times, loops, amount: 0.0 }),
        };
        (range_ns + own, Size { bytes: 0.0, items: size.items, each: made.bytes.max(size.each) })
    }

    /// `items (max 256)`
    fn loop_label(&self, range: NodeId, items: f64) -> String {
        let name = match self.expr.kind(range) {
            NodeKind::Field { field, .. } => field.name.clone(),
            NodeKind::Variable { name } | NodeKind::NamedConstant { name } => name.clone(),
            _ => "the list".to_owned(),
        };
        format!("{name} (max {})", round(items))
    }
}

fn element(size: Size) -> Size {
    Size { bytes: size.each, ..Size::default() }
}

fn constant_size(constant: &Constant) -> Size {
    let bytes = match constant {
        Constant::String(s) => s.len(),
        Constant::Bytes(b) => b.len(),
        _ => 0,
    };
    Size { bytes: bytes as f64, ..Size::default() }
}

fn field_size(field: &Field, most: f64) -> Size {
    let bytes = match field.kind {
        Kind::String | Kind::Bytes => field.limits.max_len.map_or(most, f64::from),
        _ => 0.0,
    };
    match field.cardinality {
        Cardinality::Implicit | Cardinality::Explicit => Size { bytes, ..Size::default() },
        Cardinality::Repeated | Cardinality::Map(_) => {
            Size { bytes: 0.0, items: field.limits.max_items.map_or(most, f64::from), each: bytes }
        }
    }
}

/// With thousands marked: `16,384`.
fn round(n: f64) -> String {
    let digits = format!("{:.0}", n.max(0.0));
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
