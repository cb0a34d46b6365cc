//! The end: what happened, whether the promises were kept, where the commands are.
//!
//! What comes in: the last [`Figures`] and the folder with the commands. What goes out: a text for people or one JSON object, and
//! what was broken. The commands on disk are counted here, line by line, apart from every counter. Deliberately absent:
//! opinions about speed.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::figures::{Figures, grouped, micros};
use crate::metrics::Snapshot;

/// What was played.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Play {
    /// `simulated` or `recorded`.
    pub(crate) mode: &'static str,
    pub(crate) players: u64,
    /// Of simulated players.
    pub(crate) seed: Option<u64>,
    /// How many seconds of play pass in one; `None`: as fast as they can.
    pub(crate) speed: Option<f64>,
    /// Whether a recording was played by its own clock.
    pub(crate) recorded_time: bool,
    /// The recording.
    pub(crate) file: Option<PathBuf>,
    pub(crate) directory: PathBuf,
}

/// Everything that is told at the end.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    pub(crate) play: Play,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    pub(crate) on_disk: OnDisk,
    /// Promises that were not kept, in words. Must be empty.
    pub(crate) broken: Vec<String>,
}

/// The commands as they lie in the files.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct OnDisk {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) commands: u64,
    /// Commands whose id was there before.
    pub(crate) repeated: u64,
}

/// The little of a line that is looked at.
#[derive(Deserialize)]
struct Line {
    id: String,
}

impl Play {
    /// What is played, in one line.
    pub(crate) fn headline(&self) -> String {
        let players = grouped(self.players);
        let pace = match self.speed {
            Some(speed) => format!("{speed} times the recorded pace"),
            None if self.recorded_time => "by the recording's own clock".to_owned(),
            None => "as fast as they can".to_owned(),
        };
        match (&self.file, self.seed) {
            (Some(file), _) => format!("edge-router demo: {}, {players} players, {pace}", file.display()),
            (None, Some(seed)) => format!("edge-router demo: {players} players, {pace}, seed {seed}"),
            (None, None) => format!("edge-router demo: {players} players, {pace}"),
        }
    }
}

impl OnDisk {
    /// Counts the commands in `directory`.
    ///
    /// # Errors
    /// A file cannot be read, or a line is no command.
    pub(crate) fn count(directory: &Path) -> Result<OnDisk> {
        let mut found = OnDisk::default();
        let failed = || format!("cannot read {}", directory.display());
        for entry in std::fs::read_dir(directory).with_context(failed)? {
            let path = entry.with_context(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("commands-") && name.ends_with(".jsonl") {
                found.files.push(path);
            }
        }
        found.files.sort();
        let mut ids = HashSet::new();
        for path in &found.files {
            let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            for (number, line) in BufReader::new(file).lines().enumerate() {
                let place = || format!("{}, line {}", path.display(), number + 1);
                let line: Line = serde_json::from_str(&line.with_context(place)?).with_context(place)?;
                found.commands += 1;
                found.repeated += u64::from(!ids.insert(line.id));
            }
        }
        Ok(found)
    }
}

/// What of the promises was not kept, in words.
pub(crate) fn broken(figures: &Figures, last: &Snapshot, on_disk: &OnDisk) -> Vec<String> {
    let (reliable, ledger, commands) = (&figures.reliable, &figures.ledger, &figures.commands);
    let mut broken = Vec::new();
    let mut expect = |kept: bool, words: String| {
        if !kept {
            broken.push(words);
        }
    };
    expect(reliable.outstanding == 0, format!("{} reliable events have no receipt", reliable.outstanding));
    expect(
        reliable.receipted == reliable.sent,
        format!("{} reliable events were sent and {} receipted", reliable.sent, reliable.receipted),
    );
    let datagrams: u64 = last.shards.iter().map(|s| s.sessions.events_datagram - s.counters.dropped).sum();
    let rejected: u64 = last.shards.iter().map(|s| s.counters.rejected).sum();
    let seen = (ledger.accepted + rejected).saturating_sub(ledger.duplicate + datagrams);
    expect(
        seen >= reliable.receipted,
        format!("{} reliable events are receipted and {seen} were seen", reliable.receipted),
    );
    expect(ledger.residual_events == 0, format!("the ledger's residual is {} events", ledger.residual_events));
    expect(ledger.residual_commands == 0, format!("the ledger's residual is {} commands", ledger.residual_commands));
    expect(commands.pending == 0, format!("{} commands were not delivered", commands.pending));
    expect(
        on_disk.commands == commands.delivered && on_disk.repeated == 0,
        format!(
            "{} commands were delivered; on disk are {}, {} of them twice",
            commands.delivered, on_disk.commands, on_disk.repeated
        ),
    );
    broken
}

impl Summary {
    /// One JSON object on one line.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("INVARIANT: figures always serialise")
    }

    /// For people.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.tell(&mut text).expect("INVARIANT: writing into a `String` does not fail");
        text
    }

    fn tell(&self, out: &mut String) -> std::fmt::Result {
        let Figures { reliable, datagrams, ledger, latency, commands, spool, .. } = &self.figures;
        let seconds = self.figures.seconds;
        let a_second = ledger.accepted as f64 / seconds.max(0.001);
        writeln!(out, "{}\n", self.play.headline())?;
        let accepted = grouped(ledger.accepted);
        writeln!(out, "events      {accepted} accepted in {seconds:.1} s, {} a second", grouped(a_second as u64))?;
        let (receipted, sent) = (grouped(reliable.receipted), grouped(reliable.sent));
        writeln!(out, "reliable    {receipted} of {sent} receipted, {} outstanding", reliable.outstanding)?;
        let (arrived, sent) = (grouped(datagrams.events_arrived), grouped(datagrams.events_sent));
        write!(out, "unreliable  {arrived} of {sent} arrived, in {} datagrams", grouped(datagrams.datagrams_sent))?;
        match datagrams.datagrams_shed {
            0 => writeln!(out)?,
            shed => writeln!(out, ", {} of them dropped under load", grouped(shed))?,
        }
        writeln!(out, "rules       {} fired:", self.figures.fired().count())?;
        let width = self.figures.fired().map(|rule| rule.rule.len()).max().unwrap_or_default();
        for rule in self.figures.fired() {
            writeln!(out, "            {:width$}  {:>9}", rule.rule, grouped(rule.fired))?;
        }
        let (p50, p99, max) = (micros(latency.p50_us), micros(latency.p99_us), micros(latency.max_us));
        writeln!(out, "latency     event to durable command: p50 {p50}, p99 {p99}, max {max}")?;
        let (ordered, on_disk) = (grouped(commands.ordered), grouped(self.on_disk.commands));
        writeln!(
            out,
            "commands    {ordered} ordered, {on_disk} on disk, and {} replies",
            grouped(self.figures.replies)
        )?;
        writeln!(
            out,
            "spool       {} records in {} commits, {}",
            grouped(spool.records),
            grouped(spool.syncs),
            spool.door
        )?;
        writeln!(out, "ledger      residual {} events, {} commands", ledger.residual_events, ledger.residual_commands)?;
        for broken in &self.broken {
            writeln!(out, "BROKEN      {broken}")?;
        }
        if self.play.speed != Some(1.0) {
            writeln!(
                out,
                "\nRules keep real time: at this pace their windows hold more events than they did when it was recorded."
            )?;
        }
        writeln!(out)?;
        self.where_to_look(out)
    }

    fn where_to_look(&self, out: &mut String) -> std::fmt::Result {
        let Some(file) = self.on_disk.files.first().map(|file| file.display()) else {
            return writeln!(
                out,
                "No rule ordered a command; run longer (--for 60s) or with more players (--players 500)."
            );
        };
        writeln!(out, "The commands are in {file}")?;
        writeln!(out, "    head -n 1 {file}")?;
        writeln!(out, "    jq -r .rule {file} | sort | uniq -c | sort -rn")?;
        writeln!(out, "Everything is kept in {}; remove it when you are done.", self.play.directory.display())?;
        writeln!(out, "To start from it: edge-router demo --write my-edge, then see my-edge/README.md")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ShardFigure;

    fn kept() -> (Figures, Snapshot, OnDisk) {
        let mut figures = Figures { seconds: 2.0, ..Figures::default() };
        figures.reliable.sent = 3;
        figures.reliable.receipted = 3;
        figures.ledger.accepted = 5;
        figures.commands.ordered = 1;
        figures.commands.delivered = 1;
        let mut shard = ShardFigure::default();
        shard.sessions.events_datagram = 2;
        let last = Snapshot { shards: vec![shard], ..Snapshot::default() };
        (figures, last, OnDisk { commands: 1, ..OnDisk::default() })
    }

    #[test]
    fn kept_promises_leave_nothing_to_say() {
        let (figures, last, on_disk) = kept();
        assert_eq!(broken(&figures, &last, &on_disk), Vec::<String>::new());
    }

    #[test]
    fn every_broken_promise_is_told() {
        let (mut figures, last, mut on_disk) = kept();
        figures.reliable.outstanding = 1;
        figures.reliable.receipted = 2;
        figures.ledger.accepted = 3;
        figures.ledger.residual_events = -1;
        figures.ledger.residual_commands = 4;
        figures.commands.pending = 1;
        on_disk.repeated = 1;
        let told = broken(&figures, &last, &on_disk);
        assert_eq!(told.len(), 7, "{told:#?}");
    }

    #[test]
    fn commands_on_disk_are_counted_by_id() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("commands-00000001.jsonl");
        std::fs::write(&file, "{\"id\":\"a\",\"rule\":\"r\"}\n{\"id\":\"b\"}\n{\"id\":\"a\"}\n").unwrap();
        std::fs::write(dir.path().join("commands-00000001.marks"), "not lines").unwrap();
        let found = OnDisk::count(dir.path()).unwrap();
        assert_eq!(found, OnDisk { files: vec![file.clone()], commands: 3, repeated: 1 });
        std::fs::write(&file, "{}\n").unwrap();
        let why = format!("{:#}", OnDisk::count(dir.path()).unwrap_err());
        assert!(why.contains("line 1: missing field `id`"), "{why}");
    }

    #[test]
    fn the_summary_is_one_json_object_and_a_text() {
        let (figures, _, on_disk) = kept();
        let play = Play { mode: "simulated", players: 64, seed: Some(7), speed: Some(10.0), ..Play::default() };
        let summary = Summary { play, figures, on_disk, broken: vec!["x".into()] };
        let json: serde_json::Value = serde_json::from_str(&summary.to_json()).unwrap();
        assert_eq!((&json["seed"], &json["ledger"]["residual_events"]), (&7.into(), &0.into()));
        let text = summary.to_text();
        assert!(text.contains("3 of 3 receipted") && text.contains("BROKEN      x"), "{text}");
    }
}
