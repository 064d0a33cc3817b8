//! Reads `secret` blocks, and works out where each comes from once the variables are known.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use deployctl_sdk::Value;

use super::blocks::{SecretBlock, SecretSource, TextSource, VaultBlock, VaultLogin};
use super::body::BodyBlock;
use super::fields::Fields;
use super::{Configuration, labels};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::error::{Error, Result};
use crate::lang::{self, Expression, Outside, Scope, Step, Unresolved};
use crate::secret::vault::{Login, Query, Server};
use crate::secret::{Origin, Source};

/// Where Vault's own program looks for the server.
const ADDRESS_VARIABLE: &str = "VAULT_ADDR";
const NAMESPACE_VARIABLE: &str = "VAULT_NAMESPACE";

/// Where Kubernetes puts the token of a workload.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Reads a `secret` block.
pub(super) fn secret(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<SecretBlock> {
    let [name] = labels::names(&block, ["a name"], "secret \"db\"", complaints)?;
    let mut fields = Fields::of("secret", block.body, complaints);
    let span = fields.span();
    let texts = text_sources(&mut fields);
    let vault = fields.block("vault");
    if texts.is_empty() && vault.is_none() {
        let message = format!("the secret `{}` comes from nowhere", name.text);
        fields.complain(Diagnostic::error(span, message, "nothing says where it comes from").with_help(
            "say one of `env = \"NAME\"`, `file = \"path\"`, `command = [\"program\", …]` and `vault { … }`",
        ));
    }
    let mut places = texts.iter().map(TextSource::span).chain(vault.iter().map(|block| block.name_span));
    let first = places.next();
    for other in places {
        let message = format!("the secret `{}` comes from more than one place", name.text);
        let complaint = Diagnostic::error(other, message, "one too many");
        fields.complain(first.map_or(complaint.clone(), |first| complaint.with_label(first, "the first")));
    }
    let complaints = fields.finish();
    let vault =
        vault.and_then(|block| self::vault(block, complaints)).map(|vault| SecretSource::Vault(Box::new(vault)));
    let source = texts.into_iter().next().map(SecretSource::Text).or(vault)?;
    Some(SecretBlock { name: name.text, span, source })
}

/// Takes `env`, `file` and `command` out of a block, as many as there are.
pub(super) fn text_sources(fields: &mut Fields<'_>) -> Vec<TextSource> {
    let mut found = Vec::new();
    found.extend(fields.expression("env").map(TextSource::Env));
    found.extend(fields.expression("file").map(TextSource::File));
    found.extend(fields.expression("command").map(TextSource::Command));
    found
}

/// Reads a block that takes exactly one of `env`, `file` and `command`.
pub(super) fn text_source(
    block: BodyBlock,
    what: &'static str,
    complaints: &mut Vec<Diagnostic>,
) -> Option<TextSource> {
    let mut fields = Fields::of(what, block.body, complaints);
    let span = fields.span();
    let mut found = text_sources(&mut fields).into_iter();
    let first = found.next();
    if first.is_none() {
        let message = format!("`{what}` needs one of `env`, `file` and `command`");
        fields.complain(Diagnostic::error(span, message, "nothing says where it comes from"));
    }
    for other in found {
        let message = format!("`{what}` takes one of `env`, `file` and `command`");
        fields.complain(Diagnostic::error(other.span(), message, "one too many"));
    }
    fields.finish();
    first
}

fn vault(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<VaultBlock> {
    let mut fields = Fields::of("vault", block.body, complaints);
    let span = fields.span();
    let path = fields.required("path");
    let [address, namespace, mount, engine_version, field, version] =
        ["address", "namespace", "mount", "engine_version", "field", "version"].map(|name| fields.expression(name));
    let logins = ["token", "app_role", "kubernetes"].map(|name| fields.block(name));
    let complaints = fields.finish();
    let mut places = logins.iter().flatten().map(|block| block.name_span);
    if let (Some(first), Some(second)) = (places.next(), places.next()) {
        complaints
            .push(Diagnostic::error(second, "`vault` takes one login", "one too many").with_label(first, "the first"));
    }
    let [token, app_role, kubernetes] = logins;
    let login = match (token, app_role, kubernetes) {
        (Some(token), ..) => Some(VaultLogin::Token(text_source(token, "token", complaints)?)),
        (_, Some(app_role), _) => Some(self::app_role(app_role, complaints)?),
        (.., Some(kubernetes)) => Some(self::kubernetes(kubernetes, complaints)?),
        _ => None,
    };
    Some(VaultBlock { span, address, namespace, path: path?, mount, engine_version, field, version, login })
}

fn app_role(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<VaultLogin> {
    let mut fields = Fields::of("app_role", block.body, complaints);
    let span = fields.span();
    let (mount, role_id, secret_id) =
        (fields.expression("mount"), fields.required("role_id"), fields.block("secret_id"));
    if secret_id.is_none() {
        let help = "write `secret_id { env = \"NAME\" }`, or `file`, or `command`";
        let missing = Diagnostic::error(span, "`app_role` needs `secret_id`", "`secret_id` is missing here");
        fields.complain(missing.with_help(help));
    }
    let complaints = fields.finish();
    let secret_id = text_source(secret_id?, "secret_id", complaints)?;
    Some(VaultLogin::AppRole { mount, role_id: role_id?, secret_id })
}

fn kubernetes(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<VaultLogin> {
    let mut fields = Fields::of("kubernetes", block.body, complaints);
    let (mount, role, token_file) =
        (fields.expression("mount"), fields.required("role"), fields.expression("token_file"));
    fields.finish();
    Some(VaultLogin::Kubernetes { mount, role: role?, token_file })
}

/// Where each secret of a configuration comes from.
///
/// # Errors
/// Everything that is wrong with the blocks now that the variables are known, in one report.
pub fn resolve_secrets(
    config: &Configuration,
    variables: &BTreeMap<Arc<str>, Value>,
    outside: &dyn Outside,
) -> Result<BTreeMap<Arc<str>, Source>> {
    let mut settling = Settling { scope: Early { variables, outside }, complaints: Vec::new() };
    let mut found = BTreeMap::new();
    for (name, block) in &config.secrets {
        if let Some(source) = settling.source(block) {
            found.insert(name.clone(), source);
        }
    }
    match settling.complaints.is_empty() {
        true => Ok(found),
        false => Err(Error::invalid(config.sources.clone(), settling.complaints)),
    }
}

/// A source written out: for what must be known before there are variables.
pub(super) fn constant(source: &TextSource, complaints: &mut Vec<Diagnostic>) -> Option<Origin> {
    let found = lang::evaluate_constant(source.expression());
    // Locals are no help here: the state must be open before there is anything to refer to.
    let written_out =
        |found: Diagnostic| found.with_help("write it out: it is needed before anything can be evaluated");
    let value = found.map_err(|found| complaints.extend(found.into_iter().map(written_out))).ok()?;
    origin(source, &value, complaints)
}

struct Settling<'v> {
    scope: Early<'v>,
    complaints: Vec<Diagnostic>,
}

impl Settling<'_> {
    fn source(&mut self, block: &SecretBlock) -> Option<Source> {
        match &block.source {
            SecretSource::Text(text) => self.text_source(text).map(Source::Here),
            SecretSource::Vault(vault) => self.query(vault).map(Box::new).map(Source::Vault),
        }
    }

    fn text_source(&mut self, source: &TextSource) -> Option<Origin> {
        let value = self.value(source.expression())?;
        origin(source, &value, &mut self.complaints)
    }

    fn query(&mut self, vault: &VaultBlock) -> Option<Query> {
        let address = match &vault.address {
            Some(address) => self.text(address)?,
            None => match self.scope.outside.env(ADDRESS_VARIABLE).filter(|address| !address.is_empty()) {
                Some(address) => address,
                None => {
                    let missing =
                        Diagnostic::error(vault.span, "nothing says where Vault is", "`address` is missing here");
                    self.complaints
                        .push(missing.with_help(format!("set `address`, or the variable {ADDRESS_VARIABLE}")));
                    return None;
                }
            },
        };
        if !(address.starts_with("https://") || address.starts_with("http://")) {
            let place = vault.address.as_ref().map_or(vault.span, Expression::span);
            let wrong = Diagnostic::error(place, "the address of Vault is not a URL", "cannot be used");
            self.complaints.push(wrong.with_help("write it like `https://vault.example.org:8200`"));
            return None;
        }
        let namespace = match &vault.namespace {
            Some(namespace) => Some(self.text(namespace)?),
            None => self.scope.outside.env(NAMESPACE_VARIABLE).filter(|namespace| !namespace.is_empty()),
        };
        let engine_version = match &vault.engine_version {
            Some(given) => Some(self.whole(given, "1 or 2", |number| matches!(number, 1 | 2))?),
            None => None,
        };
        let version = match &vault.version {
            Some(given) => Some(self.whole(given, "a whole number, at least 1", |number| number >= 1)?),
            None => None,
        };
        let login = match &vault.login {
            None => Login::Token(None),
            Some(VaultLogin::Token(source)) => Login::Token(Some(self.text_source(source)?)),
            Some(VaultLogin::AppRole { mount, role_id, secret_id }) => Login::AppRole {
                mount: self.optional(mount.as_ref())?.unwrap_or_else(|| "approle".to_owned()),
                role_id: self.text(role_id)?,
                secret_id: self.text_source(secret_id)?,
            },
            Some(VaultLogin::Kubernetes { mount, role, token_file }) => Login::Kubernetes {
                mount: self.optional(mount.as_ref())?.unwrap_or_else(|| "kubernetes".to_owned()),
                role: self.text(role)?,
                token_file: PathBuf::from(
                    self.optional(token_file.as_ref())?.unwrap_or_else(|| SERVICE_ACCOUNT_TOKEN.to_owned()),
                ),
            },
        };
        Some(Query {
            server: Server { address, namespace },
            login,
            path: self.text(&vault.path)?,
            mount: self.optional(vault.mount.as_ref())?,
            engine_version: engine_version.and_then(|number| u8::try_from(number).ok()),
            field: self.optional(vault.field.as_ref())?,
            version,
        })
    }

    fn value(&mut self, expression: &Expression) -> Option<Value> {
        lang::evaluate(expression, &self.scope).map_err(|found| self.complaints.extend(found)).ok()
    }

    fn text(&mut self, expression: &Expression) -> Option<String> {
        let value = self.value(expression)?;
        match value.as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                let message = format!("a text must stand here, not {}", value.kind());
                let label = if value.as_str().is_some() { "empty" } else { "not a text" };
                self.complaints.push(Diagnostic::error(expression.span(), message, label));
                None
            }
        }
    }

    /// The outer `None` is a complaint.
    #[allow(clippy::option_option)] // Nothing given is something else than something wrong given.
    fn optional(&mut self, expression: Option<&Expression>) -> Option<Option<String>> {
        match expression {
            Some(expression) => self.text(expression).map(Some),
            None => Some(None),
        }
    }

    fn whole(&mut self, expression: &Expression, expected: &str, fits: impl Fn(u64) -> bool) -> Option<u64> {
        let value = self.value(expression)?;
        let number = value.as_i64().and_then(|number| u64::try_from(number).ok()).filter(|number| fits(*number));
        if number.is_none() {
            let message = format!("{expected} must stand here");
            self.complaints.push(Diagnostic::error(expression.span(), message, "something else"));
        }
        number
    }
}

fn origin(source: &TextSource, value: &Value, complaints: &mut Vec<Diagnostic>) -> Option<Origin> {
    let mut wrong = |message: &str, label: &str| {
        complaints.push(Diagnostic::error(source.span(), message, label));
        None
    };
    let text = || value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    match source {
        TextSource::Env(_) => match text() {
            Some(name) => Some(Origin::Env(name)),
            None => wrong("`env` must be the name of an environment variable", "not a name"),
        },
        TextSource::File(_) => match text() {
            Some(path) => Some(Origin::File(path.into())),
            None => wrong("`file` must be the path of a file", "not a path"),
        },
        TextSource::Command(_) if value.contains_sensitive() => wrong(
            "a sensitive value may not stand among a command's words, which everybody on the machine can see",
            "this is made from something sensitive",
        ),
        TextSource::Command(_) => {
            let words = value.as_list().unwrap_or_default().iter().map(|word| word.as_str().map(str::to_owned));
            match words.collect::<Option<Vec<String>>>().filter(|words| !words.is_empty()) {
                Some(words) => Some(Origin::Command(words)),
                None => wrong("`command` must be a list of texts: a program and its arguments", "not such a list"),
            }
        }
    }
}

/// What is known before anything is evaluated: the variables.
struct Early<'v> {
    variables: &'v BTreeMap<Arc<str>, Value>,
    outside: &'v dyn Outside,
}

impl Scope for Early<'_> {
    fn resolve(&self, root: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved> {
        let name = match (root, steps.first()) {
            ("var", Some(Step::Attr(name))) => name,
            _ => {
                let message = format!(
                    "a secret is fetched before anything else, so it can refer to variables alone, not to `{root}`"
                );
                return Err(Unresolved { message, help: None });
            }
        };
        match self.variables.get(name) {
            Some(value) => Ok((value.clone(), 1)),
            None => {
                let close = did_you_mean(name, self.variables.keys().map(|name| &**name));
                let help = close.map(|close| format!("did you mean `var.{close}`?"));
                Err(Unresolved { message: format!("there is no variable `{name}`"), help })
            }
        }
    }

    fn outside(&self) -> &dyn Outside {
        self.outside
    }
}

impl TextSource {
    /// What says it.
    pub(super) fn expression(&self) -> &Expression {
        match self {
            Self::Env(expression) | Self::File(expression) | Self::Command(expression) => expression,
        }
    }

    fn span(&self) -> Span {
        self.expression().span()
    }
}
