//! What can go wrong with a simulated disk on demand, and the count of what did.
//!
//! In: nothing. Out: plain data for [`SimDisk`](crate::sim::SimDisk). Deliberately absent: when; whoever tells the story decides.

/// Something that fails once, the next time it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fail {
    /// The sync of a file whose name begins so; what it should have covered is doomed.
    Sync(&'static str),
    /// The sync of the directory: of the names that it should have covered any part is durable, and the rest may be with a later
    /// one, as with file systems that keep a journal of names.
    SyncDir,
    /// The write to a file whose name begins so, after any part was written.
    Write(&'static str),
    /// The creation of a file whose name begins so.
    Create(&'static str),
}

/// What happens to a sector that was written, synced and sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rot {
    /// One of its bits is another, by its number in the sector, from 0.
    Flip(u16),
    /// It reads as zeros.
    Zero,
    /// It reads as it did before it was written the last time: the disk said that it wrote and did not.
    Stale,
}

/// What fired so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskFaults {
    /// Crashes.
    pub crashes: u64,
    /// Unsynced changes that a crash took.
    pub changes_lost: u64,
    /// Unsynced changes that survived a crash.
    pub changes_kept: u64,
    /// Writes of which a crash kept some sectors.
    pub writes_torn: u64,
    /// Creations, renames and removals that a crash undid.
    pub names_lost: u64,
    /// Syncs of files that failed.
    pub syncs_failed: u64,
    /// Syncs of the directory that failed.
    pub dir_syncs_failed: u64,
    /// Writes and creations that failed.
    pub writes_failed: u64,
    /// Operations refused for want of room.
    pub out_of_space: u64,
    /// Bits flipped.
    pub bits_flipped: u64,
    /// Sectors that read as zeros though something was written.
    pub sectors_zeroed: u64,
    /// Sectors that read as before their last write.
    pub sectors_stale: u64,
}
