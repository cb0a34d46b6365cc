//! The stories that are kept as files under `stories/`: each shows a bug, planted or mended, and is clean without it. That those with
//! a mutant's name still show it, `cargo xtask mutants` asks.

use std::path::Path;

use edge_sim::{Script, retell};

#[test]
fn every_kept_story_is_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let script = Script::from_text(&text).unwrap_or_else(|why| panic!("{}: {why:#}", path.display()));
        let ending = retell(&script, None);
        let (again, violations) = (path.display(), &ending.violations);
        assert!(violations.is_empty(), "{}\nagain: cargo xtask sim --trace --story {again}", violations[0]);
        assert_eq!(ending.hash, retell(&script, None).hash, "{again} is told in two ways");
        count += 1;
    }
    assert!(count > 0, "no story is kept");
}
