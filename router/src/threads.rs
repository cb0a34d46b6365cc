//! The daemon's threads: each has a name, and says when it has ended, however that came.
//!
//! What comes in: bodies to run. What goes out: [`Word`]s, a [`Pulse`] for each, and waits that end early when a thread has
//! failed: a daemon with a dead shard must not look alive. Deliberately absent: what the threads do, and how they are told to end.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use edge_event::ShardId;

use crate::pulse::{Pulse, Pulses};

/// What a thread tells whoever waits for the daemon.
pub(crate) enum Word {
    /// A shard's socket is open: through which door, and why that one.
    Open { shard: ShardId, door: &'static str, why: String },
    /// A drain is over, and every shard was told to stop.
    Drained,
    /// A thread has ended.
    Ended { thread: String, how: Result<()> },
}

/// The threads that run, and what they say.
pub(crate) struct Threads {
    say: Sender<Word>,
    words: Receiver<Word>,
    running: BTreeSet<String>,
    pulses: Pulses,
}

impl Threads {
    pub(crate) fn new() -> Threads {
        let (say, words) = channel();
        Threads { say, words, running: BTreeSet::new(), pulses: Pulses::new(Instant::now()) }
    }

    /// A way to say something.
    pub(crate) fn voice(&self) -> Sender<Word> {
        self.say.clone()
    }

    /// The pulses of all threads, of those that start later, too.
    pub(crate) fn pulses(&self) -> Pulses {
        self.pulses.clone()
    }

    /// Starts a thread with its pulse to beat. What it says last is how it ended; a panic is told like an error.
    ///
    /// # Errors
    /// The kernel gives no thread.
    pub(crate) fn spawn(
        &mut self,
        name: &str,
        body: impl FnOnce(Arc<Pulse>) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (thread, say, pulse) = (name.to_owned(), self.say.clone(), self.pulses.add(name));
        let run = move || {
            // Nothing that the body held is seen again, so nothing half-done can be.
            let beating = pulse.clone();
            let how = catch_unwind(AssertUnwindSafe(|| body(beating))).unwrap_or_else(|_| Err(anyhow!("panicked")));
            pulse.rest();
            let _ = say.send(Word::Ended { thread, how });
        };
        let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        started.with_context(|| format!("cannot start the thread `{name}`"))?;
        self.running.insert(name.to_owned());
        Ok(())
    }

    /// Waits until every shard's socket is open, and says through which doors.
    ///
    /// # Errors
    /// A thread has ended instead, and why.
    pub(crate) fn await_open(&mut self, shards: u16) -> Result<Vec<(&'static str, String)>> {
        let mut doors = vec![("", String::new()); usize::from(shards)];
        for _ in 0..shards {
            match self.next() {
                Word::Open { shard, door, why } => doors[usize::from(shard.0)] = (door, why),
                Word::Ended { thread, how } => return Err(self.on_early_end(&thread, how)),
                Word::Drained => return Err(anyhow!("drained before it served")),
            }
        }
        Ok(doors)
    }

    /// Waits until a drain is over, however long.
    ///
    /// # Errors
    /// A thread has ended before, and why.
    pub(crate) fn await_drained(&mut self) -> Result<()> {
        loop {
            match self.next() {
                Word::Drained => return Ok(()),
                Word::Ended { thread, how } => return Err(self.on_early_end(&thread, how)),
                Word::Open { .. } => {}
            }
        }
    }

    /// Waits until every thread whose name begins with `name` has ended, as it was told to.
    ///
    /// # Errors
    /// One of them failed, or has not ended within that time.
    pub(crate) fn await_end(&mut self, name: &str, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        let mut failed = None;
        while let Some(thread) = self.running.iter().find(|thread| thread.starts_with(name)).cloned() {
            match self.words.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Word::Ended { thread, how }) => {
                    self.running.remove(&thread);
                    if let Err(why) = how {
                        failed.get_or_insert(why.context(format!("the thread `{thread}` failed")));
                    }
                }
                Ok(Word::Open { .. } | Word::Drained) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(
                        failed.unwrap_or_else(|| anyhow!("the thread `{thread}` did not end within {within:?}"))
                    );
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("INVARIANT: we hold a sender ourselves"),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn next(&self) -> Word {
        self.words.recv().expect("INVARIANT: we hold a sender ourselves")
    }

    fn on_early_end(&mut self, thread: &str, how: Result<()>) -> anyhow::Error {
        self.running.remove(thread);
        let why = how.err().unwrap_or_else(|| anyhow!("ended by itself"));
        why.context(format!("the thread `{thread}` failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn whoever_waits_for_the_end_hears_of_a_thread_that_failed() {
        let mut threads = Threads::new();
        threads.spawn("shard-0", |_| Err(anyhow!("the socket is gone"))).unwrap();
        let why = format!("{:#}", threads.await_drained().unwrap_err());
        assert_eq!(why, "the thread `shard-0` failed: the socket is gone");
    }

    #[test]
    fn a_panic_and_an_end_that_nobody_asked_for_are_failures_too() {
        let mut threads = Threads::new();
        threads.spawn("spool", |_| panic!("on purpose")).unwrap();
        assert_eq!(format!("{:#}", threads.await_drained().unwrap_err()), "the thread `spool` failed: panicked");
        threads.spawn("forward", |_| Ok(())).unwrap();
        let why = format!("{:#}", threads.await_open(1).unwrap_err());
        assert_eq!(why, "the thread `forward` failed: ended by itself");
    }

    #[test]
    fn doors_are_told_by_shard_and_ends_are_waited_for_by_name() {
        let mut threads = Threads::new();
        let mut holds = Vec::new();
        for (shard, door) in [(1, "epoll"), (0, "io_uring")] {
            let (voice, (hold, held)) = (threads.voice(), channel::<()>());
            let body = move |_| {
                voice.send(Word::Open { shard: ShardId(shard), door, why: String::new() }).unwrap();
                let _ = held.recv();
                Ok(())
            };
            threads.spawn(&format!("shard-{shard}"), body).unwrap();
            holds.push(hold);
        }
        let doors = threads.await_open(2).unwrap();
        assert_eq!((doors[0].0, doors[1].0), ("io_uring", "epoll"));
        drop(holds);
        threads.await_end("shard-", LONG).unwrap();
        assert!(threads.running.is_empty());
    }

    #[test]
    fn who_does_not_end_is_named() {
        let mut threads = Threads::new();
        let (hold, held) = channel::<()>();
        threads
            .spawn("shard-3", move |_| {
                let _ = held.recv();
                Ok(())
            })
            .unwrap();
        let why = threads.await_end("shard-", Duration::from_millis(5)).unwrap_err().to_string();
        assert_eq!(why, "the thread `shard-3` did not end within 5ms");
        drop(hold);
        threads.await_end("shard-", LONG).unwrap();
    }
}
