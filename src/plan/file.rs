//! A plan in a file: everything that applying it needs, whatever becomes of the checkout.
//!
//! A line that says what it is, the checksum of the rest, a header that anybody may read, and the plan itself, compressed and
//! sealed under the state's data key, because plans and the variables they were made from hold secrets.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::{Digest, Lineage};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::Plan;
use super::resting;
use crate::error::{Error, ErrorKind, Result};
use crate::inputs::{Inputs, Recorder};
use crate::project::{backend_of, encryption_of};
use crate::state::{BackendConfig, DataKey, Encryption};

const MAGIC: &[u8] = b"deployctl-plan\n";

/// The version of the file's format.
pub const PLAN_FORMAT_VERSION: u32 = 1;

/// The most bytes a plan may unpack to; a larger one is damaged or an attack.
const MAX_UNPACKED: u64 = 4 << 30;

/// A plan with all that it was made from.
pub struct SavedPlan {
    /// The plan.
    pub plan: Plan,
    /// What it was made from.
    pub inputs: Inputs,
    /// The contents of the files among that.
    pub contents: HashMap<Digest, Arc<[u8]>>,
}

/// What anybody may read of a saved plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHeader {
    /// The version of the file's format.
    pub format_version: u32,
    /// The version of deployctl that made it.
    pub version: String,
    /// The environment that it is for.
    pub environment: String,
    /// The state that it is for.
    pub lineage: Lineage,
    /// That state's serial when it was made.
    pub serial: u64,
    /// The digest that an approval is bound to.
    pub digest: Digest,
    /// Which data key it is sealed under.
    pub key: String,
    /// The folder that the state is kept in, as the configuration has it.
    pub state: String,
    /// How the state is encrypted: where the keys come from, never a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    plan: resting::PlanAtRest,
    inputs: serde_json::Value,
    contents: Vec<(Digest, String)>,
}

impl SavedPlan {
    /// Writes it, readable by its owner alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path, key: &DataKey) -> Result<()> {
        let (state, encryption) = self.state_place();
        let header = PlanHeader {
            format_version: PLAN_FORMAT_VERSION,
            version: self.plan.version.clone(),
            environment: self.plan.environment.to_string(),
            lineage: self.plan.lineage,
            serial: self.plan.serial,
            digest: self.plan.digest,
            key: key.id().to_owned(),
            state,
            encryption,
        };
        let sealed = key.seal_bytes(&self.packed(key)?)?;
        let mut rest = serde_json::to_vec(&header).map_err(|error| cannot_write(&error))?;
        rest.push(b'\n');
        rest.extend_from_slice(&sealed);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(Digest::of(&rest).to_string().as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&rest);
        deployctl_sdk::fs::write_atomic(path, &bytes, 0o600).map_err(|error| Error::failed(error.to_string()))
    }

    /// Where the captured configuration keeps its state, and how it is encrypted, so that the key can be found before the
    /// plan is open.
    fn state_place(&self) -> (String, Option<Encryption>) {
        let recorder = Recorder::of_recorded(PathBuf::new(), self.inputs.clone(), self.contents.clone());
        let config = crate::config::load(&recorder);
        let encryption = config.as_ref().ok().and_then(|config| encryption_of(config, Path::new("")));
        let folder = match config.and_then(|config| backend_of(&config, Path::new(""))) {
            Ok(BackendConfig::Local { folder }) => folder.to_string_lossy().into_owned(),
            // No key lies in a place that is shared.
            _ => ".deployctl".to_owned(),
        };
        (folder, encryption)
    }

    fn packed(&self, key: &DataKey) -> Result<Vec<u8>> {
        use base64::Engine as _;
        let encoded = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let inputs = self.inputs.to_bytes().map_err(Error::failed)?;
        let mut contents: Vec<(Digest, String)> =
            self.contents.iter().map(|(digest, bytes)| (*digest, encoded(bytes))).collect();
        contents.sort();
        let payload = Payload {
            plan: resting::to_rest(&self.plan, key).map_err(|error| cannot_write(&error))?,
            inputs: serde_json::from_slice(&inputs).map_err(|error| cannot_write(&error))?,
            contents,
        };
        let json = serde_json::to_vec(&payload).map_err(|error| cannot_write(&error))?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(&json).and_then(|()| encoder.finish());
        packed.map_err(|error| Error::failed(format!("the plan cannot be packed: {error}")))
    }

    /// Reads a plan's header; the whole file's checksum is checked.
    ///
    /// # Errors
    /// When there is no such file, it is no plan, it was changed, or it is of another version.
    pub fn header(path: &Path) -> Result<PlanHeader> {
        parts(path).map(|(header, _)| header)
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// As [`SavedPlan::header`], and when `key` is not the key that it was sealed under.
    pub fn read(path: &Path, key: Option<&DataKey>) -> Result<Self> {
        use base64::Engine as _;
        let (header, sealed) = parts(path)?;
        let key = key.filter(|key| key.id() == header.key).ok_or_else(|| {
            Error::failed(format!("{} is sealed under the data key {}, which is not here", path.display(), header.key))
                .with_hint("run this where the state is, or set DEPLOYCTL_STATE_KEY to that key")
        })?;
        let damaged = || Error::failed(format!("{} is damaged", path.display())).with_hint("make the plan again");
        let packed = key.open_bytes(&sealed).map_err(|_| damaged())?;
        let mut json = Vec::new();
        let unpacked = DeflateDecoder::new(packed.as_slice()).take(MAX_UNPACKED).read_to_end(&mut json);
        unpacked.map_err(|_| damaged())?;
        let payload: Payload = serde_json::from_slice(&json).map_err(|_| damaged())?;
        let inputs = serde_json::to_vec(&payload.inputs).map_err(|_| damaged())?;
        let inputs = Inputs::from_bytes(&inputs).map_err(|_| damaged())?;
        let mut contents: HashMap<Digest, Arc<[u8]>> = HashMap::new();
        for (digest, text) in payload.contents {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| damaged())?;
            if Digest::of(&bytes) != digest {
                return Err(damaged());
            }
            contents.insert(digest, bytes.into());
        }
        let plan = resting::from_rest(payload.plan, key).map_err(|_| damaged())?;
        let told = (plan.lineage, plan.serial, plan.digest, &*plan.environment);
        if told != (header.lineage, header.serial, header.digest, header.environment.as_str()) {
            return Err(damaged());
        }
        Ok(Self { plan, inputs, contents })
    }
}

fn parts(path: &Path) -> Result<(PlanHeader, Vec<u8>)> {
    let bytes = deployctl_sdk::fs::read(path).map_err(|error| Error::failed(error.to_string()))?;
    let shown = path.display();
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| {
        Error::failed(format!("{shown} is not a saved plan")).with_hint("`deployctl plan -o FILE` saves one")
    })?;
    let changed = || {
        Error::failed(format!("{shown} was changed or cut short after it was saved"))
            .with_hint("make the plan again, and do not edit the file")
    };
    let (checksum, rest) = rest.split_at_checked(65).ok_or_else(changed)?;
    if checksum.strip_suffix(b"\n") != Some(Digest::of(rest).to_string().as_bytes()) {
        return Err(changed());
    }
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(changed)?;
    let (header, sealed) = rest.split_at(end);
    check_version(header, path)?;
    let header: PlanHeader = serde_json::from_slice(header).map_err(|_| changed())?;
    Ok((header, sealed.get(1..).unwrap_or_default().to_vec()))
}

/// A plan is applied only by the minor version that made it: another one may plan, and so apply, differently.
fn check_version(header: &[u8], path: &Path) -> Result<()> {
    #[derive(Deserialize)]
    struct Versions {
        format_version: u32,
        version: String,
    }
    let own = env!("CARGO_PKG_VERSION");
    let minor = |version: &str| version.splitn(3, '.').take(2).map(str::to_owned).collect::<Vec<_>>();
    match serde_json::from_slice::<Versions>(header) {
        Ok(made) if made.format_version == PLAN_FORMAT_VERSION && minor(&made.version) == minor(own) => Ok(()),
        Ok(made) => Err(Error::new(
            ErrorKind::Stale,
            format!("{} was made by deployctl {}, and this is {own}", path.display(), made.version),
        )
        .with_hint("make the plan again with this version")),
        Err(_) => Err(Error::failed(format!("{} is damaged", path.display())).with_hint("make the plan again")),
    }
}

fn cannot_write(error: &serde_json::Error) -> Error {
    Error::failed(format!("the plan cannot be written: {error}"))
}
