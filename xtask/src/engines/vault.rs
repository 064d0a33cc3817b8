//! Vault, for secrets that are read from it: a server that each test starts for itself, so nothing is started here.
//!
//! Its published modules do not fit each other as they are required, and its own program brings plugins for every cloud. So it
//! is built from a small program over its code, with the release of its SDK that fits.

use super::go::Module;
use super::place::Place;
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop};
use crate::Failure;

const VERSION: &str = "1.21.4";

pub const ENGINE: Engine = Engine { name: "vault", needs: &[], up, stop: nothing_to_stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let folder = Module {
        engine: (ENGINE.name, VERSION),
        module: ("github.com/hashicorp/vault", &format!("v{VERSION}")),
        main: Some(include_str!("vault/main.go")),
        programs: &[(".", "vault-server")],
        replace: &[
            "github.com/hashicorp/vault/sdk => github.com/hashicorp/vault/sdk v0.20.0",
            "github.com/99designs/keyring => github.com/Jeffail/keyring v1.2.3",
            "github.com/ma314smith/signedxml v1.1.1 => github.com/moov-io/signedxml v1.1.1",
        ],
        ..Module::default()
    }
    .built(place)?;
    surroundings.set("VAULT_SERVER", folder.join("vault-server").to_string_lossy());
    Ok(())
}
