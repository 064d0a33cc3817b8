//! What is planned: every action with its reason.

use std::time::Duration;

use deployctl::error::ErrorKind;
use deployctl::plan::PlanRequest;
use deployctl_sdk::{ReplaceOrder, Value};

use crate::context::{Context, actions, address, destroy, kind, object, refresh_only, told};

#[tokio::test(start_paused = true)]
async fn what_is_new_is_created_and_then_left_alone() {
    let context = Context::new(&format!(
        "{}{}resource \"value\" \"v\" {{\n  input = sim_object.b.output\n}}\noutput \"o\" {{\n  value = [value.v.output, sim_object.a.id]\n}}\n",
        object("a", "size = 3\npart {\n label = \"x\"\n}"),
        object("b", "input = sim_object.a.id"),
    ));
    let plan = context.plan().await;
    assert_eq!(actions(&plan), ["+ sim_object.a new", "+ sim_object.b new", "+ value.v new"]);
    assert_eq!(plan.waves, [vec![0], vec![1], vec![2]]);
    let planned = &plan.changes[1].planned;
    assert!(planned.get("input").unwrap().is_unknown());
    assert!(plan.changes[2].planned.get("output").unwrap().is_unknown());
    assert_eq!(plan.outputs.len(), 1);
    let ran = context.apply().await;
    assert_eq!(ran.state.serial, 1);
    assert_eq!(ran.applied.outputs["o"], Value::list([Value::from("thing-1"), Value::from("thing-1")]));
    context.settled().await;
    let planned = context.plan_with(&PlanRequest::default()).await;
    assert!(planned.refreshed.is_empty(), "{:?}", planned.refreshed);
}

#[tokio::test(start_paused = true)]
async fn a_changed_attribute_is_updated_and_only_it_is_shown() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    context.main(&object("a", "size = 2"));
    let plan = context.plan().await;
    assert_eq!(actions(&plan), ["~ sim_object.a changed"]);
    let paths: Vec<String> = plan.changes[0].diffs.iter().map(|diff| diff.path.to_string()).collect();
    assert_eq!(paths, ["generation", "output", "size"]);
    context.apply().await;
    context.settled().await;
    assert_eq!(context.world.things()[&1].generation, 3);
}

#[tokio::test(start_paused = true)]
async fn setting_and_unsetting_every_kind_of_attribute_settles() {
    let bodies = [
        "",
        "size = 5\ncolor = \"red\"\nzone = \"south\"\nsecret = \"x\"\ntags = { a = \"b\" }\ninput = { deep = [1, null] }\npart {\n label = \"p\"\n}",
        "zone = \"west\"\npart {\n label = \"p\"\n weight = 3\n}\npart {\n label = \"q\"\n}",
        "input = null\ntags = {}",
        "",
    ];
    let context = Context::new("");
    for body in bodies {
        context.main(&object("a", body));
        context.apply().await;
        context.settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_change_is_replaced() {
    let context = Context::new(&object("a", "color = \"red\""));
    context.apply().await;
    context.main(&object("a", "color = \"blue\""));
    let plan = context.plan().await;
    assert_eq!(actions(&plan), ["-/+ sim_object.a cannot_update"]);
    assert!(plan.changes[0].planned.get("id").unwrap().is_unknown());
    context.script.began();
    context.apply().await;
    assert_eq!(context.script.began(), ["delete sim_object.a", "create sim_object.a"]);
    context.settled().await;
    assert_eq!(context.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn create_before_destroy_reaches_what_it_depends_on() {
    let text = |color: &str| {
        format!(
            "{}{}",
            object("a", &format!("color = \"{color}\"")),
            object("b", "input = sim_object.a.id\nlifecycle {\n create_before_destroy = true\n}")
        )
    };
    let context = Context::new(&text("red"));
    context.apply().await;
    let before = context.record("sim_object.a").await.unwrap();
    context.main(&text("blue"));
    let plan = context.plan().await;
    assert_eq!(actions(&plan), ["+/- sim_object.a cannot_update", "~ sim_object.b changed"]);
    assert_ne!(plan.changes[0].id, before.id, "a new one beside the old one bears a mark of its own");
    context.script.began();
    context.apply().await;
    let began = context.script.began();
    assert_eq!(began, ["create sim_object.a", "update sim_object.b", "delete sim_object.a"]);
    assert_eq!(context.names(), ["a", "b"]);
    let record = context.record("sim_object.a").await.unwrap();
    assert!(record.create_first && record.deposed.is_empty());
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_type_that_hands_over_replaces_in_one_operation() {
    let text = |color: &str| {
        format!(
            "resource \"sim_slot\" \"s\" {{\n name = \"s\"\n color = \"{color}\"\n lifecycle {{\n create_before_destroy = true\n }}\n}}\n"
        )
    };
    let context = Context::new(&text("red"));
    context.apply().await;
    context.main(&text("blue"));
    assert_eq!(context.plan().await.changes[0].action, deployctl_sdk::Action::Replace(ReplaceOrder::CreateFirst));
    context.script.began();
    context.apply().await;
    assert_eq!(context.script.began(), ["replace sim_slot.s"]);
    assert_eq!(context.names(), ["s"]);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_configured_any_more_is_deleted_with_its_reason() {
    let many = |each: &str| {
        format!(
            "resource \"sim_object\" \"m\" {{\n for_each = toset([{each}])\n name = each.key\n}}\n{}",
            object("x", "")
        )
    };
    let context = Context::new(&many("\"a\", \"b\""));
    context.apply().await;
    context.main("resource \"sim_object\" \"m\" {\n for_each = toset([\"b\", \"c\"])\n name = each.key\n}\n");
    let plan = context.plan().await;
    let expected = ["+ sim_object.m[\"c\"] new", "- sim_object.m[\"a\"] key_gone", "- sim_object.x not_configured"];
    assert_eq!(actions(&plan), expected);
    assert_eq!(plan.unchanged, 1);
    context.apply().await;
    assert_eq!(context.names(), ["b", "c"]);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn from_none_to_count_and_back_the_instances_differ() {
    let context = Context::new(&object("a", ""));
    context.apply().await;
    context.main("resource \"sim_object\" \"a\" {\n count = 2\n name = \"a${count.index}\"\n}\n");
    let expected = ["+ sim_object.a[0] new", "+ sim_object.a[1] new", "- sim_object.a key_gone"];
    assert_eq!(actions(&context.plan().await), expected);
    context.apply().await;
    context.main("resource \"sim_object\" \"a\" {\n count = 0\n name = \"a${count.index}\"\n}\n");
    assert_eq!(actions(&context.plan().await), ["- sim_object.a[0] key_gone", "- sim_object.a[1] key_gone"]);
    context.apply().await;
    assert!(context.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn drift_is_shown_and_put_back() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    context.meddle("a", "size", 9);
    let plan = context.plan().await;
    assert_eq!(actions(&plan), ["~ sim_object.a drifted"]);
    assert_eq!(plan.changes[0].drift.len(), 1);
    assert_eq!(plan.changes[0].drift[0].before, Some(Value::from(1)));
    assert_eq!(plan.changes[0].drift[0].after, Some(Value::from(9)));
    context.apply().await;
    assert_eq!(context.world.things()[&1].config["size"], Value::from(1));
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_made_again() {
    let context = Context::new(&object("a", ""));
    context.apply().await;
    context.world.remove(1);
    assert_eq!(actions(&context.plan().await), ["+ sim_object.a missing"]);
    context.apply().await;
    context.settled().await;
    assert_eq!(context.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_never_created() {
    let context = Context::new(&object("a", "size = 2"));
    context.apply().await;
    context.script.inner().unreadable.insert("sim_object.a".to_owned());
    let error = context.try_plan(&PlanRequest::default()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(told(&error).contains("sim_object.a: cannot be read"), "{}", told(&error));
    let believed = PlanRequest { refresh: false, ..PlanRequest::default() };
    assert!(context.plan_with(&believed).await.plan.is_empty());
    let excluded = PlanRequest { excludes: vec![address("sim_object.a")], ..PlanRequest::default() };
    assert!(context.plan_with(&excluded).await.plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_refresh_the_records_are_believed() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    context.meddle("a", "size", 9);
    context.script.inner().reads = 0;
    let planned = context.plan_with(&PlanRequest { refresh: false, ..PlanRequest::default() }).await;
    assert!(planned.plan.is_empty() && planned.plan.drift.is_empty());
    assert_eq!(context.script.inner().reads, 0);
}

#[tokio::test(start_paused = true)]
async fn refresh_only_takes_in_what_is_there_and_does_nothing() {
    let context = Context::new(&format!(
        "{}{}output \"s\" {{\n value = sim_object.a.size\n}}\n",
        object("a", "size = 1"),
        object("b", "")
    ));
    context.apply().await;
    context.meddle("a", "size", 9);
    let number = context.number("b");
    context.world.remove(number);
    let plan = context.plan_with(&refresh_only()).await.plan;
    assert!(actions(&plan).is_empty() && !plan.is_empty());
    assert_eq!(plan.drift.len(), 2);
    context.script.began();
    let ran = context.apply_with(&refresh_only()).await;
    assert!(context.script.began().is_empty());
    assert_eq!(ran.state.outputs["s"], Value::from(9));
    assert_eq!(ran.state.records.len(), 1);
    assert_eq!(actions(&context.plan().await), ["~ sim_object.a changed", "+ sim_object.b new"]);
}

#[tokio::test(start_paused = true)]
async fn replace_is_done_on_request() {
    let context = Context::new(&format!("{}{}", object("a", ""), object("b", "input = sim_object.a.id")));
    context.apply().await;
    let request = PlanRequest { replaces: vec![address("sim_object.a")], ..PlanRequest::default() };
    let plan = context.plan_with(&request).await.plan;
    assert_eq!(actions(&plan), ["-/+ sim_object.a requested", "~ sim_object.b changed"]);
    let ran = context.apply_with(&request).await;
    assert!(ran.applied.is_success());
    context.settled().await;
    let unknown = PlanRequest { replaces: vec![address("sim_object.zzz")], ..PlanRequest::default() };
    assert_eq!(kind(context.try_plan(&unknown).await), ErrorKind::Usage);
}

#[tokio::test(start_paused = true)]
async fn replace_triggered_by_follows_the_resource_or_the_attribute() {
    let text = |size: u32, tag: &str| {
        format!(
            "{}{}{}",
            object("a", &format!("size = {size}\ntags = {{ t = \"{tag}\" }}")),
            object("b", "lifecycle {\n replace_triggered_by = [sim_object.a]\n}"),
            object("c", "lifecycle {\n replace_triggered_by = [sim_object.a.size]\n}"),
        )
    };
    let context = Context::new(&text(1, "x"));
    context.apply().await;
    context.main(&text(1, "y"));
    assert_eq!(actions(&context.plan().await), ["~ sim_object.a changed", "-/+ sim_object.b triggered_by"]);
    context.apply().await;
    context.main(&text(2, "y"));
    let expected = ["~ sim_object.a changed", "-/+ sim_object.b triggered_by", "-/+ sim_object.c triggered_by"];
    assert_eq!(actions(&context.plan().await), expected);
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn ignored_changes_are_left_alone_whoever_made_them() {
    let text = |size: u32, color: &str, ignore: &str| {
        object(
            "a",
            &format!(
                "size = {size}\ncolor = \"{color}\"\ntags = {{ k = \"v{size}\", o = \"{size}\" }}\nlifecycle {{\n ignore_changes = {ignore}\n}}"
            ),
        )
    };
    let context = Context::new(&text(1, "red", "[size, tags.k]"));
    context.apply().await;
    context.main(&text(2, "red", "[size, tags.k]"));
    let plan = context.plan().await;
    let paths: Vec<String> = plan.changes[0].diffs.iter().map(|diff| diff.path.to_string()).collect();
    assert_eq!(paths, ["generation", "output", "tags.o"]);
    context.apply().await;
    context.meddle("a", "size", 7);
    context.settled().await;
    context.main(&text(3, "blue", "all"));
    context.settled().await;
    context.main(&object("a", "lifecycle {\n ignore_changes = all\n}"));
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn ignored_changes_hold_through_a_replacement_as_planned() {
    let text = |size: u32| object("a", &format!("size = {size}\nlifecycle {{\n ignore_changes = [size]\n}}"));
    for order in ["", "create_before_destroy = true"] {
        let text = |size| text(size).replace("ignore_changes", &format!("{order}\n ignore_changes"));
        let context = Context::new(&text(1));
        context.apply().await;
        context.main(&text(2));
        let request = PlanRequest { replaces: vec![address("sim_object.a")], ..PlanRequest::default() };
        let ran = context.apply_with(&request).await;
        assert!(ran.applied.is_success(), "{:?}", ran.applied.ledger);
        context.settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_protected_is_planned_and_refused() {
    let protected =
        |color: &str| object("a", &format!("color = \"{color}\"\nlifecycle {{\n prevent_destroy = true\n}}"));
    let context = Context::new(&protected("red"));
    context.apply().await;
    let context = &context;
    let refuses = |request: PlanRequest| async move {
        let planned = context.plan_with(&request).await;
        let error = deployctl::project::refuse_protected(&planned.plan).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        context.script.began();
        let run = context.try_apply(&request, &deployctl::apply::Interrupt::new()).await;
        assert_eq!(kind(run), ErrorKind::Refused);
        assert!(context.script.began().is_empty());
    };
    refuses(destroy()).await;
    context.main(&protected("blue"));
    refuses(PlanRequest::default()).await;
    context.main("");
    refuses(PlanRequest::default()).await;
    context.main(&object("a", "color = \"red\""));
    context.apply().await;
    context.main("");
    context.apply().await;
    assert!(context.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn destroy_goes_the_other_way_round() {
    let context = Context::new(&format!(
        "{}{}{}output \"o\" {{\n value = 1\n}}\n",
        object("c", "input = sim_object.b.id"),
        object("b", "depends_on = [sim_object.a]"),
        object("a", ""),
    ));
    context.apply().await;
    let plan = context.plan_with(&destroy()).await.plan;
    assert_eq!(plan.summary().delete, 3);
    assert_eq!(plan.outputs.len(), 1);
    context.script.began();
    let ran = context.apply_with(&destroy()).await;
    assert_eq!(context.script.began(), ["delete sim_object.c", "delete sim_object.b", "delete sim_object.a"]);
    assert!(ran.state.records.is_empty() && ran.state.outputs.is_empty());
    assert!(context.plan_with(&destroy()).await.plan.is_empty());
    let again = context.apply().await;
    assert_eq!(again.state.lineage, ran.state.lineage, "the lineage outlives a destroy");
}

#[tokio::test(start_paused = true)]
async fn targets_take_what_they_need_and_exclusions_what_needs_them() {
    let text = format!(
        "{}{}{}{}",
        object("a", ""),
        object("b", "input = sim_object.a.id"),
        object("c", "input = sim_object.b.id"),
        object("d", ""),
    );
    let context = Context::new(&text);
    let targets = |names: &[&str]| PlanRequest {
        targets: names.iter().map(|name| address(name)).collect(),
        ..PlanRequest::default()
    };
    let excludes = |names: &[&str]| PlanRequest {
        excludes: names.iter().map(|name| address(name)).collect(),
        ..PlanRequest::default()
    };
    let plan = context.plan_with(&targets(&["sim_object.b"])).await.plan;
    assert_eq!(actions(&plan), ["+ sim_object.a new", "+ sim_object.b new"]);
    let plan = context.plan_with(&excludes(&["sim_object.b"])).await.plan;
    assert_eq!(actions(&plan), ["+ sim_object.a new", "+ sim_object.d new"]);
    assert_eq!(kind(context.try_plan(&targets(&["sim_object.nope"])).await), ErrorKind::Usage);
    context.apply().await;
    let gone = PlanRequest { targets: vec![address("sim_object.b")], ..destroy() };
    let mut planned = actions(&context.plan_with(&gone).await.plan);
    planned.sort();
    assert_eq!(planned, ["- sim_object.b destroy", "- sim_object.c destroy"]);
    let kept = PlanRequest { excludes: vec![address("sim_object.b")], ..destroy() };
    let mut planned = actions(&context.plan_with(&kept).await.plan);
    planned.sort();
    assert_eq!(planned, ["- sim_object.c destroy", "- sim_object.d destroy"]);
    let exactly = PlanRequest { exactly: Some([address("sim_object.d")].into()), ..destroy() };
    assert_eq!(actions(&context.plan_with(&exactly).await.plan), ["- sim_object.d destroy"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_leaves_others_out_leaves_their_outputs_alone() {
    let context =
        Context::new(&format!("{}{}output \"b\" {{\n value = sim_object.b.id\n}}\n", object("a", ""), object("b", "")));
    let request = PlanRequest { targets: vec![address("sim_object.a")], ..PlanRequest::default() };
    context.apply_with(&request).await;
    let plan = context.plan_with(&request).await.plan;
    assert!(plan.is_empty(), "{:?}", plan.outputs);
}

#[tokio::test(start_paused = true)]
async fn outputs_change_alone() {
    let context = Context::new(&format!("{}output \"o\" {{\n value = \"one\"\n}}\n", object("a", "")));
    context.apply().await;
    context.main(&format!("{}output \"p\" {{\n value = \"two\"\n}}\n", object("a", "")));
    let plan = context.plan().await;
    assert!(actions(&plan).is_empty() && !plan.is_empty());
    let names: Vec<&str> = plan.outputs.iter().map(|output| &*output.name).collect();
    assert_eq!(names, ["o", "p"]);
    let ran = context.apply().await;
    assert_eq!(ran.state.serial, 2);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sensitive_shows_nowhere_in_a_plan() {
    let text = |secret: &str| {
        format!(
            "variable \"v\" {{\n default = \"{secret}\"\n sensitive = true\n}}\n{}{}resource \"value\" \"w\" {{\n input = {{ inner = var.v }}\n}}\noutput \"o\" {{\n value = value.w.output\n sensitive = true\n}}\n",
            object("a", "secret = var.v\ntags = { t = var.v }"),
            object("b", "input = \"x${sim_object.a.secret}\""),
        )
    };
    let context = Context::new(&text("hunter2"));
    let plan = context.plan().await;
    assert!(!format!("{plan:?}").contains("hunter2"));
    context.apply().await;
    context.settled().await;
    context.main(&text("swordfish"));
    let plan = context.plan().await;
    assert_eq!(plan.changes.len(), 3);
    let shown = format!("{plan:?} {:?}", context.state().await);
    assert!(!shown.contains("hunter2") && !shown.contains("swordfish"));
    context.apply().await;
    for bytes in context.bytes().iter().filter(|(path, _)| !path.ends_with("main.hcl")).map(|(_, bytes)| bytes) {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("hunter2") && !text.contains("swordfish"));
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_hold_or_are_complained_about() {
    let context = Context::new(&object(
        "a",
        "size = 3\nlifecycle {\n precondition {\n condition = 1 > 2\n error_message = \"not so\"\n }\n}",
    ));
    let error = context.try_plan(&PlanRequest::default()).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(told(&error).contains("not so"));
    let post = |least: u32| {
        object(
            "a",
            &format!(
                "size = 3\nlifecycle {{\n postcondition {{\n condition = self.size >= {least}\n error_message = \"too small\"\n }}\n}}"
            ),
        )
    };
    context.main(&post(3));
    context.apply().await;
    context.main(&post(4));
    let error = context.try_plan(&PlanRequest::default()).await.err().unwrap();
    assert!(told(&error).contains("too small"));
}

#[tokio::test(start_paused = true)]
async fn engines_that_take_their_time_to_plan_are_asked_side_by_side() {
    let many = "resource \"sim_object\" \"many\" {\n  count = 8\n  name = \"many-${count.index}\"\n}\n";
    let rest = format!("{}{}", object("last", "input = sim_object.many[7].id"), object("other", ""));
    let context = Context::new(&format!("{many}{rest}"));
    context.script.inner().thinking = Duration::from_secs(10);
    let started = tokio::time::Instant::now();
    let plan = context.plan().await;
    assert_eq!(started.elapsed().as_secs(), 20, "two waves, each as long as one of it");
    assert_eq!(context.script.inner().most_planned, 9);
    let order: Vec<String> = plan.changes.iter().map(|change| change.address.to_string()).collect();
    let of_many = (0..8).map(|number| format!("sim_object.many[{number}]"));
    let expected: Vec<String> = of_many.chain(["sim_object.last".to_owned(), "sim_object.other".to_owned()]).collect();
    assert_eq!(order, expected, "in the order of the configuration all the same");
}
