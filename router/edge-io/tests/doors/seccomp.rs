//! A filter takes io_uring and bpf away, as containers do; everything goes on by the plain system calls.

use std::collections::BTreeMap;

use edge_io::wake::Sleeper;
use edge_io::{Choice, Directory, Turn, UdpOptions, open_udp, run_disk};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::disk::serve_lines;
use crate::udp_body::{meta, receive, send};

/// Runs `body` on a thread for which io_uring and bpf fail with `errno`.
fn without_uring(errno: u32, body: fn()) {
    let refused = [
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_bpf,
        libc::SYS_epoll_pwait2,
    ];
    let rules: BTreeMap<i64, Vec<_>> = refused.into_iter().map(|call| (call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    // The filter holds for the thread that installs it and those that it starts.
    let thread = std::thread::spawn(move || {
        seccompiler::apply_filter(&program).unwrap();
        body();
    });
    thread.join().unwrap();
}

fn everything_still_works() {
    let any = "127.0.0.1:0".parse().unwrap();
    let open = |choice| open_udp(any, &UdpOptions::default()).unwrap().into_door(choice);
    let (mut a, mut b) = (open(Choice::Auto).unwrap(), open(Choice::Auto).unwrap());
    assert_eq!(a.chosen.door, "epoll");
    assert!(a.chosen.why.contains("io_uring was refused") && a.chosen.why.contains("seccomp"), "{}", a.chosen);
    send(&mut *a.udp, &meta(b.udp.local_addr()), b"hello");
    a.udp.flush().unwrap();
    assert_eq!(receive(&mut *b.udp, 1)[0].bytes, b"hello");
    let refused = open(Choice::Uring).err().expect("there is none").to_string();
    assert!(refused.contains("io_uring was refused"), "{refused}");

    let chosen = serve_lines(Choice::Auto);
    assert_eq!(chosen.door, "plain");
    assert!(chosen.why.contains("io_uring was refused"), "{chosen}");
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::open(dir.path()).unwrap().into();
    assert!(run_disk(directory, Choice::Uring, Sleeper::new().unwrap(), |_| {}, |_| Turn::Done).is_err());
}

#[test]
fn refused_with_eperm() {
    without_uring(libc::EPERM as u32, everything_still_works);
}

#[test]
fn refused_with_enosys() {
    without_uring(libc::ENOSYS as u32, everything_still_works);
}
