//! Signals become requests to the control thread: SIGTERM and SIGINT drain, a second one closes what is left at once, a third
//! ends the process where it stands, as a kill would. SIGHUP reloads. SIGXFSZ is caught and nothing else: a file that may not
//! grow further is an error of its write, as on a full disk, and not the end of the process.
//!
//! What comes in: signals of this process, on a thread of their own. What goes out: [`Ask`]s. Deliberately absent: work in
//! signal handlers, and a pulse (see `pulse.rs`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use edge_admin::Request;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::control::{Ask, Caller};

/// The exit code of a process that was told to end three times.
const KILLED: i32 = 1;

/// The process's signals, caught from now on; what arrives before [`forward_to`](Signals::forward_to) waits.
pub(crate) struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Held so that it stays caught.
    _file_size: Signal,
}

/// Catches the signals. Before anything is started, so that none ends the process in the middle of a start.
///
/// # Errors
/// The kernel's.
pub(crate) fn block() -> io::Result<Signals> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    let hangup = signal(SignalKind::hangup())?;
    let file_size = signal(SignalKind::from_raw(libc::SIGXFSZ))?;
    drop(entered);
    Ok(Signals { runtime, terminate, interrupt, hangup, _file_size: file_size })
}

impl Signals {
    /// Hands every signal on, for the life of the process. `hurry` is set at the second word to end.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn forward_to(self, asks: mpsc::Sender<Ask>, hurry: Arc<AtomicBool>) -> io::Result<()> {
        let Signals { runtime, mut terminate, mut interrupt, mut hangup, _file_size } = self;
        let started = std::thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async move {
                let mut told_to_end = 0;
                loop {
                    let is_end = tokio::select! {
                        _ = terminate.recv() => true,
                        _ = interrupt.recv() => true,
                        _ = hangup.recv() => false,
                    };
                    told_to_end += u32::from(is_end);
                    // Not waited for: a reload must not keep the word to end.
                    let given = match (is_end, told_to_end) {
                        (false, _) => give(Request::Reload, &asks),
                        (true, 1) => give(Request::Drain, &asks),
                        (true, 2) => {
                            hurry.store(true, Ordering::Release);
                            asks.try_send(Ask::Hurry).is_ok()
                        }
                        (true, _) => {
                            tracing::warn!("told to end for the third time: ended where it stood");
                            std::process::exit(KILLED)
                        }
                    };
                    if !given {
                        tracing::error!("the control thread does not take a signal's request");
                    }
                }
            });
        });
        let unstarted =
            |why: io::Error| io::Error::new(why.kind(), format!("cannot start the thread `signals`: {why}"));
        started.map(drop).map_err(unstarted)
    }
}

/// Hands a request on. Its answer is in the log already, whatever it is.
fn give(request: Request, asks: &mpsc::Sender<Ask>) -> bool {
    asks.try_send(Ask::Request(request, Caller::default(), oneshot::channel().0)).is_ok()
}
