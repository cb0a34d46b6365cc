//! The examples of `rules/docs/verbs.md`: each command runs, and the page shows exactly what it prints.
//!
//! They run beside the repository's `rules` and a changed copy `new` of its catalogue, and with example rules one of
//! whose tests expects too much. With `UPDATE_EXPECT=1` the page is written anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect_file;
use rules_catalogue::ChangeCode;
use tempfile::TempDir;

const BEGIN: &str =
    "<!-- changes: written by the test `the_page_shows_what_its_commands_print` when UPDATE_EXPECT=1 is set -->\n";
const END: &str = "<!-- end -->";

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules").canonicalize().unwrap()
}

/// Where the page's commands run.
fn desk() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(rules(), dir.path().join("rules")).unwrap();
    std::fs::create_dir_all(dir.path().join("new/game/v1")).unwrap();
    for entry in std::fs::read_dir(rules().join("catalogue/game/v1")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let zone = "string zone = 2 [(edge.catalogue.v1.field).max_len = 64]";
        let died = text.replacen(zone, &zone.replace("64", "48"), 1).replacen("max: 200", "max: 300", 1);
        let killer = "  Place place = 4;\n  string killed_by_player = 5 [(edge.catalogue.v1.field).max_len = 64];\n";
        let died = died.replacen("  Place place = 4;\n", killer, 1);
        let is_player = path.ends_with("player.proto");
        std::fs::write(
            dir.path().join("new/game/v1").join(path.file_name().unwrap()),
            if is_player { died } else { text },
        )
        .unwrap();
    }
    let community = std::fs::read_to_string(rules().join("examples/community.rules.yaml")).unwrap();
    let third = "ResourcesSent: { minerals: 100 }, expect: { none: cooldown }";
    let broken = community.replacen(third, &third.replace("none: cooldown", "fires: [generous_ally]"), 1);
    std::fs::write(dir.path().join("broken.rules.yaml"), broken).unwrap();
    dir
}

/// What a line `$ edgectl …` prints. Quotes are single ones.
fn printed(dir: &TempDir, line: &str) -> String {
    let mut args: Vec<&str> = Vec::new();
    for (at, piece) in line.split('\'').enumerate() {
        if at % 2 == 0 { args.extend(piece.split_whitespace()) } else { args.push(piece) }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgectl"));
    command.args(&args[2..]).current_dir(dir.path()).env_remove("EDGE_CATALOGUE").env_remove("EDGE_TENANT");
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_shows_what_its_commands_print() {
    let (dir, page) = (desk(), rules().join("docs/verbs.md"));
    let text = std::fs::read_to_string(&page).unwrap();
    let mut wanted = String::new();
    for (at, part) in text.split("```").enumerate() {
        let Some(block) = part.strip_prefix("console\n").filter(|_| at % 2 == 1) else {
            wanted.push_str(part);
            wanted.push_str("```");
            continue;
        };
        wanted.push_str("console\n");
        let commands: Vec<&str> = block.lines().filter(|line| line.starts_with("$ edgectl ")).collect();
        for (at, line) in commands.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            let _ = writeln!(wanted, "{gap}{line}\n{}", printed(&dir, line).trim_end());
        }
        wanted.push_str("```");
    }
    let wanted = wanted.strip_suffix("```").unwrap();
    expect_file![page].assert_eq(&with_table(wanted));
}

/// The page with the table of changes as the code has it.
fn with_table(text: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut table = String::from("| code | breaks | what to do |\n|---|---|---|\n");
    for code in ChangeCode::ALL {
        let breaks = if code.is_breaking() { "yes" } else { "no" };
        let _ = writeln!(table, "| `{}` | {breaks} | {} |", code.as_str(), code.help());
    }
    format!("{before}{BEGIN}\n{table}\n{END}{after}")
}
