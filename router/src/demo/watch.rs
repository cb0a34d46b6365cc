//! Looking at the demo while it plays, until it ends.
//!
//! What comes in: the stage, the troupe, keys and signals. What goes out: [`Figures`] on a [`Show`], several times a second on a
//! terminal, once a second as lines. Deliberately absent: what is shown how.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use edge_door::Clock as _;
use edge_io::SystemClock;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::figures::Figures;
use super::lines;
use super::players::Troupe;
use super::stage::Stage;
use super::view::View;

/// What looks.
pub(crate) struct Watch<'a> {
    runtime: &'a Runtime,
    stage: &'a Stage,
    /// Events of the recording.
    events: Option<u64>,
    /// SIGINT or SIGTERM came.
    told_to_end: Arc<AtomicBool>,
    began: Instant,
    before: Figures,
}

/// Where it is shown.
pub(crate) enum Show {
    /// On the whole terminal; it is taken when the play begins.
    View,
    /// A line a second on standard output.
    Lines,
    /// A line a second on standard error.
    LinesAside,
}

const FRAME: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(1);
/// How soon an end is noticed.
const LOOK: Duration = Duration::from_millis(50);
/// What a shell reports for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

impl Show {
    pub(crate) fn new(view: bool, json: bool) -> Show {
        match (view, json) {
            (true, _) => Show::View,
            (false, false) => Show::Lines,
            (false, true) => Show::LinesAside,
        }
    }

    pub(crate) fn is_view(&self) -> bool {
        matches!(self, Show::View)
    }
}

impl<'a> Watch<'a> {
    /// Listens for signals from now on: the first ends the play in order, the second the process.
    ///
    /// # Errors
    /// Signals cannot be caught.
    pub(crate) fn new(runtime: &'a Runtime, stage: &'a Stage, events: Option<u64>) -> Result<Watch<'a>> {
        let told_to_end = Arc::new(AtomicBool::new(false));
        let entered = runtime.enter();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let mut signals = signal(kind).context("cannot catch signals")?;
            let told = told_to_end.clone();
            runtime.spawn(async move {
                while signals.recv().await.is_some() {
                    if told.swap(true, Ordering::Relaxed) {
                        std::process::exit(INTERRUPTED);
                    }
                }
            });
        }
        drop(entered);
        Ok(Watch { runtime, stage, events, told_to_end, began: SystemClock.now(), before: Figures::default() })
    }

    /// Since the play began.
    pub(crate) fn elapsed(&self) -> Duration {
        SystemClock.now().saturating_duration_since(self.began)
    }

    /// Shows what goes on until the play has ended: by itself, after `play_for`, by key or by signal.
    ///
    /// # Errors
    /// The daemon or the terminal is gone.
    pub(crate) fn until_end(
        &mut self,
        show: Show,
        headline: &str,
        troupe: &Troupe,
        play_for: Option<Duration>,
    ) -> Result<()> {
        self.began = SystemClock.now();
        let mut view = match show {
            Show::View => Some(View::open().context("cannot take the terminal; try --no-tui")?),
            Show::Lines | Show::LinesAside => None,
        };
        let every = if view.is_some() { FRAME } else { LINE };
        let mut due = every;
        loop {
            let elapsed = self.elapsed();
            let is_over = play_for.is_some_and(|play_for| elapsed >= play_for) || troupe.has_finished();
            if is_over || self.told_to_end.load(Ordering::Relaxed) {
                return Ok(());
            }
            if elapsed >= due {
                due = elapsed + every;
                let figures = self.look(troupe)?;
                match (&mut view, &show) {
                    (Some(view), _) => view.show(headline, &figures)?,
                    (None, Show::LinesAside) => super::say_aside(&lines::line(&figures)),
                    (None, _) => super::say(&lines::line(&figures)),
                }
            }
            match &mut view {
                Some(view) => {
                    if view.ends_within(LOOK)? {
                        return Ok(());
                    }
                }
                None => std::thread::sleep(LOOK),
            }
        }
    }

    fn look(&mut self, troupe: &Troupe) -> Result<Figures> {
        let snapshot = self.runtime.block_on(self.stage.snapshot())?;
        let (played, unsent) = troupe.tally().counts();
        let mut figures = Figures::new(self.elapsed(), &snapshot, &troupe.figures(), unsent);
        figures.pace(&self.before);
        if let Some(events) = self.events {
            figures.progress(played, events);
        }
        self.before = figures.clone();
        Ok(figures)
    }
}
