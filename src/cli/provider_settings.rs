//! The providers as the configuration sets them, for commands that speak to an engine outside of a plan.

use std::sync::Arc;

use deployctl_sdk::Value;

use crate::config::ResourceBlock;
use crate::error::{Error, Result};
use crate::model::Values;
use crate::project::Project;
use crate::state::ProviderRef;

/// The provider that a block uses, with its settings.
///
/// # Errors
/// Settings that cannot be evaluated, or are known only after something was applied.
pub fn provider_of(project: &Project, values: &Values<'_>, block: &ResourceBlock) -> Result<ProviderRef> {
    let (name, alias) = match &block.provider {
        Some((name, alias)) => (name.clone(), alias.clone()),
        None => match project.schemas().resource(&block.type_name) {
            Some((provider, _)) => (Arc::from(provider.name.as_str()), None),
            None => (block.type_name.clone(), None),
        },
    };
    let settings = settings(project, values, &name, alias.as_deref())?;
    Ok(ProviderRef { name, alias, settings })
}

/// Every provider: those that the configuration sets, and the others as they are without settings.
///
/// # Errors
/// As [`provider_of`].
pub fn all(project: &Project, values: &Values<'_>) -> Result<Vec<ProviderRef>> {
    let mut all = Vec::new();
    for block in &project.config().providers {
        let settings = settings(project, values, &block.name, block.alias.as_deref())?;
        all.push(ProviderRef { name: block.name.clone(), alias: block.alias.clone(), settings });
    }
    for schema in project.schemas().providers() {
        if !all.iter().any(|provider| *provider.name == *schema.name && provider.alias.is_none()) {
            let settings = Value::map::<Arc<str>>([]);
            all.push(ProviderRef { name: schema.name.as_str().into(), alias: None, settings });
        }
    }
    Ok(all)
}

fn settings(project: &Project, values: &Values<'_>, name: &str, alias: Option<&str>) -> Result<Value> {
    let config = project.config();
    let block = config.provider(name, alias).and_then(|index| config.providers.get(index));
    let (Some(block), Some(schema)) = (block, project.schemas().provider(name)) else {
        return Ok(Value::map::<Arc<str>>([]));
    };
    let what = format!("provider `{name}`");
    let settings = block.body.evaluate(&schema.settings, &values.top(), &what);
    let settings = settings.map_err(|found| Error::invalid(config.sources.clone(), found))?;
    if settings.contains_unknown() {
        return Err(Error::failed(format!("the settings of {what} are known only after something was applied"))
            .with_hint("apply what they depend on first"));
    }
    Ok(settings)
}
