//! `edgectl rules verify`: the engine's answers held against CEL's reference interpreter.
//!
//! In: rule files, captures; or none, and events are drawn. Out: how often the two were asked and said the same, and what they
//! differ on; the exit code says whether they do. Absent: the asking.

use anyhow::{Context as _, anyhow};
use rules_capture::Decoder;
use rules_verify::drawn;

use crate::args::Verify;
use crate::captures;
use crate::failure::Failure;
use crate::files;
use crate::output::Output;

/// Events that are drawn where nothing else is said.
const DRAWN: usize = 10_000;

pub(crate) fn verify(args: &Verify, out: &mut Output) -> Result<(), Failure> {
    let (compilation, set) = files::load_rules(&args.rules, out)?;
    let mut verify = rules_verify::Verify::new(&compilation, set.clone());
    captures::each(&args.captures, &mut Decoder::new(set.catalogue().clone()), |_, captured| {
        verify.take(captured);
        Ok(true)
    })?;
    let drawn = args.drawn.unwrap_or(if args.captures.is_empty() { DRAWN } else { 0 });
    let lines = drawn::capture(&compilation, drawn, args.seed);
    // They begin anew: drawn events are dated, and captured ones may be later.
    let mut of_drawn = rules_verify::Verify::new(&compilation, set.clone());
    for captured in Decoder::new(set.catalogue().clone()).events(lines.as_bytes()) {
        of_drawn.take(captured.context("INVARIANT: what is drawn is a capture")?);
    }
    let verified = verify.verified().clone().and(of_drawn.verified());
    if verified.events == 0 {
        return Err(anyhow!("no event in the given captures").into());
    }
    out.text(&verified.to_text())?;
    out.json(&serde_json::to_value(&verified).context("INVARIANT: counts always serialise")?)?;
    if verified.is_same() { Ok(()) } else { Err(Failure::Rules) }
}
