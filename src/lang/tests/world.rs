//! Names, files and an outside to evaluate expressions in, held in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::{CapturedFile, Digest, FileError, Files, Value};

use super::super::*;

/// Names and files held in memory.
pub(in crate::lang) struct World {
    pub names: BTreeMap<String, Value>,
    files: BTreeMap<&'static str, &'static str>,
}

impl World {
    pub(in crate::lang) fn new() -> Self {
        let secret = Value::from("hunter2").into_sensitive();
        let names = [
            ("n", Value::from(3)),
            ("s", Value::from("text")),
            ("nothing", Value::Null),
            ("unknown", Value::Unknown),
            ("secret", secret.clone()),
            ("secret_list", Value::list([Value::from("hunter2")]).into_sensitive()),
            ("list", Value::list([Value::from(1), Value::from(2), Value::from(3)])),
            ("names", Value::list([Value::from("b"), Value::from("a"), Value::from("b")])),
            ("map", Value::map([("a", Value::from(1)), ("b", Value::from(2))])),
            ("mixed", Value::map([("open", Value::from("x")), ("key", secret), ("later", Value::Unknown)])),
            (
                "people",
                Value::list([
                    Value::map([("name", Value::from("ana")), ("age", Value::from(31))]),
                    Value::map([("name", Value::from("ben")), ("age", Value::from(27))]),
                ]),
            ),
        ];
        let files = [
            ("hello.txt", "hello\n"),
            ("dir/a.yaml", "a: 1\n"),
            ("dir/sub/b.yaml", "b: 2\n"),
            ("greet.tpl", "Hello ${name}!\n%{ for x in items ~}\n- ${x}\n%{ endfor ~}\n"),
            ("bad.tpl", "one\n${nmae}\n"),
            ("again.tpl", "${templatefile(\"greet.tpl\", {})}"),
        ];
        Self { names: names.map(|(name, value)| (name.to_owned(), value)).into(), files: files.into() }
    }
}

impl Scope for World {
    fn resolve(&self, root: &str, _: &[Step]) -> Result<(Value, usize), Unresolved> {
        self.names
            .get(root)
            .map(|value| (value.clone(), 0))
            .ok_or_else(|| Unresolved { message: format!("there is no `{root}`"), help: None })
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
        Path::new("/srv/shop")
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/ana".to_owned())
    }

    fn timestamp(&self) -> String {
        "2026-01-02T15:04:05Z".to_owned()
    }

    fn uuid(&self, site: &str) -> String {
        format!("id of {site}")
    }
}

fn missing(path: &Path) -> FileError {
    FileError { path: path.to_owned(), reason: "no such file".to_owned() }
}

impl Files for World {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let content = path.to_str().and_then(|path| self.files.get(path));
        content.map(|text| text.as_bytes().into()).ok_or_else(|| missing(path))
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        let path = path.to_string_lossy().into_owned();
        Ok(CapturedFile { path, digest: Digest::of(&bytes), size: bytes.len() as u64, executable: false })
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let inside = self.files.keys().filter_map(|path| Path::new(path).strip_prefix(folder).ok());
        let inside: Vec<_> = inside.map(|path| path.to_string_lossy().into_owned()).collect();
        if inside.is_empty() { Err(missing(folder)) } else { Ok(inside) }
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        let folder = if folder == Path::new(".") { PathBuf::new() } else { folder.to_owned() };
        Ok(self
            .files
            .keys()
            .map(Path::new)
            .filter(|path| path.parent() == Some(&folder))
            .filter_map(|path| path.file_name()?.to_str())
            .filter(|name| name.ends_with(suffix))
            .map(str::to_owned)
            .collect())
    }

    fn content(&self, _: &Digest) -> Result<Arc<[u8]>, FileError> {
        Err(missing(Path::new("")))
    }
}
