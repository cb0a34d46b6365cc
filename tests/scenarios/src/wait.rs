//! Waiting with a limit: what a scenario waits for is asked for again and again, and a limit that passes says what it was.

use std::time::{Duration, Instant};

/// How long a scenario is patient by default.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often is asked.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `found` gives something.
///
/// # Panics
/// After `limit`, saying `what` did not come.
pub fn until<T>(what: &str, limit: Duration, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}, in vain");
        std::thread::sleep(PAUSE);
    }
}

/// [`until`] for something that is true or not.
///
/// # Panics
/// After [`PATIENCE`].
pub fn until_true(what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, PATIENCE, || is_so().then_some(()));
}
