//! Keys that fit and keys that do not.

use super::*;

#[test]
fn sealing_is_stable_and_undone_only_by_the_same_key() {
    let (one, other) = (DataKey::new([1; 32]), DataKey::new([2; 32]));
    let sealed = one.seal(b"hunter2").unwrap();
    assert_eq!(one.seal(b"hunter2").unwrap(), sealed);
    assert_eq!(one.open(&sealed).unwrap(), b"hunter2");
    let error = other.open(&sealed).unwrap_err().to_string();
    assert!(error.contains(one.id()) && error.contains(other.id()), "{error}");
    assert!(other.open_bytes(&one.seal_bytes(b"hunter2").unwrap()).is_err());
    assert_ne!(one.digest(b"hunter2"), other.digest(b"hunter2"));
    assert!(!format!("{one:?}").contains("1, 1"));
}

#[test]
fn every_flipped_bit_of_what_is_sealed_is_refused() {
    let key = DataKey::new([7; 32]);
    let sealed = key.seal_bytes(b"secret").unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(key.open_bytes(&flipped).is_err(), "{bit}");
    }
}

#[test]
fn keys_are_read_in_both_forms() {
    let base64 = STANDARD.encode([9; 32]);
    let hex = "09".repeat(32);
    assert_eq!(DataKey::parse(&base64, "x").unwrap().id(), DataKey::parse(&hex, "x").unwrap().id());
    for wrong in ["", "abc", &"0".repeat(63), &STANDARD.encode([9; 31])] {
        let error = DataKey::parse(wrong, "DEPLOYCTL_STATE_KEY").unwrap_err();
        assert!(error.message.contains("DEPLOYCTL_STATE_KEY"));
    }
}
