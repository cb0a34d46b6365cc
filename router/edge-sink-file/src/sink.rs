//! The machine: queue, append, sync, answer; and the next file when one is full or failed.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use edge_door::{Disk, DiskOp, FileName, OpId};
use edge_event::{Action, Position};
use edge_upstream::{Answer, Batch, BatchId, LaneCommand, Outcome, Sink};

use crate::config::Config;
use crate::error::OpenError;
use crate::files;
use crate::line::write_line;
use crate::marks::{Cut, Marks};
use crate::open::{OpenReport, Opened, open};

/// Lines gathered for one write at most, unless a single batch is longer.
const WRITE_BYTES_MAX: usize = 1 << 20;
/// A command's attributes, roughly.
const ATTRIBUTES_BYTES: usize = 512;

/// Commands as JSON lines.
///
/// *Mutate, then drain*: after [`submit`](Sink::submit), [`handle_end`](FileSink::handle_end) or
/// [`handle_timeout`](Sink::handle_timeout), take [`poll_op`](FileSink::poll_op) and [`poll_answer`](Sink::poll_answer)
/// until both have nothing. Every operation is submitted once, and its end handed back once.
#[derive(Debug)]
pub struct FileSink {
    config: Config,
    spool: String,
    /// Of the file that is appended to.
    number: u64,
    /// Its synced length.
    bytes: u64,
    /// All files that are there, the oldest first; the last is `number`.
    files: VecDeque<u64>,
    marks: Marks,
    queue: VecDeque<Batch>,
    queue_bytes: usize,
    /// Lines that wait to be written, until there is a file for them.
    gathered: Option<(Append, Bytes)>,
    work: Work,
    /// Nothing more is appended to the file: a write or sync of it failed, or an earlier process wrote it. Its end may have been
    /// cut, and a consumer may have read what is gone; what stands there must never be something else.
    is_left: bool,
    /// Files that were left, with what they hold for certain: a crash may bring back what was taken back.
    cuts: Vec<Cut>,
    /// Whether the file has marks beside it.
    has_marks: bool,
    /// For the next file to be tried.
    next_number: u64,
    next_op: u64,
    /// What went wrong last, until something goes well again.
    trouble: Option<String>,
    to_submit: VecDeque<(OpId, DiskOp)>,
    answers: VecDeque<Answer>,
}

/// What is on its way.
#[derive(Debug)]
enum Work {
    Idle,
    Writing(Append),
    Syncing(Append),
    /// A failed write is taken back.
    TakingBack,
    /// The steps to the next file, one after the other.
    Rotating {
        steps: VecDeque<DiskOp>,
        to: u64,
    },
    /// Files that nobody needs are removed, one after the other.
    Removing {
        steps: VecDeque<DiskOp>,
        then: Box<Work>,
    },
    Waiting(Instant),
}

/// Batches that are written together.
#[derive(Debug, Default)]
struct Append {
    line_bytes: u64,
    /// `None`: as the write and its sync end.
    batches: Vec<(BatchId, Vec<Option<Outcome>>)>,
    /// The commands that are written.
    written: Vec<Arc<LaneCommand>>,
}

impl FileSink {
    /// Opens the directory: cuts what a crash has torn and learns what is there. `settled` says how far delivery of the
    /// spool is settled for certain. Uses the blocking half of the door.
    ///
    /// # Errors
    /// Nothing was lost by a failed attempt.
    pub fn open(disk: &mut dyn Disk, config: Config, settled: Position) -> Result<(FileSink, OpenReport), OpenError> {
        let Opened { number, files, has_marks, is_fresh, bytes, marks, report } = open(disk, &config, settled)?;
        let sink = FileSink {
            spool: config.spool.to_string(),
            config,
            number,
            bytes,
            files,
            marks,
            queue: VecDeque::new(),
            queue_bytes: 0,
            gathered: None,
            work: Work::Idle,
            is_left: !is_fresh,
            cuts: Vec::new(),
            has_marks,
            next_number: number + 1,
            next_op: 0,
            trouble: None,
            to_submit: VecDeque::new(),
            answers: VecDeque::new(),
        };
        Ok((sink, report))
    }

    /// The file that is appended to.
    pub fn file(&self) -> FileName {
        files::lines(&self.config.prefix, self.number)
    }

    /// Why commands are not delivered at the moment; `None` while they are.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether everything submitted is answered.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
            && self.gathered.is_none()
            && matches!(self.work, Work::Idle | Work::Waiting(_))
            && self.answers.is_empty()
    }

    /// The next operation for the disk.
    pub fn poll_op(&mut self, now: Instant) -> Option<(OpId, DiskOp)> {
        if self.to_submit.is_empty() {
            self.advance(now);
        }
        self.to_submit.pop_front()
    }

    /// An operation ended.
    pub fn handle_end(&mut self, _id: OpId, result: io::Result<()>, now: Instant) {
        let work = std::mem::replace(&mut self.work, Work::Idle);
        self.work = match (work, result) {
            (Work::Writing(append), Ok(())) => {
                let file = self.file();
                self.push_op(DiskOp::Sync { file });
                Work::Syncing(append)
            }
            (Work::Syncing(append), Ok(())) => {
                self.on_synced(append);
                Work::Idle
            }
            (Work::Writing(append) | Work::Syncing(append), Err(error)) => self.on_failed(append, &error),
            (Work::TakingBack, result) => {
                if let Err(error) = result {
                    tracing::warn!(%error, file = %self.file(), "what was not synced is still there; the next start cuts it");
                }
                Work::Waiting(now + self.config.retry_interval)
            }
            (Work::Rotating { steps, to }, Ok(())) => self.on_step(steps, to),
            (Work::Rotating { to, .. }, Err(error)) => self.on_no_next_file(to, &error, now),
            (Work::Removing { steps, then }, result) => {
                if let Err(error) = result.or_else(ignore_missing) {
                    tracing::warn!(%error, "a file of commands that is not needed could not be removed");
                }
                self.remove(steps, *then)
            }
            (work @ (Work::Idle | Work::Waiting(_)), _) => {
                unreachable!("an operation ended that was not on its way: {work:?}")
            }
        };
    }

    /// Starts what can be started.
    fn advance(&mut self, now: Instant) {
        match self.work {
            Work::Idle => {}
            Work::Waiting(until) if until <= now => self.work = Work::Idle,
            _ => return,
        }
        while self.gathered.is_none() && !self.queue.is_empty() {
            let (append, lines) = self.gather();
            if lines.is_empty() {
                self.answer(append, None);
            } else {
                self.gathered = Some((append, Bytes::from(lines)));
            }
        }
        let must_rotate = self.is_left || self.bytes >= self.config.rotate_bytes;
        if self.gathered.is_some() && must_rotate {
            self.work = self.rotate(self.next_number);
        } else if let Some((append, data)) = self.gathered.take() {
            let (file, offset) = (self.file(), self.bytes);
            self.push_op(DiskOp::Write { file, offset, data });
            self.work = Work::Writing(append);
        }
    }

    /// Takes batches from the queue and makes their lines. What is in the files already needs none.
    fn gather(&mut self) -> (Append, Vec<u8>) {
        let (mut append, mut lines) = (Append::default(), Vec::new());
        while lines.len() < WRITE_BYTES_MAX {
            let Some(batch) = self.queue.pop_front() else { break };
            self.queue_bytes -= queue_bytes(&batch);
            let mut outcomes = Vec::with_capacity(batch.commands.len());
            for item in batch.commands {
                // What is refused is refused again, also behind a mark: the quarantine may not have it yet.
                let start = lines.len();
                let written = write_line(&mut lines, &self.config.source, self.config.spool, &item);
                outcomes.push(match written {
                    Err(why) => Some(Outcome::Reject { reason: why.to_string().into() }),
                    Ok(()) if self.marks.has(item.lane, item.priority, item.place) => {
                        lines.truncate(start);
                        Some(Outcome::Delivered)
                    }
                    Ok(()) => {
                        append.written.push(item);
                        None
                    }
                });
            }
            append.batches.push((batch.id, outcomes));
        }
        append.line_bytes = lines.len() as u64;
        (append, lines)
    }

    fn on_synced(&mut self, append: Append) {
        if self.trouble.take().is_some() {
            tracing::info!(file = %self.file(), "commands are written again");
        }
        self.bytes += append.line_bytes;
        for item in &append.written {
            self.marks.note(item.lane, item.priority, item.place);
        }
        self.answer(append, None);
    }

    /// Takes the lines back, so that nobody reads what was not promised, and has the commands sent again. The file is left:
    /// other lines in the place of these would be skipped by a consumer who has read these, and a crash could mix the two.
    fn on_failed(&mut self, append: Append, error: &io::Error) -> Work {
        self.note_trouble("commands were not written", error);
        self.is_left = true;
        self.answer(append, Some(self.retry()));
        let (file, len) = (self.file(), self.bytes);
        self.push_op(DiskOp::Truncate { file, len });
        Work::TakingBack
    }

    /// Answers every batch; what depended on the write gets `failed`, or was delivered.
    fn answer(&mut self, append: Append, failed: Option<Outcome>) {
        let end = failed.unwrap_or(Outcome::Delivered);
        for (id, outcomes) in append.batches {
            let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| end.clone())).collect();
            self.answers.push_back(Answer { id, outcomes });
        }
    }

    fn retry(&self) -> Outcome {
        Outcome::Retry { after: self.config.retry_interval }
    }

    /// The marks of everything before come first, then the file itself.
    fn rotate(&mut self, to: u64) -> Work {
        let marks = files::marks(&self.config.prefix, to);
        let text = self.marks.to_text(&self.spool, &self.cuts_with_this());
        let steps = [
            DiskOp::Create { file: marks.clone(), len: 0 },
            DiskOp::Write { file: marks.clone(), offset: 0, data: Bytes::from(text) },
            DiskOp::Sync { file: marks },
            // The file must never be there without its marks.
            DiskOp::SyncDir,
            DiskOp::Create { file: files::lines(&self.config.prefix, to), len: 0 },
            DiskOp::SyncDir,
        ];
        self.on_step(VecDeque::from(steps), to)
    }

    /// The next step to the next file, or its use.
    fn on_step(&mut self, mut steps: VecDeque<DiskOp>, to: u64) -> Work {
        if let Some(step) = steps.pop_front() {
            self.push_op(step);
            return Work::Rotating { steps, to };
        }
        let mut removals = VecDeque::new();
        if self.has_marks {
            removals.push_back(DiskOp::Unlink { file: files::marks(&self.config.prefix, self.number) });
        }
        self.cuts = self.cuts_with_this();
        (self.number, self.bytes, self.is_left, self.has_marks) = (to, 0, false, true);
        self.next_number = to + 1;
        self.files.push_back(to);
        while self.files.len() as u64 > self.config.files_max {
            let oldest = self.files.pop_front().expect("there is one more than may be kept");
            self.cuts.retain(|(number, _)| *number != oldest);
            removals.push_back(DiskOp::Unlink { file: files::lines(&self.config.prefix, oldest) });
        }
        if !removals.is_empty() {
            removals.push_back(DiskOp::SyncDir);
        }
        self.remove(removals, Work::Idle)
    }

    fn cuts_with_this(&self) -> Vec<Cut> {
        self.cuts.iter().copied().chain(self.is_left.then_some((self.number, self.bytes))).collect()
    }

    fn remove(&mut self, mut steps: VecDeque<DiskOp>, then: Work) -> Work {
        let Some(step) = steps.pop_front() else { return then };
        self.push_op(step);
        Work::Removing { steps, then: Box::new(then) }
    }

    /// What waits is sent again later, so that it does not hang here. What was made of the next file is removed.
    fn on_no_next_file(&mut self, to: u64, error: &io::Error, now: Instant) -> Work {
        self.note_trouble("no next file could be made", error);
        if let Some((append, _)) = self.gathered.take() {
            self.answer(append, Some(self.retry()));
        }
        for batch in std::mem::take(&mut self.queue) {
            let outcomes = batch.commands.iter().map(|_| self.retry()).collect();
            self.answers.push_back(Answer { id: batch.id, outcomes });
        }
        self.queue_bytes = 0;
        if error.kind() == io::ErrorKind::AlreadyExists {
            self.next_number = to + 1;
        }
        let made = [files::lines(&self.config.prefix, to), files::marks(&self.config.prefix, to)];
        let removals = made.into_iter().map(|file| DiskOp::Unlink { file }).collect();
        self.remove(removals, Work::Waiting(now + self.config.retry_interval))
    }

    /// Said once, not at every attempt.
    fn note_trouble(&mut self, what: &str, error: &io::Error) {
        if self.trouble.is_none() {
            tracing::warn!(%error, file = %self.file(), "{what}; it is tried again until it can be");
        }
        self.trouble = Some(format!("{what}: {error}"));
    }

    fn push_op(&mut self, op: DiskOp) {
        self.next_op += 1;
        self.to_submit.push_back((OpId(self.next_op), op));
    }
}

impl Sink for FileSink {
    fn name(&self) -> &'static str {
        "file"
    }

    fn has_room(&self) -> bool {
        self.queue_bytes < self.config.queue_bytes_max
    }

    fn submit(&mut self, batch: Batch) {
        self.queue_bytes += queue_bytes(&batch);
        self.queue.push_back(batch);
    }

    fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// Nothing to do: the next [`poll_op`](FileSink::poll_op) sees the time itself.
    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        match self.work {
            Work::Waiting(until) if !self.queue.is_empty() || self.gathered.is_some() => Some(until),
            _ => None,
        }
    }
}

/// A file that is not there need not be removed.
fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// What a batch weighs in the queue, roughly.
fn queue_bytes(batch: &Batch) -> usize {
    let body_bytes = |action: &Action| match action {
        Action::StartWorkflow { input, .. } | Action::SignalWorkflow { input, .. } => input.len(),
        Action::Publish { message, .. } => message.len(),
        Action::Reply { body, .. } => body.len(),
        Action::CancelWorkflow { .. } => 0,
    };
    batch.commands.iter().map(|item| ATTRIBUTES_BYTES + body_bytes(&item.command.action)).sum()
}
