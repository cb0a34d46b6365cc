//! Tree to typed tree.

use crate::ast::Ast;
use crate::checked::{Checked, Node, NodeId, NodeKind};
use crate::diagnostic::Diagnostic;
use crate::env::Env;
use crate::types::Type;

/// What [`check`] found.
#[derive(Clone, Debug)]
pub struct Check {
    /// The typed tree; with error nodes where there are diagnostics or where the parser had some.
    pub checked: Checked,
    /// Mistakes, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Types and resolves one expression. Never fails: a mistake becomes an error node and a diagnostic.
pub fn check(ast: &Ast, _env: &Env<'_>) -> Check {
    let node = Node { span: ast.expr(ast.root()).span, ty: Type::Error, kind: NodeKind::Error };
    Check { checked: Checked { nodes: vec![node], locals: Vec::new(), root: NodeId(0) }, diagnostics: Vec::new() }
}
