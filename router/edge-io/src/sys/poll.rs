//! Sleeping on descriptors with a limit: ppoll for one, epoll for a set, both to the nanosecond where the kernel can.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::check;

fn timespec(span: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(span.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(span.subsec_nanos() as i32),
    }
}

fn limit_pointer(limit: Option<&libc::timespec>) -> *const libc::timespec {
    limit.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// Sleeps until `fd` is readable or the limit is over, and says whether it is readable.
pub(crate) fn poll_readable(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let limit = timeout.map(timespec);
    // SAFETY: one live pollfd, a live or null timespec, no signal mask.
    let ready = check(unsafe { libc::ppoll(&raw mut poll, 1, limit_pointer(limit.as_ref()), std::ptr::null()) })?;
    Ok(ready > 0)
}

/// What became ready in a [`Poller`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Ready {
    /// The socket can be read, or written where that was asked.
    pub(crate) socket: bool,
    /// The eventfd was written.
    pub(crate) event: bool,
}

const SOCKET: u64 = 0;
const EVENT: u64 = 1;

/// One socket and one eventfd in an epoll set.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    /// Asked of the socket now.
    writable: bool,
}

/// Set where the kernel or a filter does not know epoll_pwait2, which alone counts below milliseconds.
static ONLY_MILLIS: AtomicBool = AtomicBool::new(false);

impl Poller {
    pub(crate) fn new(socket: BorrowedFd<'_>, event: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: a call without pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just given this descriptor to us alone.
        let poller = Self { epoll: unsafe { OwnedFd::from_raw_fd(fd) }, writable: false };
        poller.control(libc::EPOLL_CTL_ADD, socket, libc::EPOLLIN, SOCKET)?;
        // Edge-wise: each write of the eventfd is an edge, and nobody has to empty it.
        poller.control(libc::EPOLL_CTL_ADD, event, libc::EPOLLIN | libc::EPOLLET, EVENT)?;
        Ok(poller)
    }

    /// Whether the next waits also end when the socket can take more.
    pub(crate) fn want_writable(&mut self, socket: BorrowedFd<'_>, writable: bool) -> io::Result<()> {
        if self.writable != writable {
            let events = if writable { libc::EPOLLIN | libc::EPOLLOUT } else { libc::EPOLLIN };
            self.control(libc::EPOLL_CTL_MOD, socket, events, SOCKET)?;
            self.writable = writable;
        }
        Ok(())
    }

    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<Ready> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 2];
        let n = if ONLY_MILLIS.load(Ordering::Relaxed) {
            self.wait_millis(&mut events, timeout)?
        } else {
            match self.wait_exact(&mut events, timeout) {
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    ONLY_MILLIS.store(true, Ordering::Relaxed);
                    self.wait_millis(&mut events, timeout)?
                }
                other => other?,
            }
        };
        let mut ready = Ready::default();
        for event in &events[..n] {
            match event.u64 {
                SOCKET => ready.socket = true,
                _ => ready.event = true,
            }
        }
        Ok(ready)
    }

    fn wait_exact(&self, events: &mut [libc::epoll_event], timeout: Option<Duration>) -> io::Result<usize> {
        let limit = timeout.map(timespec);
        // SAFETY: a live array with its length, a live or null timespec, no signal mask.
        let n = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                limit_pointer(limit.as_ref()),
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        usize::try_from(n).map_err(|_| io::Error::last_os_error())
    }

    /// Rounds up: a timer may be late but never spins.
    fn wait_millis(&self, events: &mut [libc::epoll_event], timeout: Option<Duration>) -> io::Result<usize> {
        let millis = timeout.map_or(-1, |t| i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
        // SAFETY: a live array with its length.
        let n = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), events.len() as libc::c_int, millis)
        };
        usize::try_from(n).map_err(|_| io::Error::last_os_error())
    }

    fn control(&self, op: libc::c_int, fd: BorrowedFd<'_>, events: libc::c_int, tag: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: tag };
        // SAFETY: two live descriptors and a live event.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), op, fd.as_raw_fd(), &raw mut event) }).map(drop)
    }
}
