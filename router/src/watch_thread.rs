//! The watching thread: looks whether the others turn, and serves the pages, so that they are served whoever stands still.
//!
//! What comes in: the pulses of all threads, requests for pages. What goes out: words in the log, pages. Deliberately absent:
//! everything that could keep it waiting: it asks the control thread with a limit, and nobody else.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use edge_door::Clock;
use edge_io::SystemClock;
use tokio::sync::{mpsc, oneshot};

use crate::control::Ask;
use crate::pages;
use crate::pulse::{News, Pulse, Pulses, Watch};

/// The thread's name.
pub(crate) const NAME: &str = "watch";
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What the thread is made of.
pub(crate) struct WatchThread {
    /// Where the pages are served, if anywhere.
    pub(crate) listener: Option<TcpListener>,
    pub(crate) pulses: Pulses,
    pub(crate) asks: mpsc::Sender<Ask>,
    /// Told, or dropped, when the daemon has ended.
    pub(crate) stop: oneshot::Receiver<()>,
}

impl WatchThread {
    /// Runs until told to stop: also where the control thread is gone, so that the pages can say so.
    ///
    /// # Errors
    /// The kernel gives no descriptor.
    pub(crate) fn run(self, pulse: Arc<Pulse>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.watch(pulse))
    }

    async fn watch(self, pulse: Arc<Pulse>) -> Result<()> {
        let WatchThread { listener, pulses, asks, mut stop } = self;
        if let Some(listener) = listener {
            tokio::spawn(pages::serve(tokio::net::TcpListener::from_std(listener)?, asks, pulses.clone()));
        }
        let clock = SystemClock;
        pulse.beat(clock.now());
        let mut watch = Watch::of_all(pulses, pulse.clone(), clock.now());
        loop {
            tokio::select! {
                _ = &mut stop => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {
                    let now = clock.now();
                    pulse.beat(now);
                    watch.look(now).iter().for_each(News::tell);
                }
            }
        }
    }
}
