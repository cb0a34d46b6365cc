//! Rule sets under construction.
//!
//! Comes in: expressions node by node, rules part by part. Goes out: a [`RuleSetIr`] in which equal constants are one. What is
//! not said of a rule is left plain, so that a new part of the form is filled in here alone.

use std::collections::HashMap;

use edge_event::{EventTypeId, Priority};
use rules_catalogue::Catalogue;
use rules_engine::ir::{
    ActionIr, ActionKind, AtCapacity, BinaryOp, ConstIr, DefinitionIr, DefinitionKind, EventIr, ExprIr, FieldPathIr,
    Function, IR_FORMAT, Mode, Node, RuleIr, RuleSetIr, Scope, TemplateEntry, TemplateIr, UnaryOp,
};
use rules_engine::stable_id;

/// See the file's head.
pub struct Draft {
    /// What there is so far.
    pub ir: RuleSetIr,
    texts: HashMap<String, u32>,
    ints: HashMap<i64, u32>,
}

/// An expression under construction: operands are pushed before their operator.
pub struct Expr<'d> {
    draft: &'d mut Draft,
    nodes: Vec<Node>,
}

impl Draft {
    /// No rules yet; each event type with its slots, as paths of field numbers.
    pub fn new(catalogue: &Catalogue, slots: &[Vec<u32>]) -> Draft {
        let slots: Vec<_> = slots.iter().map(|numbers| FieldPathIr { numbers: numbers.clone() }).collect();
        let events = catalogue.event_types().iter().map(|of| EventIr { event_type: of.id, slots: slots.clone() });
        let ir = RuleSetIr {
            format: IR_FORMAT,
            tenant: "studio".to_owned(),
            revision: 1,
            catalogue_digest: *catalogue.digest(),
            lateness_ms: 10_000,
            packages: vec!["eu.one".to_owned(), "eu.two".to_owned()],
            events: events.collect(),
            consts: Vec::new(),
            params: Vec::new(),
            sets: Vec::new(),
            regexes: Vec::new(),
            zones: Vec::new(),
            regions: Vec::new(),
            calendars: Vec::new(),
            groups: Vec::new(),
            definitions: Vec::new(),
            rules: Vec::new(),
        };
        Draft { ir, texts: HashMap::new(), ints: HashMap::new() }
    }

    /// An expression to come.
    pub const fn expr(&mut self) -> Expr<'_> {
        Expr { draft: self, nodes: Vec::new() }
    }

    /// Adds a rule without gates and windows, to be changed further.
    pub fn rule(&mut self, on: EventTypeId, when: Option<ExprIr>, actions: Vec<ActionIr>) -> &mut RuleIr {
        self.ir.rules.push(RuleIr {
            id: format!("rule_{:06}", self.ir.rules.len()),
            package: 0,
            doc: String::new(),
            owner: "team".to_owned(),
            contact: String::new(),
            depends_on: Vec::new(),
            tags: Vec::new(),
            on,
            when,
            lets: Vec::new(),
            active: None,
            variations: Vec::new(),
            rollout: None,
            once: None,
            cooldown: None,
            group: None,
            rate_limit: None,
            precedence: 0,
            mode: Mode::Live,
            enabled: true,
            actions,
        });
        self.ir.rules.last_mut().expect("one was pushed just now")
    }

    /// Adds state kept by player, in memory, and says under which index.
    pub fn define(&mut self, name: &str, kind: DefinitionKind) -> u32 {
        self.ir.definitions.push(DefinitionIr {
            id: 0,
            package: 0,
            name: name.to_owned(),
            kind,
            scope: Scope::Player,
            key_types: Vec::new(),
            durable: false,
            max_keys: 1_000_000,
            at_capacity: AtCapacity::EvictOldest,
            max_keys_per_player: 0,
        });
        self.ir.definitions.len() as u32 - 1
    }

    /// The set, with the ids of its definitions.
    pub fn finish(mut self) -> RuleSetIr {
        for definition in &mut self.ir.definitions {
            definition.id = stable_id(&self.ir.packages[usize::from(definition.package)], definition);
        }
        self.ir
    }

    fn constant(&mut self, constant: ConstIr) -> u32 {
        let fresh = self.ir.consts.len() as u32;
        let at = match &constant {
            ConstIr::String(text) => *self.texts.entry(text.clone()).or_insert(fresh),
            ConstIr::Int(n) => *self.ints.entry(*n).or_insert(fresh),
            _ => fresh,
        };
        if at == fresh {
            self.ir.consts.push(constant);
        }
        at
    }
}

impl Expr<'_> {
    /// Adds a node and says where it is.
    pub fn push(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    /// A constant.
    pub fn constant(&mut self, constant: ConstIr) -> u32 {
        let at = self.draft.constant(constant);
        self.push(Node::Const(at))
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> u32 {
        self.constant(ConstIr::String(text.to_owned()))
    }

    /// A whole number.
    pub fn int(&mut self, n: i64) -> u32 {
        self.constant(ConstIr::Int(n))
    }

    /// A field.
    pub fn field(&mut self, slot: u16) -> u32 {
        self.push(Node::Field(slot))
    }

    /// `left op right`.
    pub fn binary(&mut self, op: BinaryOp, left: u32, right: u32) -> u32 {
        self.push(Node::Binary { op, left, right })
    }

    /// `!of`.
    pub fn not(&mut self, of: u32) -> u32 {
        self.push(Node::Unary { op: UnaryOp::Not, of })
    }

    /// `function(args)`.
    pub fn call(&mut self, function: Function, args: &[u32]) -> u32 {
        self.push(Node::Call { function, args: args.to_vec() })
    }

    /// The sets, parameters and the like of the rule set.
    pub const fn draft(&mut self) -> &mut Draft {
        self.draft
    }

    /// The expression; what was pushed last is its root.
    pub fn done(self) -> ExprIr {
        ExprIr { nodes: self.nodes }
    }
}

/// `publish: TOPIC` with a message of these values.
pub fn publish(topic: &str, message: Vec<(&str, ExprIr)>) -> ActionIr {
    let entries =
        message.into_iter().map(|(name, value)| TemplateEntry::Value { name: name.to_owned(), value }).collect();
    ActionIr {
        kind: ActionKind::Publish { topic: topic.to_owned() },
        id: None,
        input: TemplateIr { entries },
        priority: Priority::P2,
        deadline_ms: None,
        granting: false,
    }
}
