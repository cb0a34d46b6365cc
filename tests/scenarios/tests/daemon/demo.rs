//! The demo as a stranger meets it: it plays, its ledger closes, and what it writes is a node to start from.

use std::path::Path;
use std::process::{Command, Output};

use edge_client::Client;
use scenarios::lines::{self, Line};
use scenarios::{Node, binaries, granted};
use serde_json::Value;

use crate::play::{C0, PATIENCE, receipt};

/// Runs the demo with its folder for temporary files below `folder`.
fn demo(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(binaries::edge_router());
    command.arg("demo").args(arguments).env("TMPDIR", folder).output().expect("it starts")
}

/// The figures of a demo in which every promise was kept.
fn figures(ended: &Output) -> Value {
    assert!(ended.status.success(), "{}\n{}", ended.status, String::from_utf8_lossy(&ended.stderr));
    let text = String::from_utf8_lossy(&ended.stdout);
    let figures: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    assert_eq!(figures["ledger"]["residual_events"], 0);
    assert_eq!(figures["ledger"]["residual_commands"], 0);
    assert_eq!(figures["reliable"]["sent"], figures["reliable"]["receipted"]);
    assert_eq!(figures["broken"].as_array().map(Vec::len), Some(0));
    assert_eq!(figures["shards"].as_array().map(Vec::len), Some(2));
    figures
}

/// The commands that the figures speak of are on disk.
fn commands(figures: &Value) -> Vec<Line> {
    let folder = Path::new(figures["directory"].as_str().expect("where it played")).join("commands");
    let lines = lines::read(&folder);
    lines::check_promises(&lines);
    assert_eq!(Some(lines.len() as u64), figures["commands"]["delivered"].as_u64());
    lines
}

#[test]
fn it_plays_and_its_ledger_closes() {
    let folder = tempfile::tempdir().expect("a directory");
    let figures = figures(&demo(&["--json", "--for", "3s", "--players", "24", "--seed", "7"], folder.path()));
    assert!(figures["reliable"]["sent"].as_u64() > Some(50), "{figures}");
    assert!(figures["datagrams"]["events_arrived"].as_u64() > Some(50), "{figures}");
    assert!(!commands(&figures).is_empty(), "rules fired: {figures}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_writes_is_a_node_to_start_from() {
    let parent = tempfile::tempdir().expect("a directory");
    let folder = parent.path().join("node");
    let written = demo(&["--write", &folder.display().to_string()], parent.path());
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let again = demo(&["--write", &folder.display().to_string()], parent.path());
    let why = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && why.contains("is not empty"), "{why}");

    // Ports of its own, since the file's may be taken here.
    let config = folder.join("edge-router.toml");
    let text = std::fs::read_to_string(&config).expect("the config");
    let text = text.replace("127.0.0.1:4433", "127.0.0.1:0").replace("127.0.0.1:9464", "127.0.0.1:0");
    std::fs::write(&config, format!("{text}\n[log]\nformat = \"json\"\n")).expect("a file");
    let mut node = Node::adopt(parent, &config);
    node.spawn();
    node.await_ready();

    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file of the folder");
    let client = Client::builder()
        .endpoint(node.endpoint())
        .roots_pem(read("tls/certificate.pem").as_bytes())
        .expect("a certificate")
        .token(read("tokens/p-try.jwt").trim())
        .catalogue_digest(catalogue_digest(&folder))
        .memory_only()
        .start()
        .expect("a client");
    // Any type will do: what the catalogue does not know is rejected and receipted.
    let seq = client.send(C0, edge_client::EventTypeId(4_000_000), Vec::new()).await.expect("the queue takes it");
    receipt(&client, C0, seq.0).await;
    assert_eq!(client.close(PATIENCE).await.outstanding_events, 0);
    node.drain();
}

/// What a client's build would have from the same catalogue.
fn catalogue_digest(folder: &Path) -> [u8; 32] {
    use rules_catalogue::compile::{Sources, compile};
    let sources = Sources::read_dir(&folder.join("catalogue")).expect("the catalogue's files");
    *compile(&sources).expect("a catalogue without errors").catalogue.digest()
}

#[test]
fn recorded_events_run_through() {
    let Some(recording) = granted::recording() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let extract = folder.path().join("extract.jsonl.gz");
    let lines = extract_of(&recording, &extract, 5_000);
    let figures = figures(&demo(&["--json", "--events", &extract.display().to_string()], folder.path()));
    let sent = |kind: &str, name: &str| figures[kind][name].as_u64().unwrap_or_default();
    let told = sent("reliable", "sent") + sent("datagrams", "events_sent") + sent("datagrams", "events_unsent");
    assert_eq!(told, lines, "{figures}");
    commands(&figures);
}

/// The recording's first lines, as a file of its own.
pub(crate) fn extract_of(recording: &Path, extract: &Path, lines: usize) -> u64 {
    use std::io::{BufRead as _, Write as _};
    let file = std::fs::File::open(recording).expect("EDGE_EVENTS is set and names a recording");
    let lines = std::io::BufReader::new(flate2::read::GzDecoder::new(file)).lines().take(lines);
    let lines: Vec<String> = lines.collect::<Result<_, _>>().expect("lines of text");
    let packed = std::fs::File::create(extract).expect("a file");
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    lines.iter().for_each(|line| writeln!(packed, "{line}").expect("room"));
    packed.finish().expect("room");
    lines.len() as u64
}
