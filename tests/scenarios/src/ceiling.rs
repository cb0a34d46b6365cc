//! A ceiling on a process's memory, above which the kernel kills it: a memory cgroup of the scenario's own.
//!
//! What comes in: bytes, and who shall stay below. Works on both generations of cgroups. Deliberately absent: the ceiling of
//! anybody else; the group is removed at the end.

use std::fs;
use std::path::{Path, PathBuf};

/// Removed when dropped; its processes have ended by then.
pub struct MemoryCeiling(PathBuf);

impl MemoryCeiling {
    /// Makes one.
    ///
    /// # Errors
    /// The kernel has no memory cgroups for us.
    pub fn new(bytes: u64) -> Result<MemoryCeiling, String> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|why| why.to_string())?;
        let mounted = |kind: &str, option: &str| {
            mounts.lines().find_map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let is_it = words.get(2) == Some(&kind)
                    && words.get(3)?.split(',').any(|word| option.is_empty() || word == option);
                is_it.then(|| PathBuf::from(words[1]))
            })
        };
        let name = format!("edge-scenario-{}-{bytes}", std::process::id());
        if let Some(root) = mounted("cgroup", "memory") {
            let group = make(root.join(name))?;
            write(&group.0, "memory.limit_in_bytes", bytes)?;
            return Ok(group);
        }
        let root = mounted("cgroup2", "").ok_or("no cgroup file system is mounted")?;
        write(&root, "cgroup.subtree_control", "+memory")?;
        let group = make(root.join(name))?;
        write(&group.0, "memory.max", bytes)?;
        write(&group.0, "memory.swap.max", 0)
            .or_else(|why| if why.contains("No such file") { Ok(()) } else { Err(why) })?;
        Ok(group)
    }

    /// From now on this process stays below it, or ends. What it has already is not counted where the kernel is of the first
    /// generation.
    ///
    /// # Errors
    /// The kernel's.
    pub fn hold(&self, pid: u32) -> Result<(), String> {
        write(&self.0, "cgroup.procs", pid)
    }
}

fn make(group: PathBuf) -> Result<MemoryCeiling, String> {
    fs::create_dir(&group).map_err(|why| format!("{}: {why}", group.display()))?;
    Ok(MemoryCeiling(group))
}

fn write(group: &Path, file: &str, value: impl ToString) -> Result<(), String> {
    let path = group.join(file);
    fs::write(&path, value.to_string()).map_err(|why| format!("{}: {why}", path.display()))
}

impl Drop for MemoryCeiling {
    fn drop(&mut self) {
        // A process that was just killed leaves its group a moment later.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
