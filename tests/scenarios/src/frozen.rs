//! A thread of a daemon made to stand still while the others go on, as a wedged core or a debugger does it.
//!
//! What comes in: a process and the name of one of its threads. What goes out: a guard; while it lives the thread executes nothing.
//! By ptrace(2), whose stop is the thread's alone: no signal is seen, no system call returns early. If the guard's process
//! dies, the kernel lets the thread go on. Deliberately absent: the whole process; SIGSTOP does that.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How often a tracer looks whether its thread was killed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A thread that stands still until this is dropped.
#[must_use]
pub struct Frozen {
    thaw: Option<mpsc::Sender<()>>,
    /// A tracee obeys the very thread that seized it.
    tracer: Option<JoinHandle<()>>,
}

impl Frozen {
    /// Freezes the thread of that name.
    ///
    /// # Errors
    /// There is no such thread, or we may not trace it.
    pub fn thread(pid: u32, name: &str) -> Result<Frozen, String> {
        let tid = tid_of(pid, name).ok_or_else(|| format!("process {pid} has no thread `{name}`"))?;
        let (thaw, thawed) = mpsc::channel();
        let (say, said) = mpsc::channel();
        let tracer = std::thread::spawn(move || {
            let frozen = freeze(tid);
            let is_frozen = frozen.is_ok();
            let _ = say.send(frozen);
            if is_frozen {
                hold(tid, &thawed);
            }
        });
        let frozen = said.recv().map_err(|gone| gone.to_string())?;
        frozen.map_err(|why| format!("the thread `{name}` cannot be traced: {why}"))?;
        Ok(Frozen { thaw: Some(thaw), tracer: Some(tracer) })
    }
}

fn freeze(tid: Pid) -> nix::Result<()> {
    ptrace::seize(tid, ptrace::Options::empty())?;
    ptrace::interrupt(tid)?;
    waitpid(tid, Some(WaitPidFlag::__WALL)).map(drop)
}

/// Holds the thread until it is to go on, or is killed: a process whose thread is traced ends only when its tracer has looked.
fn hold(tid: Pid, thawed: &mpsc::Receiver<()>) {
    while thawed.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let looked = waitpid(tid, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
        if !matches!(looked, Ok(WaitStatus::StillAlive)) {
            return;
        }
    }
    let _ = ptrace::detach(tid, None);
}

/// The kernel's number of a thread, by its name.
pub fn tid_of(pid: u32, name: &str) -> Option<Pid> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    threads.flatten().find_map(|thread| {
        let found = std::fs::read_to_string(thread.path().join("comm")).ok()?;
        let tid = thread.file_name().to_str()?.parse().ok()?;
        (found.trim_end() == name).then(|| Pid::from_raw(tid))
    })
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.thaw.take();
        if let Some(tracer) = self.tracer.take() {
            let _ = tracer.join();
        }
    }
}
