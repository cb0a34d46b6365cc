//! Pulses under a clock that the test moves.

use super::*;

const MS: Duration = Duration::from_millis(1);

struct Stand {
    start: Instant,
    pulses: Pulses,
    shard: Arc<Pulse>,
    spool: Arc<Pulse>,
    own: Arc<Pulse>,
    watch: Watch,
}

fn stand() -> Stand {
    let start = Instant::now();
    let pulses = Pulses::new(start);
    let (shard, spool) = (pulses.add("shard-1"), pulses.add("spool"));
    shard.beat(start);
    spool.beat(start);
    let own = pulses.add("watch");
    own.beat(start);
    let watch = Watch::of_all(pulses.clone(), own.clone(), start);
    Stand { start, pulses, shard, spool, own, watch }
}

impl Stand {
    fn at(&self, ms: u32) -> Instant {
        self.start + ms * MS
    }

    /// Looks every 250 ms, the spool beats along.
    fn look(&mut self, ms: std::ops::Range<u32>) -> Vec<(u32, News)> {
        let mut heard = Vec::new();
        for ms in ms.step_by(250) {
            let now = self.at(ms);
            self.spool.beat(now);
            self.own.beat(now);
            heard.extend(self.watch.look(now).into_iter().map(|news| (ms, news)));
        }
        heard
    }
}

#[test]
fn a_thread_that_stands_still_is_told_at_doubling_silences_and_when_it_goes_on() {
    let mut stand = stand();
    let heard = stand.look(250..9_000);
    let told: Vec<_> = heard
        .iter()
        .map(|(ms, news)| match news {
            News::Silent(silent) => (*ms, silent.thread.as_str(), silent.silent),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [2_000, 4_000, 8_000].map(|ms| (ms, "shard-1", ms * MS)));
    let silent = &stand.pulses.silent(stand.at(8_750))[..];
    assert_eq!(silent.len(), 1);
    let text = silent[0].to_string();
    assert!(text.starts_with("the thread `shard-1` has not turned for 8.8 s"), "{text}");
    assert!(text.contains("(R: running") || text.contains("(S: asleep"), "the kernel's word: {text}");

    stand.shard.beat(stand.at(9_000));
    assert_eq!(stand.look(9_000..9_250), [(9_000, News::GoesOn("shard-1".into(), 9_000 * MS))]);
    assert_eq!(stand.look(9_250..10_750), [], "told once");
    assert!(stand.pulses.silent(stand.at(9_500)).is_empty());
}

#[test]
fn when_everything_stood_still_no_thread_is_blamed() {
    let mut stand = stand();
    assert_eq!(stand.look(250..1_000), []);
    stand.shard.beat(stand.at(1_000));
    // One has turned again before the watch looks, the other has not yet.
    stand.spool.beat(stand.at(4_001));
    assert_eq!(stand.watch.look(stand.at(4_002)), [News::AllStood(3_252 * MS)]);
    stand.shard.beat(stand.at(4_003));
    assert_eq!(stand.look(4_250..5_500), []);
}

#[test]
fn a_watch_that_stood_alone_blames_itself() {
    let mut stand = stand();
    for ms in (0..5_000).step_by(100) {
        stand.shard.beat(stand.at(ms));
        stand.spool.beat(stand.at(ms));
    }
    assert_eq!(stand.watch.look(stand.at(5_000)), [News::GoesOn("watch".into(), 5_000 * MS)]);
}

#[test]
fn somebody_looks_at_whoever_looks_at_all() {
    let Stand { start, pulses, shard, .. } = stand();
    let mut other = Watch::of_one(pulses, shard, "watch", start);
    let heard: Vec<_> = (1..16).flat_map(|n| other.look(start + n * 500 * MS)).collect();
    let silences = heard.iter().map(|news| match news {
        News::Silent(silent) => (silent.thread.as_str(), silent.silent),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        silences.collect::<Vec<_>>(),
        [("watch", 2_000 * MS), ("watch", 4_000 * MS)],
        "not the shard, not the spool"
    );
}

#[test]
fn nobody_waits_for_a_thread_that_has_not_begun_or_has_ended() {
    let mut stand = stand();
    let late = stand.pulses.add("forward");
    stand.shard.rest();
    assert_eq!(stand.look(250..5_000), []);
    let names = |pulses: &Pulses, now| pulses.ages(now).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&stand.pulses, stand.at(5_000)), ["spool", "watch"]);
    late.beat(stand.at(5_000));
    assert_eq!(names(&stand.pulses, stand.at(5_000)), ["spool", "watch", "forward"]);
}
