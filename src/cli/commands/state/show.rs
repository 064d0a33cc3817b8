//! `deployctl state show`: one resource of the state.

use deployctl_sdk::Address;

use crate::cli::Outcome;
use crate::cli::commands::show::show_resource;
use crate::cli::session::Session;

/// Show one resource of the state.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Which
    #[arg(value_name = "ADDRESS")]
    address: Address,
}

/// Runs it.
pub async fn run(session: Session<'_>, arguments: &Show) -> Outcome {
    show_resource(&session, &arguments.address).await
}
