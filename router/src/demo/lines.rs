//! The demo where nobody watches a terminal: one line a second.
//!
//! What comes in: [`Figures`]. What goes out: a line of text. Deliberately absent: where it is written.

use super::figures::{Figures, grouped, micros};

/// The line of one look.
pub(crate) fn line(figures: &Figures) -> String {
    let Figures { reliable, ledger, latency, .. } = figures;
    let fired: u64 = figures.rules.iter().map(|rule| rule.fired).sum();
    let mut line = format!(
        "{:>4.0} s  {:>7} events/s  {:>9} accepted  {:>5} without receipt  {:>7} fired  p50 {}  p99 {}  residual {}",
        figures.seconds,
        grouped(figures.events_per_s as u64),
        grouped(ledger.accepted),
        grouped(reliable.outstanding),
        grouped(fired),
        micros(latency.p50_us),
        micros(latency.p99_us),
        ledger.residual_events.abs() + ledger.residual_commands.abs(),
    );
    if let Some(progress) = &figures.progress {
        line.push_str(&format!("  {:.0} %", percent(progress.played, progress.events)));
        if let Some(eta_s) = progress.eta_s {
            line.push_str(&format!(", {eta_s:.0} s left"));
        }
    }
    line
}

/// How much of the whole, 0 to 100.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 100.0).min(100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_look() {
        let mut figures = Figures { seconds: 3.0, events_per_s: 2_031.4, ..Figures::default() };
        figures.latency.p50_us = 3_200;
        figures.progress(427, 853);
        let line = line(&figures);
        assert!(line.starts_with("   3 s    2,031 events/s") && line.ends_with("50 %, 3 s left"), "{line}");
        assert_eq!((percent(1, 0), percent(3, 2)), (0.0, 100.0));
    }
}
