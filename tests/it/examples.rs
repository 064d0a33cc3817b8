//! The examples, each applied, changed, rolled back and destroyed as its README says.
//!
//! Each test works on a copy, so that it may change files and does not meet somebody's own use of the example.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use crate::context::{Answer, Context};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of an example, without what deployctl or a person left in it.
pub fn copy_of(example: &str) -> Context {
    let context = Context::new();
    copy(&checkout().join("examples").join(example), context.path());
    context
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for path in deployctl_sdk::fs::read_dir(from).unwrap() {
        let name = path.file_name().unwrap();
        if path.is_dir() && name != ".deployctl" && !name.to_string_lossy().starts_with("run") {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Takes down what a test has started, also when the test fails.
struct Deployed<'c> {
    context: &'c Context,
    destroy: Vec<String>,
}

impl Deployed<'_> {
    fn destroy(mut self) -> Answer {
        let arguments = std::mem::take(&mut self.destroy);
        self.context.run_args(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl Drop for Deployed<'_> {
    fn drop(&mut self) {
        if !self.destroy.is_empty() {
            let _ = self.context.command().args(&self.destroy).output();
        }
    }
}

fn deployed<'c>(context: &'c Context, destroy: &[&str]) -> Deployed<'c> {
    Deployed { context, destroy: destroy.iter().map(|word| (*word).to_owned()).collect() }
}

#[track_caller]
fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// A port with the two after it, all free just now.
fn three_free_ports() -> u16 {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    // By process, so that test runs beside each other do not take the same ones.
    let start = 20_000 + u16::try_from(std::process::id() % 9_000).unwrap();
    (start..30_000).step_by(3).find(|port| (*port..port + 3).all(free)).unwrap()
}

fn page(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn the_quickstart_runs_changes_rolls_back_and_goes() {
    let mut context = copy_of("quickstart");
    // The example builds its application with cargo, which wants to find its own things.
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Ok(value) = std::env::var(name) {
            context.set(name, &value);
        }
    }
    let port = three_free_ports();
    context.set("DEPLOYCTL_VAR_port", &port.to_string());
    context.set("DEPLOYCTL_VAR_checkout", &checkout().to_string_lossy());
    let deployed = deployed(&context, &["destroy", "--auto-approve"]);

    let plan = ok(context.run("plan"));
    assert!(plan.contains("Plan: 6 to create"), "{plan}");
    ok(context.run("apply --auto-approve"));
    let shown = page(port).expect("the page can be fetched");
    assert!(shown.contains("Welcome. Leave a note") && shown.contains("The first note was here"), "{shown}");
    assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));

    let greeting = ["--var", "greeting=Good evening"];
    let plan = ok(context.run_args(&[&["plan"][..], &greeting].concat()));
    assert!(plan.contains("~ local_process.api"), "{plan}");
    assert!(plan.contains("Plan: 0 to create, 1 to update, 0 to replace, 0 to delete"), "{plan}");
    ok(context.run_args(&[&["apply", "--auto-approve"][..], &greeting].concat()));
    assert!(page(port).unwrap().contains("Good evening"));

    // The title is in a file that the front reads at each request: nothing is restarted.
    let retitle = ["--var", "greeting=Good evening", "--var", "title=Visitors & guests"];
    let before = ok(context.run("status"));
    ok(context.run_args(&[&["apply", "--auto-approve"][..], &retitle].concat()));
    assert!(page(port).unwrap().contains("Visitors &amp; guests"));
    let pids = |status: &str| status.matches("pid ").count();
    assert_eq!(pids(&before), pids(&ok(context.run("status"))));

    let first = ok(context.run("rollback --auto-approve --to 1"));
    assert!(page(port).unwrap().contains("Welcome. Leave a note"), "{first}");

    ok(deployed.destroy());
    for port in port..port + 3 {
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "something still listens on {port}");
    }
    assert!(!context.file("run").exists(), "the example's files are still there");
}

#[cfg(target_os = "linux")]
#[test]
fn a_playbook_is_planned_applied_put_back_and_undone() {
    let context = crate::ansible::with_ansible(copy_of("ansible"));
    let deployed = deployed(&context, &["destroy", "--auto-approve"]);
    let plan = ok(context.run("plan"));
    assert!(plan.contains("web1: site : Configure the site") && plan.contains("2 tasks unpredictable"), "{plan}");
    assert!(plan.contains("token = (sensitive value)"), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert_eq!(context.read("run/web2/site.conf"), "name = web2\nrelease = 1.0\ntoken = change-me-please\n");
    assert_eq!(context.read("run/released.txt"), "release 1.0 on web1, web2\n");
    let plan = ok(context.run("plan --detailed-exitcode"));
    assert!(plan.contains("No changes") && plan.contains("2 tasks unpredictable"), "{plan}");

    context.write("run/web2/site.conf", "oops\n");
    let plan = context.run("plan --detailed-exitcode");
    assert!(plan.code == 2 && plan.stdout.contains("Changed outside deployctl"), "{plan}");
    ok(context.run("apply --auto-approve --var release=1.1"));
    assert_eq!(context.read("run/web2/releases"), "1.0\n1.1\n");
    ok(context.run("rollback --auto-approve"));
    assert_eq!(context.read("run/released.txt"), "release 1.0 on web1, web2\n");
    assert!(context.read("run/web1/site.conf").contains("release = 1.0"));
    ok(deployed.destroy());
    assert!(!context.file("run/web1").exists(), "what was configured is still there");
}

#[test]
fn objects_on_kubernetes_are_applied_scaled_put_back_rolled_back_and_deleted() {
    use crate::kubernetes::{kubeconfig, kubectl};
    let mut context = copy_of("kubernetes");
    let name = context.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_lowercase();
    let namespace = format!("example-{name}");
    context.set("KUBECONFIG", &kubeconfig());
    context.set("DEPLOYCTL_VAR_namespace", &namespace);
    let deployed = deployed(&context, &["destroy", "--auto-approve"]);
    let replicas = || kubectl(&["-n", &namespace, "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"]);

    let plan = ok(context.run("plan"));
    assert!(plan.contains("its namespace is made by kubernetes_object.namespace"), "{plan}");
    assert!(!plan.contains("only-an-example"), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert_eq!(replicas(), "2");
    assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
    assert!(ok(context.run("output --json objects")).contains("Deployment web"));

    let change = ["--var", "tag=1.1", "--var", "replicas=3"];
    let plan = ok(context.run_args(&[&["plan"][..], &change].concat()));
    assert!(plan.contains("shop.example/web:1.1") && plan.contains("spec.replicas"), "{plan}");
    ok(context.run_args(&[&["apply", "--auto-approve"][..], &change].concat()));
    kubectl(&["-n", &namespace, "scale", "deployment", "web", "--replicas=5"]);
    let plan = ok(context.run_args(&[&["plan"][..], &change].concat()));
    assert!(plan.contains("kubectl changed spec.replicas"), "{plan}");
    ok(context.run_args(&[&["apply", "--auto-approve"][..], &change].concat()));
    assert_eq!(replicas(), "3");
    ok(context.run("rollback --auto-approve"));
    assert_eq!(replicas(), "2");
    assert!(ok(context.run("status")).contains("kubernetes_manifests.web"));
    ok(deployed.destroy());
    assert_eq!(kubectl(&["get", "namespace", &namespace, "--ignore-not-found"]), "");
}

#[test]
fn environments_stand_beside_each_other() {
    let context = copy_of("environments");
    let answer = context.run("plan");
    assert_eq!(answer.code, 64, "{answer}");
    assert!(answer.stderr.contains("staging") && answer.stderr.contains("production"), "{answer}");

    let staging = deployed(&context, &["destroy", "--auto-approve", "--env", "staging"]);
    let production = deployed(&context, &["destroy", "--auto-approve", "--env", "production"]);
    ok(context.run("apply --auto-approve --env staging"));
    ok(context.run("apply --auto-approve --env production"));

    let conf = |path: &str| context.read(path);
    assert_eq!(conf("run-staging.example.com/shop.conf"), "name = shop\nurl = http://shop.staging.example.com:8001/\n");
    assert_eq!(
        conf("run-example.com/billing.conf"),
        "name = billing\nurl = http://billing.example.com:8002/\nlog = debug\n"
    );
    let urls = ok(context.run("output --env production --json urls"));
    assert!(urls.contains("http://shop.example.com:8001/"), "{urls}");
    let status = ok(context.run("status --env production"));
    assert!(status.contains("local_process.watcher"), "{status}");
    for text in [&status, &ok(context.run("show --env staging")), &ok(context.run("plan --env staging --var token=x"))]
    {
        assert!(!text.contains("only an example"), "{text}");
    }

    let plan = ok(context.run("plan --env staging --var replicas=3"));
    assert!(plan.contains("Plan: 0 to create, 1 to update, 0 to replace, 0 to delete"), "{plan}");
    let refused = context.run("plan --env staging --var replicas=9");
    assert_eq!(refused.code, 65, "{refused}");
    assert!(refused.stderr.contains("There must be between 1 and 8 replicas"), "{refused}");

    ok(staging.destroy());
    assert!(!context.file("run-staging.example.com").exists());
    assert!(context.file("run-example.com/shop.conf").exists(), "production has nothing to do with staging");
    ok(production.destroy());
    assert!(!context.file("run-example.com").exists());
}

#[test]
fn a_rollback_brings_back_what_was_captured() {
    let context = copy_of("rollback");
    let good = context.read("pages/index.html");
    let deployed = deployed(&context, &["destroy", "--auto-approve"]);
    ok(context.run("apply --auto-approve"));
    assert_eq!(context.read("run/site/index.html"), good);
    let index = context.read("run/mirror-1.txt");

    context.write("pages/index.html", "<p>Closed for ever.</p>\n");
    context.write("pages/news.html", "<p>News.</p>\n");
    ok(context.run_args(&["apply", "--auto-approve", "--var", "notice=Under new management", "--var", "mirrors=3"]));
    assert_eq!(context.read("run/site/index.html"), "<p>Closed for ever.</p>\n");
    assert_eq!(context.read("run/site/notice.txt"), "Under new management\n");
    assert!(context.file("run/mirror-2.txt").exists() && context.file("run/site/news.html").exists());

    // Nothing of the folder is needed for the way back.
    let pages: PathBuf = context.file("pages");
    deployctl_sdk::fs::remove_dir_all(&pages).unwrap();
    ok(context.run("rollback --auto-approve"));
    assert_eq!(context.read("run/site/index.html"), good);
    assert_eq!(context.read("run/mirror-1.txt"), index);
    for gone in ["run/site/notice.txt", "run/site/news.html", "run/mirror-2.txt"] {
        assert!(!context.file(gone).exists(), "{gone} is still there");
    }

    ok(deployed.destroy());
    assert!(!context.file("run").exists());
}

/// Runs Docker's own command line.
#[cfg(feature = "docker")]
fn docker(arguments: &[&str]) -> String {
    let output = std::process::Command::new("docker").args(arguments).output();
    let output = output.expect("this test needs a Docker Engine: run `cargo xtask engines docker` first");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Takes away what a destroy leaves on purpose: the volume, and the images that are kept for the history.
#[cfg(feature = "docker")]
struct Kept(String);

#[cfg(feature = "docker")]
impl Drop for Kept {
    fn drop(&mut self) {
        docker(&["volume", "rm", &format!("{}-book", self.0)]);
        let image = docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]);
        let ids: Vec<&str> = image.lines().filter(|line| line.contains(&self.0)).collect();
        let ids: Vec<&str> = ids.iter().filter_map(|line| line.split(' ').next_back()).collect();
        for line in image.lines().filter(|line| ids.iter().any(|id| line.ends_with(id))) {
            docker(&["image", "rm", line.split(' ').next().unwrap_or_default()]);
        }
    }
}

#[cfg(feature = "docker")]
#[test]
fn the_docker_example_builds_runs_rolls_back_without_building_and_goes() {
    let mut context = copy_of("docker");
    let port = three_free_ports();
    let project = format!("dct-example-{}", std::process::id());
    let kept = Kept(project.clone());
    context.set("DEPLOYCTL_VAR_project", &project);
    context.set("DEPLOYCTL_VAR_port", &port.to_string());
    context.set("DEPLOYCTL_VAR_base", "deployctl-test/busybox:1");
    let deployed = deployed(&context, &["destroy", "--auto-approve"]);

    let plan = ok(context.run("plan"));
    assert!(plan.contains("Plan: 4 to create"), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert!(page(port).is_some_and(|page| page.contains("Welcome")), "the page can be fetched");
    assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
    let first = ok(context.run("output image"));

    let greeting = ["--var", "greeting=Good evening"];
    ok(context.run_args(&[&["apply", "--auto-approve"][..], &greeting].concat()));
    assert!(page(port).is_some_and(|page| page.contains("Good evening")));
    let page_file = context.path().join("web/page.html");
    std::fs::write(&page_file, "changed").unwrap();
    let plan = ok(context.run_args(&[&["plan"][..], &greeting].concat()));
    assert!(plan.contains("files of the build context changed: page.html"), "{plan}");

    let rolled = ok(context.run("rollback --auto-approve"));
    assert!(page(port).is_some_and(|page| page.contains("Welcome")), "{rolled}");
    assert_eq!(ok(context.run("output image")), first, "the very image from before");

    let destroyed = ok(deployed.destroy());
    let left = docker(&["volume", "ls", "--quiet", "--filter", &format!("name={project}-book")]);
    assert_eq!(left, format!("{project}-book"), "{destroyed}");
    assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", &format!("name={project}")]), "");
    drop(kept);
}
