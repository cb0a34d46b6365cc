//! Signals become requests to the control thread: SIGTERM and SIGINT drain, SIGHUP reloads.
//!
//! What comes in: signals of this process, on a thread of their own. What goes out: [`Ask`]s. Deliberately absent: work in
//! signal handlers.

use std::io;

use edge_admin::{Request, Response};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::control::Ask;

/// The process's signals, caught from now on; what arrives before [`forward_to`](Signals::forward_to) waits.
pub(crate) struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
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
    drop(entered);
    Ok(Signals { runtime, terminate, interrupt, hangup })
}

impl Signals {
    /// Hands every signal on, for the life of the process.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn forward_to(self, asks: mpsc::Sender<Ask>) -> io::Result<()> {
        let Signals { runtime, mut terminate, mut interrupt, mut hangup } = self;
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async move {
                loop {
                    let request = tokio::select! {
                        _ = terminate.recv() => Request::Drain,
                        _ = interrupt.recv() => Request::Drain,
                        _ = hangup.recv() => Request::Reload,
                    };
                    let (to, answer) = oneshot::channel();
                    if asks.send(Ask::Request(request, to)).await.is_err() {
                        return;
                    }
                    if let Ok(Response::Refused(refusal)) = answer.await {
                        tracing::error!(%refusal, "a signal's request was refused");
                    }
                }
            });
        })?;
        Ok(())
    }
}
