//! `edgectl rules …`: everything but the daemon.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use ring::rand::{SecureRandom, SystemRandom};
use rules::{BuildInfo, Code, Compilation};
use rules_bundle::{MAX_SIGNATURES, SigningKey};
use rules_engine::ir::Mode;
use serde_json::{Value, json};

use crate::args::{Build, Explain, Keygen, Sources};
use crate::failure::Failure;
use crate::files;
use crate::output::Output;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// `edgectl rules check`
pub(crate) fn check(sources: &Sources, out: &mut Output) -> Result<(), Failure> {
    let compilation = files::compile_rules(sources, 0)?;
    say_report(&compilation, out)?;
    let counts = counts(&compilation);
    let words =
        format!("{} in {}: no errors", counted(&counts["rules"], "rule"), counted(&counts["packages"], "package"));
    out.done(&counts, &words)?;
    Ok(())
}

/// `edgectl rules test`
pub(crate) fn test(sources: &Sources, out: &mut Output) -> Result<(), Failure> {
    let compilation = files::compile_rules(sources, 0)?;
    say_report(&compilation, out)?;
    run_tests(&compilation, out)
}

fn run_tests(compilation: &Compilation, out: &mut Output) -> Result<(), Failure> {
    let run = compilation.test();
    out.text(&run.to_text(compilation.sources(), out.color()))?;
    out.json(&run.to_json(compilation.sources()))?;
    if run.failed() > 0 { Err(Failure::Rules) } else { Ok(()) }
}

/// Prints the report; with errors that is the end.
pub(crate) fn say_report(compilation: &Compilation, out: &mut Output) -> Result<(), Failure> {
    out.text(&compilation.to_text(out.color()))?;
    let report = compilation.report();
    if report.has_errors() {
        out.json(&report.to_json(compilation.sources()))?;
        return Err(Failure::Rules);
    }
    Ok(())
}

fn counts(compilation: &Compilation) -> Value {
    let set = compilation.rule_set();
    let rules = set.map_or(&[][..], |set| &set.rules);
    let live = rules.iter().filter(|r| r.enabled && r.mode == Mode::Live).count();
    let shadow = rules.iter().filter(|r| r.enabled && r.mode == Mode::Shadow).count();
    json!({
        "packages": set.map_or(0, |set| set.packages.len()),
        "rules": rules.len(),
        "live": live,
        "shadow": shadow,
        "disabled": rules.len() - live - shadow,
        "report": compilation.report().to_json(compilation.sources()),
    })
}

/// `edgectl rules build`
pub(crate) fn build(args: &Build, out: &mut Output) -> Result<(), Failure> {
    let now_ms = now_ms();
    let revision = args.revision.unwrap_or(now_ms.unsigned_abs() / 1000);
    let keys = keys(&args.keys)?;
    let compilation = files::compile_rules(&args.sources, revision)?;
    say_report(&compilation, out)?;
    if !args.skip_tests {
        let run = compilation.test();
        if run.failed() > 0 {
            out.text(&run.to_text(compilation.sources(), out.color()))?;
            out.json(&run.to_json(compilation.sources()))?;
            return Err(Failure::Rules);
        }
    }
    let info = BuildInfo {
        created_ms: now_ms,
        expires_ms: args.expires_days.map(|days| now_ms + i64::from(days) * DAY_MS),
        lineage: Vec::new(),
        builder: concat!("edgectl ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let signers: Vec<&SigningKey> = keys.iter().collect();
    let bytes = compilation.bundle(&info, &signers).context("no bundle was made")?;
    replace(&args.output, &bytes)?;
    let mut said = counts(&compilation);
    said["revision"] = Value::from(revision);
    said["bytes"] = Value::from(bytes.len());
    said["path"] = Value::from(args.output.display().to_string());
    let words = format!(
        "{}: revision {revision}, {} ({} live, {} shadow, {} disabled), {} bytes",
        args.output.display(),
        counted(&said["rules"], "rule"),
        said["live"],
        said["shadow"],
        said["disabled"],
        bytes.len()
    );
    out.done(&said, &words)?;
    Ok(())
}

/// `1 rule`, `2 rules`
fn counted(n: &Value, what: &str) -> String {
    if *n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn keys(paths: &[PathBuf]) -> anyhow::Result<Vec<SigningKey>> {
    if paths.len() > MAX_SIGNATURES {
        bail!("{} keys; at most {MAX_SIGNATURES} sign a bundle", paths.len());
    }
    let read = |path: &PathBuf| {
        let text =
            String::from_utf8(files::read(path)?).with_context(|| format!("{} is no key file", path.display()))?;
        SigningKey::parse(&text).with_context(|| format!("{} is no secret key", path.display()))
    };
    paths.iter().map(read).collect()
}

/// Writes a file so that a reader sees the old one or the new one, never a part.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let about = || format!("cannot write {}", path.display());
    let mut file = std::fs::File::create(&beside).with_context(about)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(about)?;
    std::fs::rename(&beside, path).with_context(about)
}

/// `edgectl rules explain`
pub(crate) fn explain(args: &Explain, out: &mut Output) -> Result<(), Failure> {
    let Some(text) = &args.code else {
        let all: Vec<Value> = Code::ALL.iter().map(|code| described(*code)).collect();
        let lines: Vec<String> =
            Code::ALL.iter().map(|code| format!("{}  {}", code.as_str(), code.info().title)).collect();
        out.text(&format!("{}\n", lines.join("\n")))?;
        out.json(&Value::from(all))?;
        return Ok(());
    };
    let Some(code) = Code::parse(text) else {
        let near = rules::suggest::nearest(text, Code::ALL.iter().map(|c| c.as_str()));
        let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        let words = format!("there is no code `{text}`{hint}; `edgectl rules explain` lists all of them");
        return Err(Failure::Environment(anyhow::anyhow!(words)));
    };
    out.text(&code.explain())?;
    out.json(&described(code))?;
    Ok(())
}

fn described(code: Code) -> Value {
    let info = code.info();
    json!({ "code": info.code, "title": info.title, "text": info.long })
}

/// `edgectl rules keygen`
pub(crate) fn keygen(args: &Keygen, out: &mut Output) -> Result<(), Failure> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    let key = SigningKey::from_seed(seed, &args.comment);
    let public = key.public();
    let (secret_path, public_path) = (with_end(&args.output, ".secret"), with_end(&args.output, ".public"));
    create(&secret_path, &key.to_secret_text(), 0o600)?;
    create(&public_path, &public.to_text(), 0o644)?;
    let id = public.id().to_string();
    let said = json!({
        "id": id,
        "secret": secret_path.display().to_string(),
        "public": public_path.display().to_string(),
    });
    let words = format!(
        "key {id}\n  {}  signs bundles; keep it secret\n  {}  goes to the nodes' trusted keys",
        secret_path.display(),
        public_path.display()
    );
    out.done(&said, &words)?;
    Ok(())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A new file; one that exists is never overwritten.
fn create(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let about = || format!("cannot create {} (a key is never overwritten)", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).with_context(about)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(about)
}

fn now_ms() -> i64 {
    // A clock before 1970 is a broken clock; the epoch stands in for it.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
