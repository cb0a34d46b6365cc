//! Commands about the rules that serve: stepping back, looking, and who did what.
//!
//! In: a control socket. Out: words for people, or JSON. Deliberately absent: bundles; the daemon keeps what it steps back to.

use anyhow::Context as _;
use edge_admin::{Request, Response, RulesEntry, RulesStatus};
use edge_event::UnixMillis;
use rules_catalogue::rfc3339;

use crate::args::{Rollback, RulesLog, Socket};
use crate::daemon_commands::{ask, by, say_loaded, unexpected};
use crate::failure::Failure;
use crate::output::Output;

/// `edgectl rules rollback`
pub(crate) fn rollback(args: &Rollback, out: &mut Output) -> Result<(), Failure> {
    let request = Request::Rollback { revision: args.to, by: by(), why: args.why.clone() };
    match ask(&args.socket.socket, &request)? {
        Response::Loaded(loaded) => say_loaded(&loaded, out),
        other => Err(unexpected(&other)),
    }
}

/// `edgectl rules status`
pub(crate) fn status(args: &Socket, out: &mut Output) -> Result<(), Failure> {
    match ask(&args.socket, &Request::Status)? {
        Response::Status(status) => {
            let value = serde_json::json!({ "revision": status.revision, "rules": status.rules });
            out.done(&value, &status_text(status.revision, &status.rules))?;
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

fn status_text(revision: u64, rules: &RulesStatus) -> String {
    let day = |ms: i64| rfc3339(UnixMillis(ms));
    let proven: Vec<String> = rules.proved_good.iter().map(u64::to_string).collect();
    let mut lines = vec![
        format!("revision {revision} serves"),
        format!("  packages     {}", rules.packages.join(", ")),
        format!("  digest       {}", rules.digest),
        format!("  built        {}", day(rules.created_ms)),
        format!("  expires      {}", rules.expires_ms.map_or("never".to_owned(), day)),
        format!("  proved good  {}", if proven.is_empty() { "none yet".to_owned() } else { proven.join(", ") }),
    ];
    if rules.is_stepped_back_to {
        lines.push(
            "  STEPPED BACK to it: what is deployed takes its place only where it is newer than all before".into(),
        );
    }
    if rules.log_is_broken {
        lines.push("  BROKEN LOG: somebody changed the audit log; see `edgectl rules log`".into());
    }
    lines.join("\n")
}

/// `edgectl rules log`
pub(crate) fn log(args: &RulesLog, out: &mut Output) -> Result<(), Failure> {
    match ask(&args.socket.socket, &Request::RulesLog { last: args.last })? {
        Response::RulesLog(log) => {
            let mut lines: Vec<String> = log.entries.iter().map(entry_text).collect();
            if log.entries.is_empty() {
                lines.push("nothing was done yet".to_owned());
            }
            if !log.broken.is_empty() {
                lines.push(format!("BROKEN: {}", log.broken));
            }
            let value = serde_json::to_value(&log).context("INVARIANT: an answer always serialises")?;
            out.done(&value, &lines.join("\n"))?;
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

/// E.g. `3  2026-11-28T23:10:00.000Z  load         revision 8 (was 7)  by ops (uid 0)`.
fn entry_text(entry: &RulesEntry) -> String {
    let mut text =
        format!("{:<4} {}  {:<12}revision {}", entry.n, rfc3339(UnixMillis(entry.at_ms)), entry.what, entry.revision);
    if entry.replaced != 0 {
        text.push_str(&format!(" (was {})", entry.replaced));
    }
    if let Some(uid) = entry.uid {
        text.push_str(&format!("  by uid {uid}"));
        if !entry.by.is_empty() {
            text.push_str(&format!(", who says to be {}", entry.by));
        }
    }
    if !entry.why.is_empty() {
        text.push_str(&format!("  because: {}", entry.why));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_status_and_an_entry_can_be_read() {
        let rules = RulesStatus {
            digest: "00".repeat(32),
            packages: vec!["eu.retention".into()],
            created_ms: 1_764_000_000_000,
            expires_ms: None,
            is_stepped_back_to: true,
            proved_good: vec![5, 6],
            log_is_broken: false,
        };
        expect![[r#"
            revision 6 serves
              packages     eu.retention
              digest       0000000000000000000000000000000000000000000000000000000000000000
              built        2025-11-24T16:00:00.000Z
              expires      never
              proved good  5, 6
              STEPPED BACK to it: what is deployed takes its place only where it is newer than all before"#]]
        .assert_eq(&status_text(6, &rules));
        let entry = RulesEntry {
            n: 3,
            at_ms: 1_764_000_000_000,
            what: "rollback".into(),
            uid: Some(0),
            by: "ops".into(),
            why: "offers went to everybody".into(),
            revision: 6,
            replaced: 7,
            digest: String::new(),
        };
        expect!["3    2025-11-24T16:00:00.000Z  rollback    revision 6 (was 7)  by uid 0, who says to be ops  because: offers went to everybody"]
            .assert_eq(&entry_text(&entry));
    }
}
