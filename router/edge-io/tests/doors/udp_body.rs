//! What every UDP door does.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edge_door::{Clock, RecvMeta, SendMeta, Udp};
use edge_io::UdpOptions;

/// Makes doors of one kind that reach each other, all on one thread.
pub(crate) trait World {
    fn clock(&self) -> Box<dyn Clock>;
    fn try_open(&self, bind: SocketAddr, options: &UdpOptions) -> std::io::Result<Box<dyn Udp>>;

    fn open(&self, bind: &str) -> Box<dyn Udp> {
        self.try_open(bind.parse().unwrap(), &UdpOptions::default()).unwrap()
    }
}

/// One datagram as it arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Got {
    pub(crate) remote: SocketAddr,
    pub(crate) local_ip: Option<IpAddr>,
    pub(crate) ecn: u8,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn meta(destination: SocketAddr) -> SendMeta {
    SendMeta { destination, source_ip: None, ecn: 0, segment_size: None }
}

pub(crate) fn send(door: &mut dyn Udp, meta: &SendMeta, bytes: &[u8]) {
    let mut buffer = door.buffer();
    assert!(buffer.is_empty(), "a buffer comes empty");
    buffer.extend_from_slice(bytes);
    door.send(meta, buffer);
}

fn split(meta: &RecvMeta, run: &[u8], got: &mut Vec<Got>) {
    let (remote, local_ip, ecn) = (meta.remote, meta.local_ip, meta.ecn);
    assert!(meta.stride > 0);
    if run.is_empty() {
        got.push(Got { remote, local_ip, ecn, bytes: Vec::new() });
    }
    got.extend(run.chunks(meta.stride).map(|bytes| Got { remote, local_ip, ecn, bytes: bytes.to_vec() }));
}

/// Receives until there are `n` datagrams, or nothing comes any more.
pub(crate) fn receive(door: &mut dyn Udp, n: usize) -> Vec<Got> {
    receive_patiently(door, n, 20)
}

/// Gives up after so many tenths of a second without an arrival.
fn receive_patiently(door: &mut dyn Udp, n: usize, idle_max: u32) -> Vec<Got> {
    let mut got = Vec::new();
    let mut idle = 0;
    while got.len() < n && idle < idle_max {
        door.wait(Some(Duration::from_millis(100))).unwrap();
        let runs = door.recv(&mut |meta, run| split(meta, run, &mut got)).unwrap();
        idle = if runs == 0 { idle + 1 } else { 0 };
    }
    got
}

fn numbered(i: u32, len: usize) -> Vec<u8> {
    let mut bytes = i.to_le_bytes().to_vec();
    bytes.resize(len.max(4), i as u8);
    bytes
}

pub(crate) fn echo(world: &dyn World, ip: &str) {
    let (mut a, mut b) = (world.open(&format!("{ip}:0")), world.open(&format!("{ip}:0")));
    for round in 0..3 {
        send(&mut *a, &meta(b.local_addr()), &numbered(round, 1_200));
        a.flush().unwrap();
        let there = receive(&mut *b, 1);
        let ask =
            Got { remote: a.local_addr(), local_ip: Some(b.local_addr().ip()), ecn: 0, bytes: numbered(round, 1_200) };
        assert_eq!(there, [ask]);
        let back = SendMeta { source_ip: there[0].local_ip, ..meta(there[0].remote) };
        send(&mut *b, &back, b"pong");
        b.flush().unwrap();
        let here = receive(&mut *a, 1);
        assert_eq!((here.len(), here[0].remote, &here[0].bytes[..]), (1, b.local_addr(), &b"pong"[..]));
    }
}

pub(crate) fn batch_of_500(world: &dyn World) {
    let (mut a, mut b) = (world.open("127.0.0.1:0"), world.open("127.0.0.1:0"));
    for i in 0..500 {
        send(&mut *a, &meta(b.local_addr()), &numbered(i, 100));
    }
    a.flush().unwrap();
    let got = receive(&mut *b, 500);
    assert!(got.iter().map(|g| g.bytes.clone()).eq((0..500).map(|i| numbered(i, 100))), "{} in order", got.len());
}

/// Runs that one message can carry and runs that must be cut; the last datagram is shorter.
pub(crate) fn runs(world: &dyn World, options: &UdpOptions) {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut a = world.try_open(any, options).unwrap();
    let mut b = world.try_open(any, options).unwrap();
    for (datagrams, len) in [(10, 1_200), (64, 1_000), (65, 1_000), (100, 700), (1, 500), (50, 1_452), (130, 60)] {
        let mut expected: Vec<Vec<u8>> = (0..datagrams).map(|i| numbered(i, len)).collect();
        expected.push(b"short last one".to_vec());
        let run = SendMeta { segment_size: Some(len), ecn: 1, ..meta(b.local_addr()) };
        send(&mut *a, &run, &expected.concat());
        a.flush().unwrap();
        let got = receive(&mut *b, expected.len());
        assert!(got.iter().all(|g| g.ecn == 1 && g.remote == a.local_addr()));
        let got: Vec<Vec<u8>> = got.into_iter().map(|g| g.bytes).collect();
        assert_eq!(got.len(), expected.len(), "{datagrams} of {len}");
        assert!(got == expected, "{datagrams} of {len}");
    }
}

pub(crate) fn ecn(world: &dyn World, ip: &str) {
    let (mut a, mut b) = (world.open(&format!("{ip}:0")), world.open(&format!("{ip}:0")));
    for bits in 0..4 {
        let marked = SendMeta { ecn: bits, source_ip: Some(a.local_addr().ip()), ..meta(b.local_addr()) };
        send(&mut *a, &marked, &[bits]);
        a.flush().unwrap();
        let got = receive(&mut *b, 1);
        assert_eq!((got[0].ecn, &got[0].bytes[..]), (bits, &[bits][..]));
    }
}

pub(crate) fn odd_datagrams(world: &dyn World) {
    let (mut a, mut b) = (world.open("127.0.0.1:0"), world.open("127.0.0.1:0"));
    send(&mut *a, &meta(b.local_addr()), b"");
    send(&mut *a, &meta(b.local_addr()), &vec![1; 66_000]);
    send(&mut *a, &SendMeta { segment_size: Some(1_200), ..meta(b.local_addr()) }, b"shorter than its segment");
    send(&mut *a, &SendMeta { segment_size: Some(3), ..meta(b.local_addr()) }, b"abc");
    a.flush().unwrap();
    let got: Vec<Vec<u8>> = receive(&mut *b, 3).into_iter().map(|g| g.bytes).collect();
    assert_eq!(got, [&b""[..], b"shorter than its segment", b"abc"], "the one that is too long is lost alone");
}

pub(crate) fn closed_ports_do_not_kill(world: &dyn World) {
    let mut a = world.open("127.0.0.1:0");
    let gone = world.open("127.0.0.1:0").local_addr();
    for _ in 0..20 {
        send(&mut *a, &meta(gone), b"anybody?");
        a.flush().unwrap();
        a.wait(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(a.recv(&mut |_, _| {}).unwrap(), 0);
    }
    let mut b = world.open("127.0.0.1:0");
    send(&mut *a, &meta(b.local_addr()), b"you");
    a.flush().unwrap();
    assert_eq!(receive(&mut *b, 1).len(), 1);
}

pub(crate) fn big_bursts(world: &dyn World) {
    let (mut a, mut b) = (world.open("127.0.0.1:0"), world.open("127.0.0.1:0"));
    let mut seen = 0;
    for burst in 0..50u32 {
        let run: Vec<u8> = (0..40).flat_map(|i| numbered(burst * 40 + i, 1_200)).collect();
        send(&mut *a, &SendMeta { segment_size: Some(1_200), ..meta(b.local_addr()) }, &run);
        for i in 0..20 {
            send(&mut *a, &meta(b.local_addr()), &numbered(i, 300));
        }
        a.flush().unwrap();
        if burst % 2 == 1 {
            seen += receive(&mut *b, 120).len();
        }
    }
    assert_eq!(seen, 50 * 60);
}

/// Far more runs than a door has buffers to receive them in.
pub(crate) fn few_buffers(world: &dyn World) {
    let options = UdpOptions { receive_buffers: 8, ..UdpOptions::default() };
    let any = "127.0.0.1:0".parse().unwrap();
    let (mut a, mut b) = (world.open("127.0.0.1:0"), world.try_open(any, &options).unwrap());
    for round in 0..5 {
        for i in 0..100 {
            send(&mut *a, &meta(b.local_addr()), &numbered(round * 100 + i, 50));
        }
        a.flush().unwrap();
        let got = receive(&mut *b, 100);
        assert!(got.iter().map(|g| g.bytes.clone()).eq((0..100).map(|i| numbered(round * 100 + i, 50))));
    }
}

/// The kernel takes no more for a while: what is left waits, in order where the door keeps one, and nothing is lost.
pub(crate) fn a_full_send_buffer(world: &dyn World) {
    let tight = UdpOptions { send_buffer_bytes: 4_096, ..UdpOptions::default() };
    let mut a = world.try_open("127.0.0.1:0".parse().unwrap(), &tight).unwrap();
    let mut b = world.open("127.0.0.1:0");
    for i in 0..200 {
        send(&mut *a, &meta(b.local_addr()), &numbered(i, 1_200));
    }
    let mut got = Vec::new();
    for _ in 0..2_000 {
        a.flush().unwrap();
        a.wait(Some(Duration::from_millis(1))).unwrap();
        a.recv(&mut |_, _| {}).unwrap();
        b.recv(&mut |meta, run| split(meta, run, &mut got)).unwrap();
        if got.len() == 200 {
            break;
        }
    }
    let mut got: Vec<Vec<u8>> = got.into_iter().map(|g| g.bytes).collect();
    got.sort_by_key(|bytes| u32::from_le_bytes(bytes[..4].try_into().unwrap()));
    assert_eq!(got.len(), 200);
    assert!(got.into_iter().eq((0..200).map(|i| numbered(i, 1_200))));
}

pub(crate) fn waits(world: &dyn World) {
    let clock = world.clock();
    let (mut a, mut b) = (world.open("127.0.0.1:0"), world.open("127.0.0.1:0"));
    for millis in [0, 1, 20] {
        let before = clock.now();
        a.wait(Some(Duration::from_millis(millis))).unwrap();
        let took = clock.now() - before;
        assert!(took >= Duration::from_millis(millis) && took < Duration::from_secs(2), "{millis}: {took:?}");
    }
    send(&mut *a, &meta(b.local_addr()), b"x");
    a.flush().unwrap();
    let before = clock.now();
    b.wait(Some(Duration::from_secs(30))).unwrap();
    assert!(clock.now() - before < Duration::from_secs(10), "an arrival ends the sleep");
    assert_eq!(receive(&mut *b, 1).len(), 1);
    // The end of a send is no reason to wake up.
    let before = clock.now();
    a.wait(Some(Duration::from_millis(20))).unwrap();
    assert!(clock.now() - before >= Duration::from_millis(20));
}

pub(crate) fn wakes(world: &dyn World) {
    let clock = world.clock();
    let mut a = world.open("127.0.0.1:0");
    let waker = a.waker();
    // One that is awake returns from its next wait at once; two wakes count as one.
    waker.wake();
    waker.wake();
    let before = clock.now();
    a.wait(Some(Duration::from_secs(30))).unwrap();
    assert!(clock.now() - before < Duration::from_secs(10));
    let before = clock.now();
    a.wait(Some(Duration::from_millis(20))).unwrap();
    assert!(clock.now() - before >= Duration::from_millis(20));
    no_wake_is_lost(&mut *a);
}

/// Another thread counts up and wakes; the door sleeps without a limit, so one lost wake would hang the test.
fn no_wake_is_lost(door: &mut dyn Udp) {
    const COUNT: u64 = 10_000;
    let (waker, pushed, seen) = (door.waker(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (pushed_too, seen_too) = (pushed.clone(), seen.clone());
    let pusher = std::thread::spawn(move || {
        for i in 1..=COUNT {
            pushed_too.store(i, Ordering::Relaxed);
            waker.wake();
            // Now and then let it fall asleep.
            while i % 50 == 0 && seen_too.load(Ordering::Relaxed) < i {
                std::thread::yield_now();
            }
        }
    });
    while seen.load(Ordering::Relaxed) < COUNT {
        door.wait(None).unwrap();
        door.recv(&mut |_, _| {}).unwrap();
        seen.store(pushed.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    pusher.join().unwrap();
}

pub(crate) fn closing_frees_the_port(world: &dyn World) {
    let alone = UdpOptions { share_port: false, ..UdpOptions::default() };
    let mut addr: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mut other = world.open("127.0.0.1:0");
    for _ in 0..3 {
        let mut door = world.try_open(addr, &alone).unwrap();
        addr = door.local_addr();
        assert_eq!(world.try_open(addr, &alone).err().map(|e| e.kind()), Some(std::io::ErrorKind::AddrInUse));
        send(&mut *door, &meta(other.local_addr()), b"the last word");
        // Closed with a received datagram that nobody took and a queued one that nobody flushed or waited for.
        send(&mut *other, &meta(addr), b"unread");
        other.flush().unwrap();
        door.flush().unwrap();
        door.wait(Some(Duration::from_millis(50))).unwrap();
        drop(door);
        assert_eq!(receive(&mut *other, 1)[0].bytes, b"the last word");
    }
}

/// Doors that share a port get every sender's datagrams between them, each sender's always at the same door.
pub(crate) fn shared_ports(world: &dyn World) {
    let mut group = vec![world.open("127.0.0.1:0")];
    let addr = group[0].local_addr();
    group.push(world.open(&addr.to_string()));
    let mut senders: Vec<_> = (0..32).map(|_| world.open("127.0.0.1:0")).collect();
    for _ in 0..3 {
        for sender in &mut senders {
            send(&mut **sender, &meta(addr), b"hello");
            sender.flush().unwrap();
        }
    }
    let mut home = BTreeMap::new();
    let mut total = 0;
    for (i, door) in group.iter_mut().enumerate() {
        for got in receive_patiently(&mut **door, 96, 2) {
            assert_eq!(*home.entry(got.remote).or_insert(i), i);
            total += 1;
        }
    }
    assert_eq!((total, home.len()), (96, 32));
    assert!((0..2).all(|i| home.values().any(|h| *h == i)), "both doors serve");
}
