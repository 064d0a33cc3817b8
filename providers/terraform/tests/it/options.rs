//! What a configuration says of the engine's run, and that the engine is told it.

use deployctl_sdk::{Value, fs};

use crate::bench::{Bench, output, told};
use crate::engines;

/// Two things that need each other in no way, and what the module was given.
const MODULE: &str = r#"
variable "first" { default = "of the module" }
variable "second" { default = "of the module" }
variable "third" { default = "of the module" }
variable "seen" {}
resource "terraform_data" "one" {
  provisioner "local-exec" { command = "printf %s \"$FROM_OUTSIDE\" > ${var.seen}" }
}
resource "terraform_data" "two" {}
output "given" { value = "${var.first}, ${var.second}, ${var.third}" }
"#;

/// A bench whose program notes its arguments, and where it notes them.
fn spied(engine: &str) -> (Bench, std::path::PathBuf) {
    let bench = Bench::new(engine.to_owned());
    let noted = bench.write("noted", "");
    let script = bench.path("spy");
    let text = format!("#!/bin/sh\necho \"$@\" >> {}\nexec {engine} \"$@\"\n", noted.display());
    fs::write_new(&script, text.as_bytes(), 0o755).unwrap();
    bench.write("net/main.tf", MODULE);
    (Bench { binary: script.to_string_lossy().into_owned(), ..bench }, noted)
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_parallelism_environment_and_variables_reach_the_engine() {
    for engine in [engines::terraform(), engines::tofu()] {
        let (bench, noted) = spied(&engine);
        bench.write("common.tfvars", "first = \"of the first file\"\nsecond = \"of the first file\"\n");
        bench.write("more.tfvars", "second = \"of the second file\"\nthird = \"of the second file\"\n");
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        let seen = bench.path("seen");
        let vars =
            [("third", Value::from("of the configuration")), ("seen", seen.to_string_lossy().into_owned().into())];
        let given = [
            ("var_files", Value::list(["common.tfvars".into(), "more.tfvars".into()])),
            ("vars", Value::map(vars)),
            ("env", Value::map([("FROM_OUTSIDE", Value::from("told"))])),
            ("parallelism", Value::from(3)),
            ("lock_timeout", "7s".into()),
        ];
        let only = [("targets", Value::list(["terraform_data.one".into()]))];
        let targeted: Vec<_> = given.iter().chain(&only).cloned().collect();
        let planned = bench.apply(&hand, &mut held, &bench.config("net", &targeted)).await.unwrap();
        let names: Vec<&str> = planned.children.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["terraform_data.one"]);
        assert_eq!(fs::read_to_string(&seen).unwrap(), "told");
        let lines = fs::read_to_string(&noted).unwrap();
        for command in ["plan", "apply"] {
            let line = lines.lines().find(|line| line.starts_with(command)).unwrap();
            assert!(line.contains("-parallelism=3") && line.contains("-lock-timeout=7s"), "{line}");
        }

        let planned = bench.apply(&hand, &mut held, &bench.config("net", &given)).await.unwrap();
        let names: Vec<&str> = planned.children.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["terraform_data.two"]);
        let told = "of the first file, of the second file, of the configuration";
        assert_eq!(output(held.object.as_ref().unwrap(), "given"), Value::from(told));
        hand.delete(&mut held).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_the_module_does_not_have_is_told_in_the_engines_words() {
    let bench = Bench::new(engines::terraform());
    bench.write("net/main.tf", "variable \"needed\" {}\nresource \"terraform_data\" \"a\" {}\n");
    let (hand, held) = (bench.hand().await, bench.nothing("net"));
    let error = bench.plan(&hand, &held, &bench.config("net", &[])).await.unwrap_err();
    assert!(told(&error).contains("No value for required variable"), "{}", told(&error));
    assert!(told(&error).contains("on net/main.tf line 1"), "{}", told(&error));
}
