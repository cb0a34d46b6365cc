//! The thread of a disk's owner: turns a machine round, and sleeps between its turns.
//!
//! In: a directory, a [`Choice`], a [`Sleeper`] whose waker others hold, and the machine's turn. Out: nothing until the
//! machine is done. A turn submits what it has and polls for ends; then the thread sleeps until an operation ended, a
//! waker was used or the turn's limit is over.
//!
//! Deliberately absent: other work on the thread. On tokio-uring, requests go to the kernel when the thread parks; a
//! busy neighbour would delay every sync.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use edge_door::Disk;
use io_uring::{IoUring, Probe, opcode};

use super::{Directory, PlainDisk, UringDisk};
use crate::choice::refusal;
use crate::wake::{AsyncSleeper, Sleeper};
use crate::{Choice, Chosen};

/// Shortest sleep on the ring's thread: it must park for its requests to go out, and its timer ticks in milliseconds.
const REST_MIN: Duration = Duration::from_micros(500);

/// What the machine wants after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Another turn when an operation has ended, a waker was used, or this time has passed (`None`: no limit).
    Wait(Option<Duration>),
    /// No more turns. What is in flight still ends; nobody hears of it.
    Done,
}

/// Runs a machine on the calling thread until it is done. `on_chosen` hears which interface serves, before the first turn.
///
/// # Errors
/// [`Choice::Uring`] where io_uring is refused; otherwise none is expected.
pub fn run_disk(
    directory: Arc<Directory>,
    choice: Choice,
    sleeper: Sleeper,
    on_chosen: impl FnOnce(&Chosen),
    turn: impl FnMut(&mut dyn Disk) -> Turn,
) -> io::Result<()> {
    let why = match choice {
        Choice::Plain => "as configured".to_owned(),
        Choice::Auto | Choice::Uring => match ring_runtime() {
            Ok(runtime) => {
                on_chosen(&Chosen { door: "io_uring", why: "works; tokio-uring serves".to_owned() });
                return runtime.block_on(run_uring(directory, sleeper, turn));
            }
            Err(error) if choice == Choice::Uring => return Err(io::Error::new(error.kind(), refusal(&error))),
            Err(error) => refusal(&error),
        },
    };
    on_chosen(&Chosen { door: "plain", why });
    run_plain(directory, sleeper, turn)
}

/// Tries a ring of our own first: what refuses it would refuse the runtime's with fewer words.
fn ring_runtime() -> io::Result<tokio_uring::Runtime> {
    let ring = IoUring::new(2)?;
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    if ![opcode::Write::CODE, opcode::Fsync::CODE].iter().all(|code| probe.is_supported(*code)) {
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    }
    tokio_uring::Runtime::new(&tokio_uring::builder())
}

fn run_plain(
    directory: Arc<Directory>,
    mut sleeper: Sleeper,
    mut turn: impl FnMut(&mut dyn Disk) -> Turn,
) -> io::Result<()> {
    let mut disk = PlainDisk::new(directory);
    loop {
        match turn(&mut disk) {
            Turn::Wait(_) if disk.has_submitted() => {}
            Turn::Wait(timeout) => sleeper.sleep(timeout)?,
            Turn::Done => break,
        }
    }
    while disk.poll().is_some() {}
    Ok(())
}

async fn run_uring(
    directory: Arc<Directory>,
    sleeper: Sleeper,
    mut turn: impl FnMut(&mut dyn Disk) -> Turn,
) -> io::Result<()> {
    let mut disk = UringDisk::new(directory);
    let mut sleeper = sleeper.into_async()?;
    loop {
        match turn(&mut disk) {
            Turn::Wait(_) if disk.has_ends() => {}
            Turn::Wait(None) => rest(&disk, &mut sleeper).await?,
            Turn::Wait(Some(timeout)) => {
                // The limit is over: the next turn sees it by its own clock.
                if let Ok(end) = tokio::time::timeout(timeout.max(REST_MIN), rest(&disk, &mut sleeper)).await {
                    end?;
                }
            }
            Turn::Done => break,
        }
    }
    while disk.in_flight() > 0 {
        disk.ended().await;
        while disk.poll().is_some() {}
    }
    Ok(())
}

/// Sleeps until an operation ended or a waker was used.
async fn rest(disk: &UringDisk, sleeper: &mut AsyncSleeper) -> io::Result<()> {
    let (mut ended, mut woken) = (pin!(disk.ended()), pin!(sleeper.sleep()));
    std::future::poll_fn(|context| match ended.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(Ok(())),
        Poll::Pending => woken.as_mut().poll(context),
    })
    .await
}
