//! `deployctl graph`: what depends on what.

use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session;
use crate::config::Configuration;
use crate::error::Error;
use crate::model::Graph as Dependencies;

/// Print what depends on what, for Graphviz.
///
/// `deployctl graph | dot -Tsvg > graph.svg` draws it. An arrow goes from a resource to what it needs.
#[derive(Debug, clap::Args)]
pub struct Graph {
    /// Only what this resource needs, and what that needs: `local_process.api`
    #[arg(value_name = "RESOURCE")]
    resource: Option<String>,
}

#[derive(Serialize)]
struct Document {
    format_version: u32,
    nodes: Vec<String>,
    edges: Vec<[String; 2]>,
}

/// Runs it.
pub fn run(settings: &Settings, output: &Output, arguments: &Graph) -> Outcome {
    let (_, config, _, _) = session::configuration(&settings.dir)?;
    let graph = Dependencies::build(&config).map_err(|found| Error::invalid(config.sources.clone(), found))?;
    let wanted = match &arguments.resource {
        Some(name) => needed(&config, &graph, name)?,
        None => vec![true; config.resources.len()],
    };
    let is_wanted = |index: usize| wanted.get(index).copied().unwrap_or(false);
    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    for index in (0..config.resources.len()).filter(|index| is_wanted(*index)) {
        let from = name(&config, index);
        for needs in graph.dependencies(index) {
            edges.push([from.clone(), name(&config, *needs)]);
        }
        nodes.push(from);
    }
    if output.json {
        output.document(&Document { format_version: 1, nodes, edges })?;
        return Ok(Exit::Done);
    }
    let mut dot = "digraph deployctl {\n  rankdir = LR;\n  node [shape = box];\n".to_owned();
    dot.extend(nodes.iter().map(|node| format!("  \"{node}\";\n")));
    dot.extend(edges.iter().map(|[from, to]| format!("  \"{from}\" -> \"{to}\";\n")));
    dot.push_str("}\n");
    output.result(&dot);
    Ok(Exit::Done)
}

fn name(config: &Configuration, index: usize) -> String {
    config.resources.get(index).map(|block| format!("{}.{}", block.type_name, block.name)).unwrap_or_default()
}

/// The resource and all that it needs, near and far.
fn needed(config: &Configuration, graph: &Dependencies, wanted: &str) -> Result<Vec<bool>, Error> {
    let start = (0..config.resources.len()).find(|index| name(config, *index) == wanted).ok_or_else(|| {
        Error::usage(format!("there is no resource `{wanted}` in the configuration"))
            .with_hint("`deployctl graph` without a name prints them all")
    })?;
    let mut seen = vec![false; config.resources.len()];
    let mut open = vec![start];
    while let Some(index) = open.pop() {
        match seen.get_mut(index) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        open.extend(graph.dependencies(index));
    }
    Ok(seen)
}
