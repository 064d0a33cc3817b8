//! Does the server heed conditions? Everything here rests on it, and there are servers that take them and write all the same.

use super::failure::Call;
use super::objects::{Objects, Put};
use crate::error::Result;
use crate::state::backend::{Condition, Version};

const PROBE: &str = "probe";

const CONTENT: &[u8] = b"deployctl puts this object to see whether conditions of writes are heeded\n";

/// An entity tag that no object has.
const NOBODYS: &str = "\"00000000000000000000000000000000\"";

/// Sees that it does; asked each time a lock is taken, at the same time as other things.
pub(super) async fn conditional_writes(objects: &Objects) -> Result<()> {
    if objects.settings.allow_unconditional_writes {
        return Ok(());
    }
    let other = Condition::Matches(Version(NOBODYS.to_owned()));
    let (absent, matches) =
        tokio::try_join!(objects.try_put(PROBE, CONTENT, &Condition::Absent), objects.try_put(PROBE, CONTENT, &other))?;
    let absent = match absent {
        // The first time ever, or one that writes all the same: the second time tells.
        Some(Put::Done(_)) => objects.try_put(PROBE, CONTENT, &Condition::Absent).await?,
        answered => answered,
    };
    let heeds = |put: &Option<Put>| matches!(put, Some(Put::Refused) | None);
    if heeds(&absent) && heeds(&matches) {
        return Ok(());
    }
    Err(Call { operation: "PutObject", place: objects.place(PROBE), settings: &objects.settings }.unconditional())
}
