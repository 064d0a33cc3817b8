//! Ways to a cluster: from inside it, through a proxy, and not at all. What a plan says without the cluster, and what is said
//! where a program is missing that renders manifests.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::context::Context;
use crate::kubernetes::{Place, done, kubectl};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n";

/// A namespace that is there, and a configuration of one object in it.
fn place() -> Place {
    let place = Place::new();
    kubectl(&["create", "namespace", &place.namespace]);
    place.context.write("settings.yaml", MAP);
    write(&place, "", "");
    place
}

fn write(place: &Place, provider: &str, more: &str) {
    let main = format!(
        "provider \"kubernetes\" {{\n{provider}\n}}\nresource \"kubernetes_manifests\" \"it\" {{\n  paths     = [\"settings.yaml\"]\n  namespace = \"{}\"\n{more}\n}}\n",
        place.namespace
    );
    place.context.write("main.hcl", &main);
}

/// A field of the kubeconfig that the tests have.
fn of_kubeconfig(field: &str) -> String {
    kubectl(&["config", "view", "--raw", "--minify", "-o", &format!("jsonpath={{{field}}}")])
}

fn port() -> u16 {
    of_kubeconfig(".clusters[0].cluster.server").rsplit(':').next().unwrap().parse().unwrap()
}

/// A kubeconfig for the cluster under another name, or at another port.
fn write_kubeconfig(place: &Place, server: &str, more: &str) {
    let (authority, token) =
        (of_kubeconfig(".clusters[0].cluster.certificate-authority"), of_kubeconfig(".users[0].user.token"));
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: it\n  cluster: {{server: {server:?}, certificate-authority: {authority:?}{more}}}\nusers:\n- {{name: it, user: {{token: {token}}}}}\ncontexts:\n- {{name: it, context: {{cluster: it, user: it}}}}\ncurrent-context: it\n"
    );
    place.context.write("cluster.yaml", &text);
}

#[test]
fn a_pod_that_deploys_needs_nothing_but_its_service_account() {
    let mut place = place();
    let namespace = place.namespace.clone();
    kubectl(&["-n", &namespace, "create", "serviceaccount", "deployer"]);
    let account = format!("--serviceaccount={namespace}:deployer");
    kubectl(&["-n", &namespace, "create", "rolebinding", "deployer", "--clusterrole=edit", &account]);
    let token = kubectl(&["-n", &namespace, "create", "token", "deployer"]);
    let authority = of_kubeconfig(".clusters[0].cluster.certificate-authority");
    let authority = deployctl_sdk::fs::read_to_string(authority.as_ref()).unwrap();
    place.context.write("account/token", &token);
    place.context.write("account/ca.crt", &authority);
    place.context.write("account/namespace", &namespace);
    // The namespace is the pod's own, where none is given.
    let main = "resource \"kubernetes_manifests\" \"it\" {\n  paths = [\"settings.yaml\"]\n}\n";
    place.context.write("main.hcl", main);
    let inside = |line: &str| {
        let script = "mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io && \
                      cp -r \"$0\" /run/secrets/kubernetes.io/serviceaccount && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(place.context.file("account"));
        command.arg(env!("CARGO_BIN_EXE_deployctl")).args(line.split_whitespace()).current_dir(place.context.path());
        command.env("HOME", place.context.path()).env_remove("KUBECONFIG");
        command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", port().to_string());
        let output = command.output().expect("`unshare` is needed, of util-linux");
        assert!(output.status.success(), "{line}: {output:?}");
    };
    inside("apply --auto-approve");
    assert_eq!(place.objects(), ["configmap/settings"]);
    inside("plan --detailed-exitcode");
    inside("destroy --auto-approve");
    assert_eq!(place.objects(), Vec::<String>::new());

    write(&place, "  in_cluster = true", "");
    place.context.set("KUBECONFIG", "/nowhere");
    let outside = place.run("plan");
    assert!(outside.code == 1 && outside.stderr.contains("not inside a cluster"), "{outside}");
}

/// A proxy that lets everyone through, to this machine, and remembers where they wanted to go.
fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = asked.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let seen = seen.clone();
            std::thread::spawn(move || tunnel(client.unwrap(), &seen));
        }
    });
    (port, asked)
}

fn tunnel(mut client: TcpStream, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let port: u16 = target.rsplit(':').next()?.parse().ok()?;
    seen.lock().unwrap().push(target);
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    client.shutdown(std::net::Shutdown::Both).ok()
}

#[test]
fn a_proxy_is_used_where_the_environment_or_the_kubeconfig_or_the_settings_say_so() {
    let (gate, asked) = proxy();
    let mut place = place();
    let asked = || std::mem::take(&mut *asked.lock().unwrap());
    // A name that the certificate has, and that only the proxy can reach.
    let target = format!("kubernetes.default:{}", port());
    let url = format!("http://127.0.0.1:{gate}");
    write(&place, "  kubeconfig = \"cluster.yaml\"", "");
    write_kubeconfig(&place, &format!("https://{target}"), "");
    place.context.set("HTTPS_PROXY", &url);
    done(&place.run("apply --auto-approve"));
    assert_eq!(place.objects(), ["configmap/settings"]);
    assert!(asked().iter().all(|wanted| *wanted == target), "it went to another host");

    place.context.set("NO_PROXY", "example.com,.default");
    let direct = place.run("plan");
    assert!(direct.code == 1 && direct.stderr.contains("does not answer"), "{direct}");
    assert_eq!(asked(), Vec::<String>::new());

    place.context.set("HTTPS_PROXY", "");
    place.context.set("NO_PROXY", "");
    write_kubeconfig(&place, &format!("https://{target}"), &format!(", proxy-url: {url:?}"));
    done(&place.run("plan --detailed-exitcode"));
    assert!(!asked().is_empty(), "it went past the kubeconfig's proxy");

    write_kubeconfig(&place, &format!("https://{target}"), "");
    write(&place, &format!("  kubeconfig = \"cluster.yaml\"\n  proxy_url = {url:?}"), "");
    done(&place.run("destroy --auto-approve"));
    assert!(!asked().is_empty(), "it went past the proxy of the settings");
    assert_eq!(place.objects(), Vec::<String>::new());
}

#[test]
fn a_plan_without_the_cluster_says_what_it_could_not_check_and_is_made_only_where_that_is_allowed() {
    let place = place();
    let (here, away) = (format!("https://127.0.0.1:{}", port()), "https://127.0.0.1:9");
    let settings = "  kubeconfig = \"cluster.yaml\"";
    write(&place, settings, "");
    write_kubeconfig(&place, away, "");
    let refused = place.run("plan");
    assert!(refused.code == 1 && refused.stderr.contains("https://127.0.0.1:9"), "{refused}");

    write(&place, settings, "  offline = true");
    let plan = place.run("plan");
    done(&plan);
    let shown = |text: &str| assert!(plan.stdout.contains(text), "`{text}` is not in {plan}");
    shown("planned offline");
    shown("conflicts with other managers and changes made outside");
    shown("not checked by the cluster");
    // It is a plan, and no promise: what is applied must be there.
    let applied = place.run("apply --auto-approve");
    assert!(applied.code == 1 && applied.stderr.contains("does not answer"), "{applied}");

    done(&place.run("plan --out offline.plan"));
    write_kubeconfig(&place, &here, "");
    done(&place.run("apply offline.plan"));
    assert_eq!(place.objects(), ["configmap/settings"]);

    // Away again: what the configuration changes is told, from the record, and nothing of what is there.
    write_kubeconfig(&place, away, "");
    assert_eq!(place.run("plan --detailed-exitcode").code, 0);
    place.context.write("settings.yaml", &format!("{MAP}---\n{}", MAP.replace("settings", "more")));
    let plan = place.run("plan");
    let shown = |text: &str| assert!(plan.stdout.contains(text), "`{text}` is not in {plan}");
    shown("may change: not compared with what is there");
    shown("not checked by the cluster");
    write(&place, &format!("{settings}\n  offline = true"), "");
    place.context.write("settings.yaml", &MAP.replace("settings", "other"));
    let plan = place.run("plan");
    assert!(plan.code == 0 && plan.stdout.contains("no longer in the manifests"), "{plan}");
    write_kubeconfig(&place, &here, "");
    done(&place.run("apply --auto-approve"));
    assert_eq!(place.objects(), ["configmap/other"]);
    done(&place.run("destroy --auto-approve"));
}

/// A folder of programs in which these are, and no others of those that render.
fn programs(context: &mut Context, scripts: &[(&str, &str)]) {
    for (name, text) in scripts {
        context.write(&format!("bin/{name}"), text);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(context.file(&format!("bin/{name}")), executable).unwrap();
    }
    std::fs::create_dir_all(context.file("bin")).unwrap();
    let path = context.file("bin").display().to_string();
    context.set("PATH", &path);
}

fn rendered(place: &Place, what: &str) {
    let main =
        format!("resource \"kubernetes_manifests\" \"it\" {{\n  namespace = \"{}\"\n{what}\n}}\n", place.namespace);
    place.context.write("main.hcl", &main);
}

#[test]
fn a_program_that_renders_and_is_not_there_is_named_with_where_to_get_it() {
    let mut place = place();
    programs(&mut place.context, &[]);
    place.context.write("all/kustomization.yaml", "resources: [it.yaml]\n");
    place.context.write("all/it.yaml", MAP);
    rendered(&place, "  kustomization = \"all\"");
    let plan = place.run("plan");
    let says = |text: &str| assert!(plan.stderr.contains(text), "`{text}` is not in {plan}");
    assert_eq!(plan.code, 1, "{plan}");
    says("there is no `kubectl` in PATH");
    says("https://kubernetes.io/docs/tasks/tools/");

    place.context.write("chart/Chart.yaml", "apiVersion: v2\nname: it\nversion: 1.0.0\n");
    place.context.write("chart/templates/it.yaml", MAP);
    rendered(&place, "  chart {\n    path = \"chart\"\n  }");
    let plan = place.run("plan");
    let says = |text: &str| assert!(plan.stderr.contains(text), "`{text}` is not in {plan}");
    assert_eq!(plan.code, 1, "{plan}");
    says("there is no `helm` in PATH");
    says("https://helm.sh/docs/intro/install/");
}

#[test]
fn secret_values_of_a_chart_are_on_no_command_line_and_in_no_state() {
    let mut place = place();
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("helm"));
    let helm = found.find(|file| file.is_file()).expect("no `helm`: cargo xtask engines helm");
    // Everybody on the machine sees arguments; so does this, which then does what it was asked to.
    let seen = place.context.file("arguments");
    let script = format!("#!/bin/sh\necho \"$@\" >> {seen:?}\nexec {helm:?} \"$@\"\n");
    programs(&mut place.context, &[("helm", &script)]);
    place.context.write("chart/Chart.yaml", "apiVersion: v2\nname: it\nversion: 1.0.0\n");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Release.Name }}}\nstringData: {password: {{ .Values.password | quote }}}\n";
    place.context.write("chart/templates/it.yaml", secret);
    let chart = "  chart {\n    path   = \"chart\"\n    values = { password = var.password }\n  }\n}\nvariable \"password\" {\n  sensitive = true\n";
    rendered(&place, chart);
    place.context.set("DEPLOYCTL_VAR_password", "planted-hunter");
    let applied = place.run("apply --auto-approve");
    done(&applied);
    assert_eq!(place.objects(), ["secret/it"], "the release is called as the resource is");
    let arguments = place.context.read("arguments");
    assert!(arguments.contains("--values -") && !arguments.contains("planted"), "{arguments}");
    assert!(!applied.stdout.contains("planted") && !applied.stderr.contains("planted"), "{applied}");
    let state = place.context.read(".deployctl/default/state.json");
    assert!(!state.contains("planted") && !state.contains("cGxhbnRlZC1odW50ZXI"), "the state has a secret in clear");
    done(&place.run("destroy --auto-approve"));
}
