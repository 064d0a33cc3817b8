//! Saved plans, and bringing earlier revisions back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deployctl::apply::Interrupt;
use deployctl::error::{Error, ErrorKind, Result};
use deployctl::plan::{self, Mode, Plan, PlanRequest, SavedPlan};
use deployctl::project::Project;

use crate::bent::Bend;
use crate::context::{Context, Ran, actions, address, destroy, kind, object, told};

/// Plans, and saves the plan.
async fn save(context: &Context, name: &str) -> (PathBuf, Plan) {
    let project = context.project().await;
    let current = project.current().await.unwrap();
    let planned = plan::plan(&project, &current, &PlanRequest::default()).await.unwrap();
    let saved = SavedPlan { plan: planned.plan.clone(), inputs: project.inputs(), contents: project.contents() };
    let path = context.file(name);
    saved.write(&path, project.store().keys().ready().await.unwrap()).unwrap();
    (path, planned.plan)
}

/// Applies a saved plan in a folder.
async fn apply_file(context: &Context, dir: &Path, file: &Path) -> Result<Ran> {
    let (project, plan) = Project::open_saved(dir, file, context.providers(), context.sink()).await?;
    let session = project.lock("apply", Duration::ZERO, Some(plan.lineage)).await?;
    let planned = plan::reopen(&project, &session.current, plan).await?;
    context.carry_out(&project, session, planned, &Interrupt::new()).await
}

async fn here(context: &Context, file: &Path) -> Result<Ran> {
    apply_file(context, context.path(), file).await
}

const FILES: &str = "resource \"local_file\" \"f\" {\n path = \"out/f.txt\"\n source = \"src.txt\"\n}\nresource \"local_file\" \"g\" {\n path = \"out/g.txt\"\n content = file(\"src.txt\")\n}\n";

#[tokio::test]
async fn a_saved_plan_deploys_what_was_captured_whatever_became_of_the_checkout() {
    let context = Context::new(&format!("{FILES}{}", object("a", "input = \"${uuid()} ${timestamp()}\"")));
    context.write("src.txt", "one");
    let (file, plan) = save(&context, "plan").await;
    assert_eq!(plan.serial, 0);
    context.write("src.txt", "two");
    context.main("resource \"nonsense\" {");
    let ran = here(&context, &file).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(ran.applied.is_success(), "{:?}", ran.applied.ledger);
    for name in ["out/f.txt", "out/g.txt"] {
        assert_eq!(deployctl_sdk::fs::read(&context.file(name)).unwrap(), b"one");
    }
    assert_eq!(ran.state.lineage, plan.lineage);
    let planned = plan.changes.iter().find(|change| change.address == address("sim_object.a")).unwrap();
    let input = ran.state.records[&address("sim_object.a")].object.as_ref().unwrap().attributes.get("input").cloned();
    assert_eq!(planned.planned.get("input").cloned(), input, "what was shown is what was done");
}

#[tokio::test(start_paused = true)]
async fn reading_gives_back_what_was_written() {
    let context = Context::new(&format!(
        "variable \"s\" {{\n default = \"hush\"\n sensitive = true\n}}\n{}{}",
        object("a", "secret = var.s\npart {\n label = \"x\"\n}"),
        object("b", "input = sim_object.a.id")
    ));
    context.apply().await;
    context.main(&format!(
        "variable \"s\" {{\n default = \"hush2\"\n sensitive = true\n}}\n{}{}output \"o\" {{\n value = var.s\n sensitive = true\n}}\n",
        object("a", "secret = var.s\ncolor = \"red\""),
        object("c", "input = sim_object.a.id")
    ));
    context.meddle("a", "size", 4);
    let (file, plan) = save(&context, "plan").await;
    let project = context.project().await;
    let read = SavedPlan::read(&file, project.store().keys().existing().await.unwrap()).unwrap();
    assert_eq!(format!("{:?}", read.plan), format!("{plan:?}"));
    for (a, b) in read.plan.changes.iter().zip(&plan.changes) {
        assert_eq!((&a.planned, &a.diffs, &a.drift, &a.provider), (&b.planned, &b.diffs, &b.drift, &b.provider));
    }
    let text = String::from_utf8_lossy(&deployctl_sdk::fs::read(&file).unwrap()).into_owned();
    assert!(!text.contains("hush"));
    here(&context, &file).await.unwrap();
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_stale_once_the_state_moved() {
    let context = Context::new(&object("a", "size = 1"));
    let (first, _) = save(&context, "first").await;
    context.apply().await;
    assert_eq!(kind(here(&context, &first).await), ErrorKind::Stale, "there was no state, and there is one now");
    context.main(&object("a", "size = 2"));
    let (second, _) = save(&context, "second").await;
    context.main(&object("a", "size = 3"));
    context.apply().await;
    let things = context.world.things();
    assert_eq!(kind(here(&context, &second).await), ErrorKind::Stale, "the serial moved");
    assert_eq!(context.world.things(), things);
    let (third, _) = save(&context, "third").await;
    deployctl_sdk::fs::remove_file(&context.file(".deployctl/default/state.json")).unwrap();
    assert_eq!(kind(here(&context, &third).await), ErrorKind::Stale, "it is another state, or none");
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_applied_once() {
    let context = Context::new(&object("a", "size = 1"));
    let (file, _) = save(&context, "plan").await;
    here(&context, &file).await.unwrap();
    assert_eq!(kind(here(&context, &file).await), ErrorKind::Stale);
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_stale_once_reality_moved() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    for (attribute, value) in [("size", deployctl_sdk::Value::from(9)), ("color", deployctl_sdk::Value::from("green"))]
    {
        context.main(&object("a", "size = 2"));
        let (file, _) = save(&context, "plan").await;
        let before = context.world.things();
        context.meddle("a", attribute, value);
        assert_eq!(kind(here(&context, &file).await), ErrorKind::Stale, "{attribute}");
        context.world.meddle(1, |thing| *thing = before[&1].clone());
    }
    let (file, _) = save(&context, "plan").await;
    context.world.remove(1);
    assert_eq!(kind(here(&context, &file).await), ErrorKind::Stale);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_another_minor_version_is_refused_with_both_named() {
    let context = Context::new(&object("a", "size = 1"));
    let (file, _) = save(&context, "plan").await;
    let bytes = deployctl_sdk::fs::read(&file).unwrap();
    let (head, rest) = (b"deployctl-plan\n", &bytes["deployctl-plan\n".len() + 65..]);
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
    for (version, refused) in [("0.999.0", true), (env!("CARGO_PKG_VERSION"), false)] {
        // Written as that version would have written it, checksum and all.
        let header = String::from_utf8(rest[..end].to_vec()).unwrap();
        let header = header.replace(&format!("\"{}\"", env!("CARGO_PKG_VERSION")), &format!("\"{version}\""));
        let rest = [header.as_bytes(), &rest[end..]].concat();
        let sum = deployctl_sdk::Digest::of(&rest).to_string();
        std::fs::write(&file, [head.as_slice(), sum.as_bytes(), b"\n", &rest].concat()).unwrap();
        match SavedPlan::header(&file) {
            Ok(_) => assert!(!refused),
            Err(error) => {
                assert!(refused && error.kind == ErrorKind::Stale, "{error}");
                assert!(error.message.contains(version) && error.message.contains(env!("CARGO_PKG_VERSION")));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_bit_that_flips_is_noticed() {
    let context = Context::new(&object("a", "size = 1"));
    let (file, _) = save(&context, "plan").await;
    let bytes = deployctl_sdk::fs::read(&file).unwrap();
    let project = context.project().await;
    let key = project.store().keys().existing().await.unwrap().cloned();
    let bent = context.file("bent");
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        std::fs::write(&bent, &changed).unwrap();
        assert!(SavedPlan::read(&bent, key.as_ref()).is_err(), "byte {place}");
    }
    for length in [0, 10, 15, 80, bytes.len() - 1] {
        std::fs::write(&bent, &bytes[..length]).unwrap();
        assert!(SavedPlan::read(&bent, key.as_ref()).is_err(), "cut at {length}");
    }
    assert!(context.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_key_or_another_folder_opens_nothing() {
    let context = Context::new(&object("a", ""));
    let (file, _) = save(&context, "plan").await;
    let other = Context::new("");
    other.apply().await;
    let stranger = |result: Result<Ran>| -> Error { result.err().unwrap() };
    let error = stranger(apply_file(&context, other.path(), &file).await);
    assert!(told(&error).contains("data key"), "{}", told(&error));
    let project = other.project().await;
    project.store().keys().ready().await.unwrap();
    let error = stranger(apply_file(&context, other.path(), &file).await);
    assert!(told(&error).contains("data key"), "{}", told(&error));
    assert!(context.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_state_kept_elsewhere_is_found_by_its_plans() {
    let context = Context::new(&format!(
        "deployctl {{\n state \"local\" {{\n path = \"elsewhere\"\n }}\n}}\n{}",
        object("a", "")
    ));
    let (file, _) = save(&context, "plan").await;
    here(&context, &file).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(context.file("elsewhere/default/state.json").is_file());
    assert!(!context.file(".deployctl/default/state.json").exists());
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn environments_have_states_and_plans_of_their_own() {
    let text = "variable \"n\" {\n default = \"x\"\n}\nenvironment \"dev\" {\n variables = { n = \"dev\" }\n}\nenvironment \"prod\" {\n variables = { n = \"prod\" }\n}\nresource \"sim_object\" \"a\" {\n name = var.n\n}\n";
    let mut context = Context::new(text);
    assert_eq!(kind(context.open().await), ErrorKind::Usage);
    context.environment = Some("nope".to_owned());
    assert_eq!(kind(context.open().await), ErrorKind::Usage);
    context.environment = Some("dev".to_owned());
    let dev = context.apply().await;
    context.environment = Some("prod".to_owned());
    let (file, _) = save(&context, "plan").await;
    context.environment = Some("dev".to_owned());
    let prod = here(&context, &file).await.unwrap();
    assert_eq!(context.names(), ["dev", "prod"]);
    assert_ne!(dev.state.lineage, prod.state.lineage);
    context.settled().await;
    context.environment = Some("prod".to_owned());
    context.settled().await;
}

async fn digest(context: &Context) -> String {
    context.plan().await.digest.to_string()
}

#[tokio::test(start_paused = true)]
async fn the_digest_moves_with_what_is_done_and_with_nothing_else() {
    let mut context = Context::new(&format!("variable \"v\" {{\n default = 1\n}}\n{}", object("a", "size = var.v")));
    context.apply().await;
    let text = format!(
        "variable \"v\" {{\n default = 1\n}}\n{}{}",
        object("a", "size = 2"),
        object("b", "tags = { x = env(\"HOME\") }")
    );
    context.main(&text);
    let first = digest(&context).await;
    assert_eq!(digest(&context).await, first, "time and random identities do not count");
    context.variables = vec![("v".to_owned(), "2".to_owned())];
    assert_ne!(digest(&context).await, first, "a variable does, used or not");
    context.variables.clear();
    context.main(&text.replace("size = 2", "size = 3"));
    assert_ne!(digest(&context).await, first);
    context.main(&format!("{text}# a remark\n"));
    assert_ne!(digest(&context).await, first, "the text is an input");
    context.main(&text);
    assert_eq!(digest(&context).await, first);
    context.meddle("a", "color", "red");
    assert_ne!(digest(&context).await, first, "another action");
    context.world.meddle(1, |thing| {
        thing.config.remove("color");
    });
    assert_eq!(digest(&context).await, first);
    // The serial moves, what is to be done does not.
    context.main(&format!("{}output \"o\" {{\n value = 1\n}}\n", object("a", "size = 1")));
    context.apply().await;
    context.main(&object("a", "size = 1"));
    context.apply().await;
    context.main(&text);
    assert_eq!(digest(&context).await, first);
}

#[tokio::test(start_paused = true)]
async fn the_digest_does_not_depend_on_the_order_of_actions() {
    let context = Context::new(&object("z", ""));
    context.apply().await;
    let (x, y) = (object("x", ""), object("y", ""));
    context.main(&format!("{x}{y}"));
    let one = context.plan().await;
    context.main(&format!("{y}{x}"));
    let other = context.plan().await;
    assert_ne!(actions(&one), actions(&other));
    assert_ne!(one.digest, other.digest, "the text differs");
}

async fn roll_back(context: &Context, to: Option<u64>) -> Result<Ran> {
    let project = context.open().await?;
    let session = project.lock("rollback", Duration::ZERO, None).await?;
    let revision = project.rollback_target(to).await?;
    let earlier = project.at_revision(&revision).await?;
    let request = PlanRequest { mode: Mode::Rollback { to: revision.serial }, ..PlanRequest::default() };
    let planned = plan::plan(&earlier, &session.current, &request).await?;
    context.carry_out(&earlier, session, planned, &Interrupt::new()).await
}

#[tokio::test]
async fn an_earlier_revision_is_brought_back_with_its_files() {
    let text = |size: u32| {
        format!("{FILES}{}{}", object("a", &format!("size = {size}")), object("b", "input = sim_object.a.id"))
    };
    let context = Context::new(&text(1));
    context.write("src.txt", "one");
    context.apply().await;
    context.main(&format!("{}{}", text(2), object("c", "")));
    context.write("src.txt", "two");
    context.apply().await;
    context.world.remove(context.number("a"));
    let ran = roll_back(&context, None).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(ran.applied.is_success(), "{:?}", ran.applied.ledger);
    assert_eq!(ran.state.serial, 3);
    assert_eq!(context.names(), ["a", "b"]);
    assert_eq!(deployctl_sdk::fs::read(&context.file("out/f.txt")).unwrap(), b"one");
    assert_eq!(deployctl_sdk::fs::read(&context.file("out/g.txt")).unwrap(), b"one");
    let id = ran.state.records[&address("sim_object.a")].object.as_ref().unwrap().attributes.get("id").cloned();
    let input = ran.state.records[&address("sim_object.b")].object.as_ref().unwrap().attributes.get("input").cloned();
    assert_eq!(id, input, "computed references take their present values");
    let again = roll_back(&context, None).await.unwrap();
    assert_eq!(again.state.serial, 4);
    assert_eq!(context.names(), ["a", "b", "c"], "and back to what was before the rollback");
}

#[tokio::test(start_paused = true)]
async fn the_target_is_the_newest_successful_one_that_differs() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    let nothing = roll_back(&context, None).await;
    assert_eq!(kind(nothing), ErrorKind::Failed);
    context.main(&format!("{}{}", object("a", "size = 2"), object("b", "")));
    context.script.once("update sim_object.a", Bend::Fails(deployctl_sdk::ErrorKind::Refused));
    context.run().await;
    context.main(&object("a", "size = 3"));
    context.apply().await;
    context.meddle("a", "size", 8);
    context.apply().await;
    let project = context.project().await;
    assert_eq!(project.rollback_target(None).await.unwrap().serial, 1, "2 failed, 3 is as 4");
    assert_eq!(project.rollback_target(Some(2)).await.unwrap().serial, 2);
    assert_eq!(kind(project.rollback_target(Some(77)).await), ErrorKind::Usage);
    let ran = roll_back(&context, None).await.unwrap();
    assert_eq!(context.world.things()[&1].config["size"].as_i64(), Some(1));
    assert_eq!(ran.state.serial, 5);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_over_a_destroy_brings_everything_back() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    context.apply_with(&destroy()).await;
    assert!(context.names().is_empty());
    roll_back(&context, None).await.unwrap();
    assert_eq!(context.names(), ["a"]);
    roll_back(&context, None).await.unwrap();
    assert!(context.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_changes_nothing_leaves_no_revision() {
    let context = Context::new(&object("a", "zone = \"x\""));
    context.apply().await;
    let before = context.bytes();
    context.apply().await;
    context.apply().await;
    let project = context.project().await;
    assert_eq!(project.store().revisions().await.unwrap().len(), 1);
    assert_eq!(project.store().history().await.unwrap().len(), 1);
    let names = |files: &std::collections::BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&context.bytes()));
    assert_eq!(context.state().await.serial, 1);
}

#[tokio::test]
async fn a_file_that_was_first_read_in_the_middle_of_a_run_is_kept_with_it() {
    let text = |size: u32| {
        let b = object("b", "input = file(\"${sim_object.a.zone}.txt\")");
        format!("{}{b}", object("a", &format!("size = {size}")))
    };
    let context = Context::new(&text(1));
    context.write("north.txt", "first");
    context.apply().await;
    context.write("north.txt", "second");
    context.main(&text(2));
    context.apply().await;
    // Whatever the checkout has by then.
    std::fs::remove_file(context.file("north.txt")).unwrap();
    let ran = roll_back(&context, Some(1)).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(ran.applied.is_success(), "{:#?}", ran.applied.ledger);
    let record = context.record("sim_object.b").await.unwrap();
    assert_eq!(record.object.as_ref().unwrap().attributes.get("input").unwrap().as_str(), Some("first"));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_says_what_it_does_not_bring_back() {
    let mut context = Context::new(&object("a", "size = 1"));
    context.schema = |schema| schema.resources.iter_mut().for_each(|one| one.holds_data = true);
    context.apply().await;
    context.main(&object("a", "size = 2"));
    let said = |plan: &Plan| plan.changes.iter().any(|change| format!("{:?}", change.notes).contains("the data in it"));
    assert!(!said(&context.plan().await));
    context.apply().await;
    let project = context.project().await;
    let current = project.current().await.unwrap();
    let earlier = project.at_revision(&project.rollback_target(None).await.unwrap()).await.unwrap();
    let request = PlanRequest { mode: Mode::Rollback { to: 1 }, ..PlanRequest::default() };
    assert!(said(&plan::plan(&earlier, &current, &request).await.unwrap().plan));
}
