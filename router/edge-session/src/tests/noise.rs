//! Any bytes, anywhere a client can put them: nothing panics, and what is not the protocol ends only its own
//! connection.

use edge_wire::{ClientFrame, StreamHeader};
use proptest::prelude::*;
use quinn_proto::Dir;

use super::world::{SECOND, World, class, event_bytes, hello};
use crate::Config;

/// What a client may put on a stream: noise, or pieces of the protocol in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        (0u64..6).prop_map(|seq| event_bytes(seq, 5)),
        Just(vec![0x20, 0]),
        Just(vec![0x40, 0x80, 2, 1, 1]),
        Just({
            let mut bytes = Vec::new();
            ClientFrame::Hello(Box::new(hello())).encode(&mut bytes).unwrap();
            bytes
        }),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_of_a_client_panic_or_hurt_its_neighbour(
        control in pieces(),
        events in prop::collection::vec((0u8..4, pieces()), 0..4),
        datagram in prop::collection::vec(any::<u8>(), 0..60),
        is_player in any::<bool>(),
    ) {
        let mut world = World::new(Config::default());
        let neighbour = world.player();
        let stranger = if is_player { world.player() } else { world.connect() };
        world.exchange();
        let client = &mut world.clients[stranger];
        if is_player {
            let stream = client.control();
            client.write(stream, &control);
        } else {
            client.open_control(&control);
        }
        for (n, bytes) in events {
            let mut head = Vec::new();
            StreamHeader::Events(class(n)).encode(&mut head);
            client.open(Dir::Uni, &[head, bytes].concat());
        }
        client.send_datagram(datagram);
        world.pass(2 * SECOND);
        let arrived = world.arrived.len();
        world.clients[neighbour].open_class(class(1), 1..=3);
        world.pass(SECOND);
        prop_assert_eq!(world.arrived.len(), arrived + 3);
        prop_assert_eq!(world.clients[neighbour].receipts(), [0, 3, 0, 0]);
        prop_assert!(world.clients[neighbour].lost.is_none());
        world.clients[neighbour].close(world.now);
        world.clients[stranger].close(world.now);
        world.pass(30 * SECOND);
        prop_assert!(world.shards[0].is_empty());
        let stats = world.shards[0].stats();
        prop_assert_eq!((stats.connections, stats.half_open, stats.sessions), (0, 0, 0));
        prop_assert_eq!(world.ended.len() as u64, stats.hellos, "every HELLO that was told has its end");
    }
}
