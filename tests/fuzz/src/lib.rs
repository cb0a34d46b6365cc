//! Fuzz targets: what strangers, operators, authors and broken disks can hand to us, each as a function of bytes.
//!
//! What comes in: bytes of anybody. What goes out: nothing, or a panic with what was broken: a panic of ours, an answer
//! that differs from an independent one's, a round trip that changes something, more memory than the input may cost.
//! [`TARGETS`] names them; each file of `targets/` says what its bytes mean and what must hold.
//!
//! ```text
//! corpus/TARGET/*  --\
//! Target::seeds ------+--> Target::check(bytes) --> returns, or panics
//! mutations ---------/
//! ```
//!
//! The same functions run in the plain build over the committed corpora and some mutations (`tests/corpora.rs`), and
//! under libFuzzer for as long as one likes (`cargo xtask fuzz`). Deliberately absent: sockets, clocks, randomness; a
//! file is made only where the code under test opens files itself.

mod allocated;
mod input;
pub mod mutate;
mod repository;
mod targets;

use std::path::PathBuf;

pub use targets::TARGETS;

/// One way in.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line, and its folder under `corpus/`.
    pub name: &'static str,
    /// What the bytes are, and what must hold, in one line.
    pub about: &'static str,
    /// Longer inputs are not made: bytes.
    pub len_max: usize,
    /// Most bytes that may be allocated at once for an input of no bytes, and for each byte more.
    pub memory: (usize, usize),
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// The target of a name.
    pub fn named(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Inputs made of the repository's own files: vectors, examples, diagnostics' cases, bundles and disks made on the
    /// spot.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }

    /// The committed inputs, by path.
    ///
    /// # Panics
    /// Where the folder cannot be read.
    pub fn corpus(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = repository::root().join("tests/fuzz/corpus").join(self.name);
        let mut files: Vec<PathBuf> = match std::fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| entry.expect("a folder can be listed").path()).collect(),
            Err(_) => Vec::new(),
        };
        files.sort();
        let read = |path: PathBuf| {
            let bytes = std::fs::read(&path).expect("a file of the corpus can be read");
            (path, bytes)
        };
        files.into_iter().map(read).collect()
    }

    /// Makes what is made once, so that no execution is charged for it.
    pub fn warm_up(&self) {
        self.seeds().iter().take(1).for_each(|seed| (self.run)(seed));
        (self.run)(&[]);
    }

    /// Hands `bytes` in.
    ///
    /// # Panics
    /// Where something that must hold does not.
    pub fn check(&self, bytes: &[u8]) {
        let peak = allocated::peak_of(|| (self.run)(bytes));
        let (fixed, each) = self.memory;
        let most = fixed + each * bytes.len();
        assert!(peak <= most, "{}: {peak} bytes at once for an input of {}; at most {most}", self.name, bytes.len());
    }
}
