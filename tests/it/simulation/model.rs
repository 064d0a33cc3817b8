//! A random configuration that changes from run to run, and what it says must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use deployctl_sdk::Address;
use deployctl_sdk::conformance::Dice;
use deployctl_sdk::sim::{OBJECT, SLOT};

/// What stands in every `secret`; it must rest nowhere in clear.
pub const PLANTED: &str = "planted-secret";

/// A configuration as data.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub blocks: Vec<Block>,
    made: usize,
}

/// One resource block.
#[derive(Debug, Clone)]
pub struct Block {
    pub name: String,
    pub type_name: &'static str,
    /// The names of the blocks it depends on, all of which stand before it.
    pub needs: BTreeSet<String>,
    /// Whether it depends by reference and not by `depends_on`.
    refers: bool,
    pub size: i64,
    color: usize,
    secret: Option<usize>,
    pub count: Option<usize>,
    create_first: bool,
    retries: bool,
}

impl Model {
    /// A first configuration.
    pub fn random(dice: &mut Dice) -> Self {
        let mut model = Self::default();
        for _ in 0..2 + dice.below(10) {
            model.grow(dice);
        }
        model
    }

    fn grow(&mut self, dice: &mut Dice) {
        self.made += 1;
        let mut needs = BTreeSet::new();
        for _ in 0..dice.below(4) {
            if let Some(block) = dice.pick(&self.blocks) {
                needs.insert(block.name.clone());
            }
        }
        self.blocks.push(Block {
            name: format!("r{}", self.made),
            type_name: if dice.chance(300) { SLOT } else { OBJECT },
            needs,
            refers: dice.chance(700),
            size: 1,
            color: 0,
            secret: dice.chance(300).then_some(0),
            count: dice.chance(200).then(|| dice.below(4)),
            create_first: dice.chance(250),
            retries: dice.chance(300),
        });
    }

    /// Another version of the same configuration.
    pub fn change(&mut self, dice: &mut Dice) {
        for _ in 0..1 + dice.below(4) {
            let chosen = dice.below(self.blocks.len());
            match dice.below(8) {
                0 | 1 => self.grow(dice),
                2 => self.remove(chosen),
                kind => {
                    let earlier: Vec<String> =
                        self.blocks.iter().take(chosen).map(|block| block.name.clone()).collect();
                    let Some(block) = self.blocks.get_mut(chosen) else { continue };
                    match kind {
                        3 => block.size += 1,
                        4 => block.color += 1,
                        5 => block.secret = Some(dice.below(100)),
                        6 => block.count = dice.chance(600).then(|| dice.below(4)),
                        _ => {
                            let other = dice.pick(&earlier).cloned();
                            if let Some(other) = other
                                && !block.needs.remove(&other)
                            {
                                block.needs.insert(other);
                            }
                        }
                    }
                }
            }
        }
    }

    fn remove(&mut self, chosen: usize) {
        if self.blocks.len() < 2 || chosen >= self.blocks.len() {
            return;
        }
        let removed = self.blocks.remove(chosen);
        for block in &mut self.blocks {
            block.needs.remove(&removed.name);
        }
    }

    /// The configuration as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            self.write(&mut text, block).unwrap();
        }
        text
    }

    fn write(&self, text: &mut String, block: &Block) -> std::fmt::Result {
        writeln!(text, "resource \"{}\" \"{}\" {{", block.type_name, block.name)?;
        match block.count {
            Some(count) => {
                writeln!(text, "  count = {count}\n  name = \"{}-${{count.index}}\"", block.name)?;
            }
            None => writeln!(text, "  name = \"{}\"", block.name)?,
        }
        writeln!(text, "  size = {}\n  color = \"color-{}\"", block.size, block.color)?;
        if let Some(secret) = block.secret {
            writeln!(text, "  secret = \"{PLANTED}-{secret}\"")?;
        }
        let needed = self.blocks.iter().filter(|other| block.needs.contains(&other.name));
        let references: Vec<String> = needed
            .map(|other| match (block.refers, other.count) {
                (true, Some(_)) => format!("{}.{}[*].id", other.type_name, other.name),
                (true, None) if other.name.len() % 2 == 0 => format!("{}.{}.id", other.type_name, other.name),
                (true, None) => format!("{}.{}.generation", other.type_name, other.name),
                (false, _) => format!("{}.{}", other.type_name, other.name),
            })
            .collect();
        if !references.is_empty() {
            let argument = if block.refers { "input" } else { "depends_on" };
            writeln!(text, "  {argument} = [{}]", references.join(", "))?;
        }
        if block.create_first {
            writeln!(text, "  lifecycle {{\n    create_before_destroy = true\n  }}")?;
        }
        if block.retries {
            writeln!(text, "  retry {{\n    attempts = 3\n    delay = \"2s\"\n  }}")?;
        }
        writeln!(text, "}}")
    }

    /// Every instance there must be, with its size.
    pub fn instances(&self) -> BTreeMap<String, i64> {
        let mut instances = BTreeMap::new();
        for block in &self.blocks {
            let address = format!("{}.{}", block.type_name, block.name);
            match block.count {
                Some(count) => {
                    instances.extend((0..count).map(|index| (format!("{address}[{index}]"), block.size)));
                }
                None => {
                    instances.insert(address, block.size);
                }
            }
        }
        instances
    }

    /// The resources that an instance depends on directly.
    pub fn needs_of(&self, address: &Address) -> Vec<Address> {
        let Some(block) = self.blocks.iter().find(|block| *block.name == *address.name) else { return Vec::new() };
        let needed = self.blocks.iter().filter(|other| block.needs.contains(&other.name));
        needed.map(|other| Address::new(other.type_name, other.name.as_str())).collect()
    }
}
