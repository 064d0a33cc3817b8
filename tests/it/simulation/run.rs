//! One run of deployctl in a simulated world: from the configuration's text to the end, or to where it is killed.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deployctl::apply::{Applied, ApplyOptions, Interrupt, apply};
use deployctl::event::{Event, Events};
use deployctl::inputs::Inputs;
use deployctl::plan::{Mode, Plan, PlanRequest, plan};
use deployctl::project::Project;
use deployctl::providers::Providers;
use deployctl::state::{State, Store};
use deployctl_sdk::conformance::Dice;
use deployctl_sdk::sim::{CrashPoints, Sim, World};
use deployctl_sdk::{CapturedFile, Digest};

use super::disk::SimDisk;

/// Where everything happens: what outlives a run.
pub struct Scene {
    pub world: World,
    pub disk: SimDisk,
    /// Everything that was said in any run.
    pub said: Arc<Mutex<Vec<String>>>,
}

/// What is to happen in the middle of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    None,
    /// The process is killed at that crash point.
    Kill(usize),
    /// Ctrl-C at that event, and once more so many events later.
    Interrupt {
        at: usize,
        again_after: usize,
    },
}

/// How a run ended.
pub enum End {
    Killed,
    Failed(String),
    Ended(Box<Ended>),
}

/// What is left of a run that came to its end.
pub struct Ended {
    pub plan: Plan,
    pub applied: Option<Applied>,
    pub state: State,
}

impl Scene {
    pub fn new(world: World, disk: SimDisk) -> Self {
        Self { world, disk, said: Arc::default() }
    }

    /// The state as the next run will find it, apart from what was interrupted.
    pub fn state(&self) -> State {
        self.disk.begin_run(CrashPoints::never(), 0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let store = Store::open_on(Arc::new(self.disk.clone()), None);
            store.load().await.unwrap().state
        })
    }

    /// Plans and applies a configuration.
    pub fn run(&self, text: &str, mode: &Mode, mishap: Mishap, dice: &mut Dice) -> End {
        let points = match mishap {
            Mishap::Kill(point) => CrashPoints::at(point),
            _ => CrashPoints::never(),
        };
        self.world.begin_run(points.clone());
        self.disk.begin_run(points.clone(), dice.throw());
        let interrupt = Interrupt::new();
        let events = self.events(mishap, interrupt.clone());
        let options =
            ApplyOptions { parallelism: 1 + dice.below(12), fail_fast: dice.chance(100), ..ApplyOptions::default() };
        // A runtime of its own for each run: what is killed with it takes nothing along into the next.
        self.tell(&format!("\n--- {mode:?}, {mishap:?}\n{text}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let end = runtime.block_on(async {
            tokio::select! {
                biased;
                () = points.crashed() => End::Killed,
                ended = self.whole_run(text, mode, events, &options, &interrupt) => match ended {
                    Ok(ended) => End::Ended(Box::new(ended)),
                    Err(error) => End::Failed(format!("{error} {:?}", error.detail)),
                },
            }
        });
        drop(runtime);
        self.tell(&format!(
            "--- {}",
            match &end {
                End::Killed => "killed".to_owned(),
                End::Failed(error) => error.clone(),
                End::Ended(ended) => ended.applied.as_ref().map_or_else(|| "nothing to do".to_owned(), Applied::result),
            }
        ));
        if points.has_crashed() {
            self.disk.process_died();
            return End::Killed;
        }
        end
    }

    /// Notes what happens, for whoever looks into a seed.
    fn tell(&self, text: &str) {
        self.said.lock().unwrap().push(text.to_owned());
    }

    async fn whole_run(
        &self,
        text: &str,
        mode: &Mode,
        events: Events,
        options: &ApplyOptions,
        interrupt: &Interrupt,
    ) -> deployctl::error::Result<Ended> {
        let project = self.open(text, events).await?;
        let session = project.lock("apply", Duration::ZERO, None).await?;
        let request = PlanRequest { mode: mode.clone(), ..PlanRequest::default() };
        let planned = plan(&project, &session.current, &request).await?;
        if planned.plan.is_empty() && planned.refreshed.is_empty() {
            let state = session.current.state.clone();
            session.lock.release().await?;
            return Ok(Ended { plan: planned.plan, applied: None, state });
        }
        let (applied, state, session) = apply(&project, session, &planned, options, interrupt).await?;
        session.lock.release().await?;
        Ok(Ended { plan: planned.plan, applied: Some(applied), state })
    }

    async fn open(&self, text: &str, events: Events) -> deployctl::error::Result<Project> {
        let mut providers = Providers::default();
        providers.add(Arc::new(Sim::new(self.world.clone())));
        let store = Arc::new(Store::open_on(Arc::new(self.disk.clone()), None));
        let bytes: Arc<[u8]> = text.as_bytes().into();
        let file = CapturedFile {
            path: "main.hcl".to_owned(),
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            executable: false,
        };
        let inputs = Inputs {
            environment: "default".to_owned(),
            listings: BTreeMap::from([("./*.hcl".to_owned(), vec!["main.hcl".to_owned()])]),
            timestamp: "2026-01-01T00:00:00Z".to_owned(),
            files: BTreeMap::from([("main.hcl".to_owned(), file.clone())]),
            ..Inputs::default()
        };
        let contents = HashMap::from([(file.digest, bytes)]);
        Project::from_inputs(PathBuf::from("/simulated"), inputs, contents, store, providers, events)
    }

    fn events(&self, mishap: Mishap, interrupt: Interrupt) -> Events {
        let (said, count) = (self.said.clone(), AtomicUsize::new(0));
        Events::to(move |event: Event| {
            let now = count.fetch_add(1, Ordering::Relaxed);
            if let Mishap::Interrupt { at, again_after } = mishap
                && (now == at || now == at + again_after)
            {
                interrupt.raise();
            }
            said.lock().unwrap().push(format!("{event:?}"));
        })
    }
}
