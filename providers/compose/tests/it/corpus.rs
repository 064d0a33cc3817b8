//! Projects of the shapes that people use, each through its whole life: made as planned, nothing to do, an edit that does
//! exactly what its plan says, nothing to do, and nothing left when it is gone.

use std::path::{Path, PathBuf};

use deployctl_sdk::{Action, Value};

use crate::bench::{Bench, copy, reason, shown};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/compose")
}

struct Case {
    folder: PathBuf,
    described: serde_json::Value,
}

impl Case {
    fn attributes(&self, key: &str) -> Vec<(&'static str, Value)> {
        let known = ["env", "profiles", "scale", "services"];
        let given = self.described.get(key).or_else(|| self.described.get("attributes")).unwrap();
        let own = known.into_iter().filter_map(|name| {
            let value = given.get(name)?;
            Some((name, serde_json::from_value::<Value>(value.clone()).unwrap()))
        });
        own.chain([("path", Value::from("path")), ("remove_volumes", Value::from(true))]).collect()
    }
}

async fn through_its_life(name: &str) {
    let folder = folder().join(name);
    let text = std::fs::read_to_string(folder.join("case.json")).unwrap();
    let case = Case { folder, described: serde_json::from_str(&text).unwrap() };
    let bench = Bench::new(name).await;
    copy(&case.folder.join("project"), &bench.path("path"));
    let given = case.attributes("attributes");
    let (object, plan) = bench.apply(None, &given).await;
    assert_eq!(plan.action, Action::Create);

    if case.folder.join("edit").exists() {
        copy(&case.folder.join("edit"), &bench.path("path"));
    }
    let edited = case.attributes("edited_attributes");
    let (object, plan) = bench.apply(Some(&object), &edited).await;
    assert_eq!(plan.action, Action::Update, "{}", shown(&plan));
    for (part, expected) in case.described["expect"].as_object().unwrap() {
        let expected = expected.as_str().unwrap();
        let said = match part.strip_prefix('~') {
            // A service that is gone is told of by its containers.
            Some(service) => reason(&plan, &bench.container(&format!("{service}-1"))),
            None => reason(&plan, part),
        };
        assert!(
            said.starts_with(expected) && (said.is_empty() == expected.is_empty()),
            "{part}: {said:?}, expected {expected:?}"
        );
    }
    bench.destroy(&object).await;
}

macro_rules! corpus {
    ($($test:ident $folder:literal)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                through_its_life($folder).await;
            }
        )*

        #[test]
        fn every_project_of_the_corpus_has_its_test() {
            let mut there: Vec<String> = std::fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            there.sort();
            let mut tested = vec![$($folder),*];
            tested.sort_unstable();
            assert_eq!(there, tested);
        }
    };
}

corpus! {
    a_web_stack "web-stack"
    profiles "profiles"
    extends "extends"
    include "include"
    anchors "anchors"
    health_checks_and_conditions "health"
    configs_and_secrets "configs-and-secrets"
    scale "scale"
    build_contexts "build"
    networks_with_aliases "networks"
    named_volumes "volumes"
    variables_with_defaults "variables"
    steps_that_end_well_first "init-containers"
    overrides "overrides"
}
