//! The simulated provider as a subject of the kit.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::{Case, Expected, Moment, Subject};
use deployctl_sdk::sim::{OBJECT, Odds, SLOT, Sim, Thing, World};
use deployctl_sdk::{
    Address, Connection, Lineage, Object, Ownership, Place, Provider, ProviderError, ResourceId, Value,
};

use crate::flawed::{Flaw, FlawedProvider};

pub struct SimSubject {
    world: World,
    place: Place,
    provider: Arc<dyn Provider>,
}

impl SimSubject {
    pub fn new(seed: u64, odds: Odds, flaw: Option<Flaw>) -> Self {
        let world = World::new(seed, odds);
        let sim = Arc::new(Sim::new(world.clone()));
        let place = Place {
            root: PathBuf::from("/nowhere"),
            data: PathBuf::from("/nowhere/data"),
            host: "here".to_owned(),
            lineage: Lineage::random(),
        };
        let provider: Arc<dyn Provider> = match flaw {
            Some(flaw) => Arc::new(FlawedProvider::new(sim, world.clone(), flaw)),
            None => sim,
        };
        Self { world, place, provider }
    }

    fn foreign(&self, case: &Case) -> Thing {
        let mark = Ownership {
            lineage: Lineage::random(),
            id: ResourceId::random(),
            address: Address::new(case.type_name.clone(), "other"),
        };
        Thing {
            type_name: case.type_name.clone(),
            mark: Some(mark),
            whole: true,
            config: case.config.as_map().cloned().unwrap_or_default(),
            zone: Value::from("south"),
            generation: 1,
        }
    }
}

fn full(name: &str) -> Value {
    Value::map([
        ("name", Value::from(name)),
        ("size", Value::from(3)),
        ("color", Value::from("red")),
        ("secret", Value::from("planted-secret-one")),
        ("tags", Value::map([("team", Value::from("blue"))])),
        ("part", Value::list([Value::map([("label", Value::from("wheel"))])])),
    ])
}

fn with(base: &Value, name: &'static str, value: Value) -> Value {
    let mut members = base.as_map().cloned().unwrap_or_default();
    members.insert(name.into(), value);
    Value::from(members)
}

#[async_trait]
impl Subject for SimSubject {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn connect(&self) -> Result<Arc<dyn Connection>, ProviderError> {
        self.provider.configure(&Value::Null, &self.place).await
    }

    fn place(&self) -> Place {
        self.place.clone()
    }

    fn cases(&self) -> Vec<Case> {
        [OBJECT, SLOT]
            .into_iter()
            .map(|type_name| {
                let base = full("first");
                Case::new(type_name, base.clone())
                    .then(with(&base, "size", Value::from(4)), Expected::Update)
                    .then(with(&base, "size", Value::from(4)), Expected::Nothing)
                    .then(with(&base, "secret", Value::from("planted-secret-two")), Expected::Update)
                    .then(with(&base, "color", Value::from("green")), Expected::Replace)
                    .then(with(&base, "input", Value::list([Value::from(1)])), Expected::Replace)
                    .sample("size", (1..9).map(Value::from))
                    .sample("name", ["first", "second", "third"].map(Value::from))
            })
            .collect()
    }

    async fn tamper(&self, _: &Case, object: &Object) -> bool {
        let change = |thing: &mut Thing| {
            thing.config.insert("size".into(), Value::from(99));
        };
        World::number_of(object).is_some_and(|number| self.world.meddle(number, change))
    }

    async fn remove(&self, _: &Case, object: &Object) -> bool {
        World::number_of(object).is_some_and(|number| self.world.remove(number))
    }

    async fn disown(&self, case: &Case, object: &Object) -> bool {
        let mark = self.foreign(case).mark;
        World::number_of(object).is_some_and(|number| self.world.meddle(number, |thing| thing.mark = mark))
    }

    async fn occupy(&self, case: &Case) -> bool {
        if *case.type_name != *SLOT {
            return false;
        }
        self.world.put(self.foreign(case));
        true
    }

    async fn clear_foreign(&self, _: &Case) {
        for (number, thing) in self.world.things() {
            if !thing.is_of(self.place.lineage) {
                self.world.remove(number);
            }
        }
    }

    async fn silence(&self, silent: bool) -> bool {
        self.world.silence(silent);
        true
    }

    async fn sabotage(&self, _: &Case, moment: Moment) -> bool {
        self.world.sabotage(moment);
        true
    }

    async fn snapshot(&self) -> Option<String> {
        Some(format!("{:?}", self.world.things()))
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        let left = self.world.things().into_iter();
        Some(left.map(|(number, thing)| format!("{} {number}", thing.type_name)).collect())
    }
}
