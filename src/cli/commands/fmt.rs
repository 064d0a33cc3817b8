//! `deployctl fmt`: configurations in their standard form.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueHint;
use similar::TextDiff;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session;
use crate::diagnostic::SourceMap;
use crate::error::{Error, Result};
use crate::lang::layout;
use crate::render::text::clean;
use crate::render::{Look, Paint};

/// Write the configuration in its standard form.
///
/// All `*.hcl` of the folder, or the files that are named. `-` reads standard input and prints the result.
#[derive(Debug, clap::Args)]
pub struct Fmt {
    /// Files or folders
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Change nothing; exit with 1 where something would change
    #[arg(long)]
    check: bool,
    /// Show what changes
    #[arg(long)]
    diff: bool,
    /// Also the folders below
    #[arg(short, long)]
    recursive: bool,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Fmt) -> Outcome {
    if let [path] = arguments.paths.as_slice()
        && path.as_os_str() == "-"
    {
        return standard_input(output, arguments);
    }
    let mut changed = 0;
    for path in files(settings, arguments)? {
        let shown = shown(&settings.dir, &path);
        let before = read(&path)?;
        let after = formatted(&shown, &before)?;
        if before == after {
            continue;
        }
        changed += 1;
        if !arguments.check {
            let mode = mode_of(&path);
            deployctl_sdk::fs::write_atomic(&path, after.as_bytes(), mode)
                .map_err(|error| Error::failed(error.to_string()))?;
        }
        if arguments.diff {
            output.result(&difference(&shown, &before, &after, output.out));
        } else {
            output.result(&format!("{shown}\n"));
        }
    }
    Ok(if arguments.check && changed > 0 { Exit::Failed } else { Exit::Done })
}

fn standard_input(output: &Output, arguments: &Fmt) -> Outcome {
    let mut before = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut before)
        .map_err(|error| Error::failed(format!("cannot read standard input: {error}")))?;
    let after = formatted("standard input", &before)?;
    if arguments.diff {
        output.result(&difference("standard input", &before, &after, output.out));
    } else if !arguments.check {
        output.result(&after);
    }
    Ok(if arguments.check && before != after { Exit::Failed } else { Exit::Done })
}

fn formatted(shown: &str, text: &str) -> Result<String> {
    layout::format(text).map_err(|found| {
        let mut sources = SourceMap::default();
        sources.add(shown, text.strip_prefix('\u{feff}').unwrap_or(text));
        Error::invalid(Arc::new(sources), found)
    })
}

fn read(path: &Path) -> Result<String> {
    deployctl_sdk::fs::read_to_string(path).map_err(|error| Error::failed(error.to_string()))
}

/// The files to be formatted.
fn files(settings: &Settings, arguments: &Fmt) -> Result<Vec<PathBuf>> {
    let root = session::folder(&settings.dir)?;
    if arguments.paths.is_empty() {
        let mut found = Vec::new();
        collect(&root, arguments.recursive, &mut found)?;
        return Ok(found);
    }
    let mut found = Vec::new();
    for path in &arguments.paths {
        let path = root.join(path);
        if path.is_dir() {
            collect(&path, arguments.recursive, &mut found)?;
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn collect(folder: &Path, recursive: bool, found: &mut Vec<PathBuf>) -> Result<()> {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = deployctl_sdk::fs::read_dir(&folder).map_err(|error| Error::failed(error.to_string()))?;
        for path in entries {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with('.') {
                continue;
            }
            if path.is_file() && name.ends_with(".hcl") {
                found.push(path);
            } else if recursive && path.is_dir() && !path.is_symlink() {
                open.push(path);
            }
        }
    }
    found.sort();
    Ok(())
}

/// The path as messages show it: relative to the folder where that is shorter.
fn shown(dir: &Path, path: &Path) -> String {
    let root = session::folder(dir).unwrap_or_default();
    path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(unix)]
fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().map_or(0o644, |metadata| metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> u32 {
    0o644
}

fn difference(shown: &str, before: &str, after: &str, look: Look) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut unified = diff.unified_diff();
    let text = unified.context_radius(2).header(shown, shown).to_string();
    let line = |line: &str| {
        let paint = match line.chars().next() {
            Some('+') => Some(Paint::Green),
            Some('-') => Some(Paint::Red),
            Some('@') => Some(Paint::Cyan),
            _ => None,
        };
        let line = clean(line);
        format!("{}\n", paint.map_or(line.clone(), |paint| look.paint(paint, &line)))
    };
    text.lines().map(line).collect()
}
