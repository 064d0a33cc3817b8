//! Lines as they come: of the pods that are there, and of those that come in their stead, as after a restart or a rollout.

use std::collections::BTreeSet;
use std::time::Duration;

use deployctl_sdk::ProviderError;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::{Container, Reader};
use crate::id::Id;
use crate::json::Json;

/// How often it is looked for pods that came since.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How the reading of one container's log ended.
enum Ended {
    /// It has written its last line.
    Whole,
    /// There was none to be had, of a run of this name.
    Unopened(String, ProviderError),
    /// The connection broke off in the middle.
    Broken(ProviderError),
}

impl Reader<'_> {
    /// Sends lines until nothing can come any more, or for ever.
    ///
    /// # Errors
    /// When the only container's log cannot be had, or the connection to one breaks off.
    pub(super) async fn follow(
        &self,
        workloads: &[(Id, Json)],
        mut found: Vec<Container>,
    ) -> Result<(), ProviderError> {
        let mut known = BTreeSet::new();
        let mut reading = FuturesUnordered::new();
        // What comes later is shown from its first line.
        let mut tail = self.request.tail;
        loop {
            let is_alone = found.len() == 1;
            let is_over = match found.is_empty() {
                // Workloads may be between their old pods and their new ones; a pod that was deleted does not come back.
                true => workloads.iter().all(|(id, _)| id.kind == "Pod"),
                false => found.iter().all(|container| container.is_over),
            };
            for container in found.drain(..).filter(|container| container.has_begun) {
                if known.insert(container.run.clone()) {
                    reading.push(self.follow_one(container, tail));
                }
            }
            if is_over && reading.is_empty() {
                return Ok(());
            }
            tail = None;
            let look_again = async {
                tokio::time::sleep(LOOK_AGAIN).await;
                self.containers(workloads).await
            };
            let mut look_again = std::pin::pin!(look_again);
            found = loop {
                tokio::select! {
                    now = &mut look_again => break now?,
                    Some(ended) = reading.next() => match ended {
                        Ended::Whole if is_over && reading.is_empty() => return Ok(()),
                        Ended::Whole => {}
                        Ended::Unopened(_, error) if is_alone => return Err(error),
                        Ended::Unopened(run, _) => { known.remove(&run); }
                        Ended::Broken(error) => return Err(error),
                    },
                }
            };
        }
    }

    async fn follow_one(&self, container: Container, tail: Option<usize>) -> Ended {
        let log = match self.open(&container, tail).await {
            Ok(log) => log,
            Err(error) => return Ended::Unopened(container.run.clone(), error),
        };
        self.send(&container, log).await.map_or_else(Ended::Broken, |()| Ended::Whole)
    }
}
