//! What the plan of a module shows, what its apply does, and where its state is.

use std::sync::Arc;

use deployctl_sdk::conformance::Held;
use deployctl_sdk::{Action, ErrorKind, Observed, Operation, PlannedChange, ReadRequest, Reason, Unseen, Value, fs};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, MODULE, output, told};
use crate::engines;

fn vars(given: &[(&str, Value)]) -> (&'static str, Value) {
    ("vars", Value::map(given.iter().cloned()))
}

fn children(planned: &PlannedChange) -> Vec<String> {
    planned
        .children
        .iter()
        .map(|child| format!("{} {} {}", child.action.symbol(), child.name, child.reason).trim().to_owned())
        .collect()
}

/// Runs the engine by hand in a module's own folder, as a colleague would.
fn by_hand(bench: &Bench, module: &str, args: &[&str]) {
    let mut command = std::process::Command::new(&bench.binary);
    let ended = command.args(args).current_dir(bench.path(module)).env("CHECKPOINT_DISABLE", "1").output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

async fn with_both(test: impl AsyncFn(Bench)) {
    test(Bench::new(engines::terraform())).await;
    test(Bench::new(engines::tofu())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_changes_are_children_with_action_reason_and_differences() {
    with_both(async |bench| {
        bench.write("net/main.tf", MODULE);
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        let config = bench.config("net", &[]);
        let planned = bench.apply(&hand, &mut held, &config).await.unwrap();
        assert_eq!(planned.action, Action::Create);
        assert_eq!(planned.children.len(), 3);
        assert_eq!(output(held.object.as_ref().unwrap(), "name"), Value::from("a"));

        let config = bench.config("net", &[vars(&[("name", "b".into()), ("size", Value::from(2))])]);
        let planned = bench.plan(&hand, &held, &config).await.unwrap();
        assert_eq!(planned.action, Action::Update);
        assert_eq!(
            children(&planned),
            ["~ terraform_data.first", "-/+ terraform_data.second forced by triggers_replace"],
        );
        let paths: Vec<String> = planned.children[0].diffs.iter().map(|diff| diff.path.to_string()).collect();
        assert_eq!(paths, ["input", "output"]);
        // Changed outputs are unknown until then; the others stay known.
        let outputs = planned.planned.get("outputs").unwrap();
        assert_eq!(outputs.get("second"), Some(&Value::Unknown));
        assert!(planned.artefact.is_some());
        // Nothing that holds anything is lost with `terraform_data`, but without another look it may not be replaced either.
        assert_eq!(planned.unseen, Unseen::IfDeferredApproved);
        bench.carry_out(&hand, &mut held, &config, &planned).await.unwrap();
        assert_eq!(output(held.object.as_ref().unwrap(), "name"), Value::from("b"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_that_was_shown_is_the_plan_that_is_applied() {
    with_both(async |bench| {
        bench.write("net/main.tf", MODULE);
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        let config = bench.config("net", &[vars(&[("name", "reviewed".into())])]);
        let planned = bench.plan(&hand, &held, &config).await.unwrap();
        // Whatever becomes of the checkout.
        bench.write("net/main.tf", "resource \"terraform_data\" \"other\" {}\n");
        let prepared = bench.again();
        let carried = {
            let schema = bench.provider.schema().resource("terraform_module").unwrap();
            let mut desired = prepared.prepare(&hand, &held, &config).unwrap();
            bench.write("net/main.tf", MODULE);
            desired.captured = bench.again().prepare(&hand, &held, &config).unwrap().captured;
            hand.carry_out(schema, &mut held, &desired, &planned).await
        };
        carried.unwrap();
        assert_eq!(output(held.object.as_ref().unwrap(), "name"), Value::from("reviewed"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_others_have_overtaken_is_stale() {
    with_both(async |bench| {
        bench.write("net/main.tf", MODULE);
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        bench.apply(&hand, &mut held, &bench.config("net", &[])).await.unwrap();
        let config = bench.config("net", &[vars(&[("name", "b".into())])]);
        let planned = bench.plan(&hand, &held, &config).await.unwrap();
        by_hand(&bench, "net", &["init"]);
        by_hand(&bench, "net", &["apply", "-auto-approve", "-var", "name=theirs"]);
        let before = held.object.clone();
        let error = bench.carry_out(&hand, &mut held, &config, &planned).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale, "{}", told(&error));
        assert_eq!(bench.state("net")["outputs"]["name"]["value"], "theirs");
        // The record says what is there now, with the configuration that was applied.
        assert_eq!(output(held.object.as_ref().unwrap(), "name"), Value::from("theirs"));
        assert_eq!(held.object.unwrap().captured, before.unwrap().captured);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_stays_in_the_modules_own_folder() {
    with_both(async |bench| {
        bench.write("net/main.tf", MODULE);
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        bench.apply(&hand, &mut held, &bench.config("net", &[])).await.unwrap();
        assert_eq!(bench.state("net")["outputs"]["name"]["value"], "a");
        // The engine itself goes on from there.
        by_hand(&bench, "net", &["init"]);
        by_hand(&bench, "net", &["plan", "-detailed-exitcode"]);
        hand.delete(&mut held).await.unwrap();
        assert_eq!(bench.state("net")["resources"], serde_json::json!([]));

        bench.write("own/main.tf", "terraform {\n  backend \"local\" { path = \"kept/here.tfstate\" }\n}\noutput \"a\" { value = 1 }\nresource \"terraform_data\" \"a\" {}\n");
        let mut own = bench.nothing("own");
        bench.apply(&hand, &mut own, &bench.config("own", &[])).await.unwrap();
        assert!(bench.path("own/kept/here.tfstate").exists());
        let observed = hand.read(&own).await;
        assert!(matches!(observed, Observed::AsRecorded), "{observed:?}");
        hand.delete(&mut own).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_beside_the_module_are_captured_too() {
    let bench = Bench::new(engines::terraform());
    bench.write("infra/net/main.tf", "module \"shared\" {\n  source = \"../shared\"\n  text = \"x\"\n}\noutput \"text\" { value = module.shared.text }\n");
    bench.write("infra/shared/main.tf", "variable \"text\" {}\nresource \"terraform_data\" \"t\" { input = var.text }\noutput \"text\" { value = terraform_data.t.output }\nmodule \"deep\" { source = \"./deep\" }\n");
    bench.write("infra/shared/deep/main.tf", "resource \"terraform_data\" \"deep\" {}\n");
    let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
    let planned = bench.apply(&hand, &mut held, &bench.config("infra/net", &[])).await.unwrap();
    let names: Vec<&str> = planned.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["module.shared.terraform_data.t", "module.shared.module.deep.terraform_data.deep"]);
    assert_eq!(output(held.object.as_ref().unwrap(), "text"), Value::from("x"));
    let captured: Vec<&str> = held.object.as_ref().unwrap().captured.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(captured, ["infra/net/main.tf", "infra/shared/deep/main.tf", "infra/shared/main.tf"]);
    // Removing it needs no checkout any more.
    for path in ["infra/net/main.tf", "infra/shared/main.tf", "infra/shared/deep/main.tf"] {
        fs::remove_file(&bench.path(path)).unwrap();
    }
    hand.delete(&mut held).await.unwrap();
    assert_eq!(bench.state("infra/net")["resources"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_are_not_known_yet_defer_the_module_with_the_reason() {
    let bench = Bench::new(engines::terraform());
    bench.write("net/main.tf", MODULE);
    let (hand, held) = (bench.hand().await, bench.nothing("net"));
    let config = bench.config("net", &[vars(&[("name", Value::Unknown)])]);
    let planned = bench.plan(&hand, &held, &config).await.unwrap();
    assert_eq!(planned.action, Action::Deferred);
    assert_eq!(planned.reason, Reason::DependsOn { what: "its vars.name is known only after apply".to_owned() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_nobody_looked_at_needs_what_the_configuration_does_not_allow() {
    let bench = Bench::new(engines::terraform());
    bench.write("net/main.tf", MODULE);
    let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
    let unseen = async |held: &Held, given: &[(&str, Value)]| {
        bench.plan(&hand, held, &bench.config("net", given)).await.unwrap().unseen
    };
    let (auto, destroy) = (("auto_approve", Value::from(true)), ("allow_destroy", Value::from(true)));
    assert_eq!(unseen(&held, &[]).await, Unseen::IfAutoApproved);
    assert_eq!(unseen(&held, std::slice::from_ref(&auto)).await, Unseen::Allowed);
    bench.apply(&hand, &mut held, &bench.config("net", &[])).await.unwrap();
    let bigger = vars(&[("size", Value::from(2))]);
    assert_eq!(unseen(&held, &[bigger.clone(), auto.clone()]).await, Unseen::IfDeferredApproved);
    assert_eq!(unseen(&held, &[bigger.clone(), destroy.clone()]).await, Unseen::IfAutoApproved);
    assert_eq!(unseen(&held, &[bigger, destroy, auto]).await, Unseen::Allowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_the_middle_is_recorded_and_gone_on_with() {
    with_both(async |bench| {
        bench.write("net/main.tf", MODULE);
        let sabotage = bench.write("sabotage", "").to_string_lossy().into_owned();
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        let config = bench.config("net", &[vars(&[("sabotage", sabotage.into())])]);
        let error = bench.apply(&hand, &mut held, &config).await.unwrap_err();
        let text = told(&error);
        assert!(text.contains("local-exec provisioner error"), "{text}");
        assert!(text.contains("on net/main.tf line 10, in resource \"terraform_data\" \"second\""), "{text}");
        assert!(held.object.is_some() && !held.tainted);
        let planned = bench.apply(&hand, &mut held, &config).await.unwrap();
        assert_eq!(
            (planned.action, children(&planned)),
            (Action::Update, vec!["-/+ terraform_data.second tainted".to_owned()])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_lets_the_engine_save_its_state_and_give_its_lock_back() {
    with_both(async |bench| {
        bench.write(
            "slow/main.tf",
            "resource \"terraform_data\" \"quick\" {}\nresource \"terraform_data\" \"slow\" {\n  \
             depends_on = [terraform_data.quick]\n  provisioner \"local-exec\" { command = \"exec sleep 60\" }\n}\n\
             resource \"terraform_data\" \"never\" { depends_on = [terraform_data.slow] }\n",
        );
        let (hand, mut held) = (bench.hand().await, bench.nothing("slow"));
        let config = bench.config("slow", &[]);
        let planned = bench.plan(&hand, &held, &config).await.unwrap();
        let prepared = bench.prepare(&hand, &held, &config).unwrap();
        let cancel = CancellationToken::new();
        let (change, mut run) = hand.order(&held, Operation::Create, Some(&prepared), &planned, cancel.clone());
        let said = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (heard, stop) = (said.clone(), cancel.clone());
        run.progress = deployctl_sdk::Progress::to(move |text| {
            if text.contains("runs local-exec") {
                stop.cancel();
            }
            heard.lock().unwrap().push(text);
        });
        let applied = hand.connection.apply(&change, &run).await;
        assert_eq!(applied.error.map(|error| error.kind), Some(ErrorKind::Cancelled));
        assert!(said.lock().unwrap().iter().any(|text| text == "terraform_data.quick: created"), "{said:?}");
        let names: Vec<String> =
            applied.object.as_ref().unwrap().children.iter().map(|child| child.name.clone()).collect();
        assert!(
            names.contains(&"terraform_data.quick".to_owned()) && !names.contains(&"terraform_data.never".to_owned())
        );
        assert!(!bench.path("slow/.terraform.tfstate.lock.info").exists());
        held.object = applied.object;
        hand.delete(&mut held).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thorough_look_finds_what_was_changed_by_hand() {
    with_both(async |bench| {
        let text = bench.write("file.txt", "one").to_string_lossy().into_owned();
        // A data source is read at each look.
        bench.write("net/main.tf", "variable \"path\" {}\nresource \"terraform_data\" \"a\" { input = file(var.path) }\noutput \"a\" { value = terraform_data.a.output }\n");
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        let config = bench.config("net", &[vars(&[("path", text.into())])]);
        bench.apply(&hand, &mut held, &config).await.unwrap();
        let look = async || {
            let recorded = held.object.as_ref().unwrap();
            let request = ReadRequest { address: &held.mark.address, type_name: "terraform_module", id: held.mark.id, recorded };
            hand.connection.refresh(&[request], &*bench.files).await.remove(0)
        };
        let refreshed = look().await;
        assert!(refreshed.drift.is_empty(), "{:?}", refreshed.drift);
        let mut state = bench.state("net");
        state["serial"] = 99.into();
        state["resources"][0]["instances"][0]["attributes"]["output"]["value"] = "by hand".into();
        bench.write("net/terraform.tfstate", &state.to_string());
        let Observed::Present(object) = look().await.observed else { panic!("nothing was seen") };
        assert_eq!(output(&object, "a"), Value::from("by hand"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_planned_part_by_part_and_applied_as_planned() {
    with_both(async |bench| {
        bench.write("net/main.tf", MODULE);
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        bench.apply(&hand, &mut held, &bench.config("net", &[])).await.unwrap();
        let request = deployctl_sdk::DeletionRequest {
            address: &held.mark.address,
            type_name: "terraform_module",
            object: held.object.as_ref().unwrap(),
            files: &*bench.files,
        };
        let planned = hand.connection.plan_deletion(request).await.unwrap().unwrap();
        assert_eq!(
            children(&planned),
            ["- terraform_data.first", "- terraform_data.hidden", "- terraform_data.second"]
        );
        let (change, run) = hand.order(&held, Operation::Delete, None, &planned, CancellationToken::new());
        let applied = hand.connection.apply(&change, &run).await;
        assert!(applied.error.is_none() && applied.object.is_none());
        held.object = None;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_is_there_already_is_imported_with_its_state() {
    with_both(async |bench| {
        bench.write("net/main.tf", MODULE);
        by_hand(&bench, "net", &["init"]);
        by_hand(&bench, "net", &["apply", "-auto-approve", "-var", "name=theirs"]);
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        let config = bench.config("net", &[vars(&[("name", "theirs".into())])]);
        let error = bench.plan(&hand, &held, &config).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotOurs);
        assert!(told(&error).contains("deployctl import 'terraform_module.net' 'net'"), "{}", told(&error));
        let object = hand.connection.import("terraform_module", "net", &held.mark).await.unwrap();
        assert_eq!(output(&object, "name"), Value::from("theirs"));
        held.object = Some(object);
        let planned = bench.apply(&hand, &mut held, &config).await.unwrap();
        assert_eq!((planned.action, planned.children.len()), (Action::Update, 0));
        hand.delete(&mut held).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_module_is_initialised_once_for_each_configuration() {
    let bench = Bench::new(engines::terraform());
    let count = bench.write("count", "");
    let counting = format!("#!/bin/sh\necho \"$1\" >> {}\nexec {} \"$@\"\n", count.display(), engines::terraform());
    let script = bench.path("counting");
    fs::write_new(&script, counting.as_bytes(), 0o755).unwrap();
    let bench = Bench { binary: script.to_string_lossy().into_owned(), ..bench };
    bench.write("net/main.tf", MODULE);
    bench.write("net/note.txt", "1");
    let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
    let config = bench.config("net", &[]);
    bench.apply(&hand, &mut held, &config).await.unwrap();
    bench.write("net/note.txt", "2");
    bench.plan(&hand, &held, &config).await.unwrap();
    let ran = fs::read_to_string(&count).unwrap();
    let times = |command: &str| ran.lines().filter(|line| *line == command).count();
    assert_eq!(
        (times("version"), times("init"), times("plan"), times("show"), times("apply")),
        (1, 1, 2, 2, 1),
        "{ran}"
    );
    bench.write("net/more.tf", "output \"more\" { value = 1 }\n");
    bench.again().plan(&hand, &held, &config).await.unwrap();
    assert_eq!(fs::read_to_string(&count).unwrap().lines().filter(|line| *line == "init").count(), 2);
}
