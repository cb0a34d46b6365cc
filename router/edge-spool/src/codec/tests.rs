use std::sync::Arc;

use bytes::Bytes;
use edge_event::{
    Action, Class, Command, CommandId, EventId, EventRecord, NodeId, Partition, PlayerKey, Priority, ProducerId,
    ProducerKey, Seq, ShardId, StartEpoch, StateDelta, StateKey, TimerSet, UnixMillis,
};
use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = Arc<str>> {
    "\\PC{0,12}".prop_map(Arc::from)
}

fn body() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn time() -> impl Strategy<Value = UnixMillis> {
    any::<i64>().prop_map(UnixMillis)
}

fn partition() -> impl Strategy<Value = Partition> {
    (0..4096_u16).prop_map(|n| Partition::new(n).expect("in range"))
}

fn state_key() -> impl Strategy<Value = StateKey> {
    (any::<u64>(), any::<u128>(), partition()).prop_map(|(definition, key, partition)| StateKey {
        definition,
        key,
        partition,
    })
}

fn id() -> impl Strategy<Value = EventId> {
    let reliable =
        (text(), any::<[u8; 16]>(), 0..4_u8, any::<u64>()).prop_map(|(sub, producer, class, seq)| EventId::Reliable {
            sub,
            producer: ProducerId(producer),
            class: Class::new(class).expect("in range"),
            seq: Seq(seq),
        });
    let datagram =
        (any::<u32>(), any::<u64>(), any::<u16>(), any::<u64>()).prop_map(|(node, epoch, shard, ordinal)| {
            EventId::Datagram { node: NodeId(node), epoch: StartEpoch(epoch), shard: ShardId(shard), ordinal }
        });
    prop_oneof![reliable, datagram].prop_recursive(TIMER_DEPTH_MAX as u32, 8, 1, |inner| {
        (inner, any::<u64>()).prop_map(|(id, definition)| EventId::Timer { opened_by: Box::new(id), definition })
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (text(), text(), body()).prop_map(|(workflow, workflow_id, input)| Action::StartWorkflow {
            workflow,
            workflow_id,
            input
        }),
        (text(), text(), body()).prop_map(|(workflow_id, signal, input)| Action::SignalWorkflow {
            workflow_id,
            signal,
            input
        }),
        text().prop_map(|workflow_id| Action::CancelWorkflow { workflow_id }),
        (text(), body()).prop_map(|(topic, message)| Action::Publish { topic, message }),
        (text(), body()).prop_map(|(name, body)| Action::Reply { name, body }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let names = (any::<[u8; 16]>(), text(), text(), any::<u16>(), text());
    let rest = (0..5_u8, time(), proptest::option::of(time()), action());
    (names, rest).prop_map(|((id, package, rule, action_index, player), (priority, time, deadline, action))| Command {
        id: CommandId(id),
        package,
        rule,
        action_index,
        player,
        priority: Priority::from_u8(priority).expect("in range"),
        time,
        deadline,
        action,
    })
}

fn record() -> impl Strategy<Value = EventRecord> {
    let delta = (state_key(), proptest::option::of(body()), proptest::option::of(time()))
        .prop_map(|(key, value, expires)| StateDelta { key, value, expires });
    let timer = (state_key(), proptest::option::of(time())).prop_map(|(key, due)| TimerSet { key, due });
    let head = (id(), any::<u128>(), any::<u128>(), partition(), any::<u64>(), time());
    (head, vec(delta, 0..4), vec(timer, 0..3), vec(command(), 0..4)).prop_map(
        |((id, producer, player, partition, revision, time), deltas, timers, commands)| EventRecord {
            id,
            producer: ProducerKey(producer),
            player: PlayerKey(player),
            partition,
            revision,
            time,
            deltas,
            timers,
            commands,
        },
    )
}

fn encoded(record: &EventRecord) -> Bytes {
    let mut out = Vec::new();
    encode_record(record, &mut out);
    Bytes::from(out)
}

proptest! {
    #[test]
    fn what_was_written_is_read(record in record()) {
        prop_assert_eq!(decode_record(&encoded(&record)), Ok(record));
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode_record(&Bytes::from(bytes));
    }

    #[test]
    fn a_changed_byte_is_a_record_or_an_error(record in record(), at: prop::sample::Index, byte: u8) {
        let mut bytes = encoded(&record).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode_record(&Bytes::from(bytes));
    }

    #[test]
    fn a_cut_record_is_an_error(record in record(), at: prop::sample::Index) {
        let bytes = encoded(&record);
        prop_assert!(decode_record(&bytes.slice(..at.index(bytes.len()))).is_err());
    }
}

#[test]
fn a_count_is_believed_only_as_far_as_bytes_could_hold_it() {
    let empty = EventRecord {
        id: EventId::Datagram { node: NodeId(1), epoch: StartEpoch(1), shard: ShardId(0), ordinal: 1 },
        producer: ProducerKey(0),
        player: PlayerKey(0),
        partition: Partition::new(0).expect("in range"),
        revision: 0,
        time: UnixMillis(0),
        deltas: Vec::new(),
        timers: Vec::new(),
        commands: Vec::new(),
    };
    let mut bytes = encoded(&empty).to_vec();
    let count_at = bytes.len() - 3;
    bytes.splice(count_at.., [0xff, 0xff, 0xff, 0xff, 0x7f]);
    let error = decode_record(&Bytes::from(bytes)).expect_err("34 milliards of deltas");
    expect!["the payload ends inside `deltas` at byte 73"].assert_eq(&error.to_string());
}

/// These bytes are on disks: they never change.
#[test]
fn the_bytes_of_version_1() {
    let record = EventRecord {
        id: EventId::Reliable {
            sub: "ann".into(),
            producer: ProducerId([0xaa; 16]),
            class: Class::ALL[1],
            seq: Seq(7),
        },
        producer: ProducerKey(1),
        player: PlayerKey(2),
        partition: Partition::new(2).expect("in range"),
        revision: 3,
        time: UnixMillis(4),
        deltas: vec![StateDelta {
            key: StateKey { definition: 5, key: 6, partition: Partition::new(2).expect("in range") },
            value: Some(Bytes::from_static(b"v")),
            expires: Some(UnixMillis(8)),
        }],
        timers: vec![TimerSet {
            key: StateKey { definition: 5, key: 6, partition: Partition::new(2).expect("in range") },
            due: None,
        }],
        commands: vec![Command {
            id: CommandId([0xcc; 16]),
            package: "eu".into(),
            rule: "r".into(),
            action_index: 1,
            player: "ann".into(),
            priority: Priority::P1,
            time: UnixMillis(4),
            deadline: Some(UnixMillis(9)),
            action: Action::Publish { topic: "t".into(), message: Bytes::from_static(b"{}") },
        }],
    };
    let bytes = encoded(&record);
    let lines: Vec<String> =
        bytes.chunks(16).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>()).collect();
    expect![[r#"
        0103000000616e6eaaaaaaaaaaaaaaaa
        aaaaaaaaaaaaaaaa0107000000000000
        00010000000000000000000000000000
        00020000000000000000000000000000
        00020003000000000000000400000000
        00000001050000000000000006000000
        00000000000000000000000002000308
        00000000000000017601050000000000
        00000600000000000000000000000000
        000002000001cccccccccccccccccccc
        cccccccccccc0265750172010003616e
        6e010400000000000000010900000000
        000000040174027b7d"#]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(decode_record(&bytes), Ok(record));
}
