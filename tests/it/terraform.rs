//! Terraform's modules, with the real program and the real engines.

use std::path::Path;

use crate::context::{Answer, Context};

fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// The engines; one that is not here fails the test that needs it.
pub fn engines() -> [String; 2] {
    ["terraform", "tofu"].map(|name| {
        let found = deployctl_sdk::program::find(name, Path::new("/"));
        let how = || panic!("there is no {name} in PATH: eval \"$(cargo xtask engines {name})\"");
        found.unwrap_or_else(how).to_string_lossy().into_owned()
    })
}

fn resources(context: &Context, module: &str) -> usize {
    let state: serde_json::Value = serde_json::from_str(&context.read(&format!("{module}/terraform.tfstate"))).unwrap();
    state["resources"].as_array().unwrap().len()
}

#[test]
fn the_terraform_example_goes_forth_and_back() {
    for engine in engines() {
        let context = Context::new();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/terraform");
        for name in ["main.hcl", "network/main.tf"] {
            let text = deployctl_sdk::fs::read_to_string(&example.join(name)).unwrap();
            let path = r#"path = "network""#;
            context.write(name, &text.replace(path, &format!("{path}\n  binary = \"{engine}\"")));
        }
        let plan = ok(context.run("plan"));
        assert!(
            plan.contains("Plan: 2 to create, 0 to update, 0 to replace, 0 to delete; nested: 3 to create"),
            "{plan}"
        );
        assert!(plan.contains("+ terraform_data.subnet[1]"), "{plan}");
        ok(context.run("apply --auto-approve"));
        assert_eq!(context.read("subnets.json"), r#"["subnet-eu-central-1-0","subnet-eu-central-1-1"]"#);
        assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes. 2 resources are as configured."));

        let plan = ok(context.run("plan --var zones=3"));
        assert!(plan.contains("nested: 1 to create"), "{plan}");
        ok(context.run("apply --auto-approve --var zones=3"));
        assert!(context.read("subnets.json").contains("subnet-eu-central-1-2"));

        // The module as it was then, whatever it is now.
        context.write("network/extra.tf", "resource \"terraform_data\" \"extra\" {}\n");
        ok(context.run("apply --auto-approve --var zones=3"));
        assert_eq!(resources(&context, "network"), 3);
        ok(context.run("rollback --auto-approve --to 1"));
        assert_eq!(resources(&context, "network"), 2);
        assert_eq!(context.read("subnets.json"), r#"["subnet-eu-central-1-0","subnet-eu-central-1-1"]"#);

        let plan = ok(context.run("plan --destroy"));
        assert!(plan.contains("- terraform_data.subnet[0]") && plan.contains("nested: 3 to delete"), "{plan}");
        ok(context.run("destroy --auto-approve"));
        assert_eq!(resources(&context, "network"), 0);
    }
}

/// Two modules of which the second is made from what the first turns out to be.
fn chain(engine: &str, more: &str) -> String {
    format!(
        r#"
variable "size" {{
  type    = number
  default = 1
}}
resource "terraform_module" "first" {{
  path   = "first"
  binary = "{engine}"
  vars   = {{ size = var.size }}
}}
resource "terraform_module" "second" {{
  path   = "second"
  binary = "{engine}"
  vars   = {{ from = terraform_module.first.outputs.id }}
  {more}
}}
"#
    )
}

fn write_chain(context: &Context, engine: &str, more: &str) {
    context.write("main.hcl", &chain(engine, more));
    context.write(
        "first/main.tf",
        "variable \"size\" {}\nresource \"terraform_data\" \"a\" { triggers_replace = [var.size] }\n\
         output \"id\" { value = terraform_data.a.id }\n",
    );
    context.write(
        "second/main.tf",
        "variable \"from\" {}\nresource \"terraform_data\" \"b\" { triggers_replace = [var.from] }\n",
    );
}

#[test]
fn a_deferred_module_goes_on_only_as_far_as_was_agreed() {
    for engine in engines() {
        let context = Context::new();
        write_chain(&context, &engine, "");
        let plan = ok(context.run("plan --out plan.bin"));
        assert!(plan.contains("? terraform_module.second"), "{plan}");
        assert!(plan.contains("deferred: its vars.from is known only after apply"), "{plan}");
        // Nobody looked at the second module's plan, and nobody said that nobody need.
        let refused = context.run("apply plan.bin");
        assert_eq!(refused.code, 6, "{refused}");
        assert!(refused.stderr.contains("it turned out to create: --auto-approve allows that"), "{refused}");
        ok(context.run("apply --auto-approve"));
        assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));

        // What would replace needs more than that.
        let refused = context.run("apply --auto-approve --var size=2");
        assert_eq!(refused.code, 6, "{refused}");
        assert!(refused.stderr.contains("replace something inside: --approve-deferred allows that"), "{refused}");
        // The next plan shows it, and then it is like any other.
        let plan = ok(context.run("plan --var size=2"));
        assert!(plan.contains("-/+ terraform_data.b"), "{plan}");
        ok(context.run("apply --auto-approve --var size=2"));
        ok(context.run("apply --auto-approve --approve-deferred --var size=3"));
        write_chain(&context, &engine, "allow_destroy = true");
        ok(context.run("apply --auto-approve --var size=3"));
        ok(context.run("apply --auto-approve --var size=4"));
        ok(context.run("destroy --auto-approve"));
    }
}

#[test]
fn a_nested_plan_that_others_have_overtaken_is_stale() {
    for engine in engines() {
        let context = Context::new();
        write_chain(&context, &engine, "");
        ok(context.run("apply --auto-approve"));
        // No output of the second module tells of this.
        context.write("second/more.tf", "resource \"terraform_data\" \"c\" {}\n");
        ok(context.run("plan --out plan.bin"));
        let state = context.read("second/terraform.tfstate");
        let mut state: serde_json::Value = serde_json::from_str(&state).unwrap();
        state["serial"] = (state["serial"].as_u64().unwrap() + 1).into();
        context.write("second/terraform.tfstate", &state.to_string());
        let stale = context.run("apply plan.bin");
        assert_eq!(stale.code, 3, "{stale}");
        assert!(stale.stderr.contains("plan is stale: the module's state was changed since"), "{stale}");
        ok(context.run("apply --auto-approve"));
    }
}

#[test]
fn a_module_that_goes_is_removed_from_the_source_it_was_applied_from() {
    let [engine, _] = engines();
    let context = Context::new();
    write_chain(&context, &engine, "");
    ok(context.run("apply --auto-approve"));
    let kept = context.read("first/terraform.tfstate");
    std::fs::remove_dir_all(context.file("first")).unwrap();
    std::fs::remove_dir_all(context.file("second")).unwrap();
    context.write("first/terraform.tfstate", &kept);
    context.write("main.hcl", "output \"a\" { value = 1 }\n");
    // The second module's state went with its folder: there is nothing left of it to remove.
    let plan = ok(context.run("plan"));
    assert!(plan.contains("- terraform_data.a") && plan.contains("nested: 1 to delete"), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert_eq!(resources(&context, "first"), 0);
}

#[test]
fn what_is_wrong_with_a_module_is_told_in_its_engines_words() {
    for engine in engines() {
        let context = Context::new();
        write_chain(&context, &engine, "");
        context.write("first/main.tf", "resource \"terraform_data\" \"a\" {\n  input =\n}\n");
        let answer = context.run("plan");
        assert_eq!(answer.code, 65, "{answer}");
        assert!(
            answer.stderr.contains("main.hcl:7") && answer.stderr.contains("could not initialise first"),
            "{answer}"
        );
        assert!(answer.stderr.contains("on first/main.tf line 2"), "{answer}");
    }
}

#[test]
fn a_saved_plan_says_that_it_cannot_hold_a_module_whose_place_is_known_only_during_apply() {
    let [engine, _] = engines();
    let context = Context::with(&format!(
        "resource \"local_command\" \"where\" {{\n  create = [\"printf\", \"net\"]\n}}\n\
         resource \"terraform_module\" \"net\" {{\n  path   = local_command.where.stdout\n  binary = \"{engine}\"\n}}\n"
    ));
    context.write("net/main.tf", "resource \"terraform_data\" \"a\" {}\n");
    let plan = ok(context.run("plan --out plan.bin"));
    assert!(plan.contains("so a saved plan cannot hold its files"), "{plan}");
    let refused = context.run("apply --auto-approve plan.bin");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("was not among the files captured with the plan"), "{refused}");
    // Without a saved plan they are read when it is known where they are.
    ok(context.run("apply --auto-approve"));
    assert_eq!(resources(&context, "net"), 1);
    assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
}
