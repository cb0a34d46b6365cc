//! What strace saw the daemon do, and the one promise that it can witness: no receipt before its fsync.
//!
//! What comes in: the text of `strace -f -ttt -T -y`, and when a client sent each event and had its receipt. What goes out: the
//! first event whose receipt the disk did not precede. strace cannot see io_uring, so it witnesses the fallback doors.

use std::collections::BTreeMap;

/// One system call, from beginning to end, in seconds since 1970.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The file of its first argument, where that is a descriptor.
    pub file: String,
    /// When it began.
    pub begin: f64,
    /// When it had its result.
    pub end: f64,
    /// What it returned.
    pub result: i64,
}

/// One event as a client saw it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Seen {
    /// Just before it was sent, seconds since 1970.
    pub sent: f64,
    /// Just after its receipt was there.
    pub receipted: f64,
}

/// Reads a trace, calls that were interrupted by others included.
pub fn parse(trace: &str) -> Vec<Call> {
    let mut open: BTreeMap<(&str, &str), (f64, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let Some((time, text)) = rest.trim_start().split_once(' ') else { continue };
        let Ok(time) = time.parse::<f64>() else { continue };
        if let Some(resumed) = text.strip_prefix("<... ") {
            let Some((name, rest)) = resumed.split_once(" resumed>") else { continue };
            let Some((begin, file)) = open.remove(&(pid, name)) else { continue };
            // The line stands where the call had its result.
            if let Some(result) = result_of(rest) {
                calls.push(Call { name: name.to_owned(), file, begin, end: time, result });
            }
            continue;
        }
        let Some((name, rest)) = text.split_once('(') else { continue };
        let file = file_of(rest);
        if rest.ends_with("<unfinished ...>") {
            open.insert((pid, name), (time, file));
        } else if let Some(result) = result_of(rest) {
            let end = time + took(rest);
            calls.push(Call { name: name.to_owned(), file, begin: time, end, result });
        }
    }
    calls.sort_by(|a, b| a.begin.total_cmp(&b.begin));
    calls
}

/// `7</path/of/file>, …`
fn file_of(arguments: &str) -> String {
    let first = arguments.split(", ").next().unwrap_or_default();
    let opened = first.split_once('<').map_or("", |(_, rest)| rest);
    opened.split('>').next().unwrap_or_default().to_owned()
}

fn result_of(rest: &str) -> Option<i64> {
    rest.rsplit_once(") = ")?.1.split([' ', '<']).next()?.parse().ok()
}

/// `… = 0 <0.000123>`, seconds.
fn took(rest: &str) -> f64 {
    let last = rest.rsplit_once('<').map_or("", |(_, took)| took);
    last.trim_end_matches('>').parse().unwrap_or(0.0)
}

/// Holds every event's receipt to the trace: after the event was sent, something was written into a segment, a sync of that
/// segment began after the write and succeeded, and only then a packet left that can have carried the receipt.
///
/// `slack` is how long the kernel was told to hold back the return of each sync, seconds: a receipt that did not wait for
/// it would have come earlier.
///
/// # Errors
/// The first event for which that is not so, and why.
pub fn receipts_follow_syncs(calls: &[Call], events: &[Seen], slack: f64) -> Result<(), String> {
    let is_segment = |call: &&Call| call.file.contains("/spool/seg-");
    for (i, event) in events.iter().enumerate() {
        let within = |call: &&Call| call.begin >= event.sent && call.end <= event.receipted && call.result >= 0;
        let written = |call: &&Call| call.name == "pwrite64" && is_segment(call) && within(call);
        let mut of_event = calls.iter().filter(written).peekable();
        if of_event.peek().is_none() {
            return Err(format!("event {i}: receipted, and nothing was written into a segment for it"));
        }
        let synced = of_event.find_map(|write| {
            calls.iter().find(|call| {
                call.name == "fdatasync" && call.file == write.file && call.begin >= write.end && within(call)
            })
        });
        let Some(synced) = synced else {
            return Err(format!("event {i}: receipted before what was written for it was synced"));
        };
        if event.receipted - synced.end < slack {
            let early = event.receipted - synced.end;
            return Err(format!(
                "event {i}: its receipt came {early:.3} s after the sync, which returned {slack} s after"
            ));
        }
        let is_send = |call: &&Call| matches!(call.name.as_str(), "sendmsg" | "sendmmsg");
        let carried = |call: &&Call| is_send(call) && call.begin >= synced.end + slack && call.begin <= event.receipted;
        if !calls.iter().any(|call| carried(&call)) {
            return Err(format!("event {i}: receipted, and no packet left after the sync"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
41 100.000100 recvmmsg(9<socket:[1]>, ...) = 1 <0.000010>
42  100.000200 pwrite64(7</t/spool/seg-1>, \"..\", 96, 0) = 96 <0.000020>
42 100.000300 fdatasync(7</t/spool/seg-1> <unfinished ...>
41 100.000310 sendmsg(9<socket:[1]>, ...) = 40 <0.000010>
42 100.001300 <... fdatasync resumed>) = 0 (DELAYED) <0.001000>
41 100.101400 sendmsg(9<socket:[1]>, ...) = 40 <0.000010>
";
    const EVENT: Seen = Seen { sent: 100.0, receipted: 100.102 };

    fn check(trace: &str) -> Result<(), String> {
        receipts_follow_syncs(&parse(trace), &[EVENT], 0.09)
    }

    #[test]
    fn calls_are_read_whole() {
        let calls = parse(TRACE);
        assert_eq!(calls.len(), 5);
        let sync = calls.iter().find(|call| call.name == "fdatasync").unwrap();
        assert_eq!((sync.file.as_str(), sync.begin, sync.end, sync.result), ("/t/spool/seg-1", 100.0003, 100.0013, 0));
        check(TRACE).unwrap();
    }

    #[test]
    fn a_receipt_before_its_sync_is_noticed() {
        let without = |word: &str| -> String {
            TRACE.lines().filter(|line| !line.contains(word)).flat_map(|line| [line, "\n"]).collect()
        };
        assert!(check(&without("fdatasync")).unwrap_err().contains("before what was written for it was synced"));
        assert!(check(&without("pwrite64")).unwrap_err().contains("nothing was written"));
        assert!(check(&without("100.101400")).unwrap_err().contains("no packet left after"));
        assert!(check(&TRACE.replace("100.001300", "100.103000")).is_err(), "the sync ends after the receipt");
        assert!(check(&TRACE.replace("100.001300", "100.050000")).is_err(), "the receipt did not wait for the return");
        assert!(check(&TRACE.replace("= 0 (DELAYED)", "= -1 EIO")).is_err(), "a sync that failed is none");
        assert!(check(&TRACE.replace("fdatasync(7</t/spool/seg-1>", "fdatasync(7</t/commands/c>")).is_err());
    }
}
