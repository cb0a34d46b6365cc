//! The operations a spool wants from its disk, and what each was for.

use std::collections::{BTreeMap, VecDeque};

use edge_door::{DiskOp, FileName, OpId};

/// What an operation is for. Each component knows its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The step of the batch in flight.
    Batch,
    /// Setting the next segment aside.
    NextSegment,
    /// The step of the cursor in flight.
    Cursor,
    /// Giving the ballast up, or setting it aside again.
    Ballast,
    /// Removing a file that nobody needs; recovery does it where this fails.
    Remove,
}

/// Operations to hand out, and those on their way.
#[derive(Debug, Default)]
pub(crate) struct Ops {
    next_id: u64,
    to_submit: VecDeque<(OpId, DiskOp)>,
    on_their_way: BTreeMap<OpId, Purpose>,
}

impl Ops {
    pub(crate) fn push(&mut self, purpose: Purpose, op: DiskOp) {
        self.next_id += 1;
        let id = OpId(self.next_id);
        self.on_their_way.insert(id, purpose);
        self.to_submit.push_back((id, op));
    }

    pub(crate) fn remove_file(&mut self, file: FileName) {
        self.push(Purpose::Remove, DiskOp::Unlink { file });
    }

    pub(crate) fn pop(&mut self) -> Option<(OpId, DiskOp)> {
        self.to_submit.pop_front()
    }

    /// What an ended operation was for.
    pub(crate) fn end(&mut self, id: OpId) -> Purpose {
        self.on_their_way.remove(&id).expect("an operation ended that the spool did not ask for, or it ended twice")
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.on_their_way.is_empty()
    }
}
