//! Bytes as the documents that rest on a disk: the state, its journal, a saved plan. Each is tried as it is, where a checksum
//! stands in front of nearly everything, and with its checksums made right, so that what lies behind them is reached too.

use std::io::Write as _;
use std::sync::Arc;

use deployctl::error::{Error, Result};
use deployctl::plan::SavedPlan;
use deployctl::state::{Backend as _, Condition, DataKey, Loaded, MemoryBackend, Store};
use deployctl_sdk::Digest;
use sha2::{Digest as _, Sha256};

/// The data key that the corpus is sealed under.
const KEY: [u8; 32] = [7; 32];

/// What was sealed in the corpus.
const PLANTED: &str = "planted-secret";

/// Bytes as a state document.
pub fn state(data: &[u8]) {
    loads(&[("state.json", data.to_vec())]);
    let sum = {
        let mut hasher = Sha256::new();
        hasher.update(b"deployctl-state\n1\n");
        hasher.update(data);
        Digest::from_bytes(hasher.finalize().into())
    };
    let head = format!(r#"{{"format":"deployctl-state","format_version":1,"checksum":"sha256:{sum}","body":"#);
    loads(&[("state.json", [head.as_bytes(), data, b"}\n"].concat())]);
}

/// Bytes as a journal, beside no state.
pub fn journal(data: &[u8]) {
    loads(&[("journal", data.to_vec())]);
    let mut chain = Digest::of(b"");
    let mut lines = Vec::new();
    for text in data.split(|byte| *byte == b'\n') {
        let mut hasher = Sha256::new();
        hasher.update(chain.as_bytes());
        hasher.update(text);
        chain = Digest::from_bytes(hasher.finalize().into());
        lines.extend_from_slice(chain.to_string().as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(text);
        lines.push(b'\n');
    }
    loads(&[("journal", lines)]);
}

/// Bytes as a saved plan.
pub fn plan(data: &[u8]) {
    opens(data);
    opens(&[b"deployctl-plan\n".as_slice(), Digest::of(data).to_string().as_bytes(), b"\n", data].concat());
}

/// Whether bytes are read as a saved plan.
pub fn plan_is_read(bytes: &[u8]) -> bool {
    read_plan(bytes).is_ok()
}

/// What a state document says, if it is read.
pub fn state_is_read(bytes: &[u8]) -> Option<String> {
    let loaded = load(&[("state.json", bytes.to_vec())]).ok()?;
    Some(format!("{:?}", loaded.state.records))
}

/// What a journal says happened, if it is read.
pub fn journal_is_read(bytes: &[u8]) -> Option<String> {
    let loaded = load(&[("journal", bytes.to_vec())]).ok()?;
    Some(format!("{:?} {:?}", loaded.state.records, loaded.interrupted))
}

/// Loads a state from these files: twice the same, or an error that says what to do and shows nothing.
fn loads(files: &[(&str, Vec<u8>)]) {
    let files_show = files.iter().any(|(_, bytes)| shows(bytes));
    let first = load(files);
    let second = load(files);
    match (&first, &second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first.state.records, second.state.records, "the same bytes are read in two ways");
            // What is sensitive stays marked on its way through the disk.
            assert!(files_show || !format!("{first:?}").contains(PLANTED), "a sensitive value lost its mark");
        }
        (Err(first), Err(second)) => {
            assert_eq!(first.message, second.message, "the same bytes are refused in two ways");
            told(first, files_show);
        }
        _ => panic!("the same bytes are read once and refused once"),
    }
}

fn load(files: &[(&str, Vec<u8>)]) -> Result<Loaded> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let disk = MemoryBackend::new();
        for (path, bytes) in files {
            disk.put(path, bytes.clone(), Condition::Any).await?;
        }
        Store::open_on(Arc::new(disk), Some(DataKey::new(KEY))).load().await
    })
}

fn read_plan(bytes: &[u8]) -> Result<SavedPlan> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    SavedPlan::read(file.path(), Some(&DataKey::new(KEY)))
}

fn opens(bytes: &[u8]) {
    match read_plan(bytes) {
        Ok(saved) => {
            let shown = !shows(bytes) && format!("{:?}", saved.plan).contains(PLANTED);
            assert!(!shown, "a sensitive value lost its mark");
        }
        Err(error) => told(&error, shows(bytes)),
    }
}

fn told(error: &Error, shown_before: bool) {
    let text = format!("{error} {:?} {:?}", error.hint, error.detail);
    assert!(shown_before || !text.contains(PLANTED), "an error shows a sensitive value: {text}");
}

/// Whether the planted value stands in the bytes in clear: a fuzzer that watches comparisons writes it itself.
fn shows(bytes: &[u8]) -> bool {
    bytes.windows(PLANTED.len()).any(|window| window == PLANTED.as_bytes())
}
