//! Becoming somebody in Vault: from a token that is there, or by a login that gives one.

use std::path::Path;

use serde_json::json;

use super::client::{Client, Refusal};
use super::query::{Login, Server};
use crate::secret::origin::{Origin, OriginError};

/// Where Vault's own program looks for a token first.
const TOKEN_VARIABLE: &str = "VAULT_TOKEN";

impl Client {
    /// A client with a token.
    pub(super) fn log_in(server: &Server, login: &Login, root: &Path) -> Result<Self, OriginError> {
        let nobody = Client::new(server);
        let (method, mount, body) = match login {
            Login::Token(origin) => return token(origin.as_ref(), root).map(|token| nobody.with_token(&token)),
            Login::AppRole { mount, role_id, secret_id } => {
                ("AppRole", mount, json!({ "role_id": role_id, "secret_id": secret_id.text(root)? }))
            }
            Login::Kubernetes { mount, role, token_file } => {
                let jwt = Origin::File(token_file.clone()).text(root)?;
                ("Kubernetes", mount, json!({ "role": role, "jwt": jwt }))
            }
        };
        let path = format!("auth/{}/login", mount.trim_matches('/'));
        let refused = |refusal: Refusal| match refusal {
            Refusal::Denied | Refusal::BadRequest => OriginError::new(
                format!("{nobody} refuses the {method} login at `{path}`"),
                match login {
                    Login::AppRole { .. } => {
                        "look at the role's id and secret id: the latter may have expired or been used up"
                    }
                    _ => "look at the role, and at the service accounts and namespaces that it is bound to",
                },
            ),
            Refusal::Missing => OriginError::new(
                format!("{nobody} has no {method} login at `{path}`"),
                "`mount` says where the method is enabled; `vault auth list` shows it",
            ),
            Refusal::Other(error) => error,
        };
        let answer = nobody.post(&path, &body).map_err(refused)?;
        match answer.pointer("/auth/client_token").and_then(serde_json::Value::as_str) {
            Some(token) => Ok(nobody.with_token(token)),
            None => Err(nobody.not_vault()),
        }
    }
}

fn token(origin: Option<&Origin>, root: &Path) -> Result<String, OriginError> {
    if let Some(origin) = origin {
        return origin.text(root);
    }
    if let Ok(token) = Origin::Env(TOKEN_VARIABLE.to_owned()).text(root) {
        return Ok(token);
    }
    Origin::File("~/.vault-token".into()).text(root).map_err(|_| {
        OriginError::new(
            format!("there is no token for Vault: {TOKEN_VARIABLE} is not set, and there is no ~/.vault-token"),
            format!("set {TOKEN_VARIABLE}, log in with `vault login`, or say how in a `token`, `app_role` or `kubernetes` block"),
        )
    })
}
