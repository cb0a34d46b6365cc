//! The demo on a terminal.
//!
//! What comes in: [`Figures`], keys. What goes out: frames; the terminal is restored when the view is dropped, and before the
//! message of a panic, wherever it happens. Deliberately absent: figures that the summary does not have.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};
use ratatui::{DefaultTerminal, Frame};

use super::figures::{Figures, bytes, grouped, micros};
use super::lines::percent;

/// A terminal that shows the demo.
pub(crate) struct View {
    terminal: DefaultTerminal,
    paces: VecDeque<u64>,
}

/// How many paces the curve shows at most.
const PACES: usize = 512;

impl View {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It cannot be taken.
    pub(crate) fn open() -> io::Result<View> {
        Ok(View { terminal: ratatui::try_init()?, paces: VecDeque::new() })
    }

    /// Shows figures.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn show(&mut self, headline: &str, figures: &Figures) -> io::Result<()> {
        if self.paces.len() == PACES {
            self.paces.pop_front();
        }
        self.paces.push_back(figures.events_per_s as u64);
        let paces = &self.paces;
        self.terminal.draw(|frame| draw(frame, headline, figures, paces))?;
        Ok(())
    }

    /// Waits for keys; whether one of them ends the demo.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn ends_within(&mut self, wait: Duration) -> io::Result<bool> {
        if !event::poll(wait)? {
            return Ok(false);
        }
        // A resize is answered by the next frame.
        let Event::Key(key) = event::read()? else { return Ok(false) };
        let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        let is_quit = matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc);
        Ok(key.kind != KeyEventKind::Release && (is_ctrl_c || is_quit))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn draw(frame: &mut Frame<'_>, headline: &str, figures: &Figures, paces: &VecDeque<u64>) {
    let progress_rows = if figures.progress.is_some() { 1 } else { 0 };
    let [top, progress, upper, rules, lower] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(progress_rows),
        Constraint::Length(7),
        Constraint::Min(4),
        Constraint::Length(7),
    ])
    .areas(frame.area());
    draw_top(frame, top, headline, figures);
    draw_progress(frame, progress, figures);
    let [pace, latency] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(upper);
    draw_pace(frame, pace, figures, paces);
    draw_latency(frame, latency, figures);
    draw_rules(frame, rules, figures);
    let [sessions, ledger, disk] = Layout::horizontal([Constraint::Fill(1); 3]).areas(lower);
    draw_sessions(frame, sessions, figures);
    draw_ledger(frame, ledger, figures);
    draw_disk(frame, disk, figures);
}

fn draw_top(frame: &mut Frame<'_>, area: Rect, headline: &str, figures: &Figures) {
    let seconds = figures.seconds as u64;
    let clock = format!("   {:02}:{:02}   q ends ", seconds / 60, seconds % 60);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(clock.len() as u16)]).areas(area);
    let headline = shortened(&format!(" {headline}"), usize::from(left.width));
    frame.render_widget(Paragraph::new(headline).bold().cyan(), left);
    frame.render_widget(Paragraph::new(clock).dim(), right);
}

/// Text that does not fit ends in `…`, so that nobody takes it for the whole.
fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn draw_progress(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let Some(progress) = &figures.progress else { return };
    let percent = percent(progress.played, progress.events);
    let eta = progress.eta_s.map_or(String::new(), |eta_s| format!(", {eta_s:.0} s left"));
    let label = format!("{percent:.0} % of {} events{eta}", grouped(progress.events));
    frame.render_widget(Gauge::default().ratio(percent / 100.0).label(label).gauge_style(Color::Cyan), area);
}

fn draw_pace(frame: &mut Frame<'_>, area: Rect, figures: &Figures, paces: &VecDeque<u64>) {
    let title =
        format!(" {} events/s, {} in all ", grouped(figures.events_per_s as u64), grouped(figures.ledger.accepted));
    let block = Block::bordered().title(title);
    let width = usize::from(block.inner(area).width);
    let latest: Vec<u64> = paces.iter().skip(paces.len().saturating_sub(width)).copied().collect();
    frame.render_widget(Sparkline::default().block(block).data(latest).style(Color::Cyan), area);
}

fn draw_latency(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let latency = &figures.latency;
    let rows = [
        row("p50", micros(latency.p50_us)),
        row("p99", micros(latency.p99_us)),
        row("max", micros(latency.max_us)),
        row("measured", grouped(latency.count)),
    ];
    panel(frame, area, " event to durable command ", rows);
}

fn draw_rules(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let block = Block::bordered().title(" rules fired ");
    let inner = block.inner(area);
    let most = figures.rules.iter().map(|rule| rule.fired).max().unwrap_or_default().max(1);
    let name_width = figures.rules.iter().map(|rule| rule.rule.len()).max().unwrap_or_default();
    let bar_width = usize::from(inner.width).saturating_sub(name_width + 13);
    let lines = figures.rules.iter().take(usize::from(inner.height)).map(|rule| {
        let length = (rule.fired as f64 / most as f64 * bar_width as f64).ceil() as usize;
        let color = if rule.fired > 0 { Color::Reset } else { Color::DarkGray };
        Line::from(vec![
            Span::styled(format!(" {:name_width$} {:>9} ", rule.rule, grouped(rule.fired)), Style::new().fg(color)),
            Span::styled("█".repeat(length), Style::new().fg(Color::Green)),
        ])
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
}

fn draw_sessions(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let by_shard: Vec<String> = figures.shards.iter().map(|shard| grouped(shard.sessions)).collect();
    let in_all = grouped(figures.sessions);
    let apart = format!("{in_all} ({})", by_shard.join(" + "));
    let fits = VALUE_FROM + apart.len() + 2 <= usize::from(area.width);
    let door = figures.shards.first().map_or("", |shard| shard.door.as_str());
    let rows = [
        row("connections", if fits { apart } else { in_all }),
        row("reliable", grouped(figures.reliable.sent)),
        row("without receipt", grouped(figures.reliable.outstanding)),
        row("by datagram", grouped(figures.datagrams.events_arrived)),
        row("replies", grouped(figures.replies)),
    ];
    panel(frame, area, &format!(" {} shards, {door} ", figures.shards.len()), rows);
}

fn draw_ledger(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let ledger = &figures.ledger;
    let residual = ledger.residual_events.abs() + ledger.residual_commands.abs();
    let mut last = row("residual", residual.to_string());
    last = if residual == 0 { last.green().bold() } else { last.red().bold() };
    let rows = [
        row("commanded", grouped(ledger.commanded)),
        row("held back", grouped(ledger.suppressed)),
        row("no match", grouped(ledger.no_match)),
        row("duplicate", grouped(ledger.duplicate)),
        last,
    ];
    panel(frame, area, " ledger ", rows);
}

fn draw_disk(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let (spool, commands) = (&figures.spool, &figures.commands);
    let rows = [
        row("commands", grouped(commands.ordered)),
        row("on their way", grouped(commands.pending)),
        row("records", grouped(spool.records)),
        row("commits", grouped(spool.syncs)),
        row("size", bytes(spool.bytes)),
    ];
    panel(frame, area, &format!(" spool, {} ", spool.door), rows);
}

fn panel<const N: usize>(frame: &mut Frame<'_>, area: Rect, title: &str, rows: [Line<'static>; N]) {
    frame.render_widget(Paragraph::new(rows.to_vec()).block(Block::bordered().title(title.to_owned())), area);
}

/// Where values stand in a row of a panel.
const VALUE_FROM: usize = 17;

fn row(name: &'static str, value: String) -> Line<'static> {
    let width = VALUE_FROM - 1;
    Line::from(vec![Span::raw(format!(" {name:<width$}")).dim(), Span::raw(value)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::figures::{RuleFired, ShardFigures};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn shown(width: u16, height: u16, figures: &Figures) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let paces = VecDeque::from([1, 5, 3]);
        terminal.draw(|frame| draw(frame, "64 players, seed 7", figures, &paces)).unwrap();
        terminal.backend().to_string()
    }

    fn figures() -> Figures {
        let mut figures = Figures { seconds: 75.0, events_per_s: 1_812.0, sessions: 64, ..Figures::default() };
        let rule = |name: &str, fired| RuleFired { rule: name.into(), fired, ..RuleFired::default() };
        figures.rules = vec![rule("supply_block", 120), rule("first_upgrade", 3), rule("never", 0)];
        figures.ledger.accepted = 20_311;
        figures
    }

    #[test]
    fn what_does_not_fit_is_not_cut_in_silence() {
        let mut figures = figures();
        let shard = |sessions| ShardFigures { sessions, ..ShardFigures::default() };
        figures.shards = vec![shard(1_032), shard(968)];
        figures.sessions = 2_000;
        let wide = shown(120, 24, &figures);
        assert!(wide.contains("connections     2,000 (1,032 + 968)"), "{wide}");
        let narrow = shown(80, 24, &figures);
        assert!(narrow.contains("connections     2,000  "), "{narrow}");
        assert!(shown(30, 24, &figures).contains(" 64 players…   01:15   q ends "));
    }

    #[test]
    fn a_frame_shows_what_matters() {
        let text = shown(100, 30, &figures());
        for expected in [
            "64 players, seed 7",
            "01:15",
            "1,812 events/s, 20,311 in all",
            "supply_block        120 █",
            "residual        0 ",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }

    #[test]
    fn a_recording_has_a_bar() {
        let mut figures = figures();
        figures.progress(25, 100);
        assert!(shown(100, 30, &figures).contains("25 % of 100 events"));
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in [(1, 1), (10, 3), (40, 12), (300, 100)] {
            shown(width, height, &figures());
        }
    }
}
