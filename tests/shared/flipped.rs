//! One bit of something that lies in a shared place is another: it is refused, whatever it is. That every single bit counts is
//! shown where the bytes are read; here, that nothing of what lies in a real place gets around that.

use super::interrupted::{CRASH_AT, site};
use super::locks::lock_id;
use super::place::{ALL, Kind, Place};
use super::team::{SITE, ok};
use crate::context::Context;

/// Which bits of so many bytes, spread over all of them; the first and the last are among them.
fn bits(bytes: usize) -> Vec<usize> {
    let count = if std::env::var_os("DEPLOYCTL_TEST_LONG").is_some() { 300 } else { 9 };
    let all = bytes * 8;
    // A step that is no multiple of eight meets every bit of a byte in turn.
    let step = (all / count).max(1) | 1;
    (0..all).step_by(step).chain([all - 1]).collect()
}

/// Flips bits of an object, one at a time, and puts it back. `refused` is asked each time; the first time it may answer that
/// the object is not needed for what it does.
fn flip(place: &Place, name: &str, bytes: &[u8], refused: impl Fn(usize) -> bool) -> usize {
    let mut flipped = 0;
    for bit in bits(bytes.len()) {
        let mut other = bytes.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        place.overwrite(name, other);
        if !refused(bit) {
            assert_eq!(flipped, 0, "{:?}: bit {bit} of {name} was believed", place.kind);
            break;
        }
        flipped += 1;
    }
    place.overwrite(name, bytes.to_vec());
    flipped
}

/// States, histories, revisions and what they are made of.
fn of_a_settled_state(place: &Place, machine: &Context, case: &str) {
    ok(machine.run("apply --auto-approve"));
    ok(machine.run("apply --auto-approve --var text=second"));
    let questions = [
        ("/state.json", "state list"),
        ("/history.jsonl", "history"),
        ("/keyring.json", "state list"),
        // Looks at every revision.
        ("/revisions/", "state prune"),
    ];
    for (part, question) in questions {
        let objects: Vec<_> =
            place.resting().into_iter().filter(|(name, bytes)| name.contains(part) && !bytes.is_empty()).collect();
        let optional = part == "/keyring.json" && !case.contains("encrypted");
        assert!(optional || !objects.is_empty(), "{case}: there is no {part}");
        for (name, bytes) in objects {
            flip(place, &name, &bytes, |bit| {
                let answer = machine.run(question);
                assert!(answer.code == 1, "{case}: bit {bit} of {name}: {answer}");
                true
            });
        }
    }
    let mut needed = 0;
    for (name, bytes) in place.resting().into_iter().filter(|(name, _)| name.contains("/blobs/")) {
        needed += flip(place, &name, &bytes, |_| {
            let answer = machine.run("rollback --auto-approve --to 1");
            if answer.code == 0 {
                // Not one that this rollback needs.
                ok(machine.run("apply --auto-approve --var text=second"));
            }
            answer.code == 1
        });
    }
    assert!(needed >= 9, "{case}: {needed} bits of contents");
    assert_eq!(machine.run("plan --detailed-exitcode --var text=second").code, 0, "{case}");
}

#[test]
fn a_flipped_bit_is_refused_wherever_it_is() {
    for kind in ALL {
        let place = Place::new(kind);
        of_a_settled_state(&place, &place.machine(SITE), &format!("{kind:?}"));
    }
}

#[test]
fn a_flipped_bit_of_what_is_encrypted_is_refused_wherever_it_is() {
    for kind in [Kind::Minio, Kind::Postgres] {
        let place = Place::new(kind);
        of_a_settled_state(&place, &super::encrypted::machine(&place, SITE), &format!("{kind:?}, encrypted"));
    }
}

/// Everything in a journal counts here, its last entry too: where a write is done whole or not at all, no crash tears it.
#[test]
fn a_flipped_bit_of_an_interrupted_runs_journal_is_refused() {
    for kind in ALL {
        let traces = Context::new();
        let (place, machine) = (1..60)
            .step_by(4)
            .find_map(|at| {
                let place = Place::new(kind);
                let machine = place.machine(&site(&traces));
                let run = machine.command().args(["apply", "--auto-approve"]).env(CRASH_AT, at.to_string()).output();
                assert!(
                    !run.unwrap().status.success(),
                    "{kind:?}: it came to its end before there was a journal of some length"
                );
                (journal(&place).len() >= 3).then_some((place, machine))
            })
            .unwrap();
        let mut flipped = 0;
        for (name, bytes) in journal(&place) {
            flipped += flip(&place, &name, &bytes, |bit| {
                let answer = machine.run("plan");
                let told = answer.stderr.contains("damaged") || answer.stderr.contains("a piece is missing");
                assert!(answer.code == 1 && told, "{kind:?}: bit {bit} of {name}: {answer}");
                true
            });
        }
        assert!(flipped >= 27, "{kind:?}: only {flipped}");
        ok(machine.run_args(&["state", "unlock", "--force", &lock_id(&machine).unwrap()]));
        ok(machine.run("apply --auto-approve"));
        assert_eq!(machine.run("plan --detailed-exitcode").code, 0, "{kind:?}");
    }
}

/// The journal's objects or rows.
fn journal(place: &Place) -> Vec<(String, Vec<u8>)> {
    let of_journal = |name: &str| ["/journal", "/journal.parts/", "/journal#"].iter().any(|part| name.contains(part));
    place.resting().into_iter().filter(|(name, bytes)| of_journal(name) && !bytes.is_empty()).collect()
}
