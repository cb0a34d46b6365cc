//! The second opinion: what CEL's reference interpreter says of a rule's condition for an event.
//!
//! In: conditions as their authors wrote them, an event, the values of the rule's counts. Out: whether the condition holds, or why it has
//! no value. The text is parsed, and nothing of it typed: so nothing of the compiler's is taken for granted but the parser.

use std::collections::BTreeMap;
use std::sync::Arc;

use edge_event::Event;
use rules::{WrittenCondition, WrittenConditions};
use rules_catalogue::Catalogue;
use rules_cel::{Checked, Constant, Env, Type, Typing, check, parse};
use rules_cel_reference::{Activation, Lookup, Map, Settings, Value, evaluate};

use crate::payload::Payloads;

/// The conditions of one package.
pub(crate) struct Opinions {
    /// By rule.
    rules: BTreeMap<String, Checked>,
    /// Parameters and sets.
    constants: BTreeMap<String, Value>,
}

/// What a condition speaks of.
pub(crate) struct Facts<'a> {
    pub(crate) event: &'a Event,
    /// The event's payload.
    pub(crate) fields: &'a Value,
    /// The rule's counts that have a value.
    pub(crate) counts: &'a [(String, i64)],
}

/// Names of what an event knows beside its payload.
const VARIABLES: [&str; 9] = [
    "player.id",
    "conn.platform",
    "conn.locale",
    "conn.build",
    "conn.region",
    "conn.attributes",
    "token.sub",
    "token.region",
    "token.segments",
];

impl Opinions {
    pub(crate) fn new(of: &WrittenConditions, catalogue: &Catalogue, payloads: &Payloads) -> Opinions {
        let sets = of.sets.iter().flat_map(|(name, items)| {
            let value = Value::list(items.iter().map(Value::from).collect());
            [(name.clone(), value.clone()), (format!("sets.{name}"), value)]
        });
        let params = of.params.iter().map(|(name, value)| (format!("params.{name}"), Value::from(value)));
        let constants: BTreeMap<String, Value> = params.chain(sets).collect();
        let mut env = Env::new(payloads.types());
        env.set_typing(Typing::Dynamic).set_container(catalogue.name());
        for (name, number) in enums(catalogue) {
            env.constant(name, Constant::Int(number));
        }
        for name in constants.keys().map(String::as_str).chain(VARIABLES).chain(["event"]) {
            env.variable(name, Type::Dyn);
        }
        let parsed = |rule: &WrittenCondition| (rule.rule.clone(), check(&parse(&rule.text).ast, &env).checked);
        Opinions { rules: of.rules.iter().map(parsed).collect(), constants }
    }

    /// Whether the rule's condition holds; why it has no value, in words. Nothing where the rule has none.
    pub(crate) fn ask(&self, rule: &str, facts: Facts<'_>, payloads: &Payloads) -> Option<Result<bool, String>> {
        let condition = self.rules.get(rule)?;
        let known = Known { constants: &self.constants, facts };
        Some(match evaluate(condition, &known, payloads.types(), Settings::default()) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it is {}, and no bool", other.type_name())),
            Err(stop) => Err(stop.to_string()),
        })
    }
}

struct Known<'a> {
    constants: &'a BTreeMap<String, Value>,
    facts: Facts<'a>,
}

impl Activation for Known<'_> {
    fn variable(&self, name: &str) -> Option<Lookup> {
        let Facts { event, fields, counts } = &self.facts;
        let conn = &event.conn;
        let value = match name {
            "event" => (*fields).clone(),
            "player.id" => Value::from(&*event.subject),
            "conn.platform" => Value::from(&*conn.platform),
            "conn.locale" => Value::from(&*conn.locale),
            "conn.build" => Value::from(&*conn.build),
            "conn.attributes" => attributes(&conn.attributes),
            "token.sub" => Value::from(&*conn.sub),
            "conn.region" | "token.region" => Value::from(&*conn.region),
            "token.segments" => Value::list(conn.segments.iter().map(|segment| Value::from(&**segment)).collect()),
            name => match self.constants.get(name) {
                Some(value) => value.clone(),
                None => Value::Int(counts.iter().find(|(of, _)| of == name)?.1),
            },
        };
        Some(Lookup::Value(value))
    }
}

fn attributes(of: &[(Arc<str>, Arc<str>)]) -> Value {
    let mut out = Map::new();
    for (name, value) in of {
        // The session refuses a name that stands twice.
        let _ = out.insert(Value::from(&**name), Value::from(&**value));
    }
    Value::map(out)
}

/// Every name of an enumeration's value, and its number: as written, and without the enumeration's own name in front.
fn enums(catalogue: &Catalogue) -> impl Iterator<Item = (String, i64)> {
    catalogue.enums().iter().flat_map(|of| {
        of.values.iter().flat_map(|value| {
            let names = [value.short.to_ascii_uppercase(), value.name.clone()];
            names.map(|name| (format!("{}.{name}", of.full_name), i64::from(value.number)))
        })
    })
}
