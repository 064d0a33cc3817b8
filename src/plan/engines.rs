//! The versions of the engines' programs: what was there when something was written down, and what is there now.

use std::collections::BTreeMap;

/// What to say of engines that are not of the version that they were `then`, when `what` was done. One that is new or that
/// was not met says nothing.
pub(super) fn differing(what: &str, then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let differing = now.iter().filter_map(|(name, here)| {
        let before = then.get(name).filter(|before| *before != here)?;
        Some(format!("{what} with {name} {before}, and {name} {here} is here"))
    });
    differing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_of_another_version_is_named_with_both() {
        let engines = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
            entries.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
        };
        let then = engines(&[("docker", "20.10.24"), ("terraform", "1.11.4")]);
        let now = engines(&[("docker", "24.0.7"), ("terraform", "1.11.4"), ("ansible", "2.19")]);
        let said = differing("the plan was made", &then, &now);
        assert_eq!(said, ["the plan was made with docker 20.10.24, and docker 24.0.7 is here"]);
    }
}
