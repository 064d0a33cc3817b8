//! The page that says which test proves which promise, held to the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = deployctl_sdk::fs::read_to_string(&root.join("docs/proof.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Promise"));
    let mut missing = Vec::new();
    let known = functions(root);
    let mut promises = 0;
    for row in rows {
        promises += 1;
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "nothing proves: {row}");
        missing.extend(named.into_iter().filter(|name| !known.contains(*name)).map(str::to_owned));
    }
    assert!(promises > 40, "the page lost its promises");
    assert_eq!(missing, [""; 0], "docs/proof.md names tests that are not there");
}

/// The name of every function below the folders that hold tests.
fn functions(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut todo: Vec<PathBuf> = ["src", "tests", "providers"].map(|folder| root.join(folder)).into();
    while let Some(folder) = todo.pop() {
        for path in deployctl_sdk::fs::read_dir(&folder).unwrap() {
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = deployctl_sdk::fs::read_to_string(&path).unwrap();
                names.extend(text.split("fn ").skip(1).filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
            }
        }
    }
    names
}
