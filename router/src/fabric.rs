//! What joins the threads: bounded single-producer rings, and doorbells for those who sleep.
//!
//! What comes in: how many shards there are. What goes out: each thread's own ends, moved into it. Every pair of shards has
//! a forward and a back ring each way (see `edge_shard::mesh` for why two), every shard one ring to the spool thread, and
//! the spool thread answers with one number a shard: the highest committed ticket. Deliberately absent: locks.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use edge_door::Wake;
use edge_event::ShardId;
use edge_mutant::mutant;
use edge_shard::{Back, Forward, ToSpool};
use rtrb::{Consumer, Producer, RingBuffer};

/// How many messages each ring holds, on a node of up to [`SHARDS_OF_FULL_RINGS`] shards.
const FORWARD_SLOTS: usize = 1024;
const BACK_SLOTS: usize = 4096;
const SPOOL_SLOTS: usize = 4096;
/// Rings between shards grow in number with the square of the shards: above so many each is smaller, so that what one shard
/// may have on its way stays the same.
const SHARDS_OF_FULL_RINGS: usize = 16;

/// Wakes one thread if, and only if, it sleeps or is about to.
///
/// The sleeper announces itself, looks at its rings once more, and only then sleeps; the ringer publishes, and only then looks
/// whether somebody sleeps. With a full fence between the two steps on both sides one of them always sees the other.
#[derive(Default)]
pub(crate) struct Doorbell {
    asleep: AtomicBool,
    waker: OnceLock<Arc<dyn Wake>>,
}

impl Doorbell {
    /// The thread's own waker, known once its door is open.
    pub(crate) fn install(&self, waker: Arc<dyn Wake>) {
        let _ = self.waker.set(waker);
    }

    /// Called by the sleeper, before its last look at its rings.
    pub(crate) fn going_to_sleep(&self) {
        self.asleep.store(!mutant!(LostWakeUp), Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Called by the sleeper when it goes on.
    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Called after something was published for the sleeper.
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst)
            && self.asleep.swap(false, Ordering::SeqCst)
            && let Some(waker) = self.waker.get()
        {
            waker.wake();
        }
    }
}

/// One shard's ends.
pub(crate) struct ShardLinks {
    pub(crate) shard: ShardId,
    pub(crate) forward_out: Vec<Option<Producer<Forward>>>,
    pub(crate) forward_in: Vec<Option<Consumer<Forward>>>,
    pub(crate) back_out: Vec<Option<Producer<Back>>>,
    pub(crate) back_in: Vec<Option<Consumer<Back>>>,
    pub(crate) spool: Producer<ToSpool>,
    /// The highest ticket of this shard that is durable.
    pub(crate) committed: Arc<AtomicU64>,
    /// Of every shard, our own among them.
    pub(crate) doorbells: Arc<[Doorbell]>,
    pub(crate) spool_bell: Arc<Doorbell>,
}

/// The spool thread's ends.
pub(crate) struct SpoolLinks {
    pub(crate) from_shards: Vec<Consumer<ToSpool>>,
    pub(crate) committed: Vec<Arc<AtomicU64>>,
    pub(crate) doorbells: Arc<[Doorbell]>,
    pub(crate) bell: Arc<Doorbell>,
}

/// Lays all rings.
pub(crate) fn lay(shards: u16) -> (Vec<ShardLinks>, SpoolLinks) {
    let n = usize::from(shards);
    let doorbells: Arc<[Doorbell]> = (0..n).map(|_| Doorbell::default()).collect();
    let spool_bell = Arc::new(Doorbell::default());
    let (forward_out, forward_in) = square(n, slots(FORWARD_SLOTS, n));
    let (back_out, back_in) = square(n, slots(BACK_SLOTS, n));
    let mut from_shards = Vec::with_capacity(n);
    let mut committed = Vec::with_capacity(n);
    let mut links = Vec::with_capacity(n);
    for (i, (((forward_out, forward_in), back_out), back_in)) in
        forward_out.into_iter().zip(forward_in).zip(back_out).zip(back_in).enumerate()
    {
        let (to_spool, consumer) = RingBuffer::new(SPOOL_SLOTS);
        let mark = Arc::new(AtomicU64::new(0));
        from_shards.push(consumer);
        committed.push(mark.clone());
        links.push(ShardLinks {
            shard: ShardId(i as u16),
            forward_out,
            forward_in,
            back_out,
            back_in,
            spool: to_spool,
            committed: mark,
            doorbells: doorbells.clone(),
            spool_bell: spool_bell.clone(),
        });
    }
    (links, SpoolLinks { from_shards, committed, doorbells, bell: spool_bell })
}

fn slots(full: usize, shards: usize) -> usize {
    full * SHARDS_OF_FULL_RINGS / shards.max(SHARDS_OF_FULL_RINGS)
}

type Outs<T> = Vec<Vec<Option<Producer<T>>>>;
type Ins<T> = Vec<Vec<Option<Consumer<T>>>>;

/// `outs[a][b]` feeds `ins[b][a]`; nobody has a ring to himself.
fn square<T>(n: usize, slots: usize) -> (Outs<T>, Ins<T>) {
    let mut outs: Outs<T> = (0..n).map(|_| (0..n).map(|_| None).collect()).collect();
    let mut ins: Ins<T> = (0..n).map(|_| (0..n).map(|_| None).collect()).collect();
    for a in 0..n {
        for b in (0..n).filter(|b| *b != a) {
            let (producer, consumer) = RingBuffer::new(slots);
            outs[a][b] = Some(producer);
            ins[b][a] = Some(consumer);
        }
    }
    (outs, ins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, Mutex};

    #[derive(Default)]
    struct Flag(Mutex<bool>, Condvar);

    impl Wake for Flag {
        fn wake(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }
    }

    #[test]
    fn every_pair_of_shards_is_joined_and_no_shard_has_a_ring_to_itself() {
        let (mut links, spool) = lay(3);
        assert_eq!((links.len(), spool.from_shards.len(), spool.committed.len()), (3, 3, 3));
        for a in 0..3 {
            assert!(links[a].forward_out[a].is_none() && links[a].back_in[a].is_none());
            for b in (0..3).filter(|b| *b != a) {
                let cut = 10 * a as u64 + b as u64;
                links[a].forward_out[b].as_mut().unwrap().push(Forward::Cut(cut)).unwrap();
                let arrived = links[b].forward_in[a].as_mut().unwrap().pop().unwrap();
                assert!(matches!(arrived, Forward::Cut(n) if n == cut));
            }
        }
    }

    #[test]
    fn what_one_shard_may_have_on_its_way_does_not_grow_with_the_node() {
        assert_eq!((slots(FORWARD_SLOTS, 2), slots(FORWARD_SLOTS, 16)), (1024, 1024));
        for shards in 17..=256 {
            assert!((16..=FORWARD_SLOTS * 16 / shards).contains(&slots(FORWARD_SLOTS, shards)), "{shards}");
        }
    }

    #[test]
    fn only_a_sleeper_is_woken_and_only_once() {
        let (bell, flag) = (Doorbell::default(), Arc::new(Flag::default()));
        let was_woken = || std::mem::take(&mut *flag.0.lock().unwrap());
        bell.ring(); // before anybody has moved in
        bell.install(flag.clone());
        bell.ring();
        assert!(!was_woken(), "nobody sleeps");
        bell.going_to_sleep();
        bell.ring();
        assert!(was_woken());
        bell.ring();
        assert!(!was_woken(), "it was woken before");
        bell.going_to_sleep();
        bell.awake();
        bell.ring();
        assert!(!was_woken(), "it is up again");
    }

    fn receive(me: &Doorbell, flag: &Flag, ring: &mut Consumer<u64>) -> u64 {
        loop {
            if let Ok(v) = ring.pop() {
                return v;
            }
            me.going_to_sleep();
            if ring.is_empty() {
                let mut woken = flag.0.lock().unwrap();
                while !*woken {
                    woken = flag.1.wait(woken).unwrap();
                }
                *woken = false;
            }
            me.awake();
        }
    }

    /// Two threads play ping-pong through rings and sleep whenever they can. A lost wake-up would hang them.
    #[test]
    fn no_wake_up_is_lost() {
        const ROUNDS: u64 = 20_000;
        let bells: [Doorbell; 2] = Default::default();
        let flags: [Arc<Flag>; 2] = Default::default();
        for (bell, flag) in bells.iter().zip(&flags) {
            bell.install(flag.clone());
        }
        let (mut to_b, mut from_a) = RingBuffer::new(4);
        let (mut to_a, mut from_b) = RingBuffer::new(4);
        let (bells, flags) = (&bells, &flags);
        std::thread::scope(|s| {
            s.spawn(move || {
                for n in 0..ROUNDS {
                    to_b.push(n).unwrap();
                    bells[1].ring();
                    assert_eq!(receive(&bells[0], &flags[0], &mut from_b), n);
                }
            });
            s.spawn(move || {
                for _ in 0..ROUNDS {
                    let n = receive(&bells[1], &flags[1], &mut from_a);
                    to_a.push(n).unwrap();
                    bells[0].ring();
                }
            });
        });
    }
}
