//! The client against a server that keeps to the protocol, and one that does not.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{C0, C1, KIND, Script, Server};
use edge_client::{Class, Client, Durability, Notice, SendError, Seq, StopReason};
use edge_wire::{CloseCode, Receipt, Refuse, RefuseCode, ServerFrame};

const PATIENCE: Duration = Duration::from_secs(10);

async fn send_all(client: &Client, class: Class, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        let seq = client.send(class, KIND, n.to_le_bytes().to_vec()).await.expect("taken");
        assert_eq!(seq, Seq(n));
    }
}

/// The first notice that is asked for.
async fn notice<T>(notices: &mut edge_client::Notices, wanted: impl Fn(Notice) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted(notices.next().await.expect("the client lives")) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the notice comes")
}

#[tokio::test]
async fn events_replies_and_receipts() {
    let server = Server::start(Script { replies: true, ..Script::default() });
    let client = server.client().platform("pc").attribute("b", "2").attribute("a", "1").start().expect("starts");
    let mut replies = client.replies();
    send_all(&client, C0, 1..=20).await;
    send_all(&client, C1, 1..=20).await;
    client.wait_receipt(C1, Seq(20)).await.expect("receipted");
    let mut bodies = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let reply = tokio::time::timeout(PATIENCE, replies.next()).await.expect("comes").expect("is there");
        assert_eq!(reply.name, "echo");
        assert!(bodies.insert((reply.id, reply.body)), "a reply came twice");
    }
    let report = client.close(PATIENCE).await;
    assert_eq!((report.outstanding_events, report.stats.receipted, report.stats.replies), (0, 40, 40));
    assert_eq!((report.stats.sent, report.stats.resent, report.stats.reconnects), (40, 0, 0));
    assert!(matches!(client.try_send(C0, KIND, vec![]), Err(SendError::Closed)));
    assert!(replies.next().await.is_none());
    server.until("the polite close", |seen| seen.closes == [0]).await;
    let seen = server.seen();
    assert_eq!((seen.hellos[0].platform.as_str(), seen.hellos[0].attributes.len()), ("pc", 2));
    for class in [C0, C1] {
        let seqs: Vec<_> =
            seen.events.iter().filter(|(_, c, _)| *c == class).map(|(_, _, event)| event.seq.0).collect();
        assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    }
}

/// Connections die every 40 events; every event arrives, under one number, with one clock, in order.
#[tokio::test]
async fn resends_until_there_is_a_receipt() {
    let server = Server::start(Script { drop_after: Some((40, CloseCode::Internal)), ..Script::default() });
    let client = server.client().start().expect("starts");
    send_all(&client, C0, 1..=300).await;
    let receipted = tokio::time::timeout(PATIENCE, client.wait_receipt(C0, Seq(300))).await;
    receipted.expect("in time").expect("receipted");
    let stats = client.close(PATIENCE).await.stats;
    assert!(stats.reconnects >= 5 && stats.resent > 0, "{stats:?}");
    let seen = server.seen();
    let mut first = std::collections::BTreeMap::new();
    for (_, _, event) in &seen.events {
        let before = first.entry(event.seq).or_insert_with(|| event.clone());
        assert_eq!(before, event, "a resend differs");
        assert_eq!(event.payload[..], event.seq.0.to_le_bytes());
    }
    assert_eq!(first.len(), 300);
    assert!(first.values().zip(first.values().skip(1)).all(|(a, b)| a.client_ms <= b.client_ms));
}

async fn crash_and_restart(durability: Durability) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(Script { receipts: false, ..Script::default() });
    let start = || server.client().state_dir(dir.path()).durability(durability).start();
    let client = start().expect("starts");
    let producer = client.producer();
    send_all(&client, C0, 1..=5).await;
    server.until("five events", |seen| seen.events.len() == 5).await;
    assert!(matches!(start(), Err(edge_client::BuildError::Journal(edge_client::JournalError::InUse(_)))));
    let mut notices = client.notices();
    drop(client);
    while notices.next().await.is_some() {}

    server.script().receipts = true;
    let client = loop {
        // The lock goes with the last task.
        match start() {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!((client.producer(), client.stats().recovered), (producer, 5));
    send_all(&client, C0, 6..=8).await;
    client.wait_receipt(C0, Seq(8)).await.expect("receipted");
    assert_eq!(client.close(PATIENCE).await.outstanding_events, 0);
    let seen = server.seen();
    let clocks: Vec<_> = seen.events.iter().map(|(_, _, event)| (event.seq, event.client_ms)).collect();
    assert!(clocks.windows(2).all(|pair| pair[0].0 >= pair[1].0 || pair[0].1 <= pair[1].1), "{clocks:?}");
    assert!(seen.hellos.iter().all(|hello| hello.producer == producer));
    assert!(seen.hellos[1].client_ms >= clocks[4].1, "the clock outlives the process");
}

#[tokio::test]
async fn the_queue_outlives_the_process() {
    crash_and_restart(Durability::Process).await;
}

#[tokio::test]
async fn the_queue_can_be_synced_before_sending() {
    crash_and_restart(Durability::Power).await;
}

/// The server would close on an event beyond its credit.
#[tokio::test]
async fn credit_is_kept() {
    let server = Server::start(Script { window: 3, ..Script::default() });
    let client = server.client().start().expect("starts");
    send_all(&client, C0, 1..=60).await;
    client.wait_receipt(C0, Seq(60)).await.expect("receipted");
    let stats = client.close(PATIENCE).await.stats;
    assert_eq!((stats.sent, stats.reconnects), (60, 0));
}

#[tokio::test]
async fn a_full_queue_makes_send_wait() {
    let server = Server::start(Script { receipts: false, ..Script::default() });
    let client = server.client().queue_limit(10, 1 << 20).start().expect("starts");
    send_all(&client, C0, 1..=10).await;
    assert!(matches!(client.try_send(C0, KIND, vec![]), Err(SendError::Full { events: 10, .. })));
    let waiting = client.clone();
    let sent = tokio::spawn(async move { waiting.send(C0, KIND, b"eleven".to_vec()).await });
    server.until("ten events", |seen| seen.events.len() == 10).await;
    assert!(!sent.is_finished());
    // The next connection's WELCOME has the receipts.
    server.script().receipts = true;
    server.kick(CloseCode::Internal);
    let sent = tokio::time::timeout(PATIENCE, sent).await.expect("in time").expect("no panic");
    assert_eq!(sent.expect("taken"), Seq(11));
    client.wait_receipt(C0, Seq(11)).await.expect("receipted");
}

#[tokio::test]
async fn room_wakes_a_waiting_send() {
    let server = Server::start(Script::default());
    let client = server.client().queue_limit(4, 1 << 20).start().expect("starts");
    tokio::time::timeout(PATIENCE, send_all(&client, C0, 1..=400)).await.expect("never stuck");
    assert_eq!(client.close(PATIENCE).await.stats.receipted, 400);
}

#[tokio::test]
async fn payloads_have_a_limit() {
    let server = Server::start(Script::default());
    let client = server.client().start().expect("starts");
    assert!(matches!(client.try_send(C0, KIND, vec![0; 16_385]), Err(SendError::TooLarge { max: 16_384, .. })));
    let seq = client.send(C0, KIND, vec![0; 16_384]).await.expect("taken");
    client.wait_receipt(C0, seq).await.expect("receipted");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let refuse = Refuse::new(RefuseCode::Overloaded, "no room", Some(400));
    let server = Server::start(Script { refuse: [refuse].into(), ..Script::default() });
    let begun = Instant::now();
    let client = server.client().start().expect("starts");
    let mut notices = client.notices();
    let reason = notice(&mut notices, |notice| match notice {
        Notice::Disconnected { reason, retry_ms, .. } => Some((reason, retry_ms)),
        _ => None,
    });
    let (reason, retry_ms) = reason.await;
    assert!(reason.contains("no room") && retry_ms >= 400, "{reason} {retry_ms}");
    let seq = client.send(C0, KIND, vec![]).await.expect("taken");
    client.wait_receipt(C0, seq).await.expect("receipted");
    assert!(begun.elapsed() >= Duration::from_millis(400));
}

#[tokio::test]
async fn a_refusal_for_good_stops_the_client() {
    let refuse = Refuse::new(RefuseCode::CatalogueUnknown, "digest 00", None);
    let server = Server::start(Script { refuse: [refuse].into(), ..Script::default() });
    let client = server.client().start().expect("starts");
    let mut notices = client.notices();
    let seq = client.send(C0, KIND, vec![]).await.expect("taken");
    let error = client.wait_receipt(C0, seq).await.expect_err("must stop");
    let wanted = StopReason::Refused { code: 33, name: "CATALOGUE_UNKNOWN", detail: "digest 00".into() };
    assert!(matches!(error, SendError::Stopped(reason) if reason == wanted));
    notice(&mut notices, |notice| matches!(notice, Notice::Stopped(_)).then_some(())).await;
    assert!(matches!(client.try_send(C0, KIND, vec![]), Err(SendError::Stopped(_))));
    assert_eq!(client.close(PATIENCE).await.outstanding_events, 1);
    assert_eq!(server.seen().hellos.len(), 1);
}

#[tokio::test]
async fn superseded_clients_do_not_fight() {
    let server = Server::start(Script { drop_after: Some((0, CloseCode::Superseded)), ..Script::default() });
    let client = server.client().start().expect("starts");
    let seq = client.send(C0, KIND, vec![]).await.expect("taken");
    let error = client.wait_receipt(C0, seq).await.expect_err("must stop");
    assert!(matches!(error, SendError::Stopped(StopReason::Closed { code: CloseCode::Superseded, .. })));
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over() {
    let server = Server::start(Script::default());
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let dead = format!("127.0.0.1:{}", dead.local_addr().expect("an address").port());
    let builder = Client::builder().endpoint(dead).endpoint(server.name()).memory_only().token("h.e30.s");
    let builder = builder.root_der(server.certificate.clone()).expect("a certificate");
    let client = builder.connect_timeout(Duration::from_millis(300)).start().expect("starts");
    let seq = client.send(C0, KIND, vec![]).await.expect("taken");
    client.wait_receipt(C0, seq).await.expect("receipted");
    assert!(client.stats().failed_attempts >= 1);
}

#[tokio::test]
async fn strangers_certificates_are_refused() {
    let (server, other) = (Server::start(Script::default()), Server::start(Script::default()));
    let builder = Client::builder().endpoint(server.name()).memory_only().token("h.e30.s");
    let client = builder.root_der(other.certificate.clone()).expect("a certificate").start().expect("starts");
    let mut notices = client.notices();
    let wanted =
        |notice| matches!(notice, Notice::Disconnected { reason, .. } if reason.contains("certificate")).then_some(());
    notice(&mut notices, wanted).await;
    assert!(server.seen().hellos.is_empty());
}

/// The new session opens before the old one ends, and no event is lost in between.
#[tokio::test]
async fn moves_when_asked() {
    let issued =
        rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).expect("a certificate");
    let target = Server::start_with(Script::default(), &issued);
    let script = Script { move_after: Some((10, vec![target.name()])), ..Script::default() };
    let source = Server::start_with(script, &issued);
    let client = source.client().start().expect("starts");
    let mut notices = client.notices();
    send_all(&client, C0, 1..=10).await;
    notice(&mut notices, |notice| matches!(notice, Notice::Moving { .. }).then_some(())).await;
    let arrived = |notice| match notice {
        Notice::Connected { endpoint, .. } => Some(endpoint),
        _ => None,
    };
    assert_eq!(notice(&mut notices, arrived).await, target.name());
    send_all(&client, C0, 11..=30).await;
    client.wait_receipt(C0, Seq(30)).await.expect("receipted");
    source.until("the polite close", |seen| seen.closes == [0]).await;
    assert_eq!(client.close(PATIENCE).await.stats.sessions, 2);
    let all: std::collections::BTreeSet<_> = [&source, &target]
        .iter()
        .flat_map(|s| s.seen().events.iter().map(|(_, _, e)| e.seq.0).collect::<Vec<_>>())
        .collect();
    assert_eq!(all.len(), 30);
}

/// Receipts that the old session brings after the new one's HELLO leave no gap behind.
#[tokio::test]
async fn receipts_that_come_during_a_move_leave_no_gap() {
    let issued =
        rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).expect("a certificate");
    let target = Server::start_with(Script { hold_welcome: true, ..Script::default() }, &issued);
    let script = Script { move_after: Some((10, vec![target.name()])), ..Script::default() };
    let source = Server::start_with(script, &issued);
    let client = source.client().start().expect("starts");
    send_all(&client, C0, 1..=10).await;
    target.until("a HELLO", |seen| !seen.hellos.is_empty()).await;
    send_all(&client, C0, 11..=20).await;
    client.wait_receipt(C0, Seq(20)).await.expect("receipted by the old session");
    target.script().hold_welcome = false;
    target.until("a HELLO that knows", |seen| seen.hellos.iter().any(|h| h.highest_receipts[0] == Seq(20))).await;
    send_all(&client, C0, 21..=30).await;
    client.wait_receipt(C0, Seq(30)).await.expect("receipted by the new one");
    assert_eq!(client.close(PATIENCE).await.stats.outstanding_events, 0);
}

fn token_for(seconds: u64) -> String {
    use base64::Engine as _;
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let claims = format!("{{\"exp\":{}}}", wall.as_secs_f64() + seconds as f64);
    format!("e30.{}.c2ln", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims))
}

#[tokio::test]
async fn tokens_are_renewed_in_time() {
    let server = Server::start(Script::default());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let provider = move || {
        let n = count.fetch_add(1, Ordering::Relaxed);
        async move {
            match n {
                0 => Err("the login is not ready".into()),
                1 => Ok(token_for(1)),
                _ => Ok(token_for(60)),
            }
        }
    };
    let client = server.client().token_provider(provider).start().expect("starts");
    server.until("REAUTH", |seen| seen.reauths == 1).await;
    assert_eq!((asked.load(Ordering::Relaxed), client.stats().sessions), (3, 1));
}

#[tokio::test]
async fn datagrams_are_packed() {
    let server = Server::start(Script::default());
    let client = server.client().datagram_delay(Duration::from_millis(20)).start().expect("starts");
    let mut notices = client.notices();
    assert!(matches!(client.send_unreliable(KIND, vec![]), Err(SendError::NotConnected)));
    notice(&mut notices, |notice| matches!(notice, Notice::Connected { .. }).then_some(())).await;
    for n in 0..100u8 {
        client.send_unreliable(KIND, vec![n; 30]).expect("packed");
    }
    let error = client.send_unreliable(KIND, vec![0; 3_000]).expect_err("too large for any datagram");
    assert!(matches!(error, SendError::TooLarge { .. }), "{error}");
    let stats = client.close(PATIENCE).await.stats;
    assert_eq!((stats.unreliable_sent, stats.unreliable_dropped), (100, 0));
    assert!((3..10).contains(&stats.datagrams_sent), "{stats:?}");
    server.until("all datagrams", |seen| seen.datagrams.iter().flatten().count() == 100).await;
    let mut payloads: Vec<_> = server.seen().datagrams.iter().flatten().map(|event| event.payload[0]).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, (0..100).collect::<Vec<u8>>());
}

#[tokio::test]
async fn rejects_are_told_and_consume_their_number() {
    let server = Server::start(Script { reject: Some(2), ..Script::default() });
    let client = server.client().start().expect("starts");
    let mut notices = client.notices();
    send_all(&client, C1, 1..=3).await;
    let reject = notice(&mut notices, |notice| if let Notice::Rejected(reject) = notice { Some(reject) } else { None });
    let reject = reject.await;
    assert_eq!((reject.class, reject.seq, reject.known()), (C1, Seq(2), Some(edge_client::RejectCode::PayloadLimit)));
    client.wait_receipt(C1, Seq(3)).await.expect("receipted");
    assert_eq!(client.stats().rejected, 1);
}

/// A receipt may overtake the resends that it is for; the stream still has no gap.
#[tokio::test]
async fn receipts_may_overtake_resends() {
    let server = Server::start(Script { receipts: false, ..Script::default() });
    let client = server.client().start().expect("starts");
    send_all(&client, C0, 1..=200).await;
    server.until("all events", |seen| seen.events.len() == 200).await;
    let mut late = Vec::new();
    ServerFrame::Receipt(Receipt { class: C0, up_to: Seq(150) }).encode(&mut late).expect("within limits");
    // No credit for resends at first, so that the receipt is certain to come before them.
    {
        let mut script = server.script();
        (script.after_welcome, script.window) = (late, 1);
    }
    server.kick(CloseCode::Internal);
    server.until("a first resend", |seen| seen.hellos.len() == 2 && seen.events.len() == 201).await;
    {
        let mut script = server.script();
        (script.receipts, script.window) = (true, 256);
        script.after_welcome.clear();
    }
    server.kick(CloseCode::Internal);
    send_all(&client, C0, 201..=210).await;
    client.wait_receipt(C0, Seq(210)).await.expect("receipted");
    let stats = client.close(PATIENCE).await.stats;
    assert_eq!((stats.outstanding_events, stats.kept_bytes), (0, 0));
}

#[tokio::test]
async fn a_receipt_for_nothing_ends_the_connection_not_the_client() {
    let mut early = Vec::new();
    ServerFrame::Receipt(Receipt { class: C0, up_to: Seq(9) }).encode(&mut early).expect("within limits");
    let server = Server::start(Script { after_welcome: early, ..Script::default() });
    let client = server.client().start().expect("starts");
    server.until("another session", |seen| seen.hellos.len() >= 2).await;
    server.script().after_welcome = vec![0x3f, 0];
    server.until("the code of an unknown frame", |seen| seen.closes.contains(&0x102)).await;
    server.script().after_welcome.clear();
    let seq = client.send(C0, KIND, vec![]).await.expect("taken");
    assert_eq!(seq, Seq(1));
    client.wait_receipt(C0, seq).await.expect("receipted");
}

#[tokio::test]
async fn numbers_taken_by_an_earlier_life_are_told() {
    let server = Server::start(Script { claims: [Seq(4), Seq(0), Seq(0), Seq(0)], ..Script::default() });
    let client = server.client().start().expect("starts");
    let mut notices = client.notices();
    send_all(&client, C0, 1..=2).await;
    let taken = notice(&mut notices, |notice| match notice {
        Notice::NumbersTaken { class, up_to, events } => Some((class, up_to, events)),
        _ => None,
    });
    assert_eq!(taken.await, (C0, Seq(4), 2));
    notice(&mut notices, |notice| matches!(notice, Notice::Connected { .. }).then_some(())).await;
    assert_eq!(client.send(C0, KIND, vec![]).await.expect("taken"), Seq(5));
    client.wait_receipt(C0, Seq(5)).await.expect("receipted");
}

#[tokio::test]
async fn settings_are_checked() {
    use edge_client::BuildError;
    let server = Server::start(Script::default());
    let started = |builder: edge_client::ClientBuilder| builder.start().map(drop).expect_err("must be refused");
    let bare = || Client::builder().root_der(server.certificate.clone()).expect("a certificate");
    assert!(matches!(started(bare()), BuildError::NoEndpoint));
    assert!(matches!(started(bare().endpoint("nowhere")), BuildError::Endpoint(_)));
    assert!(matches!(started(bare().endpoint("a:1")), BuildError::NoState));
    assert!(matches!(started(bare().endpoint("a:1").memory_only()), BuildError::NoToken));
    assert!(matches!(started(Client::builder().endpoint("a:1").memory_only().token("t")), BuildError::NoRoots));
    let long = server.client().platform("p".repeat(33));
    assert_eq!(started(long).to_string(), "frame not encoded: Hello.platform has 33 bytes of at most 32: shorten it");
}

/// The application knows that its network has changed: what was on the way is sent again from another port, in order.
#[tokio::test]
async fn reconnects_when_it_is_told_to() {
    let server = Server::start(Script { receipts: false, ..Script::default() });
    let client = server.client().start().expect("starts");
    let mut notices = client.notices();
    let connected = |n: Notice| matches!(n, Notice::Connected { .. }).then_some(());
    send_all(&client, C0, 1..=10).await;
    notice(&mut notices, connected).await;
    server.until("the first ten", |seen| seen.events.len() == 10).await;
    client.reconnect();
    notice(&mut notices, connected).await;
    server.until("them again", |seen| seen.events.len() == 20).await;
    let stats = client.stats();
    assert_eq!((stats.sessions, stats.reconnects, stats.resent), (2, 1, 10));
    let seen = server.seen();
    assert!(seen.events[..10].iter().zip(&seen.events[10..]).all(|((_, _, a), (_, _, b))| a == b), "resends are equal");
}

/// Recorded events are played: the application brings clock, stamps and the producer's name.
#[tokio::test]
async fn stamps_and_producer_may_be_the_applications() {
    let server = Server::start(Script::default());
    let producer = edge_client::ProducerId([9; 16]);
    let client = server.client().producer(producer).clock(|| 5_000).start().expect("starts");
    assert_eq!(client.producer(), producer);
    let seq = client.send_happened(C0, KIND, vec![1], 4_321).await.expect("taken");
    let now = client.send(C0, KIND, vec![2]).await.expect("taken");
    client.wait_receipt(C0, now).await.expect("receipted");
    client.close(PATIENCE).await;
    let seen = server.seen();
    let stamps: Vec<_> = seen.events.iter().map(|(_, _, event)| (event.seq, event.client_ms)).collect();
    assert_eq!(stamps, [(seq, 4_321), (now, 5_000)]);
    assert_eq!((seen.hellos[0].producer, seen.hellos[0].client_ms), (producer, 5_000));
}
