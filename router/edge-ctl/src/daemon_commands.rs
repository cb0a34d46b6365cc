//! Commands that talk to a running daemon over its control socket: one JSON line there, one back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge_admin::{LINE_BYTES_MAX, Request, Response, Status, from_line, to_line};
use serde_json::json;

use crate::args::{Load, Socket};
use crate::failure::Failure;
use crate::files;
use crate::output::Output;

/// How long the daemon may take: a large bundle is verified and adopted by every shard within.
const PATIENCE: Duration = Duration::from_secs(60);

/// `edgectl rules load`
pub(crate) fn load(args: &Load, out: &mut Output) -> Result<(), Failure> {
    let bundle = STANDARD.encode(files::read(&args.bundle)?);
    match ask(&args.socket.socket, &Request::LoadBundle { bundle, by: by() })? {
        Response::Loaded(loaded) => say_loaded(&loaded, out),
        other => Err(unexpected(&other)),
    }
}

/// Who asks, by the word of the environment. The daemon knows the user by itself.
pub(crate) fn by() -> String {
    std::env::var("USER").unwrap_or_default().chars().take(32).collect()
}

/// `edgectl reload`
pub(crate) fn reload(args: &Socket, out: &mut Output) -> Result<(), Failure> {
    match ask(&args.socket, &Request::Reload)? {
        Response::Loaded(loaded) => say_loaded(&loaded, out),
        other => Err(unexpected(&other)),
    }
}

pub(crate) fn say_loaded(loaded: &edge_admin::Loaded, out: &mut Output) -> Result<(), Failure> {
    let mut words = format!(
        "revision {} is live with {} rules (was {}), {:.1} ms after it was accepted",
        loaded.revision, loaded.rules, loaded.replaced, loaded.live_after_ms
    );
    for warning in &loaded.warnings {
        words.push_str(&format!("\nwarning: {warning}"));
    }
    let value = serde_json::to_value(loaded).context("INVARIANT: an answer always serialises")?;
    out.done(&value, &words)?;
    Ok(())
}

/// `edgectl status`
pub(crate) fn status(args: &Socket, out: &mut Output) -> Result<(), Failure> {
    match ask(&args.socket, &Request::Status)? {
        Response::Status(status) => {
            let value = serde_json::to_value(&status).context("INVARIANT: an answer always serialises")?;
            out.done(&value, &status_text(&status))?;
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

fn status_text(status: &Status) -> String {
    let sessions: u64 = status.shards.iter().map(|s| s.sessions).sum();
    let ledger = &status.ledger;
    let mut lines = vec![
        format!("edge-router {} is {} for {} s", status.release, status.phase, status.uptime_s),
        format!("  rules     revision {}", status.revision),
        format!("  shards    {}, {sessions} sessions", status.shards.len()),
        format!("  spool     {} ({}), {} bytes", status.spool.state, status.spool.door, status.spool.bytes),
        format!(
            "  events    {} accepted, {} commanded, {} suppressed, {} no match, residual {}",
            ledger.accepted, ledger.commanded, ledger.suppressed, ledger.no_match, status.residual_events
        ),
        format!(
            "  commands  {} ordered, {} delivered, {} pending, residual {}",
            ledger.commands, ledger.delivered, ledger.pending, status.residual_commands
        ),
    ];
    if !status.sink.trouble.is_empty() {
        lines.push(format!("  sink      {} takes nothing: {}", status.sink.name, status.sink.trouble));
    }
    lines.extend(status.stuck.iter().map(|stuck| format!("  STUCK     {stuck}")));
    lines.join("\n")
}

/// `edgectl drain`
pub(crate) fn drain(args: &Socket, out: &mut Output) -> Result<(), Failure> {
    match ask(&args.socket, &Request::Drain)? {
        Response::Draining => {
            out.done(&json!({ "draining": true }), "draining has begun")?;
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

pub(crate) fn unexpected(response: &Response) -> Failure {
    match response {
        Response::Refused(refusal) => {
            Failure::Refused(format!("refused [{}]: {}\n  help: {}", refusal.code, refusal.what, refusal.help))
        }
        _ => Failure::Environment(anyhow::anyhow!("the daemon answered something else; is it of another release?")),
    }
}

/// Sends one request and reads one answer of bounded length.
pub(crate) fn ask(socket: &Path, request: &Request) -> anyhow::Result<Response> {
    let about = || format!("cannot reach the daemon at {} (is it running? `--socket PATH`)", socket.display());
    let mut stream = UnixStream::connect(socket).with_context(about)?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .with_context(about)?;
    stream.write_all(to_line(request).as_bytes()).context("the daemon stopped reading")?;
    let mut line = String::new();
    let mut reader = BufReader::new(stream.take(LINE_BYTES_MAX as u64));
    reader.read_line(&mut line).context("the daemon did not answer")?;
    anyhow::ensure!(!line.is_empty(), "the daemon closed the socket without an answer; see its log");
    from_line(line.trim_end())
        .map_err(|refusal| anyhow::anyhow!("cannot understand the daemon's answer: {}", refusal.what))
}
