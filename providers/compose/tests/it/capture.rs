//! What was reviewed is what is deployed, whatever the checkout holds by then.

use deployctl_sdk::{Action, RiskKind, Value};

use crate::bench::{Bench, docker, shown};

const PROJECT: &str = r#"
include: [parts/compose.yaml]
services:
  app:
    build: ./app
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    env_file: ./app.env
    volumes: ["./settings.ini:/settings.ini", "./live:/live:ro"]
    configs: [theme]
configs:
  theme: { file: ./theme.txt }
"#;

const PARTS: &str = r#"
services:
  part:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    environment: { ROUND: "one" }
"#;

fn write(bench: &Bench, round: &str) {
    bench.write("shop/compose.yaml", PROJECT);
    bench.write("shop/parts/compose.yaml", &PARTS.replace("one", round));
    bench.write("shop/app/Dockerfile", "FROM deployctl-test/busybox:1\nCOPY page.txt /page.txt\n");
    bench.write("shop/app/page.txt", round);
    bench.write("shop/app.env", &format!("ROUND={round}\n"));
    bench.write("shop/settings.ini", round);
    bench.write("shop/theme.txt", round);
    bench.write("shop/live/now.txt", round);
}

fn inside(bench: &Bench) -> Vec<String> {
    let script = "cat /page.txt; echo; echo $ROUND; cat /settings.ini; echo; cat /theme; echo; cat /live/now.txt";
    let app = docker(&["exec", &bench.container("app-1"), "sh", "-c", script]);
    let part = docker(&["exec", &bench.container("part-1"), "sh", "-c", "echo $ROUND"]);
    app.lines().map(str::to_owned).chain([part]).collect()
}

#[tokio::test]
async fn what_was_captured_is_deployed_though_the_checkout_moved_on() {
    let bench = Bench::new("captured").await;
    let given = [("path", Value::from("shop"))];
    write(&bench, "one");
    let prepared = bench.prepare(&given);
    let plan = bench.try_plan(None, &prepared).await.unwrap();
    let note = plan.notes.iter().find(|note| note.0.starts_with("not captured")).unwrap();
    assert_eq!(note.0, "not captured, containers see it as it is: shop/live");
    write(&bench, "two");
    // As after a restart: nothing of the plan is remembered but what it saved.
    let connection = bench.provider.configure(&Value::map::<&str>([]), &bench.place).await.unwrap();
    let mut later = bench;
    later.connection = connection;
    let applied = later.carry_out(None, &prepared, &plan).await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    let first = applied.object.unwrap();
    assert_eq!(inside(&later), ["one", "one", "one", "one", "two", "one"]);

    let (second, plan) = later.apply(Some(&first), &given).await;
    assert_eq!(plan.action, Action::Update, "{}", shown(&plan));
    assert_eq!(inside(&later), ["two", "two", "two", "two", "two", "two"]);

    // Back to what was captured first, as a rollback does it.
    let plan = later.try_plan(Some(&second), &prepared).await.unwrap();
    let applied = later.carry_out(Some(&second), &prepared, &plan).await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    assert_eq!(inside(&later), ["one", "one", "one", "one", "two", "one"]);
    later.destroy(&applied.object.unwrap()).await;
    assert!(!later.place.data.join("compose/files").read_dir().is_ok_and(|mut left| left.next().is_some()));
}

#[tokio::test]
async fn a_file_that_a_container_wrote_to_is_not_replaced_in_silence() {
    let bench = Bench::new("written").await;
    let given = [("path", Value::from("shop"))];
    write(&bench, "one");
    let (object, _) = bench.apply(None, &given).await;
    docker(&["exec", &bench.container("app-1"), "sh", "-c", "echo more >> /settings.ini"]);
    assert_eq!(std::fs::read_to_string(bench.path("shop/settings.ini")).unwrap(), "one", "the checkout was written to");
    assert_eq!(bench.plan(Some(&object), &given).await.action, Action::NoOp);
    bench.write("shop/settings.ini", "two");
    let plan = bench.plan(Some(&object), &given).await;
    let risk = plan.risks.iter().find(|risk| risk.kind == RiskKind::DataLoss).unwrap();
    assert_eq!(risk.text, "app has written to settings.ini, and gets a fresh copy");
    bench.delete(&object).await;
}

#[tokio::test]
async fn names_are_found_again_on_a_network_made_anew() {
    let bench = Bench::new("aliases").await;
    let project = |tier: &str| {
        format!(
            "services:\n  web:\n    image: deployctl-test/busybox:1\n    command: [sleep, '1000']\n    stop_signal: SIGKILL\n\
             \x20 db:\n    image: deployctl-test/busybox:1\n    command: [sleep, '1000']\n    stop_signal: SIGKILL\n\
             networks:\n  default:\n    labels: {{ tier: {tier} }}\n"
        )
    };
    bench.write("compose.yaml", &project("one"));
    let (object, _) = bench.apply(None, &[]).await;
    bench.write("compose.yaml", &project("two"));
    let (object, _) = bench.apply(Some(&object), &[]).await;
    docker(&["exec", &bench.container("web-1"), "ping", "-c", "1", "-W", "5", "db"]);
    bench.destroy(&object).await;
}
