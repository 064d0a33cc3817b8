//! `local_file`.

use std::os::unix::fs::PermissionsExt as _;

use deployctl_sdk::{Action, ErrorKind, Found, Observed, Operation, Reason, Value};

use crate::bench::{Bench, done, text, write};

const TYPE: &str = "local_file";

#[tokio::test]
async fn a_file_is_made_changed_and_removed_with_its_folders() {
    let bench = Bench::new(TYPE).await;
    let config = |content: &str| [("path", Value::from("a/b/c.txt")), ("content", Value::from(content))];
    let object = bench.create(&config("one")).await;
    assert_eq!(text(&bench.path("a/b/c.txt")), "one");
    assert_eq!(object.attributes.get("size"), Some(&Value::from(3)));
    assert_eq!(object.attributes.get("mode"), Some(&Value::from("0644")));

    let object = done(bench.apply(Some(&object), &config("two")).await);
    assert_eq!(text(&bench.path("a/b/c.txt")), "two");

    assert!(bench.delete(&object).await.error.is_none());
    assert!(!bench.path("a").exists(), "the folders made for it go with it");
    assert!(bench.delete(&object).await.error.is_none(), "what is gone is gone");
}

#[tokio::test]
async fn a_folder_goes_with_the_last_file_in_it() {
    let bench = Bench::new(TYPE).await;
    let first = bench.create(&[("path", "a/b/c.txt".into()), ("content", "one".into())]).await;
    let second = bench.create(&[("path", "a/b/d.txt".into()), ("content", "two".into())]).await;
    assert!(bench.delete(&first).await.error.is_none());
    assert!(bench.path("a/b/d.txt").exists());
    assert!(bench.delete(&second).await.error.is_none());
    assert!(!bench.path("a").exists());
}

#[tokio::test]
async fn folders_that_others_use_stay() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&[("path", "a/b/c.txt".into()), ("content", "one".into())]).await;
    write(&bench.path("a/other.txt"), "theirs");
    assert!(bench.delete(&object).await.error.is_none());
    assert!(!bench.path("a/b").exists() && bench.path("a/other.txt").exists());
}

#[tokio::test]
async fn what_is_there_already_is_refused_and_can_be_imported() {
    let bench = Bench::new(TYPE).await;
    write(&bench.path("theirs.txt"), "theirs");
    let config = [("path", Value::from("theirs.txt")), ("content", Value::from("theirs"))];
    let applied = bench.apply(None, &config).await;
    let error = applied.error.expect("it is refused");
    assert_eq!(error.kind, ErrorKind::NotOurs);
    assert_eq!(error.hint.as_deref(), Some("to manage it from now on: deployctl import 'local_file.it' 'theirs.txt'"));
    assert!(applied.object.is_none());

    let imported = bench.connection.import(TYPE, "theirs.txt", &bench.mark).await.unwrap();
    assert_eq!(bench.plan(Some(&imported), &config).await.action, Action::NoOp);
}

#[tokio::test]
async fn changes_from_outside_are_seen_and_put_back() {
    let bench = Bench::new(TYPE).await;
    let config = [("path", Value::from("x")), ("content", Value::from("ours")), ("mode", Value::from("640"))];
    let object = bench.create(&config).await;
    assert!(matches!(bench.read(&object).await, Observed::AsRecorded));

    write(&bench.path("x"), "changed");
    let plan = bench.plan(Some(&object), &config).await;
    assert_eq!((plan.action, plan.reason), (Action::Update, Reason::Drifted));
    assert!(plan.drift.iter().any(|diff| diff.path.to_string() == "content"));
    let object = done(bench.apply(Some(&object), &config).await);
    assert_eq!(text(&bench.path("x")), "ours");

    std::fs::set_permissions(bench.path("x"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let plan = bench.plan(Some(&object), &config).await;
    assert_eq!(plan.diffs.len(), 1);
    assert_eq!(plan.diffs[0].path.to_string(), "mode");

    deployctl_sdk::fs::remove_file(&bench.path("x")).unwrap();
    assert_eq!(bench.plan(Some(&object), &config).await.reason, Reason::Missing);
}

#[tokio::test]
async fn another_path_takes_another_file() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&[("path", "x".into()), ("content", "".into())]).await;
    let config = [("path", Value::from("y")), ("content", Value::from(""))];
    assert!(matches!(bench.plan(Some(&object), &config).await.action, Action::Replace(_)));
    done(bench.apply(Some(&object), &config).await);
    assert!(!bench.path("x").exists() && bench.path("y").exists());
}

#[tokio::test]
async fn a_sensitive_content_is_for_the_owner_alone_and_never_shown() {
    let bench = Bench::new(TYPE).await;
    let config = [("path", Value::from("x")), ("content", Value::from("hunter2").into_sensitive())];
    let object = bench.create(&config).await;
    let mode = bench.path("x").metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    write(&bench.path("x"), "hunter3");
    let plan = bench.plan(Some(&object), &config).await;
    let digest = deployctl_sdk::Digest::of(b"hunter2").to_string();
    for shown in [format!("{object:?}"), format!("{plan:?}"), serde_json::to_string(&object).unwrap()] {
        assert!(!shown.contains("hunter") && !shown.contains(&digest), "{shown}");
    }
}

#[tokio::test]
async fn the_source_that_was_captured_is_what_is_written() {
    let bench = Bench::new(TYPE).await;
    write(&bench.path("source"), "reviewed");
    let given = [("path", Value::from("x")), ("source", Value::from("source"))];
    let prepared = bench.prepare(&given).unwrap();
    write(&bench.path("source"), "changed since");
    let object = done(bench.operate(Operation::Create, None, Some(&prepared)).await);
    assert_eq!(text(&bench.path("x")), "reviewed");
    assert_eq!(bench.plan(Some(&object), &given).await.action, Action::Update);
    done(bench.apply(Some(&object), &given).await);
    assert_eq!(text(&bench.path("x")), "changed since");
}

#[tokio::test]
async fn only_a_file_with_a_note_is_found_as_ours() {
    let bench = Bench::new(TYPE).await;
    let given = [("path", Value::from("d/x")), ("content", Value::from("ours"))];
    assert!(matches!(bench.find(Operation::Create, &given, None).await, Found::Absent));
    let object = bench.create(&given).await;
    match bench.find(Operation::Create, &given, None).await {
        Found::Present { object: found, complete } => {
            assert!(complete);
            assert_eq!(found.attributes, object.attributes);
            assert_eq!(found.private, object.private);
        }
        other => panic!("{other:?}"),
    }
    let other = bench.sibling().await;
    assert!(matches!(other.find(Operation::Create, &given, None).await, Found::Absent), "not of this record");
}

#[tokio::test]
async fn mistakes_are_told_all_at_once() {
    let bench = Bench::new(TYPE).await;
    let problems = bench.prepare(&[("path", "x/".into()), ("mode", "rw-r".into())]).unwrap_err();
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        ["a file needs `content` or `source`", "\"x/\" is not the path of a file", "\"rw-r\" is not a file mode"]
    );
    let both = bench.prepare(&[("path", "x".into()), ("content", "".into()), ("source", "gone".into())]).unwrap_err();
    assert_eq!(both[0].message, "both `content` and `source` are given");
    let gone = bench.prepare(&[("path", "x".into()), ("source", "gone".into())]).unwrap_err();
    assert!(gone[0].message.starts_with("gone: "), "{gone:?}");
}

#[tokio::test]
async fn a_digest_to_come_is_not_promised() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&[("path", "x".into()), ("content", "one".into())]).await;
    let plan = bench.plan(Some(&object), &[("path", "x".into()), ("content", Value::Unknown)]).await;
    assert_eq!(plan.action, Action::Update);
    for name in ["content", "digest", "size", "mode"] {
        assert_eq!(plan.planned.get(name), Some(&Value::Unknown), "{name}");
    }
}

#[tokio::test]
async fn files_are_found_for_a_lost_state_with_what_they_are_now() {
    let bench = Bench::new(TYPE).await;
    let object = bench.create(&[("path", "x".into()), ("content", "open".into())]).await;
    let secret = [("path", Value::from("x")), ("content", Value::from("hunter2").into_sensitive())];
    let object = done(bench.apply(Some(&object), &secret).await);
    let found = bench.connection.find_all(&bench.place).await.unwrap();
    assert_eq!(found, [(bench.mark.clone(), object)]);
}
