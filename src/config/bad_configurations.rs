//! Every folder in `testdata/bad` is a bad configuration with the report it must give, in a form without frames and
//! colours. `UPDATE_EXPECTED=1 cargo test bad_configurations` writes the reports anew; read them before committing them.
//!
//! The file `args`, where there is one, holds flags as the command line has them: `--var K=V`, `--var-file F`, `--env E`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::{Attribute, CapturedFile, Digest, FileError, Files, ProviderSchema, ResourceSchema, Type, fs};

use super::{Configuration, Schemas, VariableInputs, load_checked, resolve_variables, select_environment};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Report};
use crate::lang::Outside;
use crate::model::graph::Graph;

/// A folder of the test data as the place where files come from.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let bytes = fs::read(&self.0.join(path));
        bytes.map(Arc::from).map_err(|_| FileError { path: path.to_owned(), reason: "no such file".to_owned() })
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        let path = path.display().to_string();
        Ok(CapturedFile { path, digest: Digest::of(&bytes), size: bytes.len() as u64, executable: false })
    }

    fn list(&self, _: &Path) -> Result<Vec<String>, FileError> {
        Ok(Vec::new())
    }

    fn entries(&self, _: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        let names = fs::read_dir(&self.0).unwrap().into_iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            name.ends_with(suffix).then_some(name)
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    fn content(&self, _: &Digest) -> Result<Arc<[u8]>, FileError> {
        Err(FileError { path: PathBuf::new(), reason: "not captured".to_owned() })
    }
}

impl Outside for Folder {
    fn files(&self) -> &dyn Files {
        self
    }

    fn root(&self) -> &Path {
        &self.0
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

fn schemas() -> Schemas {
    let value = ResourceSchema {
        attributes: vec![
            Attribute::optional("input", Type::Any, "The value to keep."),
            Attribute::optional("triggers", Type::Map(Box::new(Type::Any)), "Values that make a new one.").replaces(),
            Attribute::computed("output", Type::Any, "The value of `input`."),
            Attribute::computed("id", Type::String, "A random identity."),
        ],
        ..ResourceSchema::new("value", "Keeps a value in the state.")
    };
    let value = ProviderSchema {
        name: "value".to_owned(),
        doc: String::new(),
        settings: Vec::new(),
        resources: vec![value],
        max_parallel: None,
    };
    Schemas::new(vec![value, deployctl_provider_local::provider(PathBuf::new()).schema().clone()])
}

struct Flags {
    inputs: VariableInputs,
    environment: Option<String>,
}

fn flags(folder: &Path) -> Flags {
    let text = fs::read_to_string(&folder.join("args")).unwrap_or_default();
    let mut flags = Flags { inputs: VariableInputs::default(), environment: None };
    let mut words = text.split_whitespace();
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        match flag {
            "--var" => {
                let (name, value) = value.split_once('=').unwrap();
                flags.inputs.flags.push((name.to_owned(), value.to_owned()));
            }
            "--var-file" => flags.inputs.files.push(value.into()),
            "--env" => flags.environment = Some(value.to_owned()),
            other => panic!("{other} is not a flag here"),
        }
    }
    flags
}

/// All the way that a command goes before it plans.
fn read(folder: &Path) -> Result<(), Error> {
    let flags = flags(folder);
    let files = Folder(folder.to_owned());
    let (config, _) = load_checked(&files, &schemas())?;
    graph(&config)?;
    let environment = select_environment(&config, flags.environment.as_deref())?;
    let inputs = VariableInputs { auto: config.auto_files.clone(), environment: Some(environment), ..flags.inputs };
    resolve_variables(&config, &inputs, &files, &files).map(|_| ())
}

fn graph(config: &Configuration) -> Result<Graph, Error> {
    Graph::build(config).map_err(|found| Error::invalid(config.sources.clone(), found))
}

/// An error in a plain form, a line for each thing it says.
fn plain(error: &Error) -> String {
    let mut text = format!("{:?}: {}\n", error.kind, error.message);
    let detail = error.detail.iter().map(|line| format!("  {line}\n"));
    text.extend(detail);
    if let Some(hint) = &error.hint {
        text += &format!("  hint: {hint}\n");
    }
    if let Some(report) = &error.report {
        text.extend(report.diagnostics.iter().map(|complaint| plain_complaint(complaint, report)));
    }
    text
}

fn plain_complaint(complaint: &Diagnostic, report: &Report) -> String {
    let mut text = format!("\n{:?}: {}\n", complaint.severity, complaint.message);
    for (span, label) in &complaint.labels {
        let place = report.sources.position(*span).expect("a place in a text");
        let marked = report.sources.get(span.file).unwrap().text.get(span.start as usize..span.end as usize);
        let marked = marked.expect("a span within the text on character boundaries").escape_debug();
        text += &format!("  {}:{}:{} [{marked}] {label}\n", place.path, place.line, place.column);
    }
    if let Some(help) = &complaint.help {
        text += &format!("  help: {help}\n");
    }
    text
}

#[test]
fn bad_configurations() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/bad");
    let mut folders = fs::read_dir(&all).unwrap();
    folders.sort();
    assert!(folders.len() >= 60);
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let got = match read(&folder) {
            Ok(()) => "nothing is wrong with it\n".to_owned(),
            Err(error) => plain(&error),
        };
        let expected = folder.join("expected.txt");
        if update {
            fs::write_atomic(&expected, got.as_bytes(), 0o644).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != got {
            wrong.push(format!("{name} gives\n{got}"));
        }
        assert!(!got.contains("hunter2"), "{name} shows a secret");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn good_configurations() {
    let folder = Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/good"));
    let (config, warnings) = load_checked(&folder, &schemas()).unwrap_or_else(|error| panic!("{}", plain(&error)));
    assert_eq!(warnings, []);
    let inputs = VariableInputs { environment: Some("staging".into()), ..VariableInputs::default() };
    let values = resolve_variables(&config, &inputs, &folder, &folder).unwrap();
    assert_eq!(values["tag"].as_str(), Some("1.1-rc1"));
}

/// The places in a text where something begins: a word, or any other character that is no white space.
fn tokens(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let word = |character: char| character.is_alphanumeric() || character == '_';
    for (at, character) in text.char_indices().filter(|(_, character)| !character.is_whitespace()) {
        let end = at + character.len_utf8();
        let before = text[..at].chars().next_back();
        match found.last_mut() {
            Some(last) if word(character) && before.is_some_and(word) => last.end = end,
            _ => found.push(at..end),
        }
    }
    found
}

#[test]
fn every_token_taken_out_or_doubled() {
    let text = fs::read_to_string(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/good/everything.hcl")).unwrap();
    let schemas = schemas();
    let complaints = |text: String| {
        let config = match super::parse(vec![("main.hcl".to_owned(), text.into_bytes())]) {
            Err(error) => return error.report.unwrap(),
            Ok(config) => config,
        };
        let mut diagnostics = super::check(&config, &schemas);
        diagnostics.extend(Graph::build(&config).err().unwrap_or_default());
        Report { sources: config.sources, diagnostics }
    };
    for token in tokens(&text) {
        for middle in [String::new(), text[token.clone()].repeat(2)] {
            let report = complaints(format!("{}{middle}{}", &text[..token.start], &text[token.end..]));
            for complaint in &report.diagnostics {
                assert!(!complaint.labels.is_empty(), "a complaint without a place: {}", complaint.message);
                plain_complaint(complaint, &report);
            }
        }
    }
}
