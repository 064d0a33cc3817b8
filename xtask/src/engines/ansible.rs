//! Ansible, in an environment of Python's own.

use super::place::Place;
use super::python::Package;
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop};
use crate::Failure;

const VERSION: &str = "2.19.14";

pub const ENGINE: Engine = Engine { name: "ansible", needs: &[], up, stop: nothing_to_stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let ansible = Package { engine: (ENGINE.name, VERSION), package: "ansible-core", extras: "" };
    surroundings.folder(ansible.installed(place)?);
    Ok(())
}
