//! Parsed trees as the data has them: the definition's own few kinds of nodes, with its first macros expanded.
//!
//! What comes in: a tree of `rules-cel`. What goes out: a [`Tree`], which `notation` writes as text. Only the macros of the
//! definition itself are expanded; those of its extensions the data leaves as calls, and so does this.

use rules_cel::ast::{Ast, BinaryOp, ExprId, ExprKind, Literal, LogicOp, UnaryOp};

/// A node as the definition has it.
#[derive(Clone)]
pub(crate) enum Tree {
    Literal(Literal),
    Ident(String),
    Select { operand: Box<Tree>, field: String, test_only: bool },
    Call { target: Option<Box<Tree>>, function: String, args: Vec<Tree> },
    List(Vec<Tree>),
    Struct { name: String, entries: Vec<Entry> },
    Loop(Box<Loop>),
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) optional: bool,
    pub(crate) key: Key,
    pub(crate) value: Tree,
}

#[derive(Clone)]
pub(crate) enum Key {
    Field(String),
    Value(Tree),
}

#[derive(Clone)]
pub(crate) struct Loop {
    pub(crate) variable: String,
    pub(crate) range: Tree,
    pub(crate) init: Tree,
    pub(crate) condition: Tree,
    pub(crate) step: Tree,
    pub(crate) result: Tree,
}

/// The name of every loop's accumulator.
pub(crate) const RESULT: &str = "@result";

/// The tree below a node.
pub(crate) fn tree(ast: &Ast, id: ExprId) -> Tree {
    let below = |id: &ExprId| tree(ast, *id);
    match &ast.expr(id).kind {
        ExprKind::Error => Tree::Ident("<error>".to_owned()),
        ExprKind::Literal(literal) => Tree::Literal(literal.clone()),
        ExprKind::Ident { rooted, name } => Tree::Ident(rooted_name(*rooted, &name.text)),
        ExprKind::Select { operand, optional: false, field, .. } => {
            Tree::Select { operand: Box::new(below(operand)), field: field.text.clone(), test_only: false }
        }
        ExprKind::Select { operand, field, .. } => {
            call("_?._", vec![below(operand), Tree::Literal(Literal::String(field.text.clone()))])
        }
        ExprKind::Index { operand, optional, index, .. } => {
            call(if *optional { "_[?_]" } else { "_[_]" }, vec![below(operand), below(index)])
        }
        ExprKind::Call { target, rooted, function, args } => {
            let name = rooted_name(*rooted, &function.text);
            let expanded = expand(ast, *target, &name, args);
            expanded.unwrap_or_else(|| Tree::Call {
                target: target.as_ref().map(|target| Box::new(below(target))),
                function: name,
                args: args.iter().map(below).collect(),
            })
        }
        ExprKind::Unary { op, .. } => prefixed(ast, id, *op),
        ExprKind::Binary { op: BinaryOp::In, left, right, .. } => call("@in", vec![below(left), below(right)]),
        ExprKind::Binary { op, left, right, .. } => {
            call(&format!("_{}_", op.symbol()), vec![below(left), below(right)])
        }
        ExprKind::Logic { op, terms, .. } => balanced(*op, &terms.iter().map(below).collect::<Vec<_>>()),
        ExprKind::Conditional { condition, then, otherwise, .. } => {
            call("_?_:_", vec![below(condition), below(then), below(otherwise)])
        }
        ExprKind::List { elements } => Tree::List(elements.iter().map(|element| below(&element.value)).collect()),
        ExprKind::Map { entries } => {
            let entries = entries.iter().map(|entry| Entry {
                optional: entry.optional,
                key: Key::Value(below(&entry.key)),
                value: below(&entry.value),
            });
            Tree::Struct { name: String::new(), entries: entries.collect() }
        }
        ExprKind::Message { rooted, path, fields } => {
            let path: Vec<_> = path.iter().map(|name| name.text.as_str()).collect();
            let entries = fields.iter().map(|field| Entry {
                optional: field.optional,
                key: Key::Field(field.name.text.clone()),
                value: below(&field.value),
            });
            Tree::Struct { name: rooted_name(*rooted, &path.join(".")), entries: entries.collect() }
        }
    }
}

fn rooted_name(rooted: bool, name: &str) -> String {
    format!("{}{name}", if rooted { "." } else { "" })
}

fn call(function: &str, args: Vec<Tree>) -> Tree {
    Tree::Call { target: None, function: function.to_owned(), args }
}

/// A chain of one prefix operator without parentheses between: two of them are none, and the minus of a number counts.
fn prefixed(ast: &Ast, id: ExprId, op: UnaryOp) -> Tree {
    let (mut at, mut count) = (id, 0_usize);
    let mut next = ast.expr(id).span.start;
    let inner = loop {
        let expr = ast.expr(at);
        match &expr.kind {
            ExprKind::Unary { op: other, op_span, operand } if *other == op && expr.span.start == next => {
                count += 1;
                (at, next) = (*operand, op_span.end);
            }
            ExprKind::Literal(Literal::Int(number))
                if op == UnaryOp::Negate && (-i64::MAX..0).contains(number) && expr.span.start == next =>
            {
                count += 1;
                break Tree::Literal(Literal::Int(-number));
            }
            _ => break tree(ast, at),
        }
    };
    let function = if op == UnaryOp::Not { "!_" } else { "-_" };
    if count.is_multiple_of(2) { inner } else { call(function, vec![inner]) }
}

/// A chain of one operator as calls of two operands each, about as deep on both sides.
fn balanced(op: LogicOp, terms: &[Tree]) -> Tree {
    match terms {
        [] => Tree::Ident("<nothing>".to_owned()),
        [term] => term.clone(),
        terms => {
            let (left, right) = terms.split_at((terms.len() - 1) / 2 + 1);
            call(&format!("_{}_", op.symbol()), vec![balanced(op, left), balanced(op, right)])
        }
    }
}

/// A macro of the definition as the loop, or the question for a field, that it stands for.
fn expand(ast: &Ast, target: Option<ExprId>, name: &str, args: &[ExprId]) -> Option<Tree> {
    let below = |id: &ExprId| tree(ast, *id);
    let Some(target) = target else {
        let ("has", [arg]) = (name, args) else { return None };
        let Tree::Select { operand, field, .. } = below(arg) else { return None };
        return Some(Tree::Select { operand, field, test_only: true });
    };
    let [variable, filter @ .., body] = args else { return None };
    let ExprKind::Ident { rooted: false, name: variable } = &ast.expr(*variable).kind else { return None };
    let accumulator = || Tree::Ident(RESULT.to_owned());
    let truth = |value| Tree::Literal(Literal::Bool(value));
    let appended = |element| call("_+_", vec![accumulator(), Tree::List(vec![element])]);
    let when = |condition, then| call("_?_:_", vec![condition, then, accumulator()]);
    let going = |condition| call("@not_strictly_false", vec![condition]);
    let one = || Tree::Literal(Literal::Int(1));
    let same = accumulator();
    let (init, condition, step, result) = match (name, filter) {
        ("all", []) => (truth(true), going(accumulator()), call("_&&_", vec![accumulator(), below(body)]), same),
        ("exists", []) => {
            let condition = going(call("!_", vec![accumulator()]));
            (truth(false), condition, call("_||_", vec![accumulator(), below(body)]), same)
        }
        ("exists_one" | "existsOne", []) => {
            let counted = call("_+_", vec![accumulator(), one()]);
            let result = call("_==_", vec![accumulator(), one()]);
            (Tree::Literal(Literal::Int(0)), truth(true), when(below(body), counted), result)
        }
        ("filter", []) => {
            let step = when(below(body), appended(Tree::Ident(variable.text.clone())));
            (Tree::List(vec![]), truth(true), step, same)
        }
        ("map", []) => (Tree::List(vec![]), truth(true), appended(below(body)), same),
        ("map", [filter]) => (Tree::List(vec![]), truth(true), when(below(filter), appended(below(body))), same),
        _ => return None,
    };
    let range = below(&target);
    Some(Tree::Loop(Box::new(Loop { variable: variable.text.clone(), range, init, condition, step, result })))
}
