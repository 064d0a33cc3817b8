//! What is secret in a configuration comes out nowhere, and uploaded files arrive.

use deployctl_sdk::Value;

use super::bench::{Bench, block, blocks, docker, object, texts, with};

fn secret(text: &str) -> Value {
    Value::from(text).into_sensitive()
}

#[tokio::test]
async fn a_sensitive_environment_reaches_the_container_and_nobody_else() {
    let bench = Bench::new().await;
    let env = block(&[("PASSWORD", secret("hunter22-planted")), ("PLAIN", "seen".into())]);
    let config = bench.config("secret", &[("env", env)]);
    let held = bench.make(&config).await;
    assert_eq!(docker(&["exec", &bench.name("secret"), "sh", "-c", "echo $PASSWORD"]), "hunter22-planted");
    let said = bench.hand.said().join("\n");
    assert!(!said.contains("hunter22-planted"), "{said}");
    assert!(said.contains("seen"));
    let recorded = serde_json::to_string(object(&held)).unwrap();
    assert!(!recorded.contains("hunter22-planted"));
    bench.delete(held).await;
}

#[tokio::test]
async fn what_a_container_says_of_its_secrets_is_masked() {
    let bench = Bench::new().await;
    let env = block(&[("PASSWORD", secret("hunter22-planted"))]);
    let tell = texts(&["sh", "-c", "echo login $PASSWORD; echo broken >&2; exit 3"]);
    let check = block(&[("test", texts(&["CMD", "true"])), ("interval", "1s".into())]);
    let config = bench.config("secret", &[("env", env), ("command", tell), ("healthcheck", check)]);
    let stays = with(&config, &[("command", texts(&["sleep", "1000"]))]);
    let mut held = bench.make(&stays).await;
    let error = bench.try_apply(&mut held, &config, true).await.expect_err("it ends at once");
    assert!(error.message.contains("ended with code 3"), "{error}");
    let mut said = error.detail.clone();
    said.sort();
    assert_eq!(said, ["broken", "login (sensitive value)"]);
    assert_eq!(bench.containers(), [bench.name("secret")], "the old one stays");
    bench.settled(&held, &stays).await;
    bench.delete(held).await;
}

#[tokio::test]
async fn uploaded_files_are_there_before_the_start_with_their_owner_and_mode() {
    let bench = Bench::new().await;
    let source = bench.folder.path().join("page.html");
    deployctl_sdk::fs::write_atomic(&source, b"<h1>one</h1>", 0o644).unwrap();
    let uploads = blocks([
        block(&[
            ("path", "/etc/app/token".into()),
            ("content", secret("hunter22-planted")),
            ("uid", Value::from(65534)),
        ]),
        block(&[("path", "/www/index.html".into()), ("source", "page.html".into()), ("mode", "0444".into())]),
        block(&[("path", "/etc/raw".into()), ("content_base64", "AAEC".into())]),
    ]);
    // It ends unless the files are there when it starts.
    let command = texts(&["sh", "-c", "test -f /etc/app/token && exec sleep 1000"]);
    let config = bench.config("upload", &[("upload", uploads), ("command", command)]);
    let mut held = bench.make(&config).await;
    let name = bench.name("upload");
    let run = |command: &str| docker(&["exec", &name, "sh", "-c", command]);
    assert_eq!(run("cat /etc/app/token; stat -c ' %a %u' /etc/app/token"), "hunter22-planted 600 65534");
    assert_eq!(run("cat /www/index.html; stat -c ' %a %u' /www/index.html"), "<h1>one</h1> 444 0");
    assert_eq!(run("stat -c '%s' /etc/raw"), "3");
    assert!(!bench.hand.said().join("\n").contains("hunter22-planted"));
    assert_eq!(docker(&["inspect", "--format", "{{len .Mounts}}", &name]), "0");

    deployctl_sdk::fs::write_atomic(&source, b"<h1>two</h1>", 0o644).unwrap();
    let planned = bench.apply(&mut held, &config).await;
    let at: Vec<String> = planned.diffs.iter().map(|diff| diff.path.to_string()).collect();
    assert!(at.contains(&"upload_digests[\"/www/index.html\"]".to_owned()), "{at:?}");
    assert_eq!(run("cat /www/index.html"), "<h1>two</h1>");
    bench.delete(held).await;
}
