//! A small world for tests: a catalogue of two event types, rule sets built by hand, events, one shard.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "shared by several test binaries, each of which uses a part"
)]

pub mod tree;

use std::sync::Arc;

use edge_event::{
    Class, ConnInfo, Event, EventId, EventTypeId, Partition, PlayerKey, Priority, ProducerId, Seq, UnixMillis,
};
use rules_catalogue::{
    Cardinality, Catalogue, CatalogueData, EnumIndex, EnumType, EnumValue, EventType, Field, Kind, Limits,
    MessageIndex, MessageType, PersonalData, Position, Provenances,
};
use rules_engine::ir::{
    ActionIr, ActionKind, Aggregate, AtCapacity, ConstIr, DefinitionIr, DefinitionKind, EventIr, ExprIr, FeedIr,
    FieldPathIr, GateIr, IR_FORMAT, KeyType, LetIr, Mode, ParamIr, RuleIr, RuleSetIr, Scope, SetIr, TemplateEntry,
    TemplateIr, Window,
};
use rules_engine::{Evaluator, LoadError, Outputs, RuleSet, State, StateLimits, Verdict, stable_id};
use serde_json::Value;
use tree::Tree;

pub const HIT: EventTypeId = EventTypeId(1);
pub const DIED: EventTypeId = EventTypeId(2);

/// Slots of both event types, by these names.
pub const LEVEL: u16 = 0;
pub const ZONE: u16 = 1;
pub const DAMAGE: u16 = 2;
pub const SCORE: u16 = 3;
pub const OK: u16 = 4;
pub const ITEMS: u16 = 5;
pub const TAGS: u16 = 6;
pub const ATTRS: u16 = 7;
pub const AT: u16 = 8;
pub const TOOK: u16 = 9;
pub const INNER_NOTE: u16 = 10;
pub const KIND: u16 = 11;
pub const RAW: u16 = 12;
pub const OPT: u16 = 13;

/// Noon of a day.
pub const START: i64 = 1_790_000_000_000;

pub fn catalogue() -> Arc<Catalogue> {
    let field = |number: u32, name: &str, kind: Kind, cardinality: Cardinality| Field {
        number,
        name: name.to_owned(),
        kind,
        cardinality,
        oneof: None,
        limits: Limits {
            max_len: matches!(kind, Kind::String | Kind::Bytes).then_some(64),
            max_key_len: matches!(cardinality, Cardinality::Map(Kind::String)).then_some(16),
            max_items: matches!(cardinality, Cardinality::Repeated | Cardinality::Map(_)).then_some(32),
            range: None,
        },
        personal_data: PersonalData::None,
        deprecated: false,
        doc: String::new(),
        position: Position::default(),
    };
    let one = Cardinality::Implicit;
    let message = |full_name: &str, fields: Vec<Field>| MessageType {
        full_name: full_name.to_owned(),
        fields,
        oneofs: Vec::new(),
        doc: String::new(),
        position: Position::default(),
    };
    let hit = |name: &str| {
        message(
            name,
            vec![
                field(1, "level", Kind::Int32, one),
                field(2, "zone", Kind::String, one),
                field(3, "damage", Kind::Double, one),
                field(4, "score", Kind::Uint64, one),
                field(5, "ok", Kind::Bool, one),
                field(6, "items", Kind::Message(MessageIndex(3)), Cardinality::Repeated),
                field(7, "tags", Kind::String, Cardinality::Repeated),
                field(8, "attrs", Kind::Int64, Cardinality::Map(Kind::String)),
                field(9, "at", Kind::Timestamp, Cardinality::Explicit),
                field(10, "took", Kind::Duration, Cardinality::Explicit),
                field(11, "inner", Kind::Message(MessageIndex(2)), Cardinality::Explicit),
                field(12, "kind", Kind::Enum(EnumIndex(0)), one),
                field(13, "raw", Kind::Bytes, one),
                field(14, "opt", Kind::Int64, Cardinality::Explicit),
            ],
        )
    };
    let item = vec![
        field(1, "sku", Kind::String, one),
        field(2, "count", Kind::Uint32, one),
        field(3, "note", Kind::String, Cardinality::Explicit),
    ];
    let event_type = |id: EventTypeId, name: &str, message: u16| EventType {
        id,
        name: name.to_owned(),
        message: MessageIndex(message),
        provenance: Provenances::Client,
        subject: None,
        owner: "team".to_owned(),
        tags: Vec::new(),
        personal_data: PersonalData::None,
        idempotent: false,
        deprecated: false,
        max_payload_bytes: 8_192,
        doc: String::new(),
        position: Position::default(),
    };
    let value = |name: &str, short: &str, number| EnumValue { name: name.to_owned(), short: short.to_owned(), number };
    let data = CatalogueData {
        name: "test.v1".to_owned(),
        types: vec![event_type(HIT, "Hit", 1), event_type(DIED, "Died", 0)],
        messages: vec![
            hit("test.v1.Died"),
            hit("test.v1.Hit"),
            message("test.v1.Inner", vec![field(1, "note", Kind::String, Cardinality::Explicit)]),
            message("test.v1.Item", item),
        ],
        enums: vec![EnumType {
            full_name: "test.v1.Kind".to_owned(),
            values: vec![value("KIND_NONE", "none", 0), value("KIND_SWORD", "sword", 1)],
            doc: String::new(),
            position: Position::default(),
        }],
        files: vec!["test.proto".to_owned()],
    };
    Arc::new(Catalogue::new(data).expect("the test's catalogue is sound"))
}

pub fn slots() -> Vec<FieldPathIr> {
    let path = |numbers: &[u32]| FieldPathIr { numbers: numbers.to_vec() };
    let mut slots: Vec<_> = (1..=10).map(|n| path(&[n])).collect();
    slots.extend([path(&[11, 1]), path(&[12]), path(&[13]), path(&[14])]);
    slots
}

/// A rule set under construction.
pub struct Builder {
    pub ir: RuleSetIr,
    pub catalogue: Arc<Catalogue>,
}

impl Builder {
    pub fn new() -> Builder {
        let catalogue = catalogue();
        let event = |event_type| EventIr { event_type, slots: slots() };
        let ir = RuleSetIr {
            format: IR_FORMAT,
            tenant: "acme".to_owned(),
            revision: 1,
            catalogue_digest: *catalogue.digest(),
            lateness_ms: 10_000,
            packages: vec!["eu.test".to_owned()],
            events: vec![event(HIT), event(DIED)],
            consts: Vec::new(),
            params: vec![ParamIr { package: 0, name: "threshold".to_owned(), value: ConstIr::Int(3) }],
            sets: vec![
                SetIr {
                    name: "zones.hard".to_owned(),
                    items: ["crypt", "abyss"].map(|s| ConstIr::String(s.to_owned())).to_vec(),
                },
                SetIr {
                    name: "levels".to_owned(),
                    items: vec![ConstIr::Int(5), ConstIr::Double(7.0), ConstIr::Uint(9)],
                },
            ],
            regexes: vec!["^cr[a-z]+t$".to_owned()],
            zones: Vec::new(),
            regions: Vec::new(),
            calendars: Vec::new(),
            groups: Vec::new(),
            definitions: Vec::new(),
            rules: Vec::new(),
        };
        Builder { ir, catalogue }
    }

    pub fn expr(&mut self, tree: &Tree) -> ExprIr {
        tree.lower(&mut self.ir.consts)
    }

    /// Adds a definition and gives its index; fills in the id.
    pub fn define(&mut self, mut definition: DefinitionIr) -> u32 {
        definition.id = stable_id(&self.ir.packages[usize::from(definition.package)], &definition);
        self.ir.definitions.push(definition);
        self.ir.definitions.len() as u32 - 1
    }

    /// A count over a sliding window by player: exact up to `ring`, or in parts of the window.
    pub fn count(&mut self, name: &str, of: EventTypeId, within_ms: u64, ring: Option<u8>) -> u32 {
        self.feed(name, of, Aggregate::Count { ring }, Window::Sliding { within_ms })
    }

    /// A feed of all events of a type, by player.
    pub fn feed(&mut self, name: &str, event_type: EventTypeId, aggregate: Aggregate, window: Window) -> u32 {
        let feed = FeedIr { event_type, filter: None, key: vec![], aggregate, window };
        self.define(definition(name, DefinitionKind::Feed(feed)))
    }

    /// The feed of a definition, to be changed.
    pub fn feed_mut(&mut self, definition: u32) -> &mut FeedIr {
        match &mut self.ir.definitions[definition as usize].kind {
            DefinitionKind::Feed(feed) => feed,
            other => panic!("no feed: {other:?}"),
        }
    }

    pub fn once(&mut self, name: &str, period_ms: Option<u64>) -> u32 {
        let mut d = definition(name, DefinitionKind::Once { generation: 0, period_ms });
        d.durable = true;
        d.at_capacity = AtCapacity::Deny;
        self.define(d)
    }

    pub fn cooldown(&mut self, name: &str, duration_ms: u64) -> u32 {
        self.define(definition(name, DefinitionKind::Cooldown { duration_ms }))
    }

    /// Adds a rule that publishes the given values.
    pub fn rule(&mut self, id: &str, on: EventTypeId, when: Option<Tree>, values: &[(&str, Tree)]) -> &mut RuleIr {
        let when = when.map(|t| self.expr(&t));
        let entries = values.iter().map(|(name, tree)| {
            let value = tree.lower(&mut self.ir.consts);
            TemplateEntry::Value { name: (*name).to_owned(), value }
        });
        let input = TemplateIr { entries: entries.collect() };
        let publish = ActionIr {
            kind: ActionKind::Publish { topic: format!("topic.{id}") },
            id: None,
            input,
            priority: Priority::P2,
            deadline_ms: None,
            granting: false,
        };
        self.ir.rules.push(RuleIr {
            id: id.to_owned(),
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
            actions: vec![publish],
        });
        self.ir.rules.last_mut().expect("just pushed")
    }

    pub fn try_load(&self) -> Result<RuleSet, LoadError> {
        RuleSet::load(self.ir.clone(), self.catalogue.clone())
    }

    pub fn load(&self) -> RuleSet {
        self.try_load().expect("the test's rule set is sound")
    }
}

pub fn definition(name: &str, kind: DefinitionKind) -> DefinitionIr {
    DefinitionIr {
        id: 0,
        package: 0,
        name: name.to_owned(),
        kind,
        scope: Scope::Player,
        key_types: Vec::new(),
        durable: false,
        max_keys: 1_000,
        at_capacity: AtCapacity::EvictOldest,
        max_keys_per_player: 0,
    }
}

pub fn let_(name: &str, definition: u32) -> LetIr {
    LetIr { name: name.to_owned(), definition, key: Vec::new(), default: None }
}

pub fn gate(definition: u32) -> GateIr {
    GateIr { definition, key: Vec::new() }
}

pub fn conn() -> Arc<ConnInfo> {
    Arc::new(ConnInfo {
        sub: "p1".into(),
        region: "eu".into(),
        segments: vec!["beta".into(), "vip".into()],
        platform: "pc".into(),
        locale: "pt-BR".into(),
        build: "1.2.3".into(),
        attributes: vec![("clan".into(), "wolves".into())],
        ..ConnInfo::default()
    })
}

/// One shard.
pub struct World {
    pub catalogue: Arc<Catalogue>,
    pub conn: Arc<ConnInfo>,
    pub state: State,
    pub evaluator: Evaluator,
    pub out: Outputs,
    pub seq: u64,
}

impl World {
    pub fn new() -> World {
        World {
            catalogue: catalogue(),
            conn: conn(),
            state: State::new(StateLimits::with_seed(7), UnixMillis(START)),
            evaluator: Evaluator::new(),
            out: Outputs::default(),
            seq: 0,
        }
    }

    /// An event of a player, `at_ms` after the start, on time.
    pub fn event(&mut self, player: &str, event_type: EventTypeId, at_ms: i64, fields: &Value) -> Event {
        let of_type = self.catalogue.event_type(event_type).expect("a type of the test");
        let payload = self.catalogue.encode_json(of_type, fields).expect("fields of the test");
        self.seq += 1;
        event(player, event_type, at_ms, payload, self.seq, &self.conn)
    }

    pub fn evaluate(&mut self, set: &RuleSet, event: &Event) -> Verdict {
        self.evaluator.evaluate(set, &mut self.state, event, event.arrival, &mut self.out)
    }

    pub fn send(
        &mut self,
        set: &RuleSet,
        player: &str,
        event_type: EventTypeId,
        at_ms: i64,
        fields: &Value,
    ) -> Verdict {
        let event = self.event(player, event_type, at_ms, fields);
        self.evaluate(set, &event)
    }

    /// The ids of the rules that fired, joined.
    pub fn fired(&self, set: &RuleSet) -> String {
        self.out.fired.iter().map(|at| &*set.rule(*at).id).collect::<Vec<_>>().join(" ")
    }
}

pub fn event(
    player: &str,
    event_type: EventTypeId,
    at_ms: i64,
    payload: Vec<u8>,
    seq: u64,
    conn: &Arc<ConnInfo>,
) -> Event {
    let key = PlayerKey(player.bytes().fold(0x1234_5678, |h: u128, b| h.wrapping_mul(0x1_0000_01b3) ^ u128::from(b)));
    Event {
        id: EventId::Reliable {
            sub: player.into(),
            producer: ProducerId([7; 16]),
            class: Class::ALL[0],
            seq: Seq(seq),
        },
        event_type,
        subject: player.into(),
        player: key,
        partition: Partition::of(key),
        arrival: UnixMillis(START + at_ms),
        happened: UnixMillis(START + at_ms),
        conn: conn.clone(),
        payload: payload.into(),
    }
}

/// `key types` for a key of one string.
pub fn string_key() -> Vec<KeyType> {
    vec![KeyType::String]
}
