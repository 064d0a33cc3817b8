//! Showing a run while it runs: live on a terminal, steady lines elsewhere, lines of JSON for programs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use deployctl_sdk::{Address, source};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;
use crate::event::{Event, Events};
use crate::render::event::{self, Lines};
use crate::render::text::{clean, counted, cut_end, pad};
use crate::render::time::duration;

/// How many running steps are shown live at one time.
const LIVE: usize = 12;

/// After so long without a word, a running step is mentioned in steady lines.
const SILENCE: Duration = Duration::from_secs(30);

/// Shows events.
pub struct Watcher {
    output: Output,
    /// Whether events go to standard output as JSON.
    stream: bool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    column: usize,
    bars: MultiProgress,
    total: Option<ProgressBar>,
    running: BTreeMap<Address, Running>,
}

struct Running {
    doing: &'static str,
    since: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl Watcher {
    /// Shows events. With `stream`, a `--json` run prints each on standard output; without, `--json` is silent.
    pub fn new(output: &Output, stream: bool) -> Arc<Self> {
        let bars = MultiProgress::with_draw_target(match output.live {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        });
        let inner = Mutex::new(Inner { column: 24, bars, ..Inner::default() });
        Arc::new(Self { output: *output, stream, inner })
    }

    /// The events to be shown.
    pub fn events(self: &Arc<Self>) -> Events {
        let watcher = self.clone();
        Events::to(move |event| watcher.show(&event))
    }

    /// Lines up what is to come.
    pub fn expect<'a>(&self, addresses: impl IntoIterator<Item = &'a Address>) {
        self.lock().column = Lines::over(addresses, self.output.err).column;
    }

    /// Takes away what is live.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.running.clear();
        inner.total = None;
        let _ = inner.bars.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(self: &Arc<Self>, event: &Event) {
        if self.output.json {
            if self.stream {
                // Events are plain data; they can always be written.
                let _ = self.output.document(&event::document(event, source::now()));
            }
            return;
        }
        let mut inner = self.lock();
        let text = Lines { look: self.output.err, column: inner.column }.text(event);
        if self.output.live {
            inner.live(event, &text, &self.output);
        } else {
            inner.note(event);
            self.output.say(&text);
            if matches!(event, Event::ApplyStarted { .. }) {
                mention_silent_steps(Arc::downgrade(self));
            }
        }
    }
}

impl Inner {
    /// Remembers what runs, for steady lines.
    fn note(&mut self, event: &Event) {
        let now = Instant::now();
        match event {
            Event::StepStarted { address, operation } => {
                let running = Running { doing: event::doing(*operation), since: now, told: now, bar: None };
                self.running.insert(address.clone(), running);
            }
            Event::StepProgress { address, .. } | Event::HealthWaiting { address, .. } => {
                if let Some(running) = self.running.get_mut(address) {
                    running.told = now;
                }
            }
            Event::StepFinished { address, .. } => {
                self.running.remove(address);
            }
            Event::ApplyFinished { .. } => self.running.clear(),
            _ => {}
        }
    }

    /// Draws what runs, and prints the lines that stay above it.
    fn live(&mut self, event: &Event, text: &str, output: &Output) {
        match event {
            Event::ReadStarted { resources } if *resources > 0 => {
                self.total = Some(self.spinner(&format!("reading {}", counted(*resources, "resource"))));
            }
            Event::ReadFinished { .. } => self.finish_total(),
            Event::ApplyStarted { steps, .. } => {
                let bar = self.bars.add(ProgressBar::new(u64::try_from(*steps).unwrap_or(u64::MAX)));
                bar.set_style(style("{spinner} {pos} of {len}  {elapsed}"));
                bar.enable_steady_tick(Duration::from_millis(120));
                self.total = Some(bar);
            }
            Event::StepStarted { address, operation } => self.start(address, event::doing(*operation)),
            Event::StepProgress { address, text } => {
                return self.message(address, &clean(text), output);
            }
            Event::HealthWaiting { address, probe } => {
                return self.message(address, &format!("waiting for {}", clean(probe)), output);
            }
            Event::StepFinished { address, .. } => {
                if let Some(bar) = self.running.remove(address).and_then(|running| running.bar) {
                    bar.finish_and_clear();
                }
                if let Some(total) = &self.total {
                    total.inc(1);
                }
            }
            Event::ApplyFinished { .. } => self.finish_total(),
            _ => {}
        }
        if !text.is_empty() && self.bars.is_hidden() {
            output.say(text);
        } else if !text.is_empty() {
            // Not `suspend`, which panics when the terminal was closed in the meantime.
            let _ = self.bars.println(text.trim_end_matches('\n'));
        }
    }

    fn finish_total(&mut self) {
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
        }
    }

    fn spinner(&self, message: &str) -> ProgressBar {
        let bar = match &self.total {
            Some(total) => self.bars.insert_before(total, ProgressBar::new_spinner()),
            None => self.bars.add(ProgressBar::new_spinner()),
        };
        bar.set_style(style("{spinner} {msg}  {elapsed}"));
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn start(&mut self, address: &Address, doing: &'static str) {
        let shown = self.running.values().filter(|running| running.bar.is_some()).count();
        let name = pad(&clean(&address.to_string()), self.column);
        let bar = (shown < LIVE).then(|| self.spinner(&format!("{name}  {doing}")));
        let now = Instant::now();
        self.running.insert(address.clone(), Running { doing, since: now, told: now, bar });
    }

    fn message(&self, address: &Address, text: &str, output: &Output) {
        let Some(running) = self.running.get(address) else { return };
        if let Some(bar) = &running.bar {
            let name = pad(&clean(&address.to_string()), self.column);
            let room = output.err.width.saturating_sub(self.column + 30).max(20);
            bar.set_message(format!("{name}  {}: {}", running.doing, cut_end(text, room)));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Where nobody watches live, a long step says from time to time that it still runs.
fn mention_silent_steps(watcher: Weak<Watcher>) {
    let mention = move || {
        loop {
            std::thread::sleep(Duration::from_secs(5));
            let Some(watcher) = watcher.upgrade() else { return };
            let mut inner = watcher.lock();
            let (column, now) = (inner.column, Instant::now());
            for (address, running) in &mut inner.running {
                if now.duration_since(running.told) >= SILENCE {
                    running.told = now;
                    let for_long = u64::try_from(running.since.elapsed().as_millis()).unwrap_or(u64::MAX);
                    let name = pad(&clean(&address.to_string()), column);
                    watcher.output.say(&format!("… {name}  still {} after {}\n", running.doing, duration(for_long)));
                }
            }
        }
    };
    // Without the thread the run goes on all the same, only more quietly.
    let _ = std::thread::Builder::new().name("progress".to_owned()).spawn(mention);
}
