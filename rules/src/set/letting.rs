//! `let`: what a rule gathers of events, key by key.
//!
//! In: the clauses of `let`. Out: definitions of feeds, and for each name what it reads. Absent: what depends on how a name is
//! read; that is looked at last ([`reading`](super::reading)).

use rules_catalogue::EventType;
use rules_cel::{Env, Type};
use rules_engine::ir::{
    Aggregate, ConstIr, DefinitionKind, ExprIr, FeedIr, KeyType, LetIr, Operand, ScalarType, Window, limits,
};

use super::Building;
use super::key::{Key, key_type_of};
use super::package::Package;
use super::rule::Triggered;
use super::state::{Room, max_keys};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::expr::{
    Expr, Scope, check, check_as, constant_condition, cost_of, event_message, in_words, lower, lower_parts,
    split_filter, variables, whole,
};
use crate::set::limits::{Priced, Sum, What};
use crate::source::Spanned;
use crate::syntax::{Gather, LetDecl, Literal, WindowDecl, parse_duration_ms};

/// A key's parts: on the counted event's side, on the triggering event's side, and their types.
#[derive(Default)]
struct TiedKey {
    fed: Vec<ExprIr>,
    read: Vec<ExprIr>,
    types: Vec<KeyType>,
}

/// A clause of `let`, compiled.
pub(crate) struct Letting {
    pub(crate) ir: LetIr,
    /// The type of what the name reads.
    pub(crate) ty: Type,
    /// Whether there may be nothing to read.
    pub(crate) may_be_empty: bool,
}

impl Building<'_> {
    /// Compiles a clause of `let`. How a count is kept is a placeholder until [`Building::look_at_reads`].
    pub(crate) fn letting(
        &mut self,
        decl: &LetDecl,
        rule: &Triggered<'_>,
        package: &Package<'_>,
        sum: &mut Sum,
    ) -> Option<Letting> {
        let fed_type = self.event_type(&decl.of)?;
        let mut feed_sum = Sum::default();
        let mut env = rule.package_env.child();
        env.variable("event", Type::message(event_message(self.catalogue, fed_type)));
        let fed_scope = Scope { env: &env, event: fed_type, lets: &[], ..rule.scope };
        let fed = self.key(&decl.by, fed_scope, &mut feed_sum);
        // The same parts are read from the triggering event; where it is of the same type, mistakes were told already.
        let mut told = Report::default();
        if fed_type.id == rule.scope.event.id {
            std::mem::swap(self.report, &mut told);
        }
        let read = self.key(&decl.by, rule.scope_without_lets(), sum);
        if fed_type.id == rule.scope.event.id {
            std::mem::swap(self.report, &mut told);
        }
        let aggregate = self.aggregate(decl, rule, fed_scope, &mut feed_sum);
        let window = self.window(&decl.window, package);
        let (filter, tied) = self.filter(decl, rule, fed_type, &env, &mut feed_sum)?;
        let (fed, read, aggregate, window) = (fed?, read?, aggregate?, window?);
        if fed.types != read.types {
            let words = format!("the key has other types on {} than on {}", fed_type.name, rule.scope.event.name);
            self.report.push(Diagnostic::new(Code::BadKeyPart, decl.by.span, words));
            return None;
        }
        self.feed_limits(decl, rule, fed_type, &feed_sum);
        self.lint_last(decl, rule, fed_type);
        let result = aggregate.result();
        let default = match &decl.default {
            Some(default) => Some(self.default_value(default, result)?),
            None => None,
        };
        let deny = decl.deny.as_ref().is_some_and(|d| d.value);
        // The triggering event itself is in the window, where nothing keeps it out.
        let feeds_itself = fed_type.id == rule.scope.event.id && decl.filter.is_none() && !deny;
        let may_be_empty = aggregate.may_be_empty() && default.is_none() && !feeds_itself;
        let (key, read) = join(fed, read, tied);
        let feed = FeedIr { event_type: fed_type.id, filter, key: key.parts, aggregate, window };
        let room = Room { max_keys: max_keys(decl.max_keys.as_ref()), deny, durable: decl.durable };
        let name = format!("{}/{}", rule.decl.id.value, decl.name.value);
        let kind = DefinitionKind::Feed(feed);
        let definition = self.define(rule.package, rule.package_name, name, kind, key.types, &room);
        self.pools.event(fed_type.id);
        sum.add_cell(decl.name.span);
        let ir = LetIr { name: decl.name.value.clone(), definition, key: read, default };
        Some(Letting { ir, ty: type_of(result), may_be_empty })
    }

    /// The window as the engine takes it.
    fn window(&mut self, window: &WindowDecl, package: &Package<'_>) -> Option<Window> {
        Some(match window {
            WindowDecl::Sliding { within_ms } => Window::Sliding { within_ms: within_ms.value as u64 },
            WindowDecl::Session { gap_ms } => Window::Session { gap_ms: gap_ms.value as u64 },
            WindowDecl::Tumbling { period, zone } => {
                Window::Tumbling { period: *period, zone: self.zone_ref(zone, package)? }
            }
            WindowDecl::Ever => Window::Ever,
        })
    }

    /// What is gathered, and of what.
    fn aggregate(
        &mut self,
        decl: &LetDecl,
        rule: &Triggered<'_>,
        scope: Scope<'_>,
        feed_sum: &mut Sum,
    ) -> Option<Aggregate> {
        let gather = decl.gather.value;
        let Some(cel) = &decl.value else {
            return Some(if gather == Gather::FirstSeen {
                Aggregate::FirstSeen
            } else {
                Aggregate::Count { ring: None }
            });
        };
        let expr = check(cel, scope, self.report)?;
        self.lint(&expr, scope);
        let cost = cost_of(&expr, scope);
        feed_sum.add(&expr, &cost);
        self.note_taint(&expr, scope);
        rule.used.borrow_mut().extend(variables(&expr));
        let Some(ty) = scalar_of(expr.ty()).filter(|ty| takes(gather, *ty)) else {
            let words = format!("`{}` does not take {}", gather.key(), in_words(expr.ty()));
            self.report.push(Diagnostic::new(Code::BadGatheredValue, whole(cel), words).help(taken_by(gather)));
            return None;
        };
        let of = Operand { expr: lower(&expr, scope, &mut self.pools, self.report)?, ty };
        Some(match gather {
            Gather::Count => Aggregate::Count { ring: None },
            Gather::FirstSeen => Aggregate::FirstSeen,
            Gather::Sum => Aggregate::Sum(of),
            Gather::Min => Aggregate::Min(of),
            Gather::Max => Aggregate::Max(of),
            Gather::Avg => Aggregate::Avg(of),
            Gather::Distinct => Aggregate::Distinct { of, max: decl.max.as_ref().map(|max| max.value as u16) },
            Gather::Last => {
                let max_bytes = self.room_for(&expr, ty, cost.bytes)?;
                Aggregate::Last { of, max_bytes }
            }
        })
    }

    /// The bytes that the newest value may have; 0 where it is no text. The catalogue's limits must bound them.
    fn room_for(&mut self, expr: &Expr<'_>, ty: ScalarType, bytes: f64) -> Option<u16> {
        if !matches!(ty, ScalarType::String | ScalarType::Bytes) {
            return Some(0);
        }
        let most = f64::from(limits::MAX_LAST_BYTES);
        if bytes <= most {
            return Some(bytes.max(1.0).ceil() as u16);
        }
        let words = format!("`last` keeps at most {most} bytes, and this text may have {bytes:.0}");
        let d = Diagnostic::new(Code::LongLast, whole(expr.cel), words);
        self.report.push(d.help("lower `max_len` of the field in the catalogue, or keep a part: `….substring(0, 32)`"));
        None
    }

    /// The constant of `default:`, in the type of what is read.
    fn default_value(&mut self, default: &Spanned<Literal>, ty: ScalarType) -> Option<u32> {
        let constant = match (ty, &default.value) {
            (ScalarType::Bool, Literal::Bool(b)) => Some(ConstIr::Bool(*b)),
            (ScalarType::Int, Literal::Int(n)) => Some(ConstIr::Int(*n)),
            (ScalarType::Uint, Literal::Int(n)) => u64::try_from(*n).ok().map(ConstIr::Uint),
            (ScalarType::Double, Literal::Int(n)) => Some(ConstIr::Double(*n as f64)),
            (ScalarType::Double, Literal::Double(d)) => Some(ConstIr::Double(*d)),
            (ScalarType::String, Literal::Text(text)) => Some(ConstIr::String(text.clone())),
            (ScalarType::Duration, Literal::Text(text)) => duration(text),
            (ScalarType::Duration, Literal::Int(0)) => duration("0"),
            (ScalarType::Timestamp, Literal::Text(text)) => rules_catalogue::parse_rfc3339(text).map(|time| {
                let (seconds, ms) = (time.0.div_euclid(1_000), time.0.rem_euclid(1_000));
                ConstIr::Timestamp { seconds, nanos: ms as u32 * 1_000_000 }
            }),
            _ => None,
        };
        if let Some(constant) = constant {
            return Some(self.pools.constant(constant));
        }
        let words = format!("`default` must be {}", in_words(&type_of(ty)));
        let help = match ty {
            ScalarType::Duration => "write a length of time such as `5m`",
            ScalarType::Timestamp => "write a moment such as `2026-01-31T18:00:00Z`",
            ScalarType::Bytes => "bytes have no default; ask with `has(…)` whether there are any",
            ScalarType::String => "put it into quotes where it looks like a number",
            _ => "write a constant of the type that the name reads, such as `0`",
        };
        self.report.push(Diagnostic::new(Code::BadValue, default.span, words).help(help));
        None
    }

    /// Warns of a `last` that always reads the triggering event itself.
    fn lint_last(&mut self, decl: &LetDecl, rule: &Triggered<'_>, fed_type: &EventType) {
        let (Gather::Last, Some(cel), None) = (decl.gather.value, &decl.value, &decl.filter) else { return };
        if fed_type.id == rule.scope.event.id {
            let words = format!("the last {} is always the triggering event itself", fed_type.name);
            let d = Diagnostic::new(Code::LastIsTrigger, decl.gather.span, words);
            self.report.push(d.help(format!(
                "read `{}` in place of `{}`, or leave the triggering event out with `where`",
                cel.text.trim(),
                decl.name.value
            )));
        }
    }

    /// `where`: what the gathered event must be, and how it is tied to the triggering one.
    fn filter(
        &mut self,
        decl: &LetDecl,
        rule: &Triggered<'_>,
        fed_type: &EventType,
        fed_env: &Env<'_>,
        feed_sum: &mut Sum,
    ) -> Option<(Option<ExprIr>, TiedKey)> {
        let Some(cel) = &decl.filter else { return Some((None, TiedKey::default())) };
        let trigger = rule.scope.event;
        let mut env = fed_env.child();
        env.variable("trigger", Type::message(event_message(self.catalogue, trigger)));
        let scope = Scope { env: &env, event: fed_type, lets: &[], root: "event", ..rule.scope };
        let expr = check_as(cel, scope, &Type::Bool, "`where`", self.report)?;
        self.lint(&expr, scope);
        constant_condition(&expr, self.report);
        feed_sum.add(&expr, &cost_of(&expr, scope));
        self.note_taint(&expr, scope);
        rule.used.borrow_mut().extend(variables(&expr));
        let parts = split_filter(&expr);
        if let Some(odd) = parts.other.first() {
            let words = "`trigger` can only be compared for equality here, joined by `&&`";
            let help = "write `event.x == trigger.x`; conditions on the triggering event alone belong into `when`";
            self.report.push(Diagnostic::new(Code::TriggerOutsideEquality, expr.span_of(*odd), words).help(help));
            return None;
        }
        let trigger_scope = Scope { event: trigger, root: "trigger", ..scope };
        let mut tied = TiedKey::default();
        for (fed, read) in parts.equalities {
            let (fed_type, read_type) = (&expr.checked.node(fed).ty, &expr.checked.node(read).ty);
            let Some(ty) = key_type_of(fed_type).filter(|_| fed_type == read_type) else {
                self.bad_tie(&expr, fed, fed_type, read_type);
                return None;
            };
            tied.types.push(ty);
            tied.fed.push(lower_parts(&expr, &[fed], scope, &mut self.pools, self.report)?);
            tied.read.push(lower_parts(&expr, &[read], trigger_scope, &mut self.pools, self.report)?);
        }
        let filter = if parts.own.is_empty() {
            None
        } else {
            Some(lower_parts(&expr, &parts.own, scope, &mut self.pools, self.report)?)
        };
        Some((filter, tied))
    }

    fn bad_tie(&mut self, expr: &Expr<'_>, at: rules_cel::checked::NodeId, fed: &Type, read: &Type) {
        if fed == read {
            self.bad_key_part(fed, expr.span_of(at));
        } else {
            let words = format!("an equality with `trigger` needs one type on both sides, not {fed} and {read}");
            self.report.push(Diagnostic::new(Code::BadKeyPart, expr.span_of(at), words).help("convert one side"));
        }
    }

    fn feed_limits(&mut self, decl: &LetDecl, rule: &Triggered<'_>, fed_type: &EventType, sum: &Sum) {
        let evaluates = decl.filter.as_ref().or(decl.value.as_ref());
        let span = evaluates.map_or(decl.name.span, |cel| cel.span);
        if let Some(d) = sum.above(super::limits::RULE_NS, "feeding this `let` costs", span) {
            self.report.push(d);
        }
        if evaluates.is_some() {
            self.add_unindexed(fed_type.id, sum, span);
        }
        let priced = sum.priced(rule, What::Feed(decl.name.value.clone()), fed_type.id, decl.name.span);
        self.priced.push(Priced { is_unskippable: evaluates.is_some(), ..priced });
    }
}

fn join(fed: Key, read: Key, tied: TiedKey) -> (Key, Vec<ExprIr>) {
    let mut key = fed;
    key.parts.extend(tied.fed);
    key.types.extend(tied.types);
    let mut read = read.parts;
    read.extend(tied.read);
    (key, read)
}

fn duration(text: &str) -> Option<ConstIr> {
    let nanos = parse_duration_ms(text)?.checked_mul(1_000_000)?;
    Some(ConstIr::Duration { nanos })
}

/// The engine's word for the type of a single value.
fn scalar_of(ty: &Type) -> Option<ScalarType> {
    match ty {
        Type::Double => Some(ScalarType::Double),
        ty => key_type_of(ty).map(ScalarType::from),
    }
}

/// The type of what a name reads.
fn type_of(scalar: ScalarType) -> Type {
    match scalar {
        ScalarType::Bool => Type::Bool,
        ScalarType::Int => Type::Int,
        ScalarType::Uint => Type::Uint,
        ScalarType::Double => Type::Double,
        ScalarType::String => Type::String,
        ScalarType::Bytes => Type::Bytes,
        ScalarType::Timestamp => Type::Timestamp,
        ScalarType::Duration => Type::Duration,
    }
}

/// Whether values of a type can be gathered so.
fn takes(gather: Gather, ty: ScalarType) -> bool {
    use ScalarType::{Double, Duration, Int, Timestamp, Uint};
    match gather {
        Gather::Count | Gather::FirstSeen => false,
        Gather::Sum | Gather::Avg => matches!(ty, Int | Uint | Double | Duration),
        Gather::Min | Gather::Max => matches!(ty, Int | Uint | Double | Duration | Timestamp),
        Gather::Distinct => ty != Double,
        Gather::Last => true,
    }
}

fn taken_by(gather: Gather) -> &'static str {
    match gather {
        Gather::Count | Gather::FirstSeen => "events alone are gathered",
        Gather::Distinct => {
            "text, whole numbers, booleans, moments and durations can be told apart; round numbers with `int(…)`"
        }
        Gather::Last => "text, a number, a boolean, a moment or a duration can be kept",
        Gather::Sum | Gather::Avg => "sums and means are of numbers and of durations",
        Gather::Min | Gather::Max => "the smallest and the largest are of numbers, moments and durations",
    }
}
