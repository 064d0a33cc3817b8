//! What is PostgreSQL's own: questions asked with SQL, versions of the tables, rights.

use super::place::{Kind, Place};
use super::team::{SITE, ok};

#[test]
fn the_guides_questions_are_answered_with_sql() {
    let place = Place::new(Kind::Postgres);
    let machine = place.machine(SITE);
    ok(machine.run("apply --auto-approve"));
    ok(machine.run("apply --auto-approve --var text=second"));
    let deployments = place.sql("select key, environment, serial, version from {schema}.deployments");
    assert_eq!(deployments.len(), 1);
    assert_eq!(deployments[0].get::<_, String>(0), "shop");
    assert_eq!(deployments[0].get::<_, i64>(2), 2);
    let services = place.sql("select address, type, status from {schema}.services order by address");
    let services: Vec<String> = services.iter().map(|row| row.get(0)).collect();
    assert_eq!(services, ["value.page", "value.secret"]);
    let runs =
        place.sql("select who, command, result, jsonb_array_length(actions) from {schema}.audit_log order by serial");
    assert_eq!(runs.len(), 2);
    assert_eq!((runs[1].get::<_, String>(0), runs[1].get::<_, String>(2)), ("ana".to_owned(), "ok".to_owned()));
    let snapshots = place.sql("select serial, ok from {schema}.configuration_snapshots order by serial");
    assert_eq!(snapshots.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [1, 2]);
    // The questions as the guide has them.
    let guide = deployctl_sdk::fs::read_to_string(std::path::Path::new("docs/state.md")).unwrap();
    let mut asked = 0;
    for question in guide.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        place.sql(question.replace("deployctl.", "{schema}.").trim().trim_end_matches(';'));
        asked += 1;
    }
    assert!(asked >= 3, "the guide has only {asked} questions");
    let tables = ["deployments", "services", "configuration_snapshots", "audit_log", "locks"];
    for table in tables {
        for row in place.sql(&format!("select to_jsonb(t)::text from {{schema}}.{table} t")) {
            assert!(!row.get::<_, String>(0).contains("hunter2"), "{table} holds the password");
        }
    }
}

#[test]
fn what_was_destroyed_is_no_service_any_more_and_stays_in_the_log() {
    let place = Place::new(Kind::Postgres);
    let machine = place.machine(SITE);
    ok(machine.run("apply --auto-approve"));
    ok(machine.run("destroy --auto-approve"));
    assert!(place.sql("select 1 from {schema}.services").is_empty());
    assert_eq!(place.sql("select 1 from {schema}.audit_log").len(), 2);
}

#[test]
fn tables_of_a_newer_version_are_refused_and_nothing_is_changed() {
    let place = Place::new(Kind::Postgres);
    let machine = place.machine(SITE);
    ok(machine.run("apply --auto-approve"));
    place.sql("insert into {schema}.schema_version (version) values (7)");
    for command in ["plan", "apply --auto-approve", "state list"] {
        let answer = machine.run(command);
        assert_eq!(answer.code, 1, "{answer}");
        assert!(answer.stderr.contains("schema version 7") && answer.stderr.contains("up to 1"), "{answer}");
    }
}

#[test]
fn two_configurations_in_one_schema_know_nothing_of_each_other() {
    let place = Place::new(Kind::Postgres);
    let shop = place.machine(SITE);
    let blog = place.machine(SITE);
    blog.write("main.hcl", &place.configuration(SITE).replace("key = \"shop\"", "key = \"blog\""));
    ok(shop.run("apply --auto-approve"));
    assert_eq!(ok(blog.run("state list")), "");
    ok(blog.run("apply --auto-approve --var text=second"));
    assert_eq!(ok(shop.run("output page")), "first\n");
    assert_eq!(place.sql("select 1 from {schema}.deployments").len(), 2);
}

/// The session of a holder that is gone ends on the server; its lock is free once its heart has stopped as well.
#[test]
fn the_lock_of_a_session_that_is_over_is_taken_over_after_its_last_heartbeat() {
    let place = Place::new(Kind::Postgres);
    let machine = place.machine(SITE);
    ok(machine.run("apply --auto-approve"));
    let held = |seconds: u32| {
        place.sql(&format!(
            "update {{schema}}.locks set id = gen_random_uuid(), session = 0, heartbeat = now() - interval '{seconds} seconds', \
             info = '{{\"id\":\"6f0c4f0e-0000-4000-8000-000000000001\",\"who\":\"eve\",\"host\":\"h\",\"pid\":1,\"command\":\"apply\",\
             \"at\":\"2026-01-01T00:00:00Z\",\"heartbeat\":\"2026-01-01T00:00:00Z\"}}'"
        ))
    };
    held(5);
    let answer = machine.run("apply --auto-approve --var text=second");
    assert_eq!(answer.code, 4, "{answer}");
    held(90);
    let answer = machine.run("apply --auto-approve --var text=second");
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.stderr.contains("took over the lock of `apply` by eve@h"), "{answer}");
}
