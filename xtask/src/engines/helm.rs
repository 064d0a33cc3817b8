//! Helm, for charts that are rendered as manifests. It is a program and starts nothing.

use super::go::Module;
use super::place::Place;
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop};
use crate::Failure;

const VERSION: &str = "3.20.2";

pub const ENGINE: Engine = Engine { name: "helm", needs: &[], up, stop: nothing_to_stop };

/// It is built also where there is one already, so that what tests expect of its words is always of this version.
fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let module = "helm.sh/helm/v3";
    let version = format!("{module}/internal/version.version=v{VERSION}");
    let folder = Module {
        engine: (ENGINE.name, VERSION),
        module: (module, &format!("v{VERSION}")),
        programs: &[("helm.sh/helm/v3/cmd/helm", "helm")],
        set: &[&version],
        ..Module::default()
    }
    .built(place)?;
    surroundings.folder(folder);
    Ok(())
}
