//! Bad input by generation: every token of every configuration in the repository, removed, doubled, or swapped with the next.
//! What comes of it is a configuration or a report with a place; never a panic, a hang, or a report without a place.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deployctl::config::{Schemas, VariableInputs, load_checked, resolve_variables, select_environment};
use deployctl::error::Error;
use deployctl::event::Events;
use deployctl::inputs::Inputs;
use deployctl::lang::Outside;
use deployctl::model::graph::Graph;
use deployctl::plan::{PlanRequest, plan};
use deployctl::project::Project;
use deployctl::providers::Providers;
use deployctl::state::{MemoryBackend, Store};
use deployctl_sdk::conformance::Dice;
use deployctl_sdk::{CapturedFile, Digest, FileError, Files, Value};

/// The longest that reading one configuration may take.
const HANG: Duration = Duration::from_secs(5);

/// How many variants of one configuration a short run tries; a long one tries them all.
const SHORT: usize = 90;

/// The texts of one configuration, by file name.
type Texts = BTreeMap<String, String>;

#[test]
fn no_token_can_be_missing_doubled_or_misplaced_without_a_good_answer() {
    let schemas = Schemas::new(providers().schemas());
    let long = std::env::var_os("DEPLOYCTL_TEST_LONG").is_some();
    let mut wrong = Vec::new();
    let (mut tried, mut valid) = (0, 0);
    for (folder, texts) in configurations() {
        let mut variants = variants(&texts);
        if !long {
            Dice::about(1, &folder).shuffle(&mut variants);
            variants.truncate(SHORT);
        }
        for (what, texts) in variants {
            tried += 1;
            match answered(&texts, &schemas) {
                Ok(planned) => valid += usize::from(planned),
                Err(why) => wrong.push(format!("{folder}: {what}: {why}")),
            }
        }
    }
    assert!(tried > 1000 && valid > 100, "only {tried} variants were tried, of which {valid} could be planned");
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
}

fn providers() -> Providers {
    Providers::built_in(PathBuf::from("deployctl"))
}

/// Every folder under `examples` and `testdata` that holds a configuration.
fn configurations() -> Vec<(String, Texts)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["examples", "testdata"].map(|name| root.join(name)).into();
    while let Some(folder) = folders.pop() {
        let mut texts = Texts::new();
        for path in deployctl_sdk::fs::read_dir(&folder).unwrap_or_default() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".hcl")
                && let Ok(text) = deployctl_sdk::fs::read_to_string(&path)
            {
                texts.insert(name, text);
            }
        }
        if !texts.is_empty() {
            found.push((folder.strip_prefix(root).unwrap().display().to_string(), texts));
        }
    }
    found.sort();
    found
}

/// Every variant of a configuration in which one token is not what it was.
fn variants(texts: &Texts) -> Vec<(String, Texts)> {
    let mut variants = Vec::new();
    for (name, text) in texts {
        let tokens = tokens(text);
        for (position, token) in tokens.iter().enumerate() {
            let line = text[..token.start].matches('\n').count() + 1;
            let here = &text[token.clone()];
            let mut add = |what: &str, changed: String| {
                let mut texts = texts.clone();
                texts.insert(name.clone(), changed);
                variants.push((format!("{name}:{line}: `{here}` {what}"), texts));
            };
            let (before, after) = (&text[..token.start], &text[token.end..]);
            add("removed", format!("{before}{after}"));
            add("doubled", format!("{before}{here} {here}{after}"));
            if let Some(next) = tokens.get(position + 1) {
                let (between, there, rest) = (&text[token.end..next.start], &text[next.clone()], &text[next.end..]);
                add("swapped with the next", format!("{before}{there}{between}{here}{rest}"));
            }
        }
    }
    variants
}

/// Words and single signs; white space stands between them.
fn tokens(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut tokens: Vec<std::ops::Range<usize>> = Vec::new();
    let mut in_word = false;
    for (at, sign) in text.char_indices() {
        let end = at + sign.len_utf8();
        let word = sign.is_alphanumeric() || sign == '_';
        match tokens.last_mut() {
            Some(last) if word && in_word => last.end = end,
            _ if !sign.is_whitespace() => tokens.push(at..end),
            _ => {}
        }
        in_word = word;
    }
    tokens
}

/// Reads a configuration as every command does, and holds the answer to being a good one. Whether there is a plan.
fn answered(texts: &Texts, schemas: &Schemas) -> Result<bool, String> {
    let begun = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| read(texts, schemas)));
    if begun.elapsed() > HANG {
        return Err(format!("it took {:?}", begun.elapsed()));
    }
    match ended {
        Err(_) => Err("a panic".to_owned()),
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) => placed(&error).map(|()| false),
    }
}

fn placed(error: &Error) -> Result<(), String> {
    let Some(report) = &error.report else { return without_a_place(error) };
    for complaint in &report.diagnostics {
        let Some((span, _)) = complaint.labels.first() else {
            return Err(format!("no place for: {}", complaint.message));
        };
        let text = report.sources.get(span.file).map(|source| &source.text);
        if text.and_then(|text| text.get(span.start as usize..span.end as usize)).is_none() {
            return Err(format!("a place outside of the file for: {}", complaint.message));
        }
    }
    if report.diagnostics.is_empty() { Err("a report of nothing".to_owned()) } else { Ok(()) }
}

/// What is wrong with the command line, and not with a file, has no place in one.
fn without_a_place(error: &Error) -> Result<(), String> {
    match error.kind {
        deployctl::error::ErrorKind::Usage => Ok(()),
        _ if error.hint.is_some() => Ok(()),
        _ => Err(format!("no report and no advice: {error}")),
    }
}

fn read(texts: &Texts, schemas: &Schemas) -> Result<(), Error> {
    let folder = Folder(texts);
    let (config, _) = load_checked(&folder, schemas)?;
    Graph::build(&config).map_err(|found| Error::invalid(config.sources.clone(), found))?;
    let environment = select_environment(&config, config.environments.keys().next().map(|name| &**name))?;
    let chosen = Some(environment.clone());
    let inputs = VariableInputs { auto: config.auto_files.clone(), environment: chosen, ..VariableInputs::default() };
    let variables = resolve_variables(&config, &inputs, &folder, &folder)?;
    planned(texts, &environment, variables)
}

/// Plans it, against a state that is empty.
fn planned(texts: &Texts, environment: &str, variables: BTreeMap<Arc<str>, Value>) -> Result<(), Error> {
    let mut inputs = Inputs {
        environment: environment.to_owned(),
        timestamp: "2026-01-02T03:04:05Z".to_owned(),
        listings: BTreeMap::from([("./*.hcl".to_owned(), texts.keys().cloned().collect())]),
        variables,
        ..Inputs::default()
    };
    let mut contents: HashMap<Digest, Arc<[u8]>> = HashMap::new();
    for (path, text) in texts {
        let (digest, size) = (Digest::of(text.as_bytes()), text.len() as u64);
        let file = CapturedFile { path: path.clone(), digest, size, executable: false };
        inputs.files.insert(path.clone(), file);
        contents.insert(digest, text.as_bytes().into());
    }
    let store = Arc::new(Store::open_on(Arc::new(MemoryBackend::new()), None));
    let root = PathBuf::from("/nowhere");
    let project = Project::from_inputs(root, inputs, contents, store, providers(), Events::ignored())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let current = project.current().await?;
        plan(&project, &current, &PlanRequest::default()).await.map(drop)
    })
}

/// A configuration's folder that is nowhere but in memory.
struct Folder<'t>(&'t Texts);

impl Files for Folder<'_> {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let text = self.0.get(path.to_string_lossy().trim_start_matches("./"));
        text.map(|text| Arc::from(text.as_bytes())).ok_or_else(|| none(path))
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        let path = path.display().to_string();
        Ok(CapturedFile { path, digest: Digest::of(&bytes), size: bytes.len() as u64, executable: false })
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        Err(none(folder))
    }

    fn entries(&self, _: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.0.keys().filter(|name| name.ends_with(suffix)).cloned().collect())
    }

    fn content(&self, _: &Digest) -> Result<Arc<[u8]>, FileError> {
        Err(none(Path::new("")))
    }
}

impl Outside for Folder<'_> {
    fn files(&self) -> &dyn Files {
        self
    }

    fn root(&self) -> &Path {
        Path::new("/nowhere")
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn timestamp(&self) -> String {
        "2026-01-02T03:04:05Z".to_owned()
    }

    fn uuid(&self, _: &str) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }
}

fn none(path: &Path) -> FileError {
    FileError { path: path.to_owned(), reason: "there is no such file".to_owned() }
}
