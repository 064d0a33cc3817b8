//! How a configuration says that its state is encrypted, and how far a plan's file is believed that says so itself.

use std::path::Path;

use crate::config::{self, Configuration, KeyMethod};
use crate::error::{Error, ErrorKind, Result};
use crate::inputs::Recorder;
use crate::state::{Encryption, Method};

/// How the configuration says that the state is encrypted.
pub fn encryption_of(config: &Configuration, root: &Path) -> Option<Encryption> {
    let method = |method: &KeyMethod| match method.clone() {
        KeyMethod::Age { recipients, identity } => Method::Age { recipients, identity },
        KeyMethod::AesGcm { key } => Method::AesGcm { key },
    };
    config.settings.encryption.as_ref().map(|block| Encryption {
        method: method(&block.method),
        previous: block.previous.iter().map(method).collect(),
        root: root.to_owned(),
    })
}

/// The encryption that a plan's file names, where it may be used. Anybody could have put a command there, since the file can
/// be trusted only once it is open; so a command must stand in the configuration too.
pub(super) fn trusted(encryption: Encryption, root: &Path, file: &Path) -> Result<Encryption> {
    let encryption = Encryption { root: root.to_owned(), ..encryption };
    if !encryption.runs_commands() {
        return Ok(encryption);
    }
    let recorder = Recorder::of_checkout(root.to_owned(), String::new());
    let here = config::load(&recorder).ok().and_then(|config| encryption_of(&config, root));
    match here.as_ref() == Some(&encryption) {
        true => Ok(encryption),
        false => Err(Error::new(
            ErrorKind::Refused,
            format!("{} says which command gives the key that opens it, and the configuration here does not", file.display()),
        )
        .with_hint("run this in the folder of the configuration that the plan was made from: a command is not taken from a plan's file")),
    }
}
