//! A daemon under another clock: libfaketime, which answers in the kernel's place when a program asks the time.
//!
//! What comes in: an offset, and which clocks it is of. What goes out: what runs a daemon so, and steps of its clock while it
//! runs. Deliberately absent: the clocks of anybody else.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

/// How long the library believes what it read of the offset, in seconds.
const BELIEVED_S: u64 = 1;

/// Which clocks are false.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clocks {
    /// The time of day, as a wrong setting or a jump of NTP does it.
    Wall,
    /// The monotonic one, too, as nothing but a broken machine does it.
    All,
}

/// The offset of a daemon's clocks.
pub struct FalseClock {
    library: PathBuf,
    clocks: Clocks,
    folder: TempDir,
}

impl FalseClock {
    /// A clock that is right at first.
    ///
    /// # Errors
    /// libfaketime is not installed.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn new(clocks: Clocks) -> Result<FalseClock, String> {
        let libraries = fs::read_dir("/usr/lib").map_err(|why| why.to_string())?.flatten();
        // The one for programs with threads.
        let mut candidates = libraries.map(|machine| machine.path().join("faketime/libfaketimeMT.so.1"));
        let missing = "libfaketime is not installed (`cargo xtask tools` installs it)";
        let library = candidates.find(|library| library.exists()).ok_or(missing)?;
        let clock = FalseClock { library, clocks, folder: tempfile::tempdir().expect("a directory") };
        clock.write(0);
        Ok(clock)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    fn write(&self, offset_s: i64) {
        // In one step: a file that is half written would be another offset.
        let fresh = self.folder.path().join("offset.new");
        fs::write(&fresh, format!("{offset_s:+}\n")).and_then(|()| fs::rename(&fresh, self.file())).expect("a file");
    }

    /// Steps the clock to so many seconds from the right time, and waits until that is believed.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn step_to(&self, offset_s: i64) {
        self.write(offset_s);
        // The library counts in whole seconds.
        std::thread::sleep(Duration::from_secs(BELIEVED_S + 1) + Duration::from_millis(200));
    }

    /// What runs a daemon under this clock.
    pub fn wrapper(&self) -> Vec<OsString> {
        let set = |name: &str, value: OsString| {
            let mut word = OsString::from(format!("{name}="));
            word.push(value);
            word
        };
        let monotonic = if self.clocks == Clocks::Wall { "1" } else { "0" };
        vec![
            "env".into(),
            set("LD_PRELOAD", self.library.clone().into()),
            set("FAKETIME_TIMESTAMP_FILE", self.file().into()),
            set("FAKETIME_CACHE_DURATION", BELIEVED_S.to_string().into()),
            set("FAKETIME_DONT_FAKE_MONOTONIC", monotonic.into()),
        ]
    }
}
