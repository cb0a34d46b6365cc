//! A flood of first packets from false senders on the real daemon: real clients get in beside it, memory stays, and no
//! sender gets more than three times what it sent.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{ClientConfig, Endpoint, EndpointConfig};
use scenarios::peer::fresh_producer;
use scenarios::{Node, Peer, Settings, World};

/// Spoofed packets a second.
const RATE: u64 = 3_000;
/// How long the flood lasts; and how many clients knock meanwhile.
const LASTS: Duration = Duration::from_secs(6);
const CLIENTS: u64 = 60;
/// Different first packets; each comes back when the daemon has long forgotten it.
const PACKETS: usize = 4_096;
/// Of the whole process: at most 64 half-open connections a shard, and what the allocator and the kernel's queues take.
const GROWTH_BYTES: u64 = 64 << 20;
/// Senders whose sockets stay open, so that what they get is counted.
const WITNESSES: usize = 32;

/// First packets as clients say them, each of a connection of its own.
fn first_packets() -> Vec<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    tls.alpn_protocols = vec![edge_wire::ALPN.to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("QUIC")));
    let mut endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 4433));
    let mut first = || {
        let (_, mut conn) = endpoint.connect(Instant::now(), config.clone(), server, "edge").expect("a client");
        let mut out = Vec::new();
        let size = conn.poll_transmit(Instant::now(), 1, &mut out).expect("a client speaks first").size;
        out.truncate(size);
        out
    };
    (0..PACKETS).map(|_| first()).collect()
}

/// A socket under an address of 127/8 that nobody else uses.
fn sender(number: u64) -> UdpSocket {
    let [_, a, b, c] = (number as u32 % 0xff_fff0 + 0x01_0002).to_be_bytes();
    UdpSocket::bind((Ipv4Addr::new(127, a, b, c), 0)).expect("an address of 127/8")
}

/// Sends at the rate until told to stop, each packet from an address and port of its own.
fn flood(server: SocketAddr, packets: &[Vec<u8>], stop: &AtomicBool, sent: &AtomicU64) {
    let start = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let due = start.elapsed().as_millis() as u64 * RATE / 1000;
        let done = sent.load(Ordering::Relaxed);
        for number in done..due {
            // The socket is gone before an answer comes: nobody is there, as with a false sender.
            let packet = &packets[number as usize % PACKETS];
            let _ = sender(number).send_to(packet, server);
        }
        sent.store(done.max(due), Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn rss_bytes(pid: u32) -> u64 {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("the daemon runs");
    let resident: u64 = pages.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("resident pages");
    resident * 4096
}

/// Bytes that wait in a witness's socket.
fn received(socket: &UdpSocket) -> usize {
    socket.set_nonblocking(true).expect("a socket");
    let mut buffer = [0; 2048];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_flood_of_spoofed_first_packets_every_client_gets_in() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let server = node.address();
    let packets = Arc::new(first_packets());
    // What is made once is made before.
    let (peer, _) = Peer::hello(&world, server, world.players.token("warm"), fresh_producer()).await.expect("WELCOME");
    peer.close().await;
    let before = rss_bytes(node.pid());
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let flooder = std::thread::spawn({
        let (packets, stop, sent) = (packets.clone(), stop.clone(), sent.clone());
        move || flood(server, &packets, &stop, &sent)
    });
    let start = Instant::now();
    let mut witnesses = Vec::new();
    let mut most = 0;
    for number in 0..CLIENTS {
        let due = start + LASTS * number as u32 / CLIENTS as u32;
        tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
        let token = world.players.token(&format!("p{number}"));
        let (peer, _) = Peer::hello(&world, server, token, fresh_producer())
            .await
            .unwrap_or_else(|why| panic!("client {number} beside {} packets: {why:?}", sent.load(Ordering::Relaxed)));
        peer.close().await;
        if witnesses.len() < WITNESSES {
            let socket = sender(1_000_000 + number);
            let packet = &packets[number as usize * 61 % PACKETS];
            socket.send_to(packet, server).expect("it is sent");
            witnesses.push((socket, packet.len()));
        }
        most = most.max(rss_bytes(node.pid()).saturating_sub(before));
    }
    stop.store(true, Ordering::Relaxed);
    flooder.join().expect("the flood ends");
    // Probes and closes of half-open connections come within their deadline.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut answered = 0;
    for (socket, bytes) in &witnesses {
        let got = received(socket);
        assert!(got <= 3 * bytes, "{got} bytes for {bytes}");
        answered += usize::from(got > 0);
    }
    let figures = node.metrics();
    let sent = sent.load(Ordering::Relaxed);
    assert!(answered > 0, "nobody was answered");
    assert!(sent as f64 > 0.9 * (RATE * LASTS.as_secs()) as f64, "{sent} packets were sent");
    assert!(most <= GROWTH_BYTES, "{most} bytes more than before");
    // The kernel may drop some of the flood before we see it, on a machine with other work.
    let retries = figures.total("edge_retries_sent_total");
    assert!(retries > 0.3 * sent as f64, "{retries} of {sent} were asked to prove their address");
    assert_eq!(figures.total("edge_half_open"), 0.0, "what was half open is forgotten");
    assert_eq!(figures.total("edge_violations_total"), 0.0, "nobody is blamed");
}
