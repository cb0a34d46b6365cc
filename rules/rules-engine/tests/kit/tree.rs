//! Expressions as trees, for tests that write them by hand; flattened into the postfix form.

use rules_engine::ir::{BinaryOp, ComprehensionKind, ConstIr, ExprIr, Function, Node, UnaryOp, Var};

/// An expression.
#[derive(Clone, Debug)]
pub enum Tree {
    Const(ConstIr),
    Leaf(Node),
    Select(Box<Tree>, u32),
    HasSelect(Box<Tree>, u32),
    Unary(UnaryOp, Box<Tree>),
    Binary(BinaryOp, Box<Tree>, Box<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    If(Box<Tree>, Box<Tree>, Box<Tree>),
    InSet(Box<Tree>, u16),
    Matches(Box<Tree>, u16),
    Call(Function, Vec<Tree>),
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    Macro(ComprehensionKind, Box<Tree>, Option<Box<Tree>>, Option<Box<Tree>>),
}

impl Tree {
    /// Flattens, adding constants to the pool.
    pub fn lower(&self, consts: &mut Vec<ConstIr>) -> ExprIr {
        let mut nodes = Vec::new();
        self.push(&mut nodes, consts);
        ExprIr { nodes }
    }

    fn push(&self, nodes: &mut Vec<Node>, consts: &mut Vec<ConstIr>) -> u32 {
        let mut many =
            |of: &[Tree], nodes: &mut Vec<Node>| of.iter().map(|t| t.push(nodes, consts)).collect::<Vec<_>>();
        let node = match self {
            Tree::Const(c) => {
                consts.push(c.clone());
                Node::Const(consts.len() as u32 - 1)
            }
            Tree::Leaf(node) => node.clone(),
            Tree::Select(of, number) => Node::Select { of: of.push(nodes, consts), number: *number },
            Tree::HasSelect(of, number) => Node::HasSelect { of: of.push(nodes, consts), number: *number },
            Tree::Unary(op, of) => Node::Unary { op: *op, of: of.push(nodes, consts) },
            Tree::Binary(op, l, r) => {
                let left = l.push(nodes, consts);
                Node::Binary { op: *op, left, right: r.push(nodes, consts) }
            }
            Tree::And(of) => Node::And(many(of, nodes)),
            Tree::Or(of) => Node::Or(many(of, nodes)),
            Tree::If(c, t, o) => {
                let condition = c.push(nodes, consts);
                let then = t.push(nodes, consts);
                Node::If { condition, then, otherwise: o.push(nodes, consts) }
            }
            Tree::InSet(of, set) => Node::InSet { of: of.push(nodes, consts), set: *set },
            Tree::Matches(of, regex) => Node::Matches { of: of.push(nodes, consts), regex: *regex },
            Tree::Call(function, args) => Node::Call { function: *function, args: many(args, nodes) },
            Tree::List(of) => Node::List(many(of, nodes)),
            Tree::Map(pairs) => {
                let pairs = pairs.iter().map(|(k, v)| (k.push(nodes, consts), v.push(nodes, consts))).collect();
                Node::Map(pairs)
            }
            Tree::Macro(kind, range, predicate, transform) => {
                let range = range.push(nodes, consts);
                let predicate = predicate.as_ref().map(|t| t.push(nodes, consts));
                let transform = transform.as_ref().map(|t| t.push(nodes, consts));
                Node::Comprehension { kind: *kind, range, predicate, transform }
            }
        };
        nodes.push(node);
        nodes.len() as u32 - 1
    }
}

pub fn null() -> Tree {
    Tree::Const(ConstIr::Null)
}
pub fn boolean(b: bool) -> Tree {
    Tree::Const(ConstIr::Bool(b))
}
pub fn int(n: i64) -> Tree {
    Tree::Const(ConstIr::Int(n))
}
pub fn uint(n: u64) -> Tree {
    Tree::Const(ConstIr::Uint(n))
}
pub fn double(d: f64) -> Tree {
    Tree::Const(ConstIr::Double(d))
}
pub fn text(s: &str) -> Tree {
    Tree::Const(ConstIr::String(s.to_owned()))
}
pub fn bytes(b: &[u8]) -> Tree {
    Tree::Const(ConstIr::Bytes(b.to_vec()))
}
pub fn timestamp(s: &str) -> Tree {
    call(Function::ToTimestamp, [text(s)])
}
pub fn duration(s: &str) -> Tree {
    call(Function::ToDuration, [text(s)])
}
pub fn field(slot: u16) -> Tree {
    Tree::Leaf(Node::Field(slot))
}
pub fn has(slot: u16) -> Tree {
    Tree::Leaf(Node::HasField(slot))
}
pub fn var(var: Var) -> Tree {
    Tree::Leaf(Node::Var(var))
}
pub fn window(at: u16) -> Tree {
    Tree::Leaf(Node::Let(at))
}
pub fn param(at: u16) -> Tree {
    Tree::Leaf(Node::Param(at))
}
pub fn local(level: u8) -> Tree {
    Tree::Leaf(Node::Local(level))
}
pub fn select(of: Tree, number: u32) -> Tree {
    Tree::Select(Box::new(of), number)
}
pub fn unary(op: UnaryOp, of: Tree) -> Tree {
    Tree::Unary(op, Box::new(of))
}
pub fn binary(left: Tree, op: BinaryOp, right: Tree) -> Tree {
    Tree::Binary(op, Box::new(left), Box::new(right))
}
pub fn call<const N: usize>(function: Function, args: [Tree; N]) -> Tree {
    Tree::Call(function, args.into())
}
pub fn list<const N: usize>(of: [Tree; N]) -> Tree {
    Tree::List(of.into())
}
pub fn condition(c: Tree, then: Tree, otherwise: Tree) -> Tree {
    Tree::If(Box::new(c), Box::new(then), Box::new(otherwise))
}
pub fn comprehension(kind: ComprehensionKind, range: Tree, predicate: Option<Tree>, transform: Option<Tree>) -> Tree {
    Tree::Macro(kind, Box::new(range), predicate.map(Box::new), transform.map(Box::new))
}
