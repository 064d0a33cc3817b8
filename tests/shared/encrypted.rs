//! States in shared places that are encrypted by deployctl itself: for machines that have the key they are as any other, for the
//! server they are noise, and an older one put back is noticed as far as the guide says.

use std::collections::BTreeMap;

use super::place::{ALL, KEY, Kind, Place};
use super::team::{SITE, ok};
use crate::context::Context;

const OTHER_KEY: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// A machine of its own, which encrypts what it keeps in a place.
pub fn machine(place: &Place, main: &str) -> Context {
    let mut machine = place.machine(main);
    let block = "deployctl {\n  encryption \"aes_gcm\" {\n    key {\n      env = \"STATE_KEK\"\n    }\n  }";
    machine.write("main.hcl", &machine.read("main.hcl").replacen("deployctl {", block, 1));
    machine.set("STATE_KEK", KEY);
    machine.set("DEPLOYCTL_STATE_KEY", "");
    machine
}

#[test]
fn an_encrypted_state_is_shared_by_those_who_have_the_key() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, mut ben) = (machine(&place, SITE), machine(&place, SITE));
        ok(ana.run("apply --auto-approve --var text=Planted-0123456789"));
        assert_eq!(ok(ben.run("output page")), "Planted-0123456789\n", "{kind:?}");
        ok(ben.run("apply --auto-approve --var text=second"));
        assert_eq!(ok(ana.run("output page")), "second\n", "{kind:?}");
        ok(ana.run("rollback --auto-approve"));
        assert_eq!(ok(ben.run("output page")), "Planted-0123456789\n", "{kind:?}");
        for (name, bytes) in place.resting() {
            let text = String::from_utf8_lossy(&bytes);
            for word in ["Planted", "value.page", "hunter2", "main.hcl"] {
                assert!(!text.contains(word), "{kind:?}: {name} shows `{word}`");
            }
        }
        if kind == Kind::Postgres {
            // What could be asked with SQL could be read.
            for table in ["deployments", "services", "configuration_snapshots", "audit_log"] {
                assert!(place.sql(&format!("select 1 from {{schema}}.{table}")).is_empty(), "{table}");
            }
        }
        let before = place.resting();
        ben.set("STATE_KEK", OTHER_KEY);
        for line in ["plan", "apply --auto-approve", "history", "state rotate-key"] {
            let answer = ben.run(line);
            assert_eq!(answer.code, 1, "{kind:?}: {line}: {answer}");
            assert!(answer.stderr.contains("STATE_KEK holds the key"), "{kind:?}: {line}: {answer}");
        }
        assert_eq!(without_lock(before), without_lock(place.resting()), "{kind:?}");
    }
}

fn without_lock(resting: Vec<(String, Vec<u8>)>) -> BTreeMap<String, Vec<u8>> {
    resting.into_iter().filter(|(name, _)| !name.ends_with("/lock")).collect()
}

#[test]
fn a_rotated_key_is_everybodys_at_once() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, ben) = (machine(&place, SITE), machine(&place, SITE));
        ok(ana.run("apply --auto-approve"));
        ok(ana.run("apply --auto-approve --var text=second"));
        let before = without_lock(place.resting());
        ok(ana.run("state rotate-key"));
        let after = without_lock(place.resting());
        let of_the_state = |name: &str| {
            ["state.json", "keyring.json", "/revisions/", "/blobs/"].iter().any(|part| name.contains(part))
        };
        for (name, bytes) in before.iter().filter(|(name, _)| of_the_state(name)) {
            assert_ne!(after.get(name), Some(bytes), "{kind:?}: {name} stayed under the old key");
        }
        assert_eq!(ok(ben.run("output page")), "second\n", "{kind:?}");
        ok(ben.run("rollback --auto-approve"));
        assert_eq!(ok(ana.run("output page")), "first\n", "{kind:?}");
        assert_eq!(ok(ana.run("history --json")).matches("\"run\"").count(), 3, "{kind:?}");
        // The keyring of before opens nothing of what lies there now.
        let (name, keyring) = before.iter().find(|(name, _)| name.ends_with("keyring.json")).unwrap();
        place.overwrite(name, keyring.clone());
        let answer = ben.run("plan");
        assert_eq!(answer.code, 1, "{kind:?}: {answer}");
    }
}

#[test]
fn an_older_ciphertext_put_back_is_noticed() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, stranger) = (machine(&place, SITE), machine(&place, SITE));
        ok(ana.run("apply --auto-approve"));
        let old = place.resting();
        let (name, state) = old.iter().find(|(name, _)| name.ends_with("/state.json")).unwrap();
        ok(ana.run("apply --auto-approve --var text=second"));
        place.overwrite(name, state.clone());
        // Also for a machine that never saw it: a newer revision lies beside it.
        for (machine, told) in
            [(&stranger, "there is a revision 2 beside it"), (&ana, "there is a revision 2 beside it")]
        {
            for line in ["plan", "apply --auto-approve --var text=third", "destroy --auto-approve"] {
                let answer = machine.run(line);
                assert_eq!(answer.code, 6, "{kind:?}: {line}: {answer}");
                assert!(answer.stderr.contains(told), "{kind:?}: {line}: {answer}");
            }
        }
        // Without that revision only who has seen a newer one knows.
        place.remove("shop/default/revisions/000000000002.json");
        let answer = ana.run("plan");
        assert_eq!(answer.code, 6, "{kind:?}: {answer}");
        assert!(answer.stderr.contains("this machine has seen serial 2"), "{kind:?}: {answer}");
        assert_eq!(stranger.run("plan").code, 0, "{kind:?}: the guide says so");
    }
}
