//! File systems of a scenario's own: small ones that fill up, and one whose disk fails.
//!
//! What comes in: a body that mounts what it likes. What goes out: what it returns. It runs in a mount namespace of its own, so that
//! nobody else sees the mounts and the kernel removes them with the last process in it, however that ends. Deliberately
//! absent: the machine's own mounts.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Runs `body` on a thread with mounts of its own, and with a directory in which it may mount them. The processes and threads that
/// it starts see them, too.
///
/// # Errors
/// We may not do that here.
///
/// # Panics
/// As `body` does.
pub fn with_own<T: Send>(body: impl FnOnce(&Path) -> T + Send) -> Result<T, String> {
    // Removed when the mounts are gone: from outside it never had any.
    let folder = tempfile::Builder::new().prefix("scenario").tempdir().map_err(|why| why.to_string())?;
    std::thread::scope(|scope| {
        let own = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).map_err(|why| format!("no mount namespace is given: {why}"))?;
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(|why| format!("mount: {why}"))?;
            Ok(body(folder.path()))
        });
        own.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The same for a story on a runtime.
///
/// # Errors
/// We may not do that here.
///
/// # Panics
/// As the story does.
pub fn with_own_async<F: Future<Output = ()>>(story: impl FnOnce(PathBuf) -> F + Send) -> Result<(), String> {
    with_own(|folder| {
        // Its threads are begun in the namespace, so they see the mounts.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(story(folder.to_owned()));
    })
}

/// Mounts memory as a disk of that many bytes.
///
/// # Panics
/// Where the kernel refuses.
pub fn tmpfs(at: &Path, bytes: u64) {
    std::fs::create_dir_all(at).expect("a place to mount at");
    let size = format!("size={bytes}");
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(size.as_str())).expect("a tmpfs");
}

/// Mounts a real file system of that many bytes: ext4 on a loop device over a sparse file in `folder`.
///
/// # Errors
/// The kernel has no loop device for us, or the tools are missing.
///
/// # Panics
/// Where the disk refuses.
pub fn small_disk(folder: &Path, at: &Path, bytes: u64) -> Result<(), String> {
    let image = folder.join("disk.image");
    ext4(&image, bytes)?;
    std::fs::create_dir_all(at).expect("a place to mount at");
    run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at))
}

/// A sparse file with a file system in it, whose structures are all written.
fn ext4(image: &Path, bytes: u64) -> Result<(), String> {
    File::create(image).and_then(|file| file.set_len(bytes)).expect("a sparse file");
    let make = ["-q", "-F", "-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"];
    run(Command::new("mkfs.ext4").args(make).arg(image))
}

/// A file that takes up a disk's room until it is dropped.
#[must_use]
pub struct Filler(PathBuf);

impl Filler {
    /// Leaves that many bytes free.
    ///
    /// # Panics
    /// Where the disk refuses for another reason than being full.
    pub fn all_but(folder: &Path, bytes: u64) -> Filler {
        let path = folder.join("filler");
        let mut file = File::create(&path).expect("a file");
        let zeros = vec![0; 64 << 10];
        let mut len = 0;
        loop {
            match file.write(&zeros) {
                Ok(written) => len += written as u64,
                Err(full) if full.kind() == ErrorKind::StorageFull => break,
                Err(why) => panic!("{}: {why}", path.display()),
            }
        }
        assert!(len >= bytes, "the disk had {len} bytes free");
        file.set_len(len - bytes).expect("a shorter file");
        Filler(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A disk that answers nothing until this is dropped. Whoever writes to it waits, and cannot be killed.
#[must_use]
pub struct Still(Child);

impl Still {
    /// Freezes the file system that is mounted there. It goes on, too, when our process ends in whatever way.
    ///
    /// # Errors
    /// We may not do that, or the file system cannot be frozen.
    ///
    /// # Panics
    /// Where there is no shell.
    pub fn stand(at: &Path) -> Result<Still, String> {
        let script = "fsfreeze -f \"$0\" && echo still && read -r _; fsfreeze -u \"$0\"";
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(at).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut still = Still(shell.spawn().expect("a shell"));
        let mut said = String::new();
        let answer = still.0.stdout.take().expect("standard output is ours");
        BufReader::new(answer).read_line(&mut said).expect("an answer");
        if said.trim() == "still" { Ok(still) } else { Err(format!("`fsfreeze -f {}` failed", at.display())) }
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// How a [`Failing`] disk fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Requests of many pages end in the middle: EIO, and the file system makes itself read-only.
    Eio,
    /// Requests of one page find no room: ENOSPC at the fsync of what had been set aside.
    Enospc,
}

/// A disk that fails once its store is full: ext4 on a loop device over a sparse file on a tmpfs.
///
/// What was set aside in the file system has no room in the store yet, so writing succeeds and the write-back does not.
pub struct Failing {
    store: PathBuf,
    at: PathBuf,
}

impl Failing {
    /// Bytes of the file system.
    const BYTES: u64 = 64 << 20;

    /// Mounts one in a folder.
    ///
    /// # Errors
    /// The kernel has no loop device for us, or the tools are missing.
    ///
    /// # Panics
    /// Where the kernel refuses a tmpfs.
    pub fn mount(folder: &Path, fault: Fault) -> Result<Failing, String> {
        let store = folder.join("store");
        tmpfs(&store, Self::BYTES);
        let failing = Failing { store, at: folder.join("failing") };
        std::fs::create_dir_all(&failing.at).expect("a place to mount at");
        let image = failing.image();
        ext4(&image, Self::BYTES)?;
        run(Command::new("mount").args(["-o", "loop,nodiscard"]).arg(&image).arg(&failing.at))?;
        if fault == Fault::Enospc {
            let device = device_at(&failing.at).ok_or("the loop device has no name")?;
            let limit = format!("/sys/block/{device}/queue/max_sectors_kb");
            std::fs::write(&limit, "4").map_err(|why| format!("{limit}: {why}"))?;
        }
        Ok(failing)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.at
    }

    fn image(&self) -> PathBuf {
        self.store.join("image")
    }

    /// From now on whatever needs room in the store fails when it is written back.
    pub fn fail(&self) -> Filler {
        Filler::all_but(&self.store, 0)
    }

    /// Whether a write is really lost now: a check of the scenario itself.
    pub fn loses_writes(&self) -> bool {
        let path = self.at.join("probe");
        let probe = File::create(&path);
        let written = probe.and_then(|file| file.write_all_at(&vec![7; 4 << 20], 0).and_then(|()| file.sync_data()));
        let _ = std::fs::remove_file(path);
        written.is_err()
    }

    /// What a machine finds that starts from this disk after it was repaired: the store's bytes, mounted elsewhere. What the
    /// kernel still holds of it in memory does not count.
    ///
    /// # Errors
    /// The tools are missing, or nothing can be mounted any more.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn after_repair(&self, folder: &Path) -> Result<PathBuf, String> {
        let (image, at) = (folder.join("repaired.image"), folder.join("repaired"));
        std::fs::copy(self.image(), &image).expect("a copy");
        let checked =
            Command::new("fsck.ext4").args(["-y", "-f"]).arg(&image).output().map_err(|why| why.to_string())?;
        // 1: it has mended something.
        if !matches!(checked.status.code(), Some(0 | 1)) {
            return Err(format!(
                "`fsck.ext4` ended with {}: {}",
                checked.status,
                String::from_utf8_lossy(&checked.stdout)
            ));
        }
        std::fs::create_dir_all(&at).expect("a place to mount at");
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&at))?;
        Ok(at)
    }
}

/// The block device of a mount, e.g. `loop3`.
fn device_at(at: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/thread-self/mounts").ok()?;
    let line = mounts.lines().find(|line| line.split(' ').nth(1) == at.to_str())?;
    line.split(' ').next()?.strip_prefix("/dev/").map(str::to_owned)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = command.output().map_err(|why| format!("`{program}` does not start: {why}"))?;
    let said = String::from_utf8_lossy(&ended.stderr);
    if ended.status.success() { Ok(()) } else { Err(format!("`{program}` ended with {}: {said}", ended.status)) }
}
