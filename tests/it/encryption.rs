//! States encrypted at rest, with the real program: what lies on the disk, and what becomes of it under the wrong key, another
//! key, an older copy and a flipped bit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::context::{Answer, Context};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// Made of the bytes from 100 on, for this test alone.
const IDENTITY: &str = "AGE-SECRET-KEY-1V3JKVEMGD94XKMRDDEHHQUTJWD682ANH0PUH57MU04L8LQYPS2PSGQPNYW";

/// Something that must not be readable on the disk, though nobody marked it sensitive.
const PLANTED: &str = "Planted_everywhere-0123456789";

pub fn aes(source: &str) -> String {
    format!("deployctl {{\n  encryption \"aes_gcm\" {{\n    key {{\n      {source}\n    }}\n  }}\n}}\n")
}

fn resources(version: u32) -> String {
    format!(
        "variable \"hush\" {{\n  default   = \"{PLANTED} sensitive\"\n  sensitive = true\n}}\n\
         resource \"value\" \"{PLANTED}\" {{\n  input = [\"{PLANTED} {version}\", var.hush]\n}}\n\
         resource \"local_file\" \"page\" {{\n  path = \"page.txt\"\n  content = \"{PLANTED} {version}\"\n}}\n"
    )
}

fn encrypted(version: u32) -> Context {
    let mut context = Context::with(&resources(version));
    context.write("state.hcl", &aes("env = \"STATE_KEK\""));
    context.set("STATE_KEK", KEY);
    context
}

fn ok(answer: Answer) -> Answer {
    assert_eq!(answer.code, 0, "{answer}");
    answer
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in deployctl_sdk::fs::read_dir(folder).unwrap() {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn contents(context: &Context) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), std::fs::read(&path).unwrap());
    files(&context.file(".deployctl/default")).into_iter().map(read).collect()
}

/// Where the local provider keeps what it needs to find its own things again. It is no part of the state.
fn notes(context: &Context) -> PathBuf {
    context.file(".deployctl/default/local")
}

fn put_back(contents: &BTreeMap<PathBuf, Vec<u8>>) {
    contents.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
}

#[test]
fn nothing_of_an_encrypted_state_can_be_read() {
    let context = encrypted(1);
    ok(context.run("plan --out plan.bin"));
    ok(context.run("apply plan.bin"));
    context.write("main.hcl", &resources(2));
    ok(context.run("apply --auto-approve"));
    let mut kinds = std::collections::BTreeSet::new();
    let mut all = contents(&context);
    all.insert(context.file("plan.bin"), std::fs::read(context.file("plan.bin")).unwrap());
    for (path, bytes) in &all {
        let text = String::from_utf8_lossy(bytes);
        let name = path.strip_prefix(context.file(".deployctl/default")).unwrap_or(path);
        let kind = name.iter().next().unwrap().to_string_lossy().into_owned();
        // What the local provider notes beside the state of its files never leaves this machine, and holds no content.
        let own = kind.starts_with("local");
        for word in if own { &[PLANTED, KEY][..] } else { &[PLANTED, "local_file", "page.txt", KEY] } {
            assert!(!text.contains(word), "{} shows `{word}`", path.display());
        }
        kinds.insert(kind);
        #[cfg(unix)]
        if !own {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
    }
    for kind in ["state.json", "history.jsonl", "revisions", "blobs", "keyring.json"] {
        assert!(kinds.contains(kind), "there is no {kind} among {kinds:?}");
    }
    assert!(!kinds.contains("key"), "the key lies beside what it opens");
    assert!(context.run("history").stdout.contains("apply"));
    assert!(ok(context.run("state pull")).stdout.contains("page.txt"));
    ok(context.run("rollback --auto-approve"));
    assert_eq!(context.read("page.txt"), format!("{PLANTED} 1"));
    assert_eq!(context.run("plan --detailed-exitcode").code, 2);
    ok(context.run("destroy --auto-approve"));
}

#[test]
fn the_key_comes_from_a_file_a_command_or_an_age_identity() {
    let recipient = recipient();
    let age = format!(
        "deployctl {{\n  encryption \"age\" {{\n    recipients = [\"{recipient}\"]\n    identity {{\n      file = \"id.txt\"\n    }}\n  }}\n}}\n"
    );
    let command = aes("command = [\"cat\", \"kek\"]");
    for (settings, portable) in [(aes("file = \"kek\""), true), (command, false), (age, true)] {
        let context = Context::with(&resources(1));
        context.write("state.hcl", &settings);
        context.write("kek", KEY);
        context.write("id.txt", &format!("# a comment\n{IDENTITY}\n"));
        ok(context.run("plan --out plan.bin"));
        // Without the checkout a plan opens by itself, unless a stranger could have put a command into it.
        std::fs::rename(context.file("state.hcl"), context.file("state.away")).unwrap();
        std::fs::rename(context.file("main.hcl"), context.file("main.away")).unwrap();
        let applied = context.run("apply plan.bin");
        assert_eq!(applied.code, if portable { 0 } else { 6 }, "{applied}");
        std::fs::rename(context.file("state.away"), context.file("state.hcl")).unwrap();
        std::fs::rename(context.file("main.away"), context.file("main.hcl")).unwrap();
        if !portable {
            ok(context.run("apply plan.bin"));
        }
        assert_eq!(context.run("plan --detailed-exitcode").code, 0);
        assert!(contents(&context).values().all(|bytes| !String::from_utf8_lossy(bytes).contains(PLANTED)));
    }
}

fn recipient() -> String {
    IDENTITY.parse::<age::x25519::Identity>().unwrap().to_public().to_string()
}

#[test]
fn the_wrong_key_is_told_by_its_name() {
    let mut context = encrypted(1);
    ok(context.run("plan --out plan.bin"));
    ok(context.run("apply --auto-approve"));
    let before = contents(&context);
    context.set("STATE_KEK", OTHER_KEY);
    for line in ["plan", "apply --auto-approve", "history", "show", "apply plan.bin", "state rotate-key", "state pull"]
    {
        let answer = context.run(line);
        assert_eq!(answer.code, 1, "{line}: {answer}");
        assert!(answer.stderr.contains("AES-256-GCM key"), "{line}: {answer}");
        assert!(answer.stderr.contains("STATE_KEK holds the key"), "{line}: {answer}");
        assert!(!answer.stderr.contains(OTHER_KEY) && !answer.stderr.contains(KEY), "{line}: {answer}");
    }
    insta::assert_snapshot!("wrong_key", context.run("plan"));
    context.set("STATE_KEK", "");
    insta::assert_snapshot!("key_not_set", context.run("plan"));
    context.set("STATE_KEK", "not a key");
    insta::assert_snapshot!("key_that_is_none", context.run("plan"));
    context.write("state.hcl", "");
    insta::assert_snapshot!("encryption_block_gone", context.run("plan"));
    assert_eq!(contents(&context), before, "something was written under the wrong key");
    context.write("state.hcl", &aes("env = \"STATE_KEK\""));
    context.set("STATE_KEK", KEY);
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
}

/// The same state under its first key, a new data key, another user's key, age, and none.
#[test]
fn keys_are_rotated_and_methods_changed() {
    let mut context = Context::with(&resources(1));
    ok(context.run("apply --auto-approve"));
    context.set("STATE_KEK", KEY);
    context.set("NEW_KEK", OTHER_KEY);
    context.write("id.txt", IDENTITY);
    context.write("state.hcl", &aes("env = \"STATE_KEK\""));
    insta::assert_snapshot!("not_encrypted_yet", context.run("plan"));
    let previous = "previous \"aes_gcm\" {\n key {\n env = \"STATE_KEK\"\n }\n }\n";
    let new = aes("env = \"NEW_KEK\"").replace("    key {", &format!("    {previous}    key {{"));
    let age = format!(
        "deployctl {{\n  encryption \"age\" {{\n    recipients = [\"{}\"]\n    identity {{\n      file = \"id.txt\"\n    }}\n    {}  }}\n}}\n",
        recipient(),
        previous.replace("STATE_KEK", "NEW_KEK")
    );
    let mut seen = Vec::new();
    for settings in [aes("env = \"STATE_KEK\""), aes("env = \"STATE_KEK\""), new, age] {
        context.write("state.hcl", &settings);
        ok(context.run("state rotate-key"));
        let now = contents(&context);
        for (path, bytes) in &now {
            assert!(!String::from_utf8_lossy(bytes).contains(PLANTED), "{}", path.display());
            if !path.ends_with("lock") && !path.starts_with(notes(&context)) {
                assert!(
                    seen.iter().all(|earlier: &BTreeMap<_, _>| earlier.get(path) != Some(bytes)),
                    "{path:?} stayed"
                );
            }
        }
        seen.push(now);
        assert_eq!(context.run("plan --detailed-exitcode").code, 0, "after {settings}");
        ok(context.run("history"));
        // What the old keyring opens is not what lies there now.
        if let [.., before, _] = seen.as_slice() {
            let ring = context.file(".deployctl/default/keyring.json");
            let present = std::fs::read(&ring).unwrap();
            std::fs::write(&ring, before.get(&ring).unwrap_or(&present)).unwrap();
            let answer = context.run("plan");
            assert!(answer.code == 1, "an older keyring was believed: {answer}");
            std::fs::write(&ring, present).unwrap();
        }
    }
    ok(context.run("state rotate-key --decrypt"));
    context.write("state.hcl", "");
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    assert!(
        String::from_utf8_lossy(&contents(&context)[&context.file(".deployctl/default/state.json")]).contains(PLANTED)
    );
}

#[test]
fn a_rotation_killed_anywhere_goes_on() {
    for decrypt in [false, true] {
        let mut killed = 0;
        for point in 0.. {
            let mut context = encrypted(1);
            ok(context.run("apply --auto-approve"));
            context.write("main.hcl", &resources(2));
            ok(context.run("apply --auto-approve"));
            let line = if decrypt { "state rotate-key --decrypt" } else { "state rotate-key" };
            context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
            let answer = context.run(line);
            context.set("DEPLOYCTL_TEST_CRASH_AT", "100000");
            if answer.code == 0 {
                break;
            }
            killed += 1;
            assert_eq!(answer.code, -1, "{answer}");
            if !decrypt {
                assert_eq!(context.run("plan --detailed-exitcode").code, 0, "killed at {point}");
                ok(context.run("history"));
            }
            ok(context.run(line));
            if decrypt {
                context.write("state.hcl", "");
            }
            assert_eq!(context.run("plan --detailed-exitcode").code, 0, "killed at {point}");
            ok(context.run("rollback --auto-approve"));
        }
        assert!(killed >= 10, "killed at only {killed} points");
    }
}

#[test]
fn an_encryption_begun_on_a_plain_state_and_killed_anywhere_goes_on() {
    for point in (0..).step_by(2) {
        let mut context = Context::with(&resources(1));
        ok(context.run("apply --auto-approve"));
        context.set("STATE_KEK", KEY);
        context.write("state.hcl", &aes("env = \"STATE_KEK\""));
        context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
        let answer = context.run("state rotate-key");
        context.set("DEPLOYCTL_TEST_CRASH_AT", "100000");
        ok(context.run("state rotate-key"));
        assert_eq!(context.run("plan --detailed-exitcode").code, 0, "killed at {point}");
        assert!(contents(&context).values().all(|bytes| !String::from_utf8_lossy(bytes).contains(PLANTED)));
        if answer.code == 0 {
            assert!(point >= 10, "killed at only {point} points");
            break;
        }
    }
}

#[test]
fn an_older_state_put_back_is_noticed() {
    let context = encrypted(1);
    ok(context.run("apply --auto-approve"));
    let before = contents(&context);
    context.write("main.hcl", &resources(2));
    ok(context.run("apply --auto-approve"));
    let after = contents(&context);
    // The state alone: its own revisions say that it is old.
    let state = context.file(".deployctl/default/state.json");
    std::fs::write(&state, &before[&state]).unwrap();
    let notes = context.file(".local/state/deployctl/seen");
    let hidden = context.file("hidden");
    std::fs::rename(&notes, &hidden).unwrap();
    insta::assert_snapshot!("older_than_its_revisions", context.run("plan"));
    // All of it: this machine has seen a newer one.
    std::fs::remove_dir_all(&notes).ok();
    std::fs::rename(&hidden, &notes).unwrap();
    std::fs::remove_dir_all(context.file(".deployctl/default/revisions")).unwrap();
    std::fs::create_dir(context.file(".deployctl/default/revisions")).unwrap();
    put_back(&before);
    for line in ["plan", "apply --auto-approve", "destroy --auto-approve"] {
        let answer = context.run(line);
        assert_eq!(answer.code, 6, "{line}: {answer}");
        assert!(answer.stderr.contains("this machine has seen serial 2"), "{answer}");
    }
    // A machine that never saw it notices nothing, as the documentation says.
    std::fs::rename(&notes, &hidden).unwrap();
    assert_eq!(context.run("plan --detailed-exitcode").code, 2);
    std::fs::remove_dir_all(&notes).unwrap();
    std::fs::rename(&hidden, &notes).unwrap();
    put_back(&after);
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
}

/// Every file of an encrypted state with one bit flipped, at many places: whatever reads it refuses it.
#[test]
fn a_flipped_bit_in_any_file_is_refused() {
    let context = encrypted(1);
    ok(context.run("apply --auto-approve"));
    context.write("main.hcl", &resources(2));
    ok(context.run("apply --auto-approve"));
    ok(context.run("plan --out plan.bin"));
    let mut all = contents(&context);
    all.insert(context.file("plan.bin"), std::fs::read(context.file("plan.bin")).unwrap());
    for (path, bytes) in all.iter().filter(|(path, _)| !path.ends_with("lock") && !path.starts_with(notes(&context))) {
        let name = path.to_string_lossy();
        for part in [0, 1, 2, 3, 5, 9] {
            let bit = (bytes.len() * 8 - 1) * part / 9;
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(path, &flipped).unwrap();
            let lines: &[&str] = match () {
                () if name.ends_with("state.json") || name.ends_with("keyring.json") => &["plan"],
                () if name.ends_with("history.jsonl") => &["history"],
                () if name.ends_with("plan.bin") => &["apply plan.bin"],
                // Which of them a command needs is its affair; one of these needs each.
                () => &["state diff 1 2", "rollback --auto-approve", "rollback --to 2 --auto-approve"],
            };
            let answers: Vec<Answer> = lines.iter().map(|line| context.run(line)).collect();
            assert!(answers.iter().any(|answer| answer.code != 0), "{name}: bit {bit}: {}", answers[0]);
            assert!(answers.iter().all(|answer| !answer.stderr.contains("panicked")), "{name}: {}", answers[0]);
            // What another of them may have done is taken back.
            std::fs::remove_dir_all(context.file(".local")).ok();
            std::fs::remove_dir_all(context.file(".deployctl/default/revisions")).unwrap();
            std::fs::create_dir(context.file(".deployctl/default/revisions")).unwrap();
            put_back(&all);
        }
    }
}

#[test]
fn a_run_killed_anywhere_with_an_encrypted_journal_can_be_done_again() {
    let mut seen_a_journal = false;
    for point in (0..).step_by(3) {
        let mut context = encrypted(1);
        context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
        let answer = context.run("apply --auto-approve");
        context.set("DEPLOYCTL_TEST_CRASH_AT", "100000");
        if let Ok(journal) = std::fs::read(context.file(".deployctl/default/journal")) {
            seen_a_journal = true;
            assert!(!String::from_utf8_lossy(&journal).contains("local_file"), "the journal can be read");
        }
        if answer.code == 0 {
            break;
        }
        ok(context.run("apply --auto-approve"));
        assert_eq!(context.run("plan --detailed-exitcode").code, 0, "killed at {point}");
    }
    assert!(seen_a_journal);
}

#[test]
fn the_key_of_sensitive_values_keeps_its_meaning() {
    let mut context = encrypted(1);
    context.set("DEPLOYCTL_STATE_KEY", OTHER_KEY);
    ok(context.run("apply --auto-approve"));
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    // The keyring has it, so it may go; another one in its place is refused.
    context.set("DEPLOYCTL_STATE_KEY", "");
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    context.set("DEPLOYCTL_STATE_KEY", KEY);
    let answer = context.run("plan");
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stderr.contains("unset DEPLOYCTL_STATE_KEY"), "{answer}");
}
