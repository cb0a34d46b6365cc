//! A flood of first packets from false senders on the real daemon: each real client gets in within a second beside it, memory
//! stays, and no sender gets more than three times what it sent.

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
/// From a client's first packet to WELCOME.
const WELCOME_WITHIN: Duration = Duration::from_secs(1);
/// The same where the kernel threw packets away meanwhile: perhaps one of this client's, and it asks again after a second (RFC
/// 9002 §6.2.2), a Retry and a handshake.
const WELCOME_WITHOUT_ROOM: Duration = Duration::from_secs(3);
/// Of the packets that the daemon received; the others open what may be half open, 64 a shard within 3 s, or come back while it is.
const RETRIED: f64 = 0.9;
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
            sender(number).send_to(packet, server).expect("loopback takes everything");
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

/// Packets to the daemon for which its sockets had no room.
fn dropped(server: SocketAddr) -> u64 {
    let SocketAddr::V4(server) = server else { panic!("{server}: the scenarios' daemon serves IPv4") };
    // As the kernel prints it: the address's bytes as a number of this machine.
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(server.ip().octets()), server.port());
    let sockets = std::fs::read_to_string("/proc/net/udp").expect("the kernel tells of its sockets");
    let rows = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours: Vec<_> = rows.filter(|row| row.get(1) == Some(&local.as_str())).collect();
    assert!(!ours.is_empty(), "{local} is not among\n{sockets}");
    ours.iter().map(|row| row.last().and_then(|drops| drops.parse::<u64>().ok()).expect("a count")).sum()
}

/// A client comes, and goes. Gives how long it waited for WELCOME.
async fn knock(world: &World, server: SocketAddr, name: &str) -> Duration {
    let token = world.players.token(name);
    let (before, knocked) = (dropped(server), Instant::now());
    let came = Peer::hello(world, server, token, fresh_producer()).await;
    let took = knocked.elapsed();
    let within = if dropped(server) == before { WELCOME_WITHIN } else { WELCOME_WITHOUT_ROOM };
    let (peer, _) = came.unwrap_or_else(|why| panic!("{name} did not get in: {why:?}"));
    assert!(took < within, "{name} waited {took:?}");
    peer.close().await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "the figures of the run")]
async fn beside_a_flood_of_spoofed_first_packets_every_client_gets_in() {
    let world = World::new();
    let node = Node::start(&world, Settings::default());
    let server = node.address();
    let packets = Arc::new(first_packets());
    // What is made once is made before.
    knock(&world, server, "warm").await;
    let before = rss_bytes(node.pid());
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let flooder = std::thread::spawn({
        let (packets, stop, sent) = (packets.clone(), stop.clone(), sent.clone());
        move || flood(server, &packets, &stop, &sent)
    });
    let start = Instant::now();
    let mut witnesses = Vec::new();
    let (mut most, mut slowest) = (0, Duration::ZERO);
    for number in 0..CLIENTS {
        let due = start + LASTS * number as u32 / CLIENTS as u32;
        tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
        slowest = slowest.max(knock(&world, server, &format!("p{number}")).await);
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
    let lasted = start.elapsed().as_secs_f64();
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
    // On a machine with other work the sockets may have no room for some of it.
    let (received, retries) = (sent.saturating_sub(dropped(server)) as f64, figures.total("edge_retries_sent_total"));
    println!(
        "flood: {:.0} packets a second were sent, {:.0} received, {:.0} asked to prove their address; a client waited {slowest:?} \
         at most",
        sent as f64 / lasted,
        received / lasted,
        retries / lasted
    );
    assert!(received > 0.5 * sent as f64, "{received} of {sent} were received: that is no such flood");
    assert!(retries > RETRIED * received, "{retries} of {received} were asked to prove their address");
    assert_eq!(figures.total("edge_half_open"), 0.0, "what was half open is forgotten");
    assert_eq!(figures.total("edge_violations_total"), 0.0, "nobody is blamed");
}
