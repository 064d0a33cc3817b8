//! Looking for secrets where there must be none: as they are, in base64, in archives and in compressed contents, and in what
//! processes are started with.
#![allow(dead_code, reason = "not every program of tests looks everywhere")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;

/// How many layers of packing are looked through.
const DEPTH: usize = 2;

/// Whether some bytes hold one of these secrets.
pub fn holds(bytes: &[u8], secrets: &[&str]) -> bool {
    within(bytes, secrets, DEPTH)
}

fn within(bytes: &[u8], secrets: &[&str], depth: usize) -> bool {
    let plain = |secret: &&str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    if secrets.iter().any(plain) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let lax = base64::engine::general_purpose::STANDARD_NO_PAD;
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let runs = bytes.split(|byte| !is_base64(byte)).filter(|run| run.len() >= 16);
    let in_base64 = runs.into_iter().any(|run| {
        let whole = run.get(..run.len() / 4 * 4).unwrap_or_default();
        lax.decode(whole).is_ok_and(|decoded| within(&decoded, secrets, depth - 1))
    });
    let archived = bytes.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x03\x04").any(|(at, _)| {
        let length = |from: usize| {
            bytes.get(at + from..at + from + 2).map_or(0, |two| usize::from(two[0]) | usize::from(two[1]) << 8)
        };
        within(&inflated(bytes.get(at + 30 + length(26) + length(28)..).unwrap_or_default()), secrets, depth - 1)
    });
    // A captured content that is not sealed is compressed after one letter.
    let captured = bytes.first() == Some(&b'p') && within(&inflated(&bytes[1..]), secrets, depth - 1);
    in_base64 || archived || captured
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let _ = flate2::read::DeflateDecoder::new(bytes).take(1 << 24).read_to_end(&mut unpacked);
    unpacked
}

/// All files below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = deployctl_sdk::fs::read_dir(folder).unwrap_or_default();
    entries.into_iter().flat_map(|entry| if entry.is_dir() { files_below(&entry) } else { vec![entry] }).collect()
}

/// Does something, and answers besides which command lines with a word there were meanwhile, on the whole machine.
pub fn watching_processes<T>(word: &[u8], during: impl FnOnce() -> T) -> (T, Vec<u8>) {
    /// The watch ends too if what is watched panics.
    struct Ended<'a>(&'a AtomicBool);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watched_processes(&stop, word));
        let ended = Ended(&stop);
        let answer = during();
        drop(ended);
        (answer, watch.join().unwrap())
    })
}

fn watched_processes(stop: &AtomicBool, word: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for path in deployctl_sdk::fs::read_dir(Path::new("/proc")).unwrap_or_default() {
            let line = deployctl_sdk::fs::read(&path.join("cmdline")).unwrap_or_default();
            if line.windows(word.len()).any(|window| window == word) {
                seen.extend(line);
            }
        }
    }
    seen
}
