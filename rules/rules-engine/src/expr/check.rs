//! Checks one expression at load: shape, indices, types, depth.
//!
//! Comes in: an untrusted node array. Goes out: its type, or what is wrong at which node. After it passed, evaluation can
//! neither loop nor index out of range, and its recursion is bounded by [`limits::MAX_DEPTH`].

use rules_catalogue::{Catalogue, FieldPath};

use super::types::{self, Type};
use crate::ir::{ComprehensionKind, ExprIr, Node, ParamIr, SetIr, Var, limits};

/// What an expression may refer to.
pub(crate) struct CheckContext<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) consts: &'a [crate::ir::ConstIr],
    pub(crate) params: &'a [ParamIr],
    pub(crate) sets: &'a [SetIr],
    pub(crate) regexes: usize,
    /// Slots of the event in context.
    pub(crate) slots: &'a [FieldPath],
    /// Types of the rule's `let`s; none outside rules' own expressions.
    pub(crate) lets: &'a [Type],
    /// Whether a variation has been chosen: in actions.
    pub(crate) variation: bool,
}

/// What is wrong, at which node.
pub(crate) struct CheckError {
    pub(crate) node: u32,
    pub(crate) what: String,
}

/// What the check found out.
pub(crate) struct Checked {
    /// The type of the whole expression.
    pub(crate) ty: Type,
    /// The fields that `Select` and `HasSelect` nodes read, sorted by node.
    pub(crate) selects: Vec<(u32, FieldPath)>,
}

/// Infers the type of a whole expression.
pub(crate) fn check(expr: &ExprIr, context: &CheckContext<'_>) -> Result<Checked, CheckError> {
    let Some(root) = expr.root() else { return fail(0, "the expression is empty") };
    if expr.nodes.len() > limits::MAX_NODES {
        return fail(root, format!("more than {} nodes", limits::MAX_NODES));
    }
    check_shape(expr, root)?;
    let mut checker = Checker { expr, context, locals: Vec::new(), selects: Vec::new() };
    let ty = checker.infer(root, 0)?;
    checker.selects.sort_unstable_by_key(|(node, _)| *node);
    Ok(Checked { ty, selects: checker.selects })
}

/// Operands stand before operators, and each node but the root is used exactly once: a tree.
fn check_shape(expr: &ExprIr, root: u32) -> Result<(), CheckError> {
    let mut used = vec![false; expr.nodes.len()];
    for (at, node) in expr.nodes.iter().enumerate() {
        let mut fault = None;
        node.operands(|of| match used.get_mut(of as usize) {
            Some(used) if (of as usize) < at && !*used => *used = true,
            _ => fault = Some(of),
        });
        if let Some(of) = fault {
            return fail(at as u32, format!("operand {of} stands not before it, or is used twice"));
        }
    }
    match used.iter().position(|used| !used) {
        Some(at) if at as u32 != root => fail(at as u32, "the node is no part of the expression"),
        _ => Ok(()),
    }
}

struct Checker<'a> {
    expr: &'a ExprIr,
    context: &'a CheckContext<'a>,
    locals: Vec<Type>,
    selects: Vec<(u32, FieldPath)>,
}

impl Checker<'_> {
    fn infer(&mut self, at: u32, depth: usize) -> Result<Type, CheckError> {
        if depth >= limits::MAX_DEPTH {
            return fail(at, format!("nested deeper than {}", limits::MAX_DEPTH));
        }
        let expr = self.expr;
        match &expr.nodes[at as usize] {
            Node::Const(i) => found(at, self.context.consts.get(*i as usize), "constant").map(Type::of_const),
            Node::Param(i) => {
                found(at, self.context.params.get(usize::from(*i)), "parameter").map(|p| Type::of_const(&p.value))
            }
            Node::Var(Var::Variation) if !self.context.variation => fail(at, "no variation is chosen yet"),
            Node::Var(var) => Ok(Type::of_var(*var)),
            Node::Field(slot) => {
                found(at, self.context.slots.get(usize::from(*slot)), "field slot").map(Type::of_field)
            }
            Node::HasField(slot) => {
                found(at, self.context.slots.get(usize::from(*slot)), "field slot").map(|_| Type::Bool)
            }
            Node::Let(i) => found(at, self.context.lets.get(usize::from(*i)), "`let` here").cloned(),
            Node::HasLet(i) => found(at, self.context.lets.get(usize::from(*i)), "`let` here").map(|_| Type::Bool),
            Node::Local(level) => found(at, self.locals.get(usize::from(*level)), "local").cloned(),
            Node::Select { of, number } => self.select(at, *of, *number, depth),
            Node::HasSelect { of, number } => self.select(at, *of, *number, depth).map(|_| Type::Bool),
            Node::Unary { op, of } => {
                let of = self.infer(*of, depth + 1)?;
                types::unary(*op, &of).ok_or_else(|| error(at, format!("{op:?} does not take {of}")))
            }
            Node::Binary { op, left, right } => {
                let (left, right) = (self.infer(*left, depth + 1)?, self.infer(*right, depth + 1)?);
                let ty = types::binary(*op, &left, &right);
                ty.ok_or_else(|| error(at, format!("{op:?} does not take {left} and {right}")))
            }
            Node::And(of) | Node::Or(of) => self.logic(at, of, depth),
            Node::If { condition, then, otherwise } => {
                self.expect_bool(*condition, depth)?;
                Ok(self.infer(*then, depth + 1)?.join(self.infer(*otherwise, depth + 1)?))
            }
            Node::InSet { of, set } => {
                let ty = self.infer(*of, depth + 1)?;
                let set = found(at, self.context.sets.get(usize::from(*set)), "set")?;
                let fits = |item| types::binary(crate::ir::BinaryOp::Equal, &ty, &Type::of_const(item)).is_some();
                match set.items.iter().all(fits) && !matches!(ty, Type::List(_) | Type::Map(..) | Type::Message(_)) {
                    true => Ok(Type::Bool),
                    false => fail(at, format!("set `{}` cannot contain {ty}", set.name)),
                }
            }
            Node::Matches { of, regex } => {
                let ty = self.infer(*of, depth + 1)?;
                if usize::from(*regex) >= self.context.regexes {
                    return fail(at, "no such regular expression");
                }
                if ty.fits(&Type::String) { Ok(Type::Bool) } else { fail(at, format!("matches does not take {ty}")) }
            }
            Node::Call { function, args } => {
                let args = args.iter().map(|of| self.infer(*of, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                types::call(*function, &args).ok_or_else(|| {
                    let args: Vec<_> = args.iter().map(ToString::to_string).collect();
                    error(at, format!("{function:?} does not take ({})", args.join(", ")))
                })
            }
            Node::List(of) => {
                let mut joined: Option<Type> = None;
                for of in of {
                    let ty = self.infer(*of, depth + 1)?;
                    joined = Some(joined.map_or(ty.clone(), |j| j.join(ty)));
                }
                Ok(Type::list(joined.unwrap_or(Type::Dyn)))
            }
            Node::Map(pairs) => self.map(at, pairs, depth),
            Node::Comprehension { kind, range, predicate, transform } => {
                self.comprehension(at, *kind, (*range, *predicate, *transform), depth)
            }
        }
    }

    fn select(&mut self, at: u32, of: u32, number: u32, depth: usize) -> Result<Type, CheckError> {
        let ty = self.infer(of, depth + 1)?;
        let Type::Message(message) = ty else { return fail(at, format!("{ty} has no fields")) };
        let field = self.context.catalogue.message(message).field(number);
        let field = found(at, field, "field")?;
        let path = self.context.catalogue.resolve(message, &field.name).map_err(|e| error(at, e.to_string()))?;
        let ty = Type::of_field(&path);
        self.selects.push((at, path));
        Ok(ty)
    }

    fn expect_bool(&mut self, of: u32, depth: usize) -> Result<(), CheckError> {
        let ty = self.infer(of, depth + 1)?;
        if ty.fits(&Type::Bool) { Ok(()) } else { fail(of, format!("bool is needed, this is {ty}")) }
    }

    fn logic(&mut self, at: u32, of: &[u32], depth: usize) -> Result<Type, CheckError> {
        if of.is_empty() {
            return fail(at, "no operand");
        }
        of.iter().try_for_each(|of| self.expect_bool(*of, depth))?;
        Ok(Type::Bool)
    }

    fn map(&mut self, at: u32, pairs: &[(u32, u32)], depth: usize) -> Result<Type, CheckError> {
        let mut joined: Option<(Type, Type)> = None;
        for (key, value) in pairs {
            let (k, v) = (self.infer(*key, depth + 1)?, self.infer(*value, depth + 1)?);
            if !matches!(k, Type::Bool | Type::Int | Type::Uint | Type::String | Type::Dyn) {
                return fail(at, format!("{k} cannot be a key"));
            }
            joined = Some(match joined {
                None => (k, v),
                Some((j, w)) => (j.join(k), w.join(v)),
            });
        }
        let (key, value) = joined.unwrap_or((Type::Dyn, Type::Dyn));
        Ok(Type::map(key, value))
    }

    fn comprehension(
        &mut self,
        at: u32,
        kind: ComprehensionKind,
        (range, predicate, transform): (u32, Option<u32>, Option<u32>),
        depth: usize,
    ) -> Result<Type, CheckError> {
        let element = match self.infer(range, depth + 1)? {
            Type::List(of) | Type::Map(of, _) => *of,
            Type::Dyn => Type::Dyn,
            ty => return fail(at, format!("a macro cannot run over {ty}")),
        };
        if self.locals.len() >= limits::MAX_LOCALS {
            return fail(at, format!("macros nested deeper than {}", limits::MAX_LOCALS));
        }
        self.locals.push(element.clone());
        if let Some(predicate) = predicate {
            self.expect_bool(predicate, depth)?;
        }
        let made = transform.map(|of| self.infer(of, depth + 1)).transpose()?;
        self.locals.pop();
        match (kind, predicate, made) {
            (ComprehensionKind::Map, _, Some(made)) => Ok(Type::list(made)),
            (ComprehensionKind::Filter, Some(_), None) => Ok(Type::list(element)),
            (ComprehensionKind::All | ComprehensionKind::Exists | ComprehensionKind::ExistsOne, Some(_), None) => {
                Ok(Type::Bool)
            }
            _ => fail(at, "a macro lacks a part or has one too many"),
        }
    }
}

fn found<'t, T>(at: u32, thing: Option<&'t T>, what: &str) -> Result<&'t T, CheckError> {
    thing.ok_or_else(|| error(at, format!("no such {what}")))
}

fn error(node: u32, what: impl Into<String>) -> CheckError {
    CheckError { node, what: what.into() }
}

fn fail<T>(node: u32, what: impl Into<String>) -> Result<T, CheckError> {
    Err(error(node, what))
}
