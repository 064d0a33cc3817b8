//! The time of day and random numbers: what no two runs get twice.
//!
//! Whatever ends up in a record, a plan or a journal is asked for here and nowhere else. So a test can put a source of its
//! own in place and get the same run again to the last byte, or a clock that jumps. How long something takes is another
//! matter: that is measured on a clock that never jumps, [`tokio::time::Instant`].

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use rand::TryRngCore as _;
use uuid::Uuid;

/// Where times and random numbers come from.
pub trait Source: Send + Sync {
    /// The time of day. It may jump either way, as a real clock does when somebody sets it.
    fn now(&self) -> Timestamp;

    /// Fills the bytes with random numbers.
    fn fill(&self, bytes: &mut [u8]);
}

thread_local! {
    static INSTEAD: RefCell<Option<Arc<dyn Source>>> = const { RefCell::new(None) };
}

/// The time of day.
#[allow(clippy::disallowed_methods)] // The one place that may.
pub fn now() -> Timestamp {
    instead().map_or_else(Timestamp::now, |source| source.now())
}

/// A random identity.
#[allow(clippy::disallowed_methods)] // The one place that may.
pub fn uuid() -> Uuid {
    instead().map_or_else(Uuid::new_v4, |source| {
        let mut bytes = [0; 16];
        source.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    })
}

/// Fills the bytes with random numbers that are good enough for a key.
///
/// # Errors
/// When the system has none to give.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    match instead() {
        Some(source) => source.fill(bytes),
        None => rand::rngs::OsRng.try_fill_bytes(bytes).map_err(io::Error::other)?,
    }
    Ok(())
}

/// Does something with another source in place of the system's, on this thread alone. For tests and simulations.
pub fn with<T>(source: Arc<dyn Source>, work: impl FnOnce() -> T) -> T {
    /// Puts the source before it back, also when the work panics.
    struct Back(Option<Arc<dyn Source>>);

    impl Drop for Back {
        fn drop(&mut self) {
            let before = self.0.take();
            // A thread that is ending has nothing left to put it back into.
            let _ = INSTEAD.try_with(|slot| slot.replace(before));
        }
    }

    let _back = Back(INSTEAD.with(|slot| slot.replace(Some(source))));
    work()
}

fn instead() -> Option<Arc<dyn Source>> {
    INSTEAD.try_with(|slot| slot.borrow().clone()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Source for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn another_source_counts_for_as_long_as_it_is_in_place_and_on_its_thread() {
        let real = uuid();
        let (inner, nested, elsewhere) = with(Arc::new(Fixed(1)), || {
            let nested = with(Arc::new(Fixed(2)), uuid);
            assert_eq!(now(), Timestamp::UNIX_EPOCH);
            (uuid(), nested, std::thread::spawn(uuid).join().unwrap())
        });
        assert_eq!(inner, uuid::Builder::from_random_bytes([1; 16]).into_uuid());
        assert_eq!(nested, uuid::Builder::from_random_bytes([2; 16]).into_uuid());
        assert!(![real, inner].contains(&elsewhere) && uuid() != inner);
        assert!(now() > Timestamp::UNIX_EPOCH);
    }
}
