//! Mistakes, each with what a person is told.

use deployctl_sdk::{ErrorKind, ProviderError, Value, fs};

use crate::bench::{Bench, MODULE, told};
use crate::engines;

/// What planning a module is refused with.
async fn refused(bench: &Bench, given: &[(&str, Value)]) -> ProviderError {
    let (hand, held) = (bench.hand().await, bench.nothing("net"));
    bench.plan(&hand, &held, &bench.config("net", given)).await.unwrap_err()
}

fn bench(binary: &str) -> Bench {
    let bench = Bench::new(binary.to_owned());
    bench.write("net/main.tf", MODULE);
    bench
}

fn script(bench: &Bench, text: &str) -> String {
    let path = bench.path("program");
    fs::write_new(&path, format!("#!/bin/sh\n{text}\n").as_bytes(), 0o755).unwrap();
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_with_how_to_install_it() {
    let error = refused(&bench("no-such-terraform"), &[]).await;
    assert_eq!(error.message, "the program `no-such-terraform` is not in PATH");
    assert!(error.hint.unwrap().contains("https://opentofu.org/docs/intro/install/"));
}

#[tokio::test]
async fn a_version_that_is_too_old_is_named_with_the_one_that_is_needed() {
    let mut bench = bench("");
    bench.binary = script(&bench, "echo Terraform v1.4.7");
    let error = refused(&bench, &[]).await;
    assert!(error.message.contains("is Terraform 1.4.7, and 1.5 or newer is needed"), "{}", error.message);
    fs::remove_file(&bench.path("program")).unwrap();
    bench.binary = script(&bench, "echo hello");
    let error = refused(&bench, &[]).await;
    assert!(error.message.contains("neither Terraform nor OpenTofu"), "{}", error.message);
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_told_with_the_engines_words() {
    for binary in [engines::terraform(), engines::tofu()] {
        let bench = bench(&binary);
        // Nobody listens there.
        bench.write(
            "net/providers.tf",
            "terraform {\n  required_providers {\n    nothing = { source = \"127.0.0.1:1/none/nothing\" }\n  }\n}\n",
        );
        let error = refused(&bench, &[]).await;
        assert_eq!(error.kind, ErrorKind::Unreachable, "{}", told(&error));
        assert!(error.message.contains("could not initialise net"), "{}", error.message);
        assert!(error.hint.unwrap().contains("provider_installation"));
        assert!(error.detail.iter().any(|line| line.contains("127.0.0.1:1")), "{:?}", error.detail);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_module_is_told_with_file_and_line() {
    for binary in [engines::terraform(), engines::tofu()] {
        let bench = bench(&binary);
        bench.write("net/broken.tf", "resource \"terraform_data\" \"x\" {\n  input = \n}\n");
        let error = refused(&bench, &[]).await;
        assert_eq!(
            (error.kind, error.attribute.as_ref().map(ToString::to_string)),
            (ErrorKind::Invalid, Some("path".to_owned()))
        );
        assert!(told(&error).contains("on net/broken.tf line 2"), "{}", told(&error));
        // What parses and means nothing is found by the plan.
        bench.write("net/broken.tf", "output \"x\" { value = terraform_data.nothing.id }\n");
        let error = refused(&bench.again(), &[]).await;
        assert!(told(&error).contains("Reference to undeclared resource"), "{}", told(&error));
        assert!(told(&error).contains("on net/broken.tf line 1"), "{}", told(&error));
    }
}

#[tokio::test]
async fn a_workspace_that_is_not_there_is_named_with_how_to_make_it() {
    for binary in [engines::terraform(), engines::tofu()] {
        let error = refused(&bench(&binary), &[("workspace", "blue".into())]).await;
        assert_eq!(error.message, "the module net has no workspace `blue`");
        assert!(error.hint.unwrap().contains("workspace new blue"));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_named_and_not_shown() {
    let mut bench = bench("");
    let real = engines::terraform();
    bench.binary = script(&bench, &format!("if test \"$1\" = show; then echo hunter2; else exec {real} \"$@\"; fi"));
    let error = refused(&bench, &[]).await;
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("not the JSON of a plan") && !told(&error).contains("hunter2"), "{}", told(&error));
}

#[tokio::test]
async fn a_state_that_another_holds_is_told_with_its_holder() {
    for binary in [engines::terraform(), engines::tofu()] {
        let bench = bench(&binary);
        bench.write(
            "net/slow.tf",
            "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" { command = \"exec sleep 30\" }\n}\n",
        );
        let run = |args: &[&str]| {
            let mut command = std::process::Command::new(&binary);
            command
                .args(args)
                .current_dir(bench.path("net"))
                .env("CHECKPOINT_DISABLE", "1")
                .stdout(std::process::Stdio::null());
            command.spawn().unwrap()
        };
        assert!(run(&["init"]).wait().unwrap().success());
        let mut holder = run(&["apply", "-auto-approve"]);
        while !bench.path("net/.terraform.tfstate.lock.info").exists() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let error = refused(&bench, &[]).await;
        // The state is taken for somebody else's once there is something in it; until then its lock is in the way.
        holder.kill().unwrap();
        holder.wait().unwrap();
        if error.kind == ErrorKind::NotOurs {
            continue;
        }
        assert!(error.message.starts_with("the module's state is locked by "), "{}", told(&error));
        assert!(error.hint.unwrap().contains("force-unlock"));
    }
}

#[tokio::test]
async fn a_folder_that_is_no_module_is_refused() {
    let bench = Bench::new(engines::terraform());
    fs::create_dir_all(&bench.path("net")).unwrap();
    bench.write("net/readme.md", "");
    let error = refused(&bench, &[]).await;
    assert_eq!(error.message, "net holds no Terraform configuration");
    let error = refused(&Bench::new(engines::terraform()), &[]).await;
    assert!(error.message.contains("cannot read net"), "{}", error.message);
}

#[tokio::test]
async fn a_module_source_that_cannot_be_captured_is_named_with_its_file() {
    let bench = bench(&engines::terraform());
    bench.write("net/call.tf", "module \"gone\" { source = \"../gone\" }\n");
    let error = refused(&bench, &[]).await;
    assert!(
        error.message.starts_with("net/call.tf: the module source \"../gone\" cannot be captured"),
        "{}",
        error.message
    );
}
