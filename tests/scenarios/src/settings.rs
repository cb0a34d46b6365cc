//! A node's config, key by key: the scenarios' defaults, and what one of them changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::issuer::AUDIENCE;
use crate::world::TENANT;

/// Keys and values of a config file, the values as TOML, and the tables of issuers.
#[derive(Clone, Debug)]
pub struct Settings(BTreeMap<String, String>, Vec<String>);

impl Default for Settings {
    /// Two shards, any free port, everything in the config's own folder, generous budgets, logs as JSON.
    fn default() -> Settings {
        let settings = [
            ("node.id", "7".to_owned()),
            ("node.pop", text("pop1")),
            ("node.tenant", text(TENANT)),
            ("listen.address", text("127.0.0.1:0")),
            ("listen.shards", "2".to_owned()),
            ("listen.pin", "false".to_owned()),
            ("tls.certificate", text("certificate.pem")),
            ("tls.key", text("key.pem")),
            ("tls.secret", text("quic.secret")),
            ("rules.bundle", text("rules.bundle")),
            ("rules.keys", text("rules.keys")),
            ("rules.store", text("rules")),
            ("spool.directory", text("spool")),
            ("spool.segment", text("4MiB")),
            ("spool.limit", text("1GiB")),
            ("spool.checkpoint_every", text("8MiB")),
            ("sink.file.directory", text("commands")),
            ("control.socket", text("control.sock")),
            ("control.http", text("127.0.0.1:0")),
            ("session.client_budget.events", "{ a_second = 50000, burst = 50000 }".to_owned()),
            ("session.client_budget.bytes", "{ a_second = 50000000, burst = 50000000 }".to_owned()),
            ("session.client_budget.datagrams", "{ a_second = 50000, burst = 50000 }".to_owned()),
            ("drain.within", text("2s")),
            ("log.format", text("json")),
        ];
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Settings(settings, Vec::new()).with_issuer("players", "client", &[]).with_issuer("servers", "server", &[])
    }
}

impl Settings {
    /// Sets a key to a text.
    #[must_use]
    pub fn with(self, key: &str, value: &str) -> Settings {
        self.with_toml(key, &text(value))
    }

    /// Sets a key to any TOML value.
    #[must_use]
    pub fn with_toml(mut self, key: &str, value: &str) -> Settings {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Leaves a key out.
    #[must_use]
    pub fn without(mut self, key: &str) -> Settings {
        self.0.remove(key);
        self
    }

    /// Adds an issuer whose key set lies in `<name>.jwks.json`, for these titles, or for all where none is named.
    #[must_use]
    pub fn with_issuer(mut self, name: &str, provenance: &str, titles: &[&str]) -> Settings {
        self.1.push(format!(
            "\n[[tokens.issuers]]\nname = \"{name}\"\nprovenance = \"{provenance}\"\naudience = \"{AUDIENCE}\"\njwks = \"{name}.jwks.json\"\ntitles = {titles:?}\n"
        ));
        self
    }

    /// The config file.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        for (key, value) in &self.0 {
            let _ = writeln!(out, "{key} = {value}");
        }
        out.extend(self.1.iter().map(String::as_str));
        out
    }
}

fn text(value: &str) -> String {
    format!("\"{value}\"")
}
