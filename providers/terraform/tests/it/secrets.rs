//! What is secret shows nowhere but where it must be: in the engine's own state.

use std::path::{Path, PathBuf};

use deployctl_sdk::{Value, fs};

use crate::bench::{Bench, output};
use crate::engines;

const SECRET: &str = "planted-hunter2";

/// A module that knows nothing of secrets, and shows what it is given in several dresses.
const CARELESS: &str = r#"
variable "password" {}
resource "terraform_data" "user" { input = { name = "x", password = var.password } }
resource "terraform_data" "dressed" { input = base64encode("user:${var.password}") }
output "plain" { value = var.password }
output "dressed" { value = base64encode("user:${var.password}") }
output "through" { value = terraform_data.user.output.password }
output "harmless" { value = "nothing" }
"#;

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_default() {
        if entry.is_dir() { files_below(&entry, found) } else { found.push(entry) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careless_module_shows_no_secret_that_it_is_given() {
    for binary in [engines::terraform(), engines::tofu()] {
        let bench = Bench::new(binary);
        bench.write("net/main.tf", CARELESS);
        let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
        let vars = Value::map([("password", Value::from(SECRET).into_sensitive())]);
        let config = bench.config(
            "net",
            &[("vars", vars), ("env", Value::map([("TOKEN", Value::from("planted-token").into_sensitive())]))],
        );
        bench.apply(&hand, &mut held, &config).await.unwrap();
        let object = held.object.clone().unwrap();
        for name in ["plain", "dressed", "through"] {
            assert!(matches!(output(&object, name), Value::Sensitive(_)), "{name}");
        }
        assert_eq!(output(&object, "harmless"), Value::from("nothing"));
        // It is there all the same, for whoever uses the output.
        assert_eq!(output(&object, "plain").reveal(), Value::from(SECRET));

        let other = Value::map([("password", Value::from("planted-other").into_sensitive())]);
        bench.plan(&hand, &held, &bench.config("net", &[("vars", other)])).await.unwrap();
        // Without the variable there is no plan, and the engine's complaint shows nothing either.
        bench.plan(&hand, &held, &bench.config("net", &[])).await.unwrap_err();
        hand.delete(&mut held).await.unwrap();
        let dressed = "dXNlcjpwbGFudGVkLWh1bnRlcjI";
        for text in hand.said() {
            for secret in [SECRET, "planted-other", "planted-token", dressed] {
                assert!(!text.contains(secret), "{secret} shows in: {text}");
            }
        }
        let mut left = Vec::new();
        files_below(&bench.place.data, &mut left);
        for path in left {
            let bytes = fs::read(&path).unwrap();
            for secret in [SECRET, "planted-other", "planted-token", dressed] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} is left in {}", path.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_an_argument_and_what_is_handed_over_is_private() {
    let bench = Bench::new(engines::terraform());
    let seen = bench.write("seen", "");
    let spy = format!(
        "#!/bin/sh\necho \"$@\" >> {seen}\nfor a in \"$@\"; do case \"$a\" in -var-file=*) stat -c %a \"${{a#-var-file=}}\" >> {seen};; esac; done\nexec {real} \"$@\"\n",
        seen = seen.display(),
        real = engines::terraform()
    );
    let script = bench.path("spy");
    fs::write_new(&script, spy.as_bytes(), 0o755).unwrap();
    let bench = Bench { binary: script.to_string_lossy().into_owned(), ..bench };
    bench.write("net/main.tf", CARELESS);
    let (hand, mut held) = (bench.hand().await, bench.nothing("net"));
    let vars = Value::map([("password", Value::from(SECRET).into_sensitive())]);
    bench.apply(&hand, &mut held, &bench.config("net", &[("vars", vars)])).await.unwrap();
    hand.delete(&mut held).await.unwrap();
    let text = fs::read_to_string(&seen).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let modes: Vec<&str> = text.lines().filter(|line| line.len() == 3).collect();
    assert!(!modes.is_empty() && modes.iter().all(|mode| *mode == "600"), "{text}");
}
