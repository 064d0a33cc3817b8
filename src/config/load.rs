//! The files of a folder to a configuration.

use std::path::Path;

use deployctl_sdk::Files;

use super::parse::parse_with_complaints;
use super::{Configuration, Schemas, check};
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::{Error, ErrorKind, Result};

/// Reads the `*.hcl` files of a folder, through `files`, so that they are remembered as inputs.
///
/// # Errors
/// A file that cannot be read, a folder without any, and everything that is wrong with them in one report.
pub fn load(files: &dyn Files) -> Result<Configuration> {
    match load_with_complaints(files)? {
        (configuration, complaints) if complaints.is_empty() => Ok(configuration),
        (configuration, complaints) => Err(Error::invalid(configuration.sources, complaints)),
    }
}

/// As [`load`] and [`check`] together, with one report for both. Answers the warnings too.
///
/// # Errors
/// As [`load`], and what [`check`] finds.
pub fn load_checked(files: &dyn Files, schemas: &Schemas) -> Result<(Configuration, Vec<Diagnostic>)> {
    let (configuration, mut complaints) = load_with_complaints(files)?;
    complaints.extend(check(&configuration, schemas));
    if complaints.iter().any(|complaint| complaint.severity == Severity::Error) {
        return Err(Error::invalid(configuration.sources, complaints));
    }
    Ok((configuration, complaints))
}

fn load_with_complaints(files: &dyn Files) -> Result<(Configuration, Vec<Diagnostic>)> {
    let unreadable = |error: deployctl_sdk::FileError| {
        Error::failed(format!("cannot read the configuration: {error}"))
            .with_hint("`-C DIR` names the folder that the configuration is in")
    };
    let mut texts = Vec::new();
    let mut auto_files = Vec::new();
    for name in files.entries(Path::new("."), ".hcl").map_err(unreadable)? {
        if name.ends_with(".auto.vars.hcl") {
            auto_files.push(name);
        } else if !name.ends_with(".vars.hcl") && !name.starts_with('.') {
            let bytes = files.read(Path::new(&name)).map_err(unreadable)?;
            texts.push((name, bytes.to_vec()));
        }
    }
    if texts.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "there is no configuration here: no file ends in `.hcl`")
            .with_hint("change to the folder that has it, or name it with `-C DIR`"));
    }
    auto_files.sort();
    let (mut configuration, complaints) = parse_with_complaints(texts)?;
    configuration.auto_files = auto_files;
    Ok((configuration, complaints))
}
