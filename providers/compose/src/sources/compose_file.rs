//! What a Compose file names.

use std::collections::BTreeMap;

use super::context::is_folder;
use super::interpolate::interpolate;
use super::paths::{join, normal, parent};
use super::{DEFAULT_ENV_FILE, Search, dotenv};
use crate::model::Node;

/// How deep files may include each other; Compose itself refuses a cycle.
const DEEPEST: usize = 32;

type Variables = BTreeMap<String, String>;

impl Search<'_> {
    /// Reads a Compose file whose relative paths start at `folder`, and captures what it names.
    pub(super) fn compose_file(&mut self, path: &str, folder: &str, variables: &Variables) {
        if self.seen.len() > DEEPEST * DEEPEST || !self.seen.insert((path.to_owned(), folder.to_owned())) {
            return;
        }
        let Some(text) = self.input(path) else { return };
        // A file may hold several documents; later ones are merged over earlier ones.
        let Ok(documents) = serde_saphyr::from_multiple::<Node>(&text) else { return };
        for mut document in documents {
            document.each_text(false, &mut |text| *text = interpolate(text, variables));
            self.document(&document, folder, variables);
        }
    }

    fn document(&mut self, document: &Node, folder: &str, variables: &Variables) {
        if let Some(name) = document.text("name") {
            self.sources.name = Some(name.to_owned());
        }
        for include in items_or_one(document.get("include")) {
            self.include(include, folder, variables);
        }
        for section in ["configs", "secrets"] {
            for (_, definition) in document.get(section).map_or(&[][..], Node::members) {
                if let Some(file) = definition.text("file").filter(|file| !file.starts_with('~')) {
                    self.mounted(&join(folder, file));
                }
            }
        }
        for (_, service) in document.get("services").map_or(&[][..], Node::members) {
            self.service(service, folder, variables);
        }
    }

    /// `include` takes a path, or a map with one or several of them.
    fn include(&mut self, include: &Node, folder: &str, variables: &Variables) {
        let paths: Vec<&str> = match include {
            Node::Text(path) => vec![path],
            map => items_or_one(map.get("path")).filter_map(Node::as_str).collect(),
        };
        let Some(first) = paths.first().filter(|path| is_folder(path)) else { return };
        let own_folder = match include.text("project_directory") {
            Some(named) => join(folder, named),
            None => parent(&join(folder, first)),
        };
        let mut known = Variables::new();
        let env_files: Vec<&str> = items_or_one(include.get("env_file")).filter_map(Node::as_str).collect();
        let env_files: Vec<String> = match env_files.is_empty() {
            true => vec![join(&own_folder, DEFAULT_ENV_FILE)],
            false => env_files.into_iter().map(|file| join(folder, file)).collect(),
        };
        for file in env_files {
            if let Some(text) = self.input(&file) {
                dotenv::read(&text, &mut known);
            }
        }
        known.extend(variables.clone());
        for path in paths.into_iter().filter(|path| is_folder(path)) {
            self.compose_file(&join(folder, path), &own_folder, &known);
        }
    }

    fn service(&mut self, service: &Node, folder: &str, variables: &Variables) {
        if let Some(file) =
            service.get("extends").and_then(|extends| extends.text("file")).filter(|file| is_folder(file))
        {
            let path = join(folder, file);
            let own_folder = parent(&path);
            self.compose_file(&path, &own_folder, variables);
        }
        for key in ["env_file", "label_file"] {
            for item in items_or_one(service.get(key)) {
                let path = item.as_str().or_else(|| item.text("path"));
                if let Some(path) = path.filter(|path| is_folder(path)) {
                    self.input(&join(folder, path));
                }
            }
        }
        if let Some(build) = service.get("build") {
            self.build(build, folder);
        }
        for mount in service.get("volumes").map_or(&[][..], Node::items) {
            let source = match mount {
                Node::Text(short) => short.split(':').next(),
                long if long.text("type") == Some("bind") => long.text("source"),
                _ => None,
            };
            // Other sources name volumes, or what belongs to the machine and not to the project.
            if let Some(source) =
                source.filter(|source| source.starts_with('.') || source.contains('/') && is_folder(source))
            {
                self.mounted(&join(folder, source));
            }
        }
    }

    fn build(&mut self, build: &Node, folder: &str) {
        let context = build.as_str().or_else(|| build.text("context")).unwrap_or(".");
        if is_folder(context) {
            self.context(&join(folder, context), build.text("dockerfile"));
        }
        for (_, more) in build.get("additional_contexts").map_or(&[][..], Node::members) {
            if let Some(more) = more.as_str().filter(|more| is_folder(more)) {
                self.context(&normal(&join(folder, more)), None);
            }
        }
    }
}

/// The items of a list, or the one that stands in its place.
fn items_or_one(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    let (items, one) = match node {
        Some(Node::List(items)) => (items.as_slice(), None),
        other => (&[][..], other),
    };
    items.iter().chain(one)
}
