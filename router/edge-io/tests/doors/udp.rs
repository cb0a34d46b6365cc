//! The UDP body on io_uring, on epoll and on the simulated twin, and what only a kernel can show.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use edge_door::sim::{LinkConfig, SimClock, SimHub, SimNet};
use edge_door::{Clock, SendMeta, Udp};
use edge_io::{Choice, SystemClock, UdpOpener, UdpOptions, open_udp};

use crate::udp_body::{self as body, World, meta, receive, send};

struct Kernel(Choice);

impl World for Kernel {
    fn clock(&self) -> Box<dyn Clock> {
        Box::new(SystemClock)
    }

    fn try_open(&self, bind: SocketAddr, options: &UdpOptions) -> std::io::Result<Box<dyn Udp>> {
        let door = open_udp(bind, options)?.into_door(self.0)?;
        let expected = if self.0 == Choice::Uring { "io_uring" } else { "epoll" };
        assert_eq!(door.chosen.door, expected);
        Ok(door.udp)
    }
}

struct Simulated(SimHub, SimClock);

impl World for Simulated {
    fn clock(&self) -> Box<dyn Clock> {
        Box::new(self.1.clone())
    }

    fn try_open(&self, bind: SocketAddr, options: &UdpOptions) -> std::io::Result<Box<dyn Udp>> {
        Ok(Box::new(self.0.bind(bind, options.share_port)?))
    }
}

fn simulated() -> Option<Simulated> {
    let clock = SimClock::new(Instant::now(), 0);
    // As long as loopback's.
    let link = LinkConfig { latency: Duration::from_micros(20), mtu_bytes: 65_507, ..LinkConfig::default() };
    Some(Simulated(SimHub::new(SimNet::new(1, link), clock.clone()), clock))
}

fn epoll() -> Option<Kernel> {
    Some(Kernel(Choice::Plain))
}

fn uring() -> Option<Kernel> {
    let tried = open_udp("127.0.0.1:0".parse().unwrap(), &UdpOptions::default()).unwrap().into_door(Choice::Uring);
    match tried {
        Ok(_) => Some(Kernel(Choice::Uring)),
        Err(error) => {
            eprintln!("skipped: this machine has no io_uring for us: {error}");
            None
        }
    }
}

macro_rules! conformance {
    ($($door:ident)*) => { $(mod $door {
        use super::*;

        #[test]
        fn echo_v4() {
            if let Some(world) = super::$door() { body::echo(&world, "127.0.0.1") }
        }
        #[test]
        fn echo_v6() {
            if let Some(world) = super::$door() { body::echo(&world, "[::1]") }
        }
        #[test]
        fn batch_of_500() {
            if let Some(world) = super::$door() { body::batch_of_500(&world) }
        }
        #[test]
        fn runs() {
            if let Some(world) = super::$door() { body::runs(&world, &UdpOptions::default()) }
        }
        #[test]
        fn runs_without_the_kernels_help() {
            let options = UdpOptions { gro: false, gso: false, ..UdpOptions::default() };
            if let Some(world) = super::$door() { body::runs(&world, &options) }
        }
        #[test]
        fn ecn_v4() {
            if let Some(world) = super::$door() { body::ecn(&world, "127.0.0.1") }
        }
        #[test]
        fn ecn_v6() {
            if let Some(world) = super::$door() { body::ecn(&world, "[::1]") }
        }
        #[test]
        fn odd_datagrams() {
            if let Some(world) = super::$door() { body::odd_datagrams(&world) }
        }
        #[test]
        fn closed_ports_do_not_kill() {
            if let Some(world) = super::$door() { body::closed_ports_do_not_kill(&world) }
        }
        #[test]
        fn big_bursts() {
            if let Some(world) = super::$door() { body::big_bursts(&world) }
        }
        #[test]
        fn few_buffers() {
            if let Some(world) = super::$door() { body::few_buffers(&world) }
        }
        #[test]
        fn a_full_send_buffer() {
            if let Some(world) = super::$door() { body::a_full_send_buffer(&world) }
        }
        #[test]
        fn waits() {
            if let Some(world) = super::$door() { body::waits(&world) }
        }
        #[test]
        fn wakes() {
            if let Some(world) = super::$door() { body::wakes(&world) }
        }
        #[test]
        fn closing_frees_the_port() {
            if let Some(world) = super::$door() { body::closing_frees_the_port(&world) }
        }
        #[test]
        fn shared_ports() {
            if let Some(world) = super::$door() { body::shared_ports(&world) }
        }
    })* };
}

conformance! { uring epoll simulated }

/// A socket for all addresses and both families says where each datagram was sent to, and answers from there.
fn answers_from_where_it_was_asked(world: &Kernel) {
    let options = UdpOptions { only_v6: false, ..UdpOptions::default() };
    let mut wide = world.try_open("[::]:0".parse().unwrap(), &options).unwrap();
    let port = wide.local_addr().port();
    for (client, target) in [("127.0.0.1:0", "127.0.0.2"), ("[::1]:0", "::1"), ("127.0.0.1:0", "127.0.0.1")] {
        let mut client = world.open(client);
        let target = SocketAddr::new(target.parse().unwrap(), port);
        let marked = SendMeta { ecn: 2, ..meta(target) };
        send(&mut *client, &marked, b"who are you?");
        client.flush().unwrap();
        let got = receive(&mut *wide, 1);
        assert_eq!((got[0].remote, got[0].local_ip, got[0].ecn), (client.local_addr(), Some(target.ip()), 2));
        let back = SendMeta { source_ip: got[0].local_ip, ecn: 1, ..meta(got[0].remote) };
        send(&mut *wide, &back, b"me");
        wide.flush().unwrap();
        let got = receive(&mut *client, 1);
        assert_eq!((got[0].remote, got[0].ecn), (target, 1));
    }
}

#[test]
fn epoll_answers_from_where_it_was_asked() {
    answers_from_where_it_was_asked(&Kernel(Choice::Plain));
}

#[test]
fn uring_answers_from_where_it_was_asked() {
    if let Some(world) = uring() {
        answers_from_where_it_was_asked(&world);
    }
}

#[test]
fn counts_tell_what_was_lost_and_what_was_joined() {
    for choice in [Choice::Auto, Choice::Plain] {
        let any = "127.0.0.1:0".parse().unwrap();
        let open = || open_udp(any, &UdpOptions::default()).unwrap().into_door(choice).unwrap();
        let (mut a, mut b) = (open(), open());
        let to = b.udp.local_addr();
        send(&mut *a.udp, &SendMeta { segment_size: Some(100), ..meta(to) }, &[7; 1_000]);
        send(&mut *a.udp, &meta(to), &vec![7; 66_000]);
        a.udp.flush().unwrap();
        assert_eq!(receive(&mut *b.udp, 10).len(), 10);
        a.udp.recv(&mut |_, _| {}).unwrap();
        assert_eq!((a.counts.runs_sent(), a.counts.sends_refused()), (1, 1), "{}", a.chosen);
        assert_eq!((b.counts.runs_received(), a.counts.gso_refused()), (1, 0), "loopback joins: {}", b.chosen);
        assert!(a.counts.system_calls() > 0 && b.counts.kernel_dropped() == 0);
    }
}

/// A socket that sends without checksums: the kernel refuses to cut runs for it.
fn socket_that_cannot_cut() -> OwnedFd {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let one = 1i32;
    // SAFETY: the pointer and the size are those of a live int.
    let end = unsafe {
        let value = (&raw const one).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, value, size_of_val(&one) as u32)
    };
    assert_eq!(end, 0);
    socket.into()
}

#[test]
fn runs_that_the_kernel_refuses_to_cut_are_cut_here_and_that_is_remembered() {
    for choice in [Choice::Auto, Choice::Plain] {
        let opener = UdpOpener::adopt(socket_that_cannot_cut(), &UdpOptions::default()).unwrap();
        let mut a = opener.into_door(choice).unwrap();
        let mut b = Kernel(Choice::Plain).open("127.0.0.1:0");
        let mut expected = Vec::new();
        for i in 0..5u8 {
            let run: Vec<u8> = (0..10).flat_map(|j| vec![i * 10 + j; 500]).collect();
            expected.extend(run.chunks(500).map(<[u8]>::to_vec));
            send(&mut *a.udp, &SendMeta { segment_size: Some(500), ..meta(b.local_addr()) }, &run);
            a.udp.flush().unwrap();
        }
        let got: Vec<Vec<u8>> = receive(&mut *b, 50).into_iter().map(|g| g.bytes).collect();
        assert!(got == expected, "{} of 50 on {}", got.len(), a.chosen);
        assert_eq!((a.counts.gso_refused(), a.counts.sends_refused()), (1, 0), "{}", a.chosen);
    }
}

#[test]
fn a_taken_or_foreign_address_is_named() {
    let alone = UdpOptions { share_port: false, ..UdpOptions::default() };
    let first = open_udp("127.0.0.1:0".parse().unwrap(), &alone).unwrap();
    assert!(first.receive_buffer_bytes().unwrap() > 100_000);
    for taken in [first.local_addr(), "192.0.2.1:1".parse().unwrap()] {
        let error = open_udp(taken, &alone).unwrap_err().to_string();
        assert!(error.contains(&taken.to_string()), "{error}");
    }
}

#[test]
fn an_adopted_socket_serves_and_a_foreign_one_is_refused() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let opener = UdpOpener::adopt(socket.into(), &UdpOptions::default()).unwrap();
    let server = std::thread::spawn(move || {
        let mut door = opener.into_door(Choice::Auto).unwrap();
        receive(&mut *door.udp, 1)
    });
    let mut other = Kernel(Choice::Plain).open("127.0.0.1:0");
    send(&mut *other, &meta(addr), b"hello");
    other.flush().unwrap();
    assert_eq!(server.join().unwrap().len(), 1);
    let stream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(UdpOpener::adopt(stream.into(), &UdpOptions::default()).is_err());
}
