//! Secrets from Vault or OpenBao: the KV engine in both its versions, over HTTP.
//!
//! [`query`] says what is asked for, [`login`] how one becomes somebody there, [`client`] speaks the protocol and turns what
//! goes wrong into words. Paths and names of fields are shown in errors; values, tokens and the bodies of answers never.

mod client;
mod login;
mod query;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use deployctl_sdk::Value;

use super::origin::OriginError;
use client::Client;
pub use query::{Login, Query, Server};

/// A login to a server, once it has been made.
type Slot = Arc<Mutex<Option<Client>>>;

/// The servers that were logged in to, each once for each way of doing so.
#[derive(Default)]
pub struct Vaults {
    clients: Mutex<HashMap<(Server, Login), Slot>>,
}

impl Vaults {
    /// Reads what is asked for. Waits for the server.
    ///
    /// # Errors
    /// A server that cannot be reached or is sealed, a login that is refused, a path or field that is not there or not
    /// allowed.
    pub fn read(&self, query: &Query, root: &Path) -> Result<Value, OriginError> {
        let slot = {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.entry((query.server.clone(), query.login.clone())).or_default().clone()
        };
        let client = {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            match &*slot {
                Some(client) => client.clone(),
                None => slot.insert(Client::log_in(&query.server, &query.login, root)?).clone(),
            }
        };
        client.read(query)
    }
}
