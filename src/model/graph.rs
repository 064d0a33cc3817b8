//! Which block needs which: the graph that everything is evaluated and applied along.
//!
//! Edges come from references and `depends_on`. Nothing here is evaluated, and nothing is recursive: a chain may be as long
//! as a configuration is large.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use petgraph::graph::DiGraph;

use crate::config::{Configuration, ResourceBlock};
use crate::diagnostic::{Diagnostic, Span};
use crate::lang::{self, Expression, Reference, StaticStep};

/// One block of the graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A local, by name.
    Local(Arc<str>),
    /// An output, by name.
    Output(Arc<str>),
    /// A provider block, by its place in [`Configuration::providers`].
    Provider(usize),
    /// A resource block, by its place in [`Configuration::resources`].
    Resource(usize),
}

/// The blocks of a configuration in an order in which each comes after all that it needs.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Dependencies first, otherwise in the order of the files.
    pub order: Vec<Node>,
    /// For each node of `order`, the places in `order` of what it refers to itself, in that order.
    direct: Vec<Vec<u32>>,
    /// For each resource block, the resource blocks that it depends on.
    resources: Vec<Vec<usize>>,
    /// Where each node is in `order`.
    places: HashMap<Node, u32>,
}

impl Graph {
    /// The graph of a configuration. References to what is not defined are passed over; `check` complains about them.
    ///
    /// # Errors
    /// One complaint for each cycle, naming all members, with a label at every reference that makes it.
    pub fn build(config: &Configuration) -> Result<Self, Vec<Diagnostic>> {
        let blocks = Blocks::of(config);
        let edges: Vec<Vec<u32>> = (0..blocks.nodes.len()).map(|node| blocks.needs(node)).collect();
        let order = sorted(&edges);
        if order.len() < edges.len() {
            return Err(cycles(&blocks, &edges, &order));
        }
        let mut place_of = vec![0_u32; order.len()];
        for (place, node) in order.iter().enumerate() {
            if let Some(slot) = place_of.get_mut(*node as usize) {
                *slot = number(place);
            }
        }
        let place = |node: &u32| place_of.get(*node as usize).copied().unwrap_or_default();
        let mut direct = Vec::with_capacity(order.len());
        for node in &order {
            let mut needs: Vec<u32> = edges.get(*node as usize).into_iter().flatten().map(place).collect();
            needs.sort_unstable();
            direct.push(needs);
        }
        let order: Vec<Node> = order.iter().filter_map(|node| blocks.node(*node).cloned()).collect();
        let places = order.iter().enumerate().map(|(place, node)| (node.clone(), number(place))).collect();
        let resources = resource_dependencies(&order, &direct, config.resources.len());
        Ok(Self { order, direct, resources, places })
    }

    /// The resource blocks that a resource block depends on, by itself or through locals and provider blocks, each once and
    /// in ascending order.
    pub fn dependencies(&self, resource: usize) -> &[usize] {
        self.resources.get(resource).map(Vec::as_slice).unwrap_or_default()
    }

    /// The blocks in waves: what is in one needs only what is in those before it. In each, the order of evaluation.
    pub fn waves(&self) -> Vec<Vec<&Node>> {
        let mut waves: Vec<Vec<&Node>> = Vec::new();
        let mut wave_of = Vec::with_capacity(self.order.len());
        for (node, needs) in self.order.iter().zip(&self.direct) {
            let before = needs.iter().filter_map(|place| wave_of.get(*place as usize));
            let wave = before.max().map_or(0, |wave: &usize| wave + 1);
            wave_of.push(wave);
            match waves.get_mut(wave) {
                Some(members) => members.push(node),
                None => waves.push(vec![node]),
            }
        }
        waves
    }

    /// Where a resource block comes in the order of evaluation.
    pub fn place(&self, resource: usize) -> usize {
        self.places.get(&Node::Resource(resource)).map_or(usize::MAX, |place| *place as usize)
    }

    /// What a node refers to itself, in the order of evaluation.
    pub fn direct(&self, node: &Node) -> impl Iterator<Item = &Node> {
        let needs = self.places.get(node).and_then(|place| self.direct.get(*place as usize));
        needs.into_iter().flatten().filter_map(|place| self.order.get(*place as usize))
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// All blocks in the order of the files, and where to find them.
struct Blocks<'c> {
    config: &'c Configuration,
    nodes: Vec<Node>,
    locals: HashMap<&'c str, u32>,
    providers: HashMap<usize, u32>,
    resources: Vec<u32>,
}

impl<'c> Blocks<'c> {
    fn of(config: &'c Configuration) -> Self {
        let locals = config.locals.values().map(|local| (local.span, Node::Local(local.name.clone())));
        let outputs = config.outputs.values().map(|output| (output.span, Node::Output(output.name.clone())));
        let providers = config.providers.iter().enumerate().map(|(at, block)| (block.span, Node::Provider(at)));
        let resources = config.resources.iter().enumerate().map(|(at, block)| (block.span, Node::Resource(at)));
        let mut placed: Vec<(Span, Node)> = locals.chain(outputs).chain(providers).chain(resources).collect();
        placed.sort();
        let nodes: Vec<Node> = placed.into_iter().map(|(_, node)| node).collect();
        let mut blocks = Self {
            config,
            nodes: Vec::new(),
            locals: HashMap::new(),
            providers: HashMap::new(),
            resources: vec![0; config.resources.len()],
        };
        for (at, node) in nodes.iter().enumerate() {
            match node {
                Node::Local(name) => {
                    if let Some((name, _)) = config.locals.get_key_value(name) {
                        blocks.locals.insert(name, number(at));
                    }
                }
                Node::Provider(provider) => {
                    blocks.providers.insert(*provider, number(at));
                }
                Node::Resource(resource) => {
                    if let Some(slot) = blocks.resources.get_mut(*resource) {
                        *slot = number(at);
                    }
                }
                Node::Output(_) => {}
            }
        }
        blocks.nodes = nodes;
        blocks
    }

    fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(node as usize)
    }

    fn resource(&self, type_name: &str, name: &str) -> Option<u32> {
        self.resources.get(self.config.resource(type_name, name)?).copied()
    }

    /// The nodes that a node needs, each once.
    fn needs(&self, node: usize) -> Vec<u32> {
        let mut found = Vec::new();
        let Some(node) = self.nodes.get(node) else { return found };
        for expression in self.expressions(node) {
            found.extend(lang::references(expression).iter().filter_map(|reference| self.target(reference)));
        }
        if let Node::Resource(resource) = node
            && let Some(provider) = self.config.resources.get(*resource).and_then(|block| self.provider_of(block))
        {
            found.push(provider);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn provider_of(&self, block: &ResourceBlock) -> Option<u32> {
        if self.providers.is_empty() {
            return None;
        }
        let (name, alias) = block.provider_reference();
        self.providers.get(&self.config.provider(name, alias)?).copied()
    }

    fn expressions(&self, node: &Node) -> Vec<&'c Expression> {
        match node {
            Node::Local(name) => self.config.locals.get(name).map(|local| &local.value).into_iter().collect(),
            Node::Output(name) => match self.config.outputs.get(name) {
                Some(output) => std::iter::once(&output.value).chain(&output.depends_on).collect(),
                None => Vec::new(),
            },
            Node::Provider(at) => self.config.providers.get(*at).map(|b| b.body.expressions()).unwrap_or_default(),
            Node::Resource(at) => self.config.resources.get(*at).map(ResourceBlock::expressions).unwrap_or_default(),
        }
    }

    /// The node that a reference leads to.
    fn target(&self, reference: &Reference<'_>) -> Option<u32> {
        let Some(StaticStep::Attr(name, _)) = reference.steps.first() else { return None };
        match reference.root {
            "local" => self.locals.get(name).copied(),
            root => self.resource(root, name),
        }
    }

    /// What a node is called in messages, and where it stands.
    fn name(&self, node: u32) -> (String, Option<Span>) {
        match self.node(node) {
            Some(Node::Local(name)) => (format!("local.{name}"), self.config.locals.get(name).map(|local| local.span)),
            Some(Node::Output(name)) => (format!("output.{name}"), self.config.outputs.get(name).map(|out| out.span)),
            Some(Node::Provider(at)) => match self.config.providers.get(*at) {
                Some(block) => match &block.alias {
                    Some(alias) => (format!("provider.{}.{alias}", block.name), Some(block.span)),
                    None => (format!("provider.{}", block.name), Some(block.span)),
                },
                None => (String::new(), None),
            },
            Some(Node::Resource(at)) => match self.config.resources.get(*at) {
                Some(block) => (format!("{}.{}", block.type_name, block.name), Some(block.span)),
                None => (String::new(), None),
            },
            None => (String::new(), None),
        }
    }
}

/// The nodes in an order in which each comes after all that it needs, the earlier in the files first; without those in
/// cycles and those that need them.
fn sorted(edges: &[Vec<u32>]) -> Vec<u32> {
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut needed_by: Vec<Vec<u32>> = vec![Vec::new(); edges.len()];
    for (node, needs) in edges.iter().enumerate() {
        for need in needs {
            if let Some(list) = needed_by.get_mut(*need as usize) {
                list.push(number(node));
            }
        }
    }
    let ready = waiting.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BinaryHeap<Reverse<u32>> = ready.map(|(node, _)| Reverse(number(node))).collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for dependent in needed_by.get(node as usize).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*dependent as usize) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(*dependent));
                }
            }
        }
    }
    order
}

/// For each resource block the resource blocks it depends on, through locals and provider blocks.
fn resource_dependencies(order: &[Node], direct: &[Vec<u32>], resources: usize) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = vec![Vec::new(); resources];
    // What stands behind each local and provider block; every node finds those before it already settled.
    let mut behind: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, (node, needs)) in order.iter().zip(direct).enumerate() {
        let mut depends: Vec<usize> = Vec::new();
        for need in needs {
            match order.get(*need as usize) {
                Some(Node::Resource(resource)) => depends.push(*resource),
                _ => depends.extend(behind.get(need).into_iter().flatten()),
            }
        }
        depends.sort_unstable();
        depends.dedup();
        match node {
            Node::Resource(resource) => {
                if let Some(slot) = found.get_mut(*resource) {
                    *slot = depends;
                }
            }
            _ if depends.is_empty() => {}
            _ => {
                behind.insert(number(place), depends);
            }
        }
    }
    found
}

/// The complaints about what `order` had to leave out.
fn cycles(blocks: &Blocks<'_>, edges: &[Vec<u32>], order: &[u32]) -> Vec<Diagnostic> {
    let sorted: BTreeSet<u32> = order.iter().copied().collect();
    let mut graph: DiGraph<u32, ()> = DiGraph::new();
    let left: Vec<u32> = (0..number(edges.len())).filter(|node| !sorted.contains(node)).collect();
    let indices: HashMap<u32, _> = left.iter().map(|node| (*node, graph.add_node(*node))).collect();
    for node in &left {
        for need in edges.get(*node as usize).into_iter().flatten() {
            if let (Some(from), Some(to)) = (indices.get(node), indices.get(need)) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    // Not petgraph's `tarjan_scc`, which is recursive.
    petgraph::algo::kosaraju_scc(&graph)
        .into_iter()
        .map(|component| component.into_iter().filter_map(|index| graph.node_weight(index).copied()).collect())
        .filter(|members: &BTreeSet<u32>| match members.first() {
            Some(only) if members.len() == 1 => edges.get(*only as usize).is_some_and(|needs| needs.contains(only)),
            _ => true,
        })
        .map(|members| cycle(blocks, edges, &members))
        .collect()
}

fn cycle(blocks: &Blocks<'_>, edges: &[Vec<u32>], members: &BTreeSet<u32>) -> Diagnostic {
    let way = way_around(edges, members);
    let mut labels = Vec::new();
    for member in members {
        let Some(node) = blocks.node(*member) else { continue };
        for expression in blocks.expressions(node) {
            for reference in lang::references(expression) {
                if let Some(target) = blocks.target(&reference).filter(|target| members.contains(target)) {
                    let text = format!("`{}` needs `{}`", blocks.name(*member).0, blocks.name(target).0);
                    labels.push((reference.span, text));
                }
            }
        }
    }
    labels.sort();
    labels.dedup();
    let names: Vec<String> = way.iter().map(|node| format!("`{}`", blocks.name(*node).0)).collect();
    let message = match names.as_slice() {
        [only] => format!("{only} refers to itself"),
        _ => format!("these need each other in a cycle: {}", names.join(", ")),
    };
    let place = members.first().and_then(|node| blocks.name(*node).1);
    let help = match names.len() {
        1 => "a block cannot use its own values, except as `self` in `health` and `postcondition`",
        _ => "take one of these references out, so that one of them can come first",
    };
    if labels.is_empty() {
        labels.extend(place.map(|span| (span, "part of the cycle".to_owned())));
    }
    Diagnostic { severity: crate::diagnostic::Severity::Error, message, labels, help: Some(help.to_owned()) }
}

/// The members in an order in which each needs the next as far as one walk can show it, then the others.
fn way_around(edges: &[Vec<u32>], members: &BTreeSet<u32>) -> Vec<u32> {
    let mut way = Vec::with_capacity(members.len());
    let mut left = members.clone();
    let mut next = left.first().copied();
    while let Some(node) = next {
        left.remove(&node);
        way.push(node);
        let needs = edges.get(node as usize).into_iter().flatten();
        next = needs.copied().find(|need| left.contains(need)).or_else(|| left.first().copied());
    }
    way
}
