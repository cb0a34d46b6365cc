use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};

use crate::fields::{Absent, FIELDS};
use crate::{Config, reference};

fn read(text: &str) -> Result<Config, String> {
    Config::from_text(text, "edge.toml", Path::new("/etc/edge")).map_err(|p| p.to_string())
}

/// The smallest complete file, with lines put in front.
fn with(lines: &str) -> String {
    format!(
        "{lines}\n[node]\nid = 7\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n[rules]\nbundle = \"b\"\nkeys = \"k\"\n\
         [spool]\ndirectory = \"/var/lib/edge\"\n[sink.file]\ndirectory = \"out\"\n[[tokens.issuers]]\nname = \"players\"\n\
         provenance = \"client\"\naudience = \"edge\"\njwks = \"p.json\"\n"
    )
}

fn refused(text: &str, expected: Expect) {
    expected.assert_eq(&read(text).expect_err("this file is wrong"));
}

#[test]
fn a_small_file_is_enough_and_paths_start_from_its_folder() {
    let config = read(&with("")).unwrap();
    assert_eq!(config.tls.certificate, Path::new("/etc/edge/c.pem"));
    assert_eq!(config.spool.directory, Path::new("/var/lib/edge"));
    assert_eq!(config.session.idle_timeout, Duration::from_secs(15));
    assert_eq!(config.tokens.issuers.len(), 1);
    assert!(config.listen.shards.is_none() && config.control.socket.is_none());
}

#[test]
fn a_foreign_protocol_name_is_for_loopback_alone() {
    let foreign = |address: &str| with(&format!("[listen]\naddress = \"{address}\"\nalpn_for_tests = \"h3\"\n"));
    assert_eq!(read(&foreign("127.0.0.1:0")).unwrap().listen.alpn_for_tests.as_deref(), Some("h3"));
    assert_eq!(read(&foreign("[::1]:0")).unwrap().listen.alpn_for_tests.as_deref(), Some("h3"));
    assert_eq!(read(&with("")).unwrap().listen.alpn_for_tests, None);
    refused(
        &foreign("0.0.0.0:4433"),
        expect![[r#"
            edge.toml:3: `listen.alpn_for_tests` is set, and others can reach 0.0.0.0:4433; leave it out, or listen on 127.0.0.1"#]],
    );
}

#[test]
fn defaults_are_those_of_the_crates() {
    let config = read(&with("")).unwrap();
    let mut session = edge_session::Config { node: config.session.node, ..edge_session::Config::default() };
    session.client_budget.frames = config.session.client_budget.frames;
    session.server_budget.frames = config.session.server_budget.frames;
    assert_eq!(config.session, session);
    assert_eq!(config.shard, edge_shard::Config::default());
    assert_eq!(config.spool.config, edge_spool::Config::default());
}

#[test]
fn the_reference_parses_and_names_every_key() {
    let text = reference();
    read(&text).unwrap();
    // What is commented out must be right, too.
    let all: String = text.lines().map(|l| l.strip_prefix("# ").filter(|l| l.contains(" = ")).unwrap_or(l)).fold(
        String::new(),
        |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        },
    );
    read(&all).unwrap();
    for field in FIELDS {
        let name = field.path.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("{name} = ")), "{}", field.path);
        assert!(field.doc.ends_with('.'), "{}: documented in a sentence", field.path);
        assert!(!matches!(field.absent, Absent::Default("")), "{}", field.path);
    }
}

#[test]
fn the_committed_reference_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference.toml");
    if std::env::var_os("EDGE_BLESS").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == reference(), "edge-config/reference.toml is stale: run this test with EDGE_BLESS=1");
}

#[test]
fn an_unknown_key_names_the_nearest() {
    refused(
        &with("[session]\nidle_timout = \"5s\"\n[lisen]\naddress = \"0.0.0.0:1\"\n[listen]\nadress = \"0.0.0.0:1\""),
        expect![[r#"
            edge.toml:2: `session.idle_timout` is not a known key; did you mean `session.idle_timeout`?
            edge.toml:3: `lisen` is not a known key; did you mean `listen`?
            edge.toml:6: `listen.adress` is not a known key; did you mean `listen.address`?"#]],
    );
}

#[test]
fn a_wrong_value_says_what_was_expected() {
    refused(
        &with(
            "[session]\nidle_timeout = 15\nwindow_events = 0\npayload_max = \"12 kB\"\n[listen]\ndoor = \"dpdk\"\naddress = \"localhost:1\"\n[log]\nlevel = true",
        ),
        expect![[r#"
            edge.toml:2: `session.idle_timeout` is of type integer; expected a duration such as "25ms", "15s", "30min" or "7d"; Silence after which a session ends.
            edge.toml:3: `session.window_events` is 0; expected 1 to 4096; Events of a class that may be without a receipt.
            edge.toml:4: `session.payload_max` is "12 kB"; expected a size such as "16KiB" or "64MiB"; Largest event; WELCOME tells clients.
            edge.toml:6: `listen.door` is "dpdk"; expected one of "auto", "io_uring", "plain"; `auto` takes io_uring where the kernel allows it, else epoll with recvmmsg.
            edge.toml:9: `log.level` is of type boolean; expected text in quotes; What is written."#]],
    );
}

#[test]
fn what_is_wrong_only_together_is_found_too() {
    refused(
        &with("[session]\nidle_timeout = \"20min\"\n[listen]\naddress = \"localhost:1\"\nshards = 2\ncores = [0]"),
        expect![[r#"
            edge.toml:6: `listen.cores` names 1 cores for 2 shards; name one core for each shard, or leave it out
            edge.toml:4: `listen.address` is "localhost:1"; expected an address and a port such as "0.0.0.0:4433" or "[::]:4433"; names are not looked up
            edge.toml: `session.idle_timeout_max` is 1200s; expected at least `idle_timeout` and at most 600 s"#]],
    );
}

#[test]
fn what_is_missing_is_named_together() {
    refused(
        "[node]\nid = 1\n[[tokens.issuers]]\nname = \"x\"",
        expect![[r#"
            edge.toml: `tls.certificate` is missing; PEM chain, the server's own certificate first.
            edge.toml: `tls.key` is missing; PEM private key.
            edge.toml: `rules.bundle` is missing; The signed bundle.
            edge.toml: `rules.keys` is missing; Public keys that may sign bundles.
            edge.toml: `spool.directory` is missing; A directory of its own, on a disk that tells the truth about fsync.
            edge.toml: `sink.file.directory` is missing; Where the files `commands-….jsonl` go.
            edge.toml: `tokens.issuers[].provenance` is missing; Whom it vouches for: players, or game servers.
            edge.toml: `tokens.issuers[].audience` is missing; What `aud` must contain.
            edge.toml: `tokens.issuers[].jwks` is missing; JWKS file with Ed25519 and P-256 keys; SIGHUP reads it again."#]],
    );
}

#[test]
fn text_that_is_no_toml_says_where() {
    let said = read("[node\nid = 1\n\n[node]\nid = 2\nid = 3").unwrap_err();
    assert!(said.starts_with("edge.toml:1: not TOML: "), "{said}");
    assert!(said.contains("edge.toml:6: "), "{said}");
}

#[test]
fn a_spool_that_does_not_fit_together_names_the_key_to_change() {
    let small = with("").replace("directory = \"/var/lib/edge\"", "directory = \"s\"\nsegment = \"1MiB\"");
    refused(
        &small,
        expect![[r#"edge.toml:12: `spool.segment` is too small for a group commit; expected at least 4MiB"#]],
    );
    let tight = with("").replace("directory = \"/var/lib/edge\"", "directory = \"s\"\nlimit = \"64MiB\"");
    assert!(read(&tight).unwrap_err().contains("`spool.limit` is 67108864 bytes; expected "));
}
