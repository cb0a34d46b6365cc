//! The queue on disk: restarts, torn tails, rolled segments, a simple twin.

use bytes::Bytes;
use edge_event::EventTypeId;
use proptest::prelude::*;

use super::*;

const C: Class = Class::ALL[2];
const NEWBORN: Newborn = Newborn { producer: ProducerId([9; 16]), created_unix_ms: 1_000 };

struct Queue {
    journal: Journal,
    outbox: Outbox,
}

impl Queue {
    fn open(dir: &Path, segment_bytes: u64) -> (Queue, u64) {
        let (journal, recovered) = Journal::open_with(dir, Durability::Process, NEWBORN, segment_bytes).expect("opens");
        assert_eq!((recovered.producer, recovered.created_unix_ms), (NEWBORN.producer, NEWBORN.created_unix_ms));
        (Queue { journal, outbox: recovered.outbox }, recovered.cut_bytes)
    }

    fn push(&mut self, class: Class, payload: &[u8]) {
        let payload = Bytes::copy_from_slice(payload);
        let event = EventFrame { seq: self.outbox.next(class), event_type: EventTypeId(3), client_ms: 77, payload };
        self.journal.append_event(&self.outbox, class, &event).expect("appends");
        self.outbox.push(class, event.event_type, event.client_ms, event.payload);
    }

    fn receipt(&mut self, class: Class, up_to: Seq) {
        self.outbox.receipt(class, up_to);
        self.outbox.forget(class, up_to.next());
        self.journal.append_receipt(&self.outbox, class, up_to).expect("appends");
    }

    fn view(&self) -> Vec<(u8, u64, Bytes)> {
        let mut out = Vec::new();
        for class in Class::ALL {
            let (receipt, issued) = (self.outbox.receipts()[class.index()].0, self.outbox.issued()[class.index()].0);
            let events = (receipt + 1..=issued).map(|seq| self.outbox.get(class, Seq(seq)).expect("no gaps"));
            out.extend(events.map(|event| (class.get(), event.seq.0, event.payload.clone())));
        }
        out
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    segments(dir).expect("lists").into_iter().map(|(_, path)| path).collect()
}

#[test]
fn a_restart_finds_what_has_no_receipt() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut queue, _) = Queue::open(dir.path(), SEGMENT_BYTES);
    (0..5).for_each(|n| queue.push(C, &[n; 10]));
    queue.receipt(C, Seq(2));
    drop(queue);
    let (mut queue, cut) = Queue::open(dir.path(), SEGMENT_BYTES);
    assert_eq!(cut, 0);
    assert_eq!(queue.view().iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>(), [3, 4, 5]);
    queue.push(C, b"six");
    assert_eq!(queue.outbox.issued()[2], Seq(6));
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let _first = Queue::open(dir.path(), SEGMENT_BYTES);
    let second = Journal::open(dir.path(), Durability::Process, NEWBORN);
    assert!(matches!(second, Err(JournalError::InUse(_))));
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("queue-00000000.log"), b"somebody's diary").expect("writes");
    let opened = Journal::open(dir.path(), Durability::Process, NEWBORN);
    assert!(matches!(opened, Err(JournalError::NotOurs(_))));
}

/// Whatever the cut, what is before it is found, and the queue goes on.
#[test]
fn every_torn_tail_is_cut() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut queue, _) = Queue::open(dir.path(), SEGMENT_BYTES);
    let path = files(dir.path()).remove(0);
    let mut borders = vec![fs::metadata(&path).expect("is there").len()];
    for n in 0..4 {
        queue.push(C, &[n; 20]);
        borders.push(fs::metadata(&path).expect("is there").len());
    }
    drop(queue);
    let whole = fs::read(&path).expect("reads");
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).expect("writes");
        let (mut queue, cut) = Queue::open(dir.path(), SEGMENT_BYTES);
        let events = borders.iter().skip(1).filter(|border| **border <= len as u64).count();
        assert_eq!(queue.view().len(), events, "cut at {len}");
        let kept = borders.iter().rev().find(|border| **border <= len as u64).copied().unwrap_or(0);
        assert_eq!(cut, len as u64 - kept, "cut at {len}");
        queue.push(C, b"next");
        drop(queue);
        assert_eq!(Queue::open(dir.path(), SEGMENT_BYTES).0.view().len(), events + 1);
        files(dir.path()).into_iter().for_each(|path| fs::remove_file(path).expect("removes"));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut queue, _) = Queue::open(dir.path(), SEGMENT_BYTES);
    (0..3).for_each(|n| queue.push(C, &[n; 4]));
    drop(queue);
    let path = files(dir.path()).remove(0);
    let whole = fs::read(&path).expect("reads");
    for bit in 8 * Header::BYTES..8 * whole.len() {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, flipped).expect("writes");
        let (queue, cut) = Queue::open(dir.path(), SEGMENT_BYTES);
        assert!(cut > 0 && queue.view().len() < 3, "bit {bit}");
    }
}

#[test]
fn segments_roll_and_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut queue, _) = Queue::open(dir.path(), 1024);
    (0..100).for_each(|n| queue.push(C, &[n; 100]));
    assert!(files(dir.path()).len() > 10);
    queue.receipt(C, Seq(50));
    let kept = files(dir.path()).len();
    assert!((5..9).contains(&kept), "{kept}");
    drop(queue);
    let (mut queue, cut) = Queue::open(dir.path(), 1024);
    assert_eq!((cut, queue.view().len()), (0, 50));
    queue.receipt(C, Seq(100));
    assert_eq!(files(dir.path()).len(), 1);
    drop(queue);
    let (queue, _) = Queue::open(dir.path(), 1024);
    assert_eq!(queue.outbox.issued()[2], Seq(100), "numbers go on");
}

#[derive(Clone, Debug)]
enum Step {
    Push(Class, Vec<u8>),
    Receipt(Class, u64),
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let class = || prop::sample::select(Class::ALL.to_vec());
    prop_oneof![
        6 => (class(), prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(class, payload)| Step::Push(class, payload)),
        3 => (class(), 1..8u64).prop_map(|(class, n)| Step::Receipt(class, n)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// The directory always holds what memory does.
    #[test]
    fn restarts_change_nothing(steps in prop::collection::vec(any_step(), 1..60)) {
        let dir = tempfile::tempdir().expect("a directory");
        let mut queue = Queue::open(dir.path(), 400).0;
        for step in steps {
            match step {
                Step::Push(class, payload) => queue.push(class, &payload),
                Step::Receipt(class, n) => {
                    let up_to = queue.outbox.receipts()[class.index()].0 + n;
                    let up_to = Seq(up_to.min(queue.outbox.issued()[class.index()].0));
                    if up_to.0 > 0 {
                        queue.receipt(class, up_to);
                    }
                }
                Step::Restart => {
                    let (before, issued) = (queue.view(), queue.outbox.issued());
                    drop(queue);
                    let (after, cut) = Queue::open(dir.path(), 400);
                    prop_assert_eq!((after.view(), after.outbox.issued(), cut), (before, issued, 0));
                    queue = after;
                }
            }
        }
    }
}
