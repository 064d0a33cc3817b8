//! Writes the reference: a page for each resource type, one for the functions, one for the commands. With `--check` it
//! writes nothing and fails when a page is not as it would be written.

mod commands;
mod functions;
mod resources;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use deployctl::providers::Providers;
use deployctl_sdk::fs::{self, FsResult};

/// What stands on top of every page, so that nobody mends one by hand.
const NOTICE: &str = "<!-- Made by `cargo xtask docs` from the program itself. Change it there. -->\n";

#[derive(Parser)]
struct Arguments {
    /// The folder docs/
    folder: PathBuf,
    /// Write nothing; fail if a page is not as it would be written
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(stale) if stale.is_empty() => ExitCode::SUCCESS,
        Ok(stale) => {
            let names: Vec<String> = stale.iter().map(|path| path.display().to_string()).collect();
            say(&format!("error: not as the program would write it: {}\nrun `cargo xtask docs`", names.join(", ")));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes the pages, or with `--check` answers those that would be written or removed.
fn run(arguments: &Arguments) -> FsResult<Vec<PathBuf>> {
    let pages = pages();
    let mut stale = Vec::new();
    for (name, text) in &pages {
        let path = arguments.folder.join(name);
        if fs::read_if_there(&path)?.as_deref() != Some(text.as_bytes()) {
            if !arguments.check {
                fs::create_dir_all(path.parent().unwrap_or(&arguments.folder))?;
                fs::write_atomic(&path, text.as_bytes(), 0o644)?;
                say(&format!("wrote {}", path.display()));
            }
            stale.push(path);
        }
    }
    for path in left_over(&arguments.folder.join("reference"), &pages)? {
        if !arguments.check {
            fs::remove_file(&path)?;
            say(&format!("removed {}", path.display()));
        }
        stale.push(path);
    }
    if arguments.check { Ok(stale) } else { Ok(Vec::new()) }
}

/// Every page by its name in docs/.
fn pages() -> BTreeMap<String, String> {
    let schemas = Providers::built_in(PathBuf::from("deployctl")).schemas();
    let mut pages = BTreeMap::new();
    let mut add = |name: String, text: String| pages.insert(name, format!("{NOTICE}\n{}\n", text.trim_end()));
    for schema in &schemas {
        for resource in &schema.resources {
            add(format!("reference/{}.md", resource.name), resources::page(schema, resource));
        }
    }
    add("reference/README.md".to_owned(), resources::index(&schemas));
    add("functions.md".to_owned(), functions::page());
    add("commands.md".to_owned(), commands::page());
    pages
}

/// Pages of resource types that there are no longer.
fn left_over(folder: &Path, pages: &BTreeMap<String, String>) -> FsResult<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let known = |path: &PathBuf| {
        let name = path.file_name().map(|name| format!("reference/{}", name.to_string_lossy()));
        name.is_some_and(|name| pages.contains_key(&name))
    };
    Ok(fs::read_dir(folder)?.into_iter().filter(|path| !known(path)).collect())
}

/// A line for the person who ran it, on standard error; one that cannot be printed is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
