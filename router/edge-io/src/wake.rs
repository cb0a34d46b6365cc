//! What a thread sleeps on, and how others wake it: an eventfd behind a three-state word.
//!
//! In: [`Wake::wake`] from any thread. Out: [`Sleeper::sleep`], [`AsyncSleeper::sleep`] and the doors' waits return.
//! Waking a thread that is awake is one atomic swap and no system call; its next sleep returns at once. No wake is
//! lost: what the waker did before `wake` is seen by the sleeper after it returned.
//!
//! The eventfd is never emptied where it is watched edge-wise (epoll with EPOLLET, io_uring's multishot poll), for each
//! write is an edge of its own; only a level-wise poll empties it. A write that arrives late, after its sleeper
//! was roused by something else, makes the next sleep look once more, no more than that.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use edge_door::Wake;
use tokio::io::unix::AsyncFd;

use crate::sys;

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const WOKEN: u8 = 2;

/// The shared half: wakes the thread that sleeps on it.
#[derive(Debug)]
pub struct Waker {
    state: AtomicU8,
    event: OwnedFd,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { state: AtomicU8::new(AWAKE), event: sys::eventfd()? }))
    }

    /// Before a sleep. False: a waker was faster, and the sleep must not begin.
    pub(crate) fn begin_sleep(&self) -> bool {
        if self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return true;
        }
        // A swap rather than a store: it must see what every wake that it consumes came after.
        self.state.swap(AWAKE, Ordering::AcqRel);
        false
    }

    /// During a sleep: whether it was asked to end.
    pub(crate) fn woken(&self) -> bool {
        self.state.load(Ordering::Acquire) == WOKEN
    }

    /// After a sleep, for whatever reason it ended.
    pub(crate) fn end_sleep(&self) {
        self.state.swap(AWAKE, Ordering::AcqRel);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }
}

impl Wake for Waker {
    fn wake(&self) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            sys::eventfd_write(self.event.as_fd());
        }
    }
}

/// The owning half, for threads without a socket of their own.
#[derive(Debug)]
pub struct Sleeper {
    waker: Arc<Waker>,
}

impl Sleeper {
    /// A sleeper of its own.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { waker: Waker::new()? })
    }

    /// A handle with which other threads wake this one.
    pub fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    /// Blocks until woken or until `timeout` passed (`None`: no limit).
    ///
    /// # Errors
    /// The kernel's own; none is expected.
    pub fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if !self.waker.begin_sleep() {
            return Ok(());
        }
        let limit = timeout.map(|t| Instant::now() + t);
        let end = loop {
            let rest = limit.map(|l| l.saturating_duration_since(Instant::now()));
            let readable = match sys::poll_readable(self.waker.as_fd(), rest) {
                Ok(readable) => readable,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => break Err(error),
            };
            if readable {
                sys::eventfd_drain(self.waker.as_fd());
            }
            if self.waker.woken() || (!readable && rest.is_some()) {
                break Ok(());
            }
        };
        self.waker.end_sleep();
        end
    }

    /// Makes it a sleeper of the tokio runtime in whose context this is called.
    ///
    /// # Errors
    /// The runtime's poller refuses the descriptor.
    pub fn into_async(self) -> io::Result<AsyncSleeper> {
        // SAFETY: the descriptor belongs to the waker, which is never changed and lives as long as the registration.
        Ok(AsyncSleeper { event: unsafe { AsyncFd::register(Shared(self.waker)) }? })
    }
}

/// The owning half on a tokio runtime.
#[derive(Debug)]
pub struct AsyncSleeper {
    event: AsyncFd<Shared>,
}

#[derive(Debug)]
struct Shared(Arc<Waker>);

impl AsRawFd for Shared {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsyncSleeper {
    /// A handle with which other threads wake this task.
    pub fn waker(&self) -> Arc<dyn Wake> {
        self.event.get_ref().0.clone()
    }

    /// Waits until woken. May be dropped at any point and called again.
    ///
    /// # Errors
    /// The runtime is shutting down.
    pub async fn sleep(&mut self) -> io::Result<()> {
        let waker = self.event.get_ref().0.clone();
        if !waker.begin_sleep() {
            return Ok(());
        }
        let _rouse = Rouse(&waker);
        while !waker.woken() {
            self.event.readable().await?.clear_ready();
        }
        waker.end_sleep();
        Ok(())
    }
}

/// Ends the sleep also where its future is dropped. A wake that falls into the drop is kept for the next sleep.
struct Rouse<'a>(&'a Waker);

impl Drop for Rouse<'_> {
    fn drop(&mut self) {
        let _ = self.0.state.compare_exchange(ASLEEP, AWAKE, Ordering::AcqRel, Ordering::Acquire);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn a_wake_before_the_sleep_ends_it_at_once_and_only_it() {
        let mut sleeper = Sleeper::new().unwrap();
        let waker = sleeper.waker();
        waker.wake();
        waker.wake();
        sleeper.sleep(None).unwrap();
        let before = Instant::now();
        sleeper.sleep(Some(Duration::from_millis(20))).unwrap();
        assert!(before.elapsed() >= Duration::from_millis(20));
    }

    /// Counts up once for each wake; the sleeper must see every count without a limit on its sleep.
    #[test]
    fn no_wake_is_lost() {
        const COUNT: u64 = 20_000;
        let mut sleeper = Sleeper::new().unwrap();
        let (waker, pushed) = (sleeper.waker(), Arc::new(AtomicU64::new(0)));
        let seen = Arc::new(AtomicU64::new(0));
        let (pushed_too, seen_too) = (pushed.clone(), seen.clone());
        let pusher = std::thread::spawn(move || {
            for i in 1..=COUNT {
                pushed_too.store(i, Ordering::Relaxed);
                waker.wake();
                while i % 64 == 0 && seen_too.load(Ordering::Relaxed) < i {
                    std::thread::yield_now();
                }
            }
        });
        while seen.load(Ordering::Relaxed) < COUNT {
            sleeper.sleep(None).unwrap();
            seen.store(pushed.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        pusher.join().unwrap();
    }

    #[test]
    fn a_dropped_async_sleep_keeps_the_wake() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut sleeper = Sleeper::new().unwrap().into_async().unwrap();
            let waker = sleeper.waker();
            for _ in 0..3 {
                let short = tokio::time::timeout(Duration::from_millis(1), sleeper.sleep()).await;
                assert!(short.is_err(), "nobody woke it");
                waker.wake();
                sleeper.sleep().await.unwrap();
                let other = waker.clone();
                let thread = std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(5));
                    other.wake();
                });
                sleeper.sleep().await.unwrap();
                thread.join().unwrap();
            }
        });
    }
}
