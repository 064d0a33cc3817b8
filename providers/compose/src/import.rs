//! Taking a running project over.

use deployctl_sdk::{ErrorKind, Map, Object, Ownership, ProviderError, Value};

use crate::observe;
use crate::record::Record;
use crate::schema;
use crate::site::Site;
use crate::store::mark_in;

/// Attributes that have the same value in every project that says nothing of them.
const DEFAULTED: [&str; 5] = ["build", "pull", "wait", "remove_orphans", "remove_volumes"];

/// Describes a running project so that it can be managed. Compose noted on its containers which files it was made from.
///
/// # Errors
/// When there is no such project, or another state has it.
pub(crate) async fn import(site: &Site, name: &str, mark: &Ownership) -> Result<Object, ProviderError> {
    let world = site.look().await?;
    let Some(first) = world.of(name).find(|container| !container.one_off) else {
        let mut names: Vec<&str> = world.containers.iter().map(|container| container.project.as_str()).collect();
        names.dedup();
        let error = ProviderError::new(ErrorKind::Refused, format!("there is no project `{name}` with containers"));
        let hint = match names.is_empty() {
            true => "no Compose project has containers on this engine".to_owned(),
            false => format!("these have: {}", names.join(", ")),
        };
        return Err(error.with_hint(hint));
    };
    let lineage = mark.lineage.to_string();
    for container in world.of(name) {
        if let Some((other, _)) = mark_in(&container.config_files)
            && other != lineage
        {
            let message = format!("the project `{name}` belongs to another state: {}", container.name);
            let error = ProviderError::new(ErrorKind::NotOurs, message);
            return Err(error.with_hint("remove it from that state first, with `deployctl state rm` there"));
        }
    }
    let mut members = Map::new();
    for attribute in DEFAULTED {
        members.insert(attribute.into(), schema::default_of(attribute));
    }
    members.insert("project_name".into(), Value::from(name));
    let root = site.place.root.display().to_string();
    let folder = first.working_dir.as_str();
    members.insert("path".into(), Value::from(relative(&root, folder)));
    let files = first.config_files.split(',').filter(|file| mark_in(file).is_none());
    members.insert("files".into(), Value::list(files.map(|file| Value::from(relative(folder, file)))));
    let record = Record { imported: true, ..Record::default() };
    let object = Object { private: record.to_value(), ..Object::new(Value::from(members)) };
    Ok(observe::object(object, &world, name))
}

/// A path from a folder on, where it lies in it.
fn relative(folder: &str, path: &str) -> String {
    match path.strip_prefix(folder) {
        Some("") => ".".to_owned(),
        Some(inside) if inside.starts_with('/') => inside.trim_start_matches('/').to_owned(),
        _ => path.to_owned(),
    }
}
