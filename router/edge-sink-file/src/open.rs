//! Opening after a clean end or a crash: cut what is torn, learn what is there.
//!
//! What comes in: the directory, and how far delivery is settled. What goes out: the marks, the file to append to, and a
//! report. Everything that stays is durable when it returns; running it again gives the same.
//!
//! A line at or below `settled` was synced once, and with it everything before it: an unreadable line there is damage, is
//! counted and left as it is. Behind the last such line, everything is sent again anyway: the first unreadable line there
//! is where the tail is torn, and it is cut, whole lines behind it included.

use std::collections::VecDeque;

use bytes::Bytes;
use edge_door::{Disk, DiskOp, FileName};
use edge_event::Position;
use edge_mutant::mutant;

use crate::config::Config;
use crate::error::OpenError;
use crate::files;
use crate::line::{Seen, read_line};
use crate::marks::Marks;

const CHUNK_BYTES: usize = 1 << 20;
/// A longer line is none of ours.
const LINE_BYTES_MAX: usize = 16 << 20;

/// What opening found and did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenReport {
    /// Lines that were read.
    pub lines: u64,
    /// Lines that were delivered once and cannot be read. They are left as they are.
    pub damaged_lines: u64,
    /// Bytes of a torn tail that were cut.
    pub cut_bytes: u64,
    /// Whether the marks' file was damaged, so that all files were read.
    pub read_all_files: bool,
}

/// Where writing goes on.
pub(crate) struct Opened {
    pub(crate) number: u64,
    pub(crate) files: VecDeque<u64>,
    pub(crate) has_marks: bool,
    /// Nobody can have read anything of it.
    pub(crate) is_fresh: bool,
    pub(crate) bytes: u64,
    pub(crate) marks: Marks,
    pub(crate) report: OpenReport,
}

pub(crate) fn open(disk: &mut dyn Disk, config: &Config, settled: Position) -> Result<Opened, OpenError> {
    check(config)?;
    let spool = config.spool.to_string();
    let listed = disk.list().map_err(OpenError::disk("listing", "."))?;
    let mut numbers: Vec<u64> =
        listed.iter().filter_map(|(name, _)| files::lines_number(&config.prefix, name)).collect();
    numbers.sort_unstable();
    let newest = numbers.last().copied();
    remove_stray_marks(disk, config, &listed, newest.unwrap_or(0))?;
    while numbers.len() as u64 > config.files_max {
        let file = files::lines(&config.prefix, numbers.remove(0));
        disk.blocking(DiskOp::Unlink { file: file.clone() }).map_err(OpenError::disk("removing", &file))?;
    }
    let Some(number) = newest else {
        create(disk, &files::lines(&config.prefix, 1))?;
        let (marks, report) = (Marks::default(), OpenReport::default());
        return Ok(Opened {
            number: 1,
            files: VecDeque::from([1]),
            has_marks: false,
            is_fresh: true,
            bytes: 0,
            marks,
            report,
        });
    };
    let marks_file = files::marks(&config.prefix, number);
    let has_marks = listed.iter().any(|(name, _)| *name == marks_file);
    let mut report = OpenReport::default();
    let mut marks = earlier_marks(disk, config, &numbers, has_marks.then_some(&marks_file), settled, &mut report)?;
    let read = read_file(disk, &files::lines(&config.prefix, number), &spool, settled, &mut marks)?;
    report.lines += read.lines;
    report.damaged_lines += read.damaged;
    report.cut_bytes += read.file_bytes - read.good_bytes;
    make_durable(disk, &files::lines(&config.prefix, number), &read)?;
    Ok(Opened { number, files: numbers.into(), has_marks, is_fresh: false, bytes: read.good_bytes, marks, report })
}

fn check(config: &Config) -> Result<(), OpenError> {
    let prefix = &*config.prefix;
    let is_name = prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name || !(1..=24).contains(&prefix.len()) {
        let (value, must) = (prefix.to_string(), "1 to 24 of `a-z`, `0-9`, `_`");
        return Err(OpenError::Config { field: "prefix", value, must });
    }
    if config.files_max == 0 {
        return Err(OpenError::Config { field: "files_max", value: "0".to_string(), must: "at least 1" });
    }
    Ok(())
}

/// Marks of files that a crash kept from being made. What they cut stays cut: a consumer may have seen the file that they were for,
/// and have gone on to it from a file that ended there.
fn remove_stray_marks(
    disk: &mut dyn Disk,
    config: &Config,
    listed: &[(FileName, u64)],
    newest: u64,
) -> Result<(), OpenError> {
    for (name, _) in listed {
        if files::marks_number(&config.prefix, name).is_some_and(|number| number > newest) {
            read_marks(disk, config, name)?;
            disk.blocking(DiskOp::Unlink { file: name.clone() }).map_err(OpenError::disk("removing", name))?;
        }
    }
    Ok(())
}

fn create(disk: &mut dyn Disk, file: &FileName) -> Result<(), OpenError> {
    disk.blocking(DiskOp::Create { file: file.clone(), len: 0 }).map_err(OpenError::disk("creating", file))?;
    disk.blocking(DiskOp::Sync { file: file.clone() }).map_err(OpenError::disk("syncing", file))?;
    disk.blocking(DiskOp::SyncDir).map_err(OpenError::disk("syncing the directory for", file))
}

/// What the files before the newest hold: from the newest's marks, or from the files themselves.
fn earlier_marks(
    disk: &mut dyn Disk,
    config: &Config,
    numbers: &[u64],
    marks_file: Option<&FileName>,
    settled: Position,
    report: &mut OpenReport,
) -> Result<Marks, OpenError> {
    let spool = config.spool.to_string();
    if let Some(file) = marks_file
        && let Some(marks) = read_marks(disk, config, file)?
    {
        return Ok(marks);
    }
    let mut marks = Marks::default();
    let (_, earlier) = numbers.split_last().expect("there is a newest file");
    let listed = disk.list().map_err(OpenError::disk("listing", "."))?;
    let has_lines = |number: u64| {
        let file = files::lines(&config.prefix, number);
        listed.iter().any(|(name, len)| *name == file && *len > 0)
    };
    let last = numbers.iter().copied().rfind(|number| has_lines(*number));
    for &number in earlier {
        report.read_all_files = true;
        let file = files::lines(&config.prefix, number);
        // A file that another one with lines follows was synced whole: nothing of it is a torn tail.
        let is_last = last == Some(number);
        let read = read_file(disk, &file, &spool, if is_last { settled } else { FAR }, &mut marks)?;
        report.lines += read.lines;
        report.damaged_lines += read.damaged;
        if is_last {
            report.cut_bytes += read.file_bytes - read.good_bytes;
            make_durable(disk, &file, &read)?;
        }
    }
    Ok(marks)
}

/// Reads a file of marks and cuts the files that it says were left; `None` when it is damaged.
fn read_marks(disk: &mut dyn Disk, config: &Config, file: &FileName) -> Result<Option<Marks>, OpenError> {
    let mut text = Vec::new();
    let mut rest = Lines::new(disk, file);
    while let Some(chunk) = rest.chunk()? {
        text.extend_from_slice(&chunk);
    }
    let Some((marks, cuts)) = Marks::from_text(&text, &config.spool.to_string()) else { return Ok(None) };
    for (number, bytes) in cuts {
        cut_to(disk, &files::lines(&config.prefix, number), bytes)?;
    }
    Ok(Some(marks))
}

/// Above every position.
const FAR: Position = Position { epoch: edge_event::StartEpoch(u64::MAX), n: u64::MAX };

/// Lines that were written, but whose sync failed, are no part of a file that was left behind. They may seem gone already: the
/// process before took them back, and nothing has made that durable.
fn cut_to(disk: &mut dyn Disk, file: &FileName, bytes: u64) -> Result<(), OpenError> {
    let listed = disk.list().map_err(OpenError::disk("listing", "."))?;
    if listed.iter().any(|(name, len)| name == file && *len >= bytes) {
        disk.blocking(DiskOp::Truncate { file: file.clone(), len: bytes }).map_err(OpenError::disk("cutting", file))?;
        disk.blocking(DiskOp::Sync { file: file.clone() }).map_err(OpenError::disk("syncing", file))?;
    }
    Ok(())
}

/// What one file holds.
struct Read {
    lines: u64,
    damaged: u64,
    file_bytes: u64,
    /// What stays.
    good_bytes: u64,
    /// Where the first line begins that delivery does not know to be settled.
    unsettled_from: u64,
}

fn read_file(
    disk: &mut dyn Disk,
    file: &FileName,
    spool: &str,
    settled: Position,
    marks: &mut Marks,
) -> Result<Read, OpenError> {
    let mut read = Read { lines: 0, damaged: 0, file_bytes: 0, good_bytes: 0, unsettled_from: 0 };
    // What was read behind the first unreadable line that nothing settled stands behind.
    let mut doubtful: Vec<Seen> = Vec::new();
    let (mut unreadable, mut whole) = (0_u64, 0_u64);
    let mut lines = Lines::new(disk, file);
    while let Some(line) = lines.next()? {
        let end = lines.at;
        let seen = if line.is_whole { read_line(&line.bytes) } else { None };
        let Some(seen) = seen else {
            unreadable += 1;
            continue;
        };
        whole += 1;
        let is_ours = seen.spool == spool;
        let is_settled = !is_ours || seen.place.position <= settled;
        if unreadable > 0 && !is_settled {
            doubtful.push(seen);
            continue;
        }
        read.damaged += std::mem::take(&mut unreadable);
        for seen in doubtful.drain(..).chain([seen]).filter(|seen| seen.spool == spool && !mutant!(SinkForgets)) {
            marks.note(seen.lane, seen.priority, seen.place);
        }
        read.lines += std::mem::take(&mut whole);
        read.good_bytes = end;
        if is_settled {
            read.unsettled_from = end;
        }
    }
    read.file_bytes = lines.at;
    Ok(read)
}

/// Cuts the tail, and writes again what delivery does not know to be settled: a sync that failed before the crash may have
/// left it in memory only, and the next sync would have nothing to do.
fn make_durable(disk: &mut dyn Disk, file: &FileName, read: &Read) -> Result<(), OpenError> {
    if read.good_bytes < read.file_bytes && !mutant!(SinkTailKept) {
        let cut = DiskOp::Truncate { file: file.clone(), len: read.good_bytes };
        disk.blocking(cut).map_err(OpenError::disk("cutting", file))?;
    }
    let mut at = read.unsettled_from;
    while at < read.good_bytes {
        let mut chunk = vec![0; CHUNK_BYTES.min((read.good_bytes - at) as usize)];
        let got = disk.read(file, at, &mut chunk).map_err(OpenError::disk("reading", file))?;
        if got == 0 {
            break;
        }
        chunk.truncate(got);
        let write = DiskOp::Write { file: file.clone(), offset: at, data: Bytes::from(chunk) };
        disk.blocking(write).map_err(OpenError::disk("writing", file))?;
        at += got as u64;
    }
    disk.blocking(DiskOp::Sync { file: file.clone() }).map_err(OpenError::disk("syncing", file))?;
    disk.blocking(DiskOp::SyncDir).map_err(OpenError::disk("syncing the directory for", file))
}

/// A file line by line.
struct Lines<'a> {
    disk: &'a mut dyn Disk,
    file: &'a FileName,
    /// Behind the last line that was given out.
    at: u64,
    read_to: u64,
    buffer: Vec<u8>,
    /// What of the buffer was given out.
    given: usize,
}

struct Line {
    bytes: Vec<u8>,
    /// Whether it ends in a newline and is not too long.
    is_whole: bool,
}

impl<'a> Lines<'a> {
    fn new(disk: &'a mut dyn Disk, file: &'a FileName) -> Lines<'a> {
        Lines { disk, file, at: 0, read_to: 0, buffer: Vec::new(), given: 0 }
    }

    /// The next bytes of the file, as they come.
    fn chunk(&mut self) -> Result<Option<Vec<u8>>, OpenError> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let got = self.disk.read(self.file, self.read_to, &mut chunk).map_err(OpenError::disk("reading", self.file))?;
        self.read_to += got as u64;
        chunk.truncate(got);
        Ok((got > 0).then_some(chunk))
    }

    fn next(&mut self) -> Result<Option<Line>, OpenError> {
        let mut searched = self.given;
        loop {
            let newline = self.buffer[searched..].iter().position(|b| *b == b'\n');
            if let Some(ahead) = newline {
                return Ok(Some(self.give(searched + ahead, true)));
            }
            let waiting = self.buffer.len() - self.given;
            let more = if waiting > LINE_BYTES_MAX { None } else { self.chunk()? };
            let Some(more) = more else {
                return Ok((waiting > 0).then(|| self.give(self.buffer.len(), false)));
            };
            self.buffer.drain(..self.given);
            self.given = 0;
            searched = self.buffer.len();
            self.buffer.extend_from_slice(&more);
        }
    }

    /// The line that ends at `end` of the buffer, its newline not counted.
    fn give(&mut self, end: usize, is_whole: bool) -> Line {
        let bytes = self.buffer[self.given..end].to_vec();
        let taken = bytes.len() + usize::from(is_whole);
        self.given += taken;
        self.at += taken as u64;
        Line { bytes, is_whole }
    }
}
