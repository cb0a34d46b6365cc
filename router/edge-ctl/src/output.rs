//! Printing: text for people, or one JSON value for scripts, never both.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use serde_json::Value;

/// Where results go, and in which form.
pub(crate) struct Output {
    json: bool,
    color: bool,
}

impl Output {
    /// `when` is `auto`, `always` or `never`. `auto`: on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn new(json: bool, when: &str) -> Output {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let color = match when {
            "always" => true,
            "never" => false,
            _ => io::stdout().is_terminal() && !plain,
        };
        Output { json, color }
    }

    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// For people.
    pub(crate) fn text(&mut self, text: &str) -> anyhow::Result<()> {
        if self.json { Ok(()) } else { write(text) }
    }

    /// For scripts.
    pub(crate) fn json(&mut self, value: &Value) -> anyhow::Result<()> {
        if self.json { write(&format!("{value:#}\n")) } else { Ok(()) }
    }

    /// The last word of a command.
    pub(crate) fn done(&mut self, value: &Value, text: &str) -> anyhow::Result<()> {
        self.text(&format!("{text}\n"))?;
        self.json(value)
    }
}

/// A reader that went away (`edgectl … | head`) is no failure.
fn write(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}
