//! The provider and its connection: hands each resource to the module of its type.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::{
    Applied, Change, Connection, Desired, ErrorKind, Files, Found, HealthReport, LogRequest, Lost, Object, Observed,
    Operation, Ownership, Place, PlanRequest, PlannedChange, Prepared, Provider, ProviderError, ProviderSchema,
    ReadRequest, ResourceId, ResourceSchema, Run, Value, default_plan,
};

use crate::attributes::{self, refused};
#[cfg(unix)]
use crate::process;
use crate::{command, file};

/// Files, commands and processes on this machine.
pub struct LocalProvider {
    schemas: Arc<Schemas>,
    /// Only where processes are supervised.
    #[cfg_attr(not(unix), allow(dead_code))]
    supervisor: PathBuf,
    #[cfg(unix)]
    ports: Arc<process::Ports>,
}

/// The schemas, and what is derived from them once.
struct Schemas {
    provider: ProviderSchema,
    file: ResourceSchema,
    file_planning: ResourceSchema,
    command: ResourceSchema,
    #[cfg(unix)]
    process: ResourceSchema,
    #[cfg(unix)]
    process_planning: ResourceSchema,
}

impl LocalProvider {
    /// The provider. `supervisor` is the program that watches over processes: it is started as
    /// `supervisor __supervise SPEC` and must then call this crate's `supervise`. It is usually deployctl itself.
    pub fn new(supervisor: PathBuf) -> Self {
        let (file, command) = (file::schema(), command::schema());
        #[cfg(unix)]
        let process = process::schema();
        let provider = ProviderSchema {
            name: "local".to_owned(),
            doc: "Files, commands and supervised processes on this machine. It needs nothing installed and has no \
                settings."
                .to_owned(),
            settings: Vec::new(),
            resources: vec![
                file.clone(),
                command.clone(),
                #[cfg(unix)]
                process.clone(),
            ],
            max_parallel: None,
        };
        let schemas = Schemas {
            provider,
            file_planning: attributes::with_settled(&file, file::SETTLED),
            file,
            command,
            #[cfg(unix)]
            process_planning: attributes::with_settled(&process, process::SETTLED),
            #[cfg(unix)]
            process,
        };
        Self {
            schemas: Arc::new(schemas),
            supervisor,
            #[cfg(unix)]
            ports: Arc::default(),
        }
    }
}

/// The provider, with the program that supervises processes: see [`LocalProvider::new`].
pub fn provider(supervisor: PathBuf) -> Arc<dyn Provider> {
    Arc::new(LocalProvider::new(supervisor))
}

#[async_trait]
impl Provider for LocalProvider {
    fn schema(&self) -> &ProviderSchema {
        &self.schemas.provider
    }

    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        match &*desired.type_name {
            file::TYPE => file::prepare(desired, files),
            command::TYPE => command::prepare(desired),
            #[cfg(unix)]
            process::TYPE => process::prepare(desired),
            other => Err(vec![unknown_type(other)]),
        }
    }

    fn identity(&self, type_name: &str, config: &Value) -> Option<Value> {
        let path = config.get("path").filter(|_| type_name == file::TYPE)?;
        path.as_str().map(Value::from)
    }

    async fn configure(&self, _: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        let place = Place {
            root: std::path::absolute(&place.root).map_err(refused)?,
            data: std::path::absolute(&place.data).map_err(refused)?,
            ..place.clone()
        };
        let place = Arc::new(place);
        Ok(Arc::new(Local {
            schemas: self.schemas.clone(),
            #[cfg(unix)]
            processes: process::Site {
                place: place.clone(),
                supervisor: self.supervisor.clone(),
                ports: self.ports.clone(),
            },
            place,
        }))
    }
}

/// This machine, seen from one configuration's folder.
struct Local {
    schemas: Arc<Schemas>,
    place: Arc<Place>,
    #[cfg(unix)]
    processes: process::Site,
}

#[async_trait]
impl Connection for Local {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        blocking(|| {
            let seen = batch.iter().map(|request| look(&self.place, request.type_name, request.id, request.recorded));
            seen.collect()
        })
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        match request.schema.name.as_str() {
            file::TYPE => default_plan::plan(&PlanRequest { schema: &self.schemas.file_planning, ..request }),
            command::TYPE => command::plan(&request),
            #[cfg(unix)]
            process::TYPE => process::plan(&request, &self.schemas.process_planning),
            _ => default_plan::plan(&request),
        }
    }

    async fn apply(&self, change: &Change, run: &Run) -> Applied {
        match &*change.type_name {
            file::TYPE => blocking(|| {
                let (place, schema, files) = (&self.place, &self.schemas.file, &*run.files);
                match change.operation {
                    Operation::Create => file::create(place, schema, change, files),
                    Operation::Update => file::update(place, schema, change, files),
                    Operation::Replace => file::replace(place, schema, change, files),
                    Operation::Delete => file::delete(place, change),
                }
            }),
            command::TYPE => command::apply(&self.place, &self.schemas.command, change, run).await,
            #[cfg(unix)]
            process::TYPE => process::apply(&self.processes, &self.schemas.process, change, run).await,
            other => Applied::failed(change.prior.clone(), unknown_type(other)),
        }
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        blocking(|| lost.iter().map(|lost| find(&self.place, &self.schemas, lost)).collect())
    }

    async fn find_all(&self, place: &Place) -> Result<Vec<(Ownership, Object)>, ProviderError> {
        blocking(|| {
            let mut found = file::find_all(&self.place, &self.schemas.file)?;
            #[cfg(unix)]
            found.extend(process::find_all(&self.place, &self.schemas.process)?);
            found.retain(|(mark, _)| mark.lineage == place.lineage);
            Ok(found)
        })
    }

    async fn import(&self, type_name: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        if type_name != file::TYPE {
            let message = format!("{type_name} cannot be imported");
            return Err(ProviderError::new(ErrorKind::Refused, message));
        }
        file::import(&self.place, &self.schemas.file, id, mark)
    }

    #[cfg_attr(not(unix), allow(unused_variables))]
    async fn health(&self, type_name: &str, object: &Object) -> HealthReport {
        match type_name {
            #[cfg(unix)]
            process::TYPE => process::health(&self.place, object),
            _ => HealthReport::Unknown,
        }
    }

    async fn logs(&self, request: LogRequest<'_>) -> Result<(), ProviderError> {
        match request.type_name {
            #[cfg(unix)]
            process::TYPE => process::logs(&self.place, request).await,
            other => Err(ProviderError::new(ErrorKind::Refused, format!("{other} has no logs"))),
        }
    }
}

#[cfg_attr(not(unix), allow(unused_variables))]
fn look(place: &Place, type_name: &str, id: ResourceId, recorded: &Object) -> Observed {
    match type_name {
        file::TYPE => file::read(place, recorded),
        // What a command did is known to nobody but itself.
        command::TYPE => Observed::AsRecorded,
        #[cfg(unix)]
        process::TYPE => process::read(place, id, recorded),
        other => Observed::Unreadable { reason: unknown_type(other).message },
    }
}

fn find(place: &Place, schemas: &Schemas, lost: &Lost) -> Result<Found, ProviderError> {
    match &*lost.type_name {
        file::TYPE => file::find(place, &schemas.file, lost),
        #[cfg(unix)]
        process::TYPE => process::find(place, &schemas.process, lost),
        _ => Ok(Found::CannotTell),
    }
}

/// Does work that waits for the disk. It is done where it stands, so that an operation that is dropped has either done it
/// or not; where there are other threads, they take over the rest of this one's tasks meanwhile.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn unknown_type(name: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Internal, format!("the local provider has no type `{name}`"))
}
