//! Bytes as an expression.

use std::path::Path;
use std::sync::Arc;

use deployctl::diagnostic::FileId;
use deployctl::lang::{Outside, Scope, Step, Unresolved, evaluate, parse_expression, references};
use deployctl_sdk::{CapturedFile, Digest, FileError, Files, Value};

/// The value under the sensitive mark. Nothing but `nonsensitive` may bring it to light.
const PLANTED: &str = "planted-secret";

/// Whatever the text is, evaluating it ends, with the same answer each time, and marks survive it.
pub fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(expression) = parse_expression(FileId(0), text) else { return };
    // What it refers to is asked for as well; the answer is of no matter here.
    let _ = references(&expression);
    let first = evaluate(&expression, &World);
    let second = evaluate(&expression, &World);
    assert_eq!(first, second, "the same expression has two values");
    // A fuzzer that watches comparisons writes the planted value itself.
    let brought_to_light = ["nonsensitive", "issensitive", PLANTED].iter().any(|word| text.contains(word));
    if !brought_to_light {
        let shown = format!("{first:?}");
        assert!(!shown.contains(PLANTED), "a sensitive value lost its mark");
    }
}

/// `var.secret`, `var.unknown`, `var.list`, `var.map`, and nothing else.
struct World;

impl Scope for World {
    fn resolve(&self, root: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved> {
        let name = match steps.first() {
            Some(Step::Attr(name)) if root == "var" => &**name,
            _ => "",
        };
        let value = match name {
            "secret" => Value::from(PLANTED).into_sensitive(),
            "unknown" => Value::Unknown,
            "list" => Value::list([Value::from(1), Value::from("two"), Value::from(PLANTED).into_sensitive()]),
            "map" => {
                Value::map([("a", Value::Unknown), ("b", Value::from(PLANTED).into_sensitive()), ("c", Value::Null)])
            }
            _ => return Err(Unresolved { message: "there is no such thing".to_owned(), help: None }),
        };
        Ok((value, 1))
    }

    fn outside(&self) -> &dyn Outside {
        self
    }
}

impl Outside for World {
    fn files(&self) -> &dyn Files {
        self
    }

    fn root(&self) -> &Path {
        Path::new("/nowhere")
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/somebody".to_owned())
    }

    fn timestamp(&self) -> String {
        "2026-01-02T03:04:05Z".to_owned()
    }

    fn uuid(&self, _: &str) -> String {
        "00000000-0000-4000-8000-000000000000".to_owned()
    }
}

impl Files for World {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        match path.to_str() {
            Some("template") => Ok(Arc::from(b"a ${x} b %{ if y }c%{ endif }".as_slice())),
            _ => Err(none(path)),
        }
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        Err(none(path))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        Err(none(folder))
    }

    fn entries(&self, folder: &Path, _: &str) -> Result<Vec<String>, FileError> {
        Err(none(folder))
    }

    fn content(&self, _: &Digest) -> Result<Arc<[u8]>, FileError> {
        Err(none(Path::new("")))
    }
}

fn none(path: &Path) -> FileError {
    FileError { path: path.to_owned(), reason: "there is no such file".to_owned() }
}
