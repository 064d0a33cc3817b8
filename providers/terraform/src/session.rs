//! One module with its program, its captured copy and its backend: what every question and every operation needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::program::{Ask, Ended, Invocation, Stream};
use deployctl_sdk::{Address, CapturedFile, ErrorKind, Files, Place, Progress, ProviderError, Value, fs};
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::diagnostics::Failure;
use crate::engine::{Engine, Engines};
use crate::events::Said;
use crate::settings::Settings;
use crate::source::Layout;
use crate::state::State;
use crate::workdir::Workdir;
use crate::{init, module, secrets};

/// Where all modules of a configuration are, and the programs that were found.
pub(crate) struct Site {
    /// Where; both folders are absolute.
    pub(crate) place: Place,
    /// The programs.
    pub(crate) engines: Engines,
}

/// The names of the outputs that the engine wants marked sensitive, kept between runs.
const OUTPUTS: &str = "sensitive-outputs.json";

/// A module at work.
pub(crate) struct Session<'s> {
    pub(crate) site: &'s Site,
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: Settings,
    pub(crate) files: &'s dyn Files,
    pub(crate) captured: &'s [CapturedFile],
    pub(crate) backend: Backend,
    pub(crate) workdir: Workdir,
    pub(crate) cancel: &'s CancellationToken,
    layout: Layout,
}

impl<'s> Session<'s> {
    /// A session for a configuration, all known, initialised.
    ///
    /// # Errors
    /// No program, a working folder that cannot be made, or a module that cannot be initialised.
    pub(crate) async fn open(
        site: &'s Site,
        address: &Address,
        config: &Value,
        captured: &'s [CapturedFile],
        files: &'s dyn Files,
        cancel: &'s CancellationToken,
    ) -> Result<Self, ProviderError> {
        let settings = Settings::of(config);
        let engine = site.engines.get(&settings.binary, &site.place.root).await?;
        let workdir = Workdir::open(&site.place, address, cancel).await?;
        let layout = Layout::of(captured, &settings.folder());
        let backend = Backend::settled(None, &settings);
        let mut session = Self { site, engine, settings, files, captured, backend, workdir, cancel, layout };
        session.lay_out()?;
        session.backend = init::ensure(&session).await?;
        session.workspace_is_there()?;
        Ok(session)
    }

    /// Lays the captured files out, with the override that keeps secrets known as such.
    pub(crate) fn lay_out(&mut self) -> Result<(), ProviderError> {
        let declared = module::read(self.files, self.captured, &self.settings.folder()).variables;
        let handed = secrets::sensitive_variables(&self.settings.vars);
        let variables = handed.intersection(&declared).cloned().collect();
        let mut own = Vec::new();
        if let Some(bytes) = secrets::override_file(&variables, &self.outputs_to_mark()) {
            own.push((self.layout.place(self.settings.folder().join(secrets::OVERRIDE_FILE)), bytes));
        }
        self.workdir.lay_out(self.files, self.captured, self.layout, &own, self.settings.backend_is_secret)
    }

    /// Remembers outputs that show something sensitive and do not say so; whether one of them is new.
    pub(crate) fn mark_outputs(&mut self, names: BTreeSet<String>) -> Result<bool, ProviderError> {
        let mut all = self.outputs_to_mark();
        let before = all.len();
        all.extend(names);
        if all.len() == before {
            return Ok(false);
        }
        let bytes =
            serde_json::to_vec(&all).map_err(|error| ProviderError::new(ErrorKind::Internal, error.to_string()))?;
        fs::write_atomic(&self.workdir.kept(OUTPUTS), &bytes, 0o600)?;
        self.lay_out()?;
        Ok(true)
    }

    /// Only those that the module still has: the override of one that is gone would be an error.
    fn outputs_to_mark(&self) -> BTreeSet<String> {
        let kept = fs::read_if_there(&self.workdir.kept(OUTPUTS)).ok().flatten();
        let kept: BTreeSet<String> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        if kept.is_empty() || secrets::sensitive_variables(&self.settings.vars).is_empty() {
            return BTreeSet::new();
        }
        let declared = module::read(self.files, self.captured, &self.settings.folder()).outputs;
        kept.intersection(&declared).cloned().collect()
    }

    /// The folder that the program runs in.
    pub(crate) fn folder(&self) -> PathBuf {
        self.workdir.copy().join(self.layout.place(self.settings.folder()))
    }

    /// The module's own folder, where its local state stays.
    pub(crate) fn original(&self) -> PathBuf {
        self.site.place.root.join(self.settings.folder())
    }

    /// The place of a captured file in the copy.
    pub(crate) fn place_of(&self, path: &str) -> PathBuf {
        self.workdir.copy().join(self.layout.place(path))
    }

    /// The program with one of its commands, in the module's copy and with its environment.
    pub(crate) fn command(&self, name: &str) -> Invocation {
        let mut invocation =
            Invocation::new(&self.engine.program).arg(name).current_dir(self.folder()).patience(Ask::Interrupt, None);
        // What these say would change a plan without anybody seeing it.
        for name in std::env::vars_os().map(|(name, _)| name) {
            let text = name.to_string_lossy().into_owned();
            if text.starts_with("TF_CLI_ARGS") || matches!(text.as_str(), "TF_WORKSPACE" | "TF_LOG" | "TF_LOG_PATH") {
                invocation = invocation.without_env(name);
            }
        }
        let own = [("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0"), ("CHECKPOINT_DISABLE", "1")];
        invocation.envs(own).envs(&self.settings.env).env("TF_DATA_DIR", self.workdir.data())
    }

    /// The same for what works on a state: with the workspace, and with the local state where it was.
    pub(crate) fn on_state(&self, name: &str) -> Invocation {
        let invocation = self.command(name);
        match self.backend.state_file(&self.original()) {
            Some(_) if !self.settings.is_default_workspace() => {
                invocation.env("TF_WORKSPACE", &self.settings.workspace)
            }
            _ => invocation,
        }
    }

    /// The flag that keeps the local state where it was.
    pub(crate) fn state_flag(&self) -> Option<String> {
        let file = self.backend.state_file(&self.original())?;
        Some(format!("-state={}", file.display()))
    }

    /// Runs a command whose answer is its output.
    ///
    /// # Errors
    /// When it cannot be started, was cancelled, or fails.
    pub(crate) async fn answer(&self, invocation: Invocation, doing: &str) -> Result<Vec<u8>, ProviderError> {
        let ended = self.run(invocation, &mut |_, _| {}).await?;
        if ended.success() {
            return Ok(ended.stdout);
        }
        Err(self.failure(doing, &Said::default(), &ended))
    }

    /// Runs a command that says what it does as JSON lines. It holds the state's lock and may write the state, so it goes on
    /// to its end even if we do not.
    ///
    /// # Errors
    /// When it cannot be started. That it failed is in the answer.
    pub(crate) async fn listen(
        &self,
        invocation: Invocation,
        progress: Option<&Progress>,
    ) -> Result<(Ended, Said), ProviderError> {
        let mut said = Said::default();
        let ended = self
            .run(invocation.outlives_us(self.workdir.outlet()), &mut |stream, line| {
                if stream == Stream::Stdout
                    && let (Some(text), Some(progress)) = (said.hear(line, &self.settings.mask), progress)
                {
                    progress.say(text);
                }
            })
            .await?;
        Ok((ended, said))
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started, or was cancelled beforehand.
    pub(crate) async fn run(
        &self,
        invocation: Invocation,
        line: &mut (dyn FnMut(Stream, &str) + Send),
    ) -> Result<Ended, ProviderError> {
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let ended = invocation.stream(self.cancel, |stream, text| line(stream, text)).await;
        ended.map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))
    }

    /// What a command that failed is answered with.
    pub(crate) fn failure(&self, doing: &str, said: &Said, ended: &Ended) -> ProviderError {
        if ended.stopped.is_some() {
            return cancelled();
        }
        let mut rest = crate::diagnostics::unframed(&self.settings.mask.apply(&ended.stderr_text()));
        rest.extend(said.strays.iter().cloned());
        let failure = Failure {
            engine: &self.engine,
            doing,
            diagnostics: &said.diagnostics,
            rest,
            folder: &self.settings.folder(),
            mask: &self.settings.mask,
        };
        failure.error()
    }

    /// The module's state as it is now; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) async fn state(&self) -> Result<Option<State>, ProviderError> {
        if let Some(file) = self.backend.state_file(&self.original()) {
            return State::in_file(&file);
        }
        // Asked after a cancelled operation too, for the truth about it.
        let never = CancellationToken::new();
        let ended = self.on_state("state").arg("pull").run(&never).await;
        let ended = ended.map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))?;
        if !ended.success() {
            let error = self.failure("read the module's state", &Said::default(), &ended);
            return Err(ProviderError { kind: ErrorKind::Unreachable, ..error });
        }
        State::parse(&ended.stdout)
    }

    fn workspace_is_there(&self) -> Result<(), ProviderError> {
        let Some(file) = self.backend.state_file(&self.original()) else { return Ok(()) };
        let there = file.parent().is_some_and(Path::is_dir);
        if self.settings.is_default_workspace() || there {
            return Ok(());
        }
        Err(init::no_workspace(&self.settings))
    }
}

pub(crate) fn cancelled() -> ProviderError {
    ProviderError::new(ErrorKind::Cancelled, "it was cancelled")
}
