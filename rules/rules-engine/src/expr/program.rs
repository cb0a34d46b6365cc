//! A checked expression, ready to run, and its evaluation.
//!
//! Evaluation walks the tree; its recursion and its work are bounded by the check at load and by the scope's limits. `&&`,
//! `||`, `all` and `exists` absorb errors as CEL demands: an operand that decides wins over an operand that fails.

use rules_catalogue::{Catalogue, Extractor, FieldPath};

use super::check::{CheckContext, CheckError, check};
use super::function::{self, MAX_ARGS};
use super::operator;
use super::scope::{Scope, field_value};
use super::types::Type;
use super::value::{EvalError, Value, lookup};
use crate::ir::{ComprehensionKind, ExprIr, Node};

/// An expression that passed the check.
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) ty: Type,
    /// How to read the fields of `Select` and `HasSelect` nodes; sorted by node.
    readers: Vec<(u32, Extractor)>,
}

impl Program {
    pub(crate) fn new(expr: ExprIr, context: &CheckContext<'_>) -> Result<Program, CheckError> {
        let checked = check(&expr, context)?;
        let readers = checked
            .selects
            .into_iter()
            .map(|(node, path)| Ok((node, reader(context.catalogue, &path).map_err(|what| CheckError { node, what })?)))
            .collect::<Result<_, _>>()?;
        Ok(Program { nodes: expr.nodes, ty: checked.ty, readers })
    }

    pub(crate) fn root(&self) -> u32 {
        // INVARIANT: the check refused empty expressions.
        self.nodes.len() as u32 - 1
    }

    fn reader(&self, node: u32) -> &Extractor {
        let at =
            self.readers.binary_search_by_key(&node, |r| r.0).expect("every select has its reader since the check");
        &self.readers[at].1
    }

    /// Whether a subtree reads a window.
    pub(crate) fn reads_let(&self, at: u32) -> bool {
        let node = &self.nodes[at as usize];
        let mut found = matches!(node, Node::Let(_) | Node::HasLet(_));
        node.operands(|of| found |= self.reads_let(of));
        found
    }
}

fn reader(catalogue: &Catalogue, path: &FieldPath) -> Result<Extractor, String> {
    Extractor::new(catalogue, path.message, &[&path.text]).map_err(|e| e.to_string())
}

/// The value of the subtree at `at`.
pub(crate) fn evaluate<'a>(program: &'a Program, scope: &Scope<'a>, at: u32) -> Result<Value<'a>, EvalError> {
    scope.spend(1)?;
    match &program.nodes[at as usize] {
        Node::Const(i) => Ok(Value::of_const(&scope.pools.consts[*i as usize])),
        Node::Param(i) => Ok(scope.param(*i)),
        Node::Var(var) => scope.var(*var),
        Node::Field(slot) => scope.field(*slot),
        Node::HasField(slot) => Ok(Value::Bool(scope.has_field(*slot))),
        Node::Let(i) => scope.let_value(*i),
        Node::HasLet(i) => scope.has_let(*i).map(Value::Bool),
        Node::Local(level) => Ok(scope.local(*level)),
        Node::Select { of, .. } => select(program, scope, at, *of).map(|found| found.0),
        Node::HasSelect { of, .. } => select(program, scope, at, *of).map(|found| Value::Bool(found.1)),
        Node::Unary { op, of } => operator::unary(*op, evaluate(program, scope, *of)?),
        Node::Binary { op, left, right } => {
            let left = evaluate(program, scope, *left)?;
            let right = evaluate(program, scope, *right)?;
            operator::binary(scope, *op, left, right)
        }
        Node::And(of) => absorbing(of, false, |of| evaluate(program, scope, of)?.as_bool()).map(Value::Bool),
        Node::Or(of) => absorbing(of, true, |of| evaluate(program, scope, of)?.as_bool()).map(Value::Bool),
        Node::If { condition, then, otherwise } => {
            let of = if evaluate(program, scope, *condition)?.as_bool()? { *then } else { *otherwise };
            evaluate(program, scope, of)
        }
        Node::InSet { of, set } => Ok(Value::Bool(scope.in_set(*set, evaluate(program, scope, *of)?))),
        Node::Matches { of, regex } => {
            let text = evaluate(program, scope, *of)?.as_str()?;
            scope.spend(text.len() / 16)?;
            Ok(Value::Bool(scope.pools.regexes[usize::from(*regex)].is_match(text)))
        }
        Node::Call { function, args } => call(program, scope, *function, args),
        Node::List(of) => {
            let items = scope.values(of.len())?;
            for (item, of) in items.iter_mut().zip(of) {
                *item = evaluate(program, scope, *of)?;
            }
            Ok(Value::List(items))
        }
        Node::Map(pairs) => map(program, scope, pairs),
        Node::Comprehension { kind, range, predicate, transform } => {
            comprehension(program, scope, *kind, (*range, *predicate, *transform))
        }
    }
}

/// `decisive` wins over errors, errors over the rest.
pub(crate) fn absorbing(
    of: &[u32],
    decisive: bool,
    mut evaluate: impl FnMut(u32) -> Result<bool, EvalError>,
) -> Result<bool, EvalError> {
    let mut error = None;
    for of in of {
        match evaluate(*of) {
            Ok(b) if b == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(e) => error = error.or(Some(e)),
        }
    }
    error.map_or(Ok(!decisive), Err)
}

#[inline(never)]
fn call<'a>(
    program: &'a Program,
    scope: &Scope<'a>,
    function: crate::ir::Function,
    of: &[u32],
) -> Result<Value<'a>, EvalError> {
    if of.len() > MAX_ARGS {
        let args = scope.values(of.len())?;
        for (arg, of) in args.iter_mut().zip(of) {
            *arg = evaluate(program, scope, *of)?;
        }
        return function::call(scope, function, args);
    }
    let mut args = [Value::Null; MAX_ARGS];
    for (arg, of) in args.iter_mut().zip(of) {
        *arg = evaluate(program, scope, *of)?;
    }
    function::call(scope, function, &args[..of.len()])
}

/// The field's value, and whether it is set.
#[inline(never)]
fn select<'a>(program: &'a Program, scope: &Scope<'a>, at: u32, of: u32) -> Result<(Value<'a>, bool), EvalError> {
    let Value::Message { bytes, .. } = evaluate(program, scope, of)? else { return Err(EvalError::NoSuchOverload) };
    let reader = program.reader(at);
    scope.spend(bytes.len() / 16)?;
    let raw = reader.first(bytes).map_err(|_| EvalError::Unreadable)?;
    Ok((field_value(scope, raw, &reader.slots()[0])?, reader.has(0, &raw)))
}

#[inline(never)]
fn map<'a>(program: &'a Program, scope: &Scope<'a>, of: &[(u32, u32)]) -> Result<Value<'a>, EvalError> {
    let pairs = scope.pairs(of.len())?;
    for (at, (key, value)) in of.iter().enumerate() {
        let key = evaluate(program, scope, *key)?;
        scope.spend(at)?;
        if lookup(&pairs[..at], key).is_some() {
            return Err(EvalError::DuplicateKey);
        }
        pairs[at] = (key, evaluate(program, scope, *value)?);
    }
    Ok(Value::Map(pairs))
}

#[inline(never)]
fn comprehension<'a>(
    program: &'a Program,
    scope: &Scope<'a>,
    kind: ComprehensionKind,
    (range, predicate, transform): (u32, Option<u32>, Option<u32>),
) -> Result<Value<'a>, EvalError> {
    let (list, map): (&[Value<'a>], &[(Value<'a>, Value<'a>)]) = match evaluate(program, scope, range)? {
        Value::List(items) => (items, &[]),
        Value::Map(pairs) => (&[], pairs),
        _ => return Err(EvalError::NoSuchOverload),
    };
    let elements = list.iter().copied().chain(map.iter().map(|(key, _)| *key));
    let holds = |of: Option<u32>| match of {
        Some(of) => evaluate(program, scope, of)?.as_bool(),
        None => Ok(true),
    };
    scope.with_local(|bind| match kind {
        ComprehensionKind::All | ComprehensionKind::Exists => {
            let decisive = kind == ComprehensionKind::Exists;
            let mut error = None;
            for element in elements {
                bind(element);
                match holds(predicate) {
                    Ok(b) if b == decisive => return Ok(Value::Bool(decisive)),
                    Ok(_) => {}
                    Err(e) => error = error.or(Some(e)),
                }
            }
            error.map_or(Ok(Value::Bool(!decisive)), Err)
        }
        ComprehensionKind::ExistsOne => {
            let mut count = 0_usize;
            for element in elements {
                bind(element);
                count += usize::from(holds(predicate)?);
            }
            Ok(Value::Bool(count == 1))
        }
        ComprehensionKind::Filter | ComprehensionKind::Map => {
            let out = scope.values(list.len() + map.len())?;
            let mut len = 0;
            for element in elements {
                bind(element);
                if holds(predicate)? {
                    out[len] = transform.map_or(Ok(element), |of| evaluate(program, scope, of))?;
                    len += 1;
                }
            }
            Ok(Value::List(&out[..len]))
        }
    })
}
