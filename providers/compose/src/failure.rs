//! Why a project did not come up: which service it was, and what it said last.

use bollard::query_parameters::InspectNetworkOptions;
use deployctl_sdk::mask::Mask;
use deployctl_sdk::{ErrorKind, ProviderError};

use crate::engine::{self, Check, Container, State};
use crate::model::Taint;
use crate::site::Site;

/// What the engine says of a network that containers are on.
pub(crate) const ACTIVE: &str = "has active endpoints";

/// How many lines of a log are shown.
const LINES: usize = 10;

/// The error, with the service that is at fault and the last lines of its log, or who holds the port that is in use.
pub(crate) async fn explained(site: &Site, project: &str, error: ProviderError, taint: &Taint) -> ProviderError {
    let world = match site.look().await {
        Ok(world) => world,
        // What Compose says then is that it lost its connection.
        Err(gone) if gone.kind == ErrorKind::Unreachable => {
            let said = std::iter::once(error.message).chain(error.detail);
            return gone.with_detail(said.collect::<Vec<_>>());
        }
        Err(_) => return error,
    };
    if let Some(port) = port_in_use(&error.message).or_else(|| error.detail.iter().find_map(|line| port_in_use(line))) {
        return held(site, &port, error).await;
    }
    let said = |container: &Container| {
        let named = |text: &str| {
            text.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).any(|word| word == container.name)
        };
        named(&error.message) || error.detail.iter().any(|line| named(line))
    };
    let bad = |container: &Container| {
        matches!(container.state, State::Restarting | State::Running(Some(Check::Unhealthy)))
            || matches!(container.state, State::Exited(code) if code != 0)
    };
    let containers: Vec<&Container> = world.of(project).filter(|container| !container.one_off).collect();
    let at_fault = containers.iter().find(|container| said(container)).or_else(|| containers.iter().find(|c| bad(c)));
    let Some(container) = at_fault else { return error };
    let mask = Mask::new(taint.secrets());
    let log = engine::last_log_lines(&site.engine, container, LINES).await;
    let message = format!(
        "the service `{}` did not come up: {} is {}",
        container.service,
        container.name,
        container.state.words_with_health()
    );
    let mut detail = vec![error.message.clone()];
    if log.is_empty() {
        detail.push(format!("{} wrote nothing to its log", container.name));
    } else {
        detail.push(format!("last lines of the log of {}:", container.name));
        detail.extend(log.iter().map(|line| format!("  {}", mask.apply(line))));
    }
    let hint = error.hint.clone().unwrap_or_else(|| "`deployctl logs` shows more of it".to_owned());
    ProviderError { message, detail, ..error }.with_hint(hint)
}

/// The error of a removal, with the containers of others that keep a network of the project where it is.
pub(crate) async fn held_networks(site: &Site, project: &str, error: ProviderError) -> ProviderError {
    let keeps = |text: &str| text.contains(ACTIVE);
    if !keeps(&error.message) && !error.detail.iter().any(|line| keeps(line)) {
        return error;
    }
    let Ok(world) = site.look().await else { return error };
    for network in world.networks.iter().filter(|network| network.project.as_deref() == Some(project)) {
        let id = network.id.as_str();
        let answer =
            site.engine.call(|docker| async move { docker.inspect_network(id, None::<InspectNetworkOptions>).await });
        let Ok(seen) = answer.await else { continue };
        let mut others: Vec<String> =
            seen.containers.unwrap_or_default().into_iter().map(|(id, end)| end.name.unwrap_or(id)).collect();
        others.sort();
        if let Some(first) = others.first() {
            let hint = format!(
                "on {name} are containers that are not of the project: {}; take each off it (`docker network disconnect \
                {name} {first}`), then run it again",
                others.join(", "),
                name = network.name,
            );
            return error.with_hint(hint);
        }
    }
    error.with_hint(
        "the engine lists no container on it, and counts one all the same: it has lost count while containers came and \
        went, and counts anew when it is restarted",
    )
}

/// The port in an engine's complaint that somebody else has it.
fn port_in_use(text: &str) -> Option<String> {
    let in_use = text.contains("port is already allocated") || text.contains("address already in use");
    let text = in_use.then_some(text)?;
    let at = text
        .find("Bind for ")
        .map(|at| at + "Bind for ".len())
        .or_else(|| text.find("listen tcp4 ").map(|at| at + 12))?;
    let address = text.get(at..)?.split([' ', ',']).next()?;
    let port = address.trim_end_matches(':').rsplit(':').next()?;
    port.parse::<u16>().ok().map(|port| port.to_string())
}

async fn held(site: &Site, port: &str, error: ProviderError) -> ProviderError {
    use bollard::query_parameters::ListContainersOptions;
    let answer =
        site.engine.call(|docker| async move { docker.list_containers(None::<ListContainersOptions>).await }).await;
    let holder = answer.unwrap_or_default().into_iter().find_map(|container| {
        let ports = container.ports.unwrap_or_default();
        let holds = ports
            .iter()
            .any(|published| published.public_port.map(|public| public.to_string()).as_deref() == Some(port));
        holds
            .then(|| container.names.unwrap_or_default().first().map(|name| name.trim_start_matches('/').to_owned()))?
    });
    let message = match &holder {
        Some(name) => format!("the port {port} is in use: the container {name} has it"),
        None => format!("the port {port} is in use by a program outside of Docker"),
    };
    let hint = match &holder {
        Some(_) => "stop that container, or publish another port".to_owned(),
        None => format!("`ss -ltnp 'sport = :{port}'` shows which; stop it, or publish another port"),
    };
    ProviderError { message, detail: vec![error.message.clone()], ..error }.with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_that_is_in_use_is_read_from_the_engines_words() {
        let docker = "driver failed programming external connectivity on endpoint x (abc): Bind for 127.0.0.1:8080 failed: port is already allocated";
        assert_eq!(port_in_use(docker).as_deref(), Some("8080"));
        let proxy = "Error starting userland proxy: listen tcp4 127.0.0.1:9090: bind: address already in use";
        assert_eq!(port_in_use(proxy).as_deref(), Some("9090"));
        assert_eq!(port_in_use("no such image"), None);
    }
}
