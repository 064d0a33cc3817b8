//! What a module's own text says that must be known before its engine reads it: which modules it calls, which variables and
//! outputs it declares, and whether it needs plugins. What cannot be read is left to the engine, whose complaint is better.

use std::collections::BTreeSet;
use std::path::Path;

use deployctl_sdk::{CapturedFile, Files};
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body, Structure};
use serde_json::Value as Json;

use crate::source;

/// What one folder of a module says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Module {
    /// The modules it calls.
    pub(crate) calls: Vec<Call>,
    /// The variables it declares.
    pub(crate) variables: BTreeSet<String>,
    /// The outputs it declares.
    pub(crate) outputs: BTreeSet<String>,
    /// Whether a plugin may have to be installed for it.
    pub(crate) needs_plugins: bool,
}

/// One call of a module.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The file that it stands in.
    pub(crate) file: String,
    /// Where the called module is.
    pub(crate) source: String,
}

impl Call {
    /// Whether the called module is a folder beside this one.
    pub(crate) fn is_local(&self) -> bool {
        self.source.starts_with("./") || self.source.starts_with("../") || self.source == "." || self.source == ".."
    }
}

/// Reads what the captured files directly in a folder say.
pub(crate) fn read(files: &dyn Files, captured: &[CapturedFile], folder: &Path) -> Module {
    let mut module = Module::default();
    let of_folder = captured.iter().filter(|file| {
        let path = Path::new(&file.path);
        source::is_configuration(&file.path) && source::normal(path.parent().unwrap_or(path)) == folder
    });
    for file in of_folder {
        let Ok(bytes) = files.content(&file.digest) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        if file.path.ends_with(".json") {
            match serde_json::from_str(&text) {
                Ok(json) => module.take_json(&file.path, &json),
                Err(_) => module.needs_plugins = true,
            }
        } else {
            match text.parse::<Body>() {
                Ok(body) => module.take(&file.path, &body),
                Err(_) => module.needs_plugins = true,
            }
        }
    }
    module
}

/// Whether a module, with the local ones that it calls, may need a plugin installed.
pub(crate) fn needs_plugins(files: &dyn Files, captured: &[CapturedFile], folder: &Path) -> bool {
    let (mut todo, mut seen) = (vec![folder.to_owned()], BTreeSet::new());
    while let Some(folder) = todo.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        let module = read(files, captured, &folder);
        if module.needs_plugins || module.calls.iter().any(|call| !call.is_local()) {
            return true;
        }
        todo.extend(module.calls.iter().map(|call| source::normal(folder.join(&call.source))));
    }
    false
}

impl Module {
    fn take(&mut self, file: &str, body: &Body) {
        for block in body.iter().filter_map(Structure::as_block) {
            let label = block.labels.first().map(|label| label.as_str().to_owned());
            match (block.ident.as_str(), label) {
                ("module", _) => match attribute(block, "source") {
                    Some(source) => self.calls.push(Call { file: file.to_owned(), source }),
                    None => self.needs_plugins = true,
                },
                ("variable", Some(name)) => _ = self.variables.insert(name),
                ("output", Some(name)) => _ = self.outputs.insert(name),
                ("resource" | "data" | "ephemeral", Some(type_name)) => self.take_type(&type_name),
                ("provider", Some(name)) => self.needs_plugins |= name != "terraform",
                ("terraform", _) => {
                    let mut inner = block.body.iter().filter_map(Structure::as_block);
                    self.needs_plugins |= inner.any(|block| block.ident.as_str() == "required_providers");
                }
                _ => {}
            }
        }
    }

    fn take_json(&mut self, file: &str, json: &Json) {
        for source in members(&json["module"]).filter_map(|(_, call)| call["source"].as_str()) {
            self.calls.push(Call { file: file.to_owned(), source: source.to_owned() });
        }
        self.variables.extend(members(&json["variable"]).map(|(name, _)| name));
        self.outputs.extend(members(&json["output"]).map(|(name, _)| name));
        for kind in ["resource", "data", "ephemeral"] {
            members(&json[kind]).for_each(|(type_name, _)| self.take_type(&type_name));
        }
        self.needs_plugins |= members(&json["provider"]).any(|(name, _)| name != "terraform");
        self.needs_plugins |= members(&json["terraform"]).any(|(name, _)| name == "required_providers");
    }

    fn take_type(&mut self, type_name: &str) {
        // `terraform_data` and `terraform_remote_state` are built in.
        self.needs_plugins |= !type_name.starts_with("terraform_");
    }
}

/// The members of an object, or of each object in a list of them, as the JSON syntax allows either.
fn members(json: &Json) -> impl Iterator<Item = (String, &Json)> {
    let objects: Vec<&Json> = match json {
        Json::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    objects.into_iter().filter_map(Json::as_object).flatten().map(|(name, value)| (name.clone(), value))
}

fn attribute(block: &Block, name: &str) -> Option<String> {
    let attribute =
        block.body.iter().filter_map(Structure::as_attribute).find(|attribute| attribute.key.as_str() == name)?;
    match &attribute.value {
        Expression::String(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}
