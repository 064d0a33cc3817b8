//! Images that are built: when, why, from what, and what happens to earlier ones.

use std::os::unix::fs::symlink;

use deployctl_sdk::{Action, ErrorKind, Reason, Value};

use crate::bench::{BUSYBOX, Bench, docker, map, with};

const TYPE: &str = "docker_image";

fn built(bench: &Bench, more: &[(&str, Value)]) -> Value {
    let build = with(&map(&[("context", "app".into())]), more);
    map(&[("name", bench.name("app").into()), ("build", build)])
}

fn builds(bench: &Bench) -> usize {
    bench.proxy.requests().iter().filter(|request| *request == "POST /build").count()
}

fn id(held: &deployctl_sdk::conformance::Held) -> String {
    held.object.as_ref().unwrap().attributes.get("id").and_then(Value::as_str).unwrap().to_owned()
}

#[tokio::test]
async fn the_plan_names_the_files_that_changed_and_going_back_builds_nothing() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", "FROM scratch\nCOPY . /\n");
    bench.write("app/page.html", "one");
    bench.write("app/old.html", "old");
    let config = built(&bench, &[]);
    let mut held = bench.make(&config).await;
    let first = id(&held);
    assert_eq!(builds(&bench), 1);

    bench.write("app/page.html", "two");
    bench.write("app/new.html", "new");
    deployctl_sdk::fs::remove_file(&bench.place.root.join("app/old.html")).unwrap();
    let planned = bench.apply(&mut held, &config).await;
    let Reason::Other { text } = &planned.reason else { panic!("{:?}", planned.reason) };
    assert_eq!(text, "files of the build context changed: page.html; added: new.html; removed: old.html");
    assert_eq!((planned.action, builds(&bench)), (Action::Update, 1));
    assert_ne!(id(&held), first);

    bench.write("app/page.html", "one");
    bench.write("app/old.html", "old");
    deployctl_sdk::fs::remove_file(&bench.place.root.join("app/new.html")).unwrap();
    let planned = bench.apply(&mut held, &config).await;
    assert_eq!(planned.planned.get("id").and_then(Value::as_str), Some(first.as_str()), "known beforehand");
    assert_eq!((id(&held), builds(&bench)), (first.clone(), 0));

    // The name goes, the image stays for as long as the history may need it, and is not built again.
    bench.delete(held).await;
    assert_eq!(bench.there("image"), Vec::<String>::new());
    let held = bench.make(&config).await;
    assert_eq!((id(&held), builds(&bench)), (first, 0));
    bench.delete(held).await;
}

#[tokio::test]
async fn what_the_ignore_files_leave_out_is_neither_sent_nor_a_reason_to_build() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", &format!("FROM {BUSYBOX}\nCOPY . /app\n"));
    bench.write("app/.dockerignore", "**/*.log\n!keep/*.log\nDockerfile\nsecret\n");
    for path in ["a.log", "deep/er/b.log", "keep/c.log", "secret/key", "run.sh", "deep/page.html"] {
        bench.write(&format!("app/{path}"), path);
    }
    let run = bench.place.root.join("app/run.sh");
    std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = built(&bench, &[]);
    let held = bench.make(&config).await;
    let list = "cd /app; find . -type f | sort; test -x run.sh && echo runs; test -x deep/page.html || echo plain";
    let listed = docker(&["run", "--rm", &bench.name("app"), "sh", "-c", list]);
    assert_eq!(listed, "./.dockerignore\n./deep/page.html\n./keep/c.log\n./run.sh\nruns\nplain");
    bench.write("app/secret/key", "another");
    assert_eq!(bench.plan(&held, &config).await.action, Action::NoOp);
    std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(bench.plan(&held, &config).await.action, Action::Update, "the bit that makes it run counts");
    bench.delete(held).await;
}

#[tokio::test]
async fn a_build_that_fails_shows_its_last_lines_and_no_secret() {
    let bench = Bench::new(TYPE).await;
    let dockerfile = format!("FROM {BUSYBOX}\nARG TOKEN\nRUN echo before; echo got $TOKEN; echo the end; exit 7\n");
    bench.write("app/Dockerfile", &dockerfile);
    let args = map(&[("TOKEN", Value::from("planted-secret").into_sensitive())]);
    let mut held = bench.nothing();
    let error = bench.try_apply(&mut held, &built(&bench, &[("args", args)])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.detail.iter().any(|line| line == "the end"), "{:?}", error.detail);
    assert!(error.detail.iter().any(|line| line == "got (sensitive value)"), "{:?}", error.detail);
    assert!(!bench.hand.said().iter().any(|said| said.contains("planted-secret")), "it was said");
    assert!(held.object.is_none());
}

#[tokio::test]
async fn a_dockerfile_may_lie_outside_of_the_context_and_one_that_is_missing_is_named() {
    let bench = Bench::new(TYPE).await;
    bench.write("docker/Dockerfile", "FROM scratch\nCOPY text /\n");
    bench.write("app/text", "text");
    let held = bench.make(&built(&bench, &[("dockerfile", "../docker/Dockerfile".into())])).await;
    bench.delete(held).await;
    let complaint = bench.complaint(&built(&bench, &[]));
    assert!(complaint.message.contains("no Dockerfile at app/Dockerfile"), "{complaint}");
    assert_eq!(complaint.attribute.unwrap().to_string(), "build.dockerfile");
}

#[tokio::test]
async fn links_that_go_round_in_a_context_do_no_harm() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", &format!("FROM {BUSYBOX}\nCOPY . /app\n"));
    bench.write("app/text", "text");
    let app = bench.place.root.join("app");
    symlink(".", app.join("round")).unwrap();
    symlink("itself", app.join("itself")).unwrap();
    symlink("text", app.join("link")).unwrap();
    let held = bench.make(&built(&bench, &[])).await;
    let listed = docker(&["run", "--rm", &bench.name("app"), "sh", "-c", "cd /app; find . -type f | sort"]);
    assert_eq!(listed, "./Dockerfile\n./link\n./text");
    bench.delete(held).await;
}

#[tokio::test]
async fn exactly_one_of_build_and_pull_is_asked_for() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", "FROM scratch\n");
    bench.complaint(&map(&[("name", "a".into())]));
    bench.complaint(&with(&built(&bench, &[]), &[("pull", "b".into())]));
    bench.complaint(&map(&[("name", "No Name".into()), ("pull", "b".into())]));
}

#[tokio::test]
async fn an_image_that_somebody_else_uses_keeps_its_name() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", &format!("FROM {BUSYBOX}\nLABEL test=used\n"));
    let mut held = bench.make(&built(&bench, &[])).await;
    let container = bench.name("user");
    docker(&["create", "--name", &container, &bench.name("app"), "true"]);
    let error = bench.hand.delete(&mut held).await.unwrap_err();
    assert!(error.message.contains(&container), "{error}");
    assert!(held.object.is_some());
    docker(&["rm", &container]);
    bench.delete(held).await;
}

#[tokio::test]
async fn a_name_that_was_moved_is_moved_back_and_one_that_was_given_away_is_left() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", "FROM scratch\nLABEL test=moved\n");
    let config = built(&bench, &[]);
    let mut held = bench.make(&config).await;
    let first = id(&held);
    docker(&["tag", BUSYBOX, &bench.name("app")]);
    let planned = bench.apply(&mut held, &config).await;
    assert_eq!(planned.reason, Reason::Other { text: "the name was moved to another image outside deployctl".into() });
    assert_eq!(id(&held), first);
    docker(&["tag", BUSYBOX, &bench.name("app")]);
    bench.delete(held).await;
    assert_eq!(bench.there("image").len(), 1, "somebody has given the name to another image");
}

#[tokio::test]
async fn images_that_no_revision_needs_are_let_go_of_and_the_others_stay() {
    let bench = Bench::new(TYPE).await;
    bench.write("app/Dockerfile", "FROM scratch\nLABEL test=first\n");
    let config = built(&bench, &[]);
    let mut held = bench.make(&config).await;
    let first = held.object.clone().unwrap();
    bench.write("app/Dockerfile", "FROM scratch\nLABEL test=second\n");
    bench.apply(&mut held, &config).await;
    let second = held.object.clone().unwrap();
    let kept = || {
        let prefix = format!("localhost/deployctl/{}/", bench.place.lineage);
        docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).matches(&prefix).count()
    };
    let both = [first.clone(), second.clone()];
    assert_eq!(bench.connection.let_go(&both, false).await.unwrap(), Vec::<String>::new());
    assert_eq!(bench.connection.let_go(std::slice::from_ref(&second), true).await.unwrap().len(), 1);
    assert_eq!(kept(), 2, "a dry run takes nothing");
    assert_eq!(bench.connection.let_go(&[second], false).await.unwrap().len(), 1);
    assert_eq!(kept(), 1);
    let gone = first.attributes.get("id").and_then(Value::as_str).unwrap();
    assert!(!docker(&["image", "ls", "--no-trunc", "--quiet"]).contains(gone), "the image went with its last name");
    bench.delete(held).await;
    assert_eq!(bench.connection.let_go(&[], false).await.unwrap().len(), 1);
    assert_eq!(kept(), 0);
}
