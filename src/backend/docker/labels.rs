//! What Compose and Swarm write on a container about where it belongs.

use std::sync::Arc;

use super::{marks, wire::Labels};
use crate::domain::{Dependency, Scope, ServiceKind, text::clean};

/// The scope of containers that belong to nothing else.
pub const LONE_SCOPE: &str = "containers";
/// The scope of Swarm services that no stack deployed.
pub const SWARM_SCOPE: &str = "swarm";

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const DEPENDS_ON: &str = "com.docker.compose.depends_on";
const STACK: &str = "com.docker.stack.namespace";
const SWARM_SERVICE: &str = "com.docker.swarm.service.name";
const VERSION: &str = "org.opencontainers.image.version";
const REVISION: &str = "org.opencontainers.image.revision";

/// Which service a container is part of.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub kind: ServiceKind,
    pub scope: Scope,
    pub service: Arc<str>,
}

impl Place {
    pub fn of(labels: &Labels, container_name: &str) -> Self {
        if let (Some(project), Some(service)) = (text(labels, PROJECT), text(labels, SERVICE)) {
            return Self { kind: ServiceKind::ComposeService, scope: Scope::new(project), service };
        }
        if let Some(service) = text(labels, SWARM_SERVICE) {
            return Self::swarm(labels, &service);
        }
        let service = text(labels, marks::SERVICE).filter(|service| is_one_of(service, container_name));
        let service = service.unwrap_or_else(|| container_name.into());
        Self { kind: ServiceKind::Container, scope: Scope::from(LONE_SCOPE), service }
    }

    /// `docker stack deploy` calls its services `stack_service`.
    pub fn swarm(labels: &Labels, service: &str) -> Self {
        let service = clean(service);
        let stack = text(labels, STACK);
        let short = stack.as_ref().and_then(|stack| service.strip_prefix(&**stack)?.strip_prefix('_'));
        Self {
            kind: ServiceKind::SwarmService,
            scope: stack.clone().map_or_else(|| Scope::from(SWARM_SCOPE), Scope::new),
            service: short.unwrap_or(&service).into(),
        }
    }
}

/// `web-r7` is made in the place of `web`, `web-2` beside it; whoever called it `api` since means another service.
fn is_one_of(service: &str, name: &str) -> bool {
    name.strip_prefix(service).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Made by `compose run`: it ends when it is done, and nothing keeps it running.
pub fn is_one_off(labels: &Labels) -> bool {
    labels.get(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

pub fn config_hash(labels: &Labels) -> Option<Arc<str>> {
    text(labels, CONFIG_HASH)
}

pub fn version(labels: &Labels) -> Option<Arc<str>> {
    text(labels, VERSION)
}

pub fn revision(labels: &Labels) -> Option<Arc<str>> {
    text(labels, REVISION)
}

/// What Compose wrote, `db:service_healthy:false,migrate:service_completed_successfully:true` (older Compose writes only the names), and what
/// a person did.
pub fn depends_on(labels: &Labels) -> Vec<Dependency> {
    let one = |entry: &str| {
        let mut parts = entry.split(':');
        let service = parts.next().map(str::trim).filter(|service| !service.is_empty())?;
        let condition = match parts.next() {
            Some("service_healthy") => "healthy",
            Some("service_completed_successfully") => "completed",
            Some(_) | None => "started",
        };
        Some(Dependency { service: clean(service).into(), condition: condition.into() })
    };
    let value = |key: &str| labels.get(key).map(String::as_str).unwrap_or_default();
    let mut found: Vec<Dependency> = value(DEPENDS_ON).split(',').filter_map(one).collect();
    let more: Vec<Dependency> = Dependency::listed(value(Dependency::LABEL))
        .filter(|more| !found.iter().any(|known| known.service == more.service))
        .collect();
    found.extend(more);
    found.sort();
    found
}

fn text(labels: &Labels, key: &str) -> Option<Arc<str>> {
    labels.get(key).filter(|value| !value.trim().is_empty()).map(|value| clean(value).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn a_container_belongs_to_its_compose_service_else_to_its_swarm_service_else_to_itself() {
        let compose = Place::of(&labels(&[(PROJECT, "shop"), (SERVICE, "web")]), "shop-web-1");
        assert_eq!((compose.scope.as_str(), &*compose.service), ("shop", "web"));
        let swarm = Place::of(&labels(&[(STACK, "shop"), (SWARM_SERVICE, "shop_web")]), "shop_web.1.abc");
        assert_eq!((swarm.kind, swarm.scope.as_str(), &*swarm.service), (ServiceKind::SwarmService, "shop", "web"));
        let lone = Place::of(&labels(&[]), "redis");
        assert_eq!((lone.kind, lone.scope.as_str(), &*lone.service), (ServiceKind::Container, LONE_SCOPE, "redis"));
    }

    #[test]
    fn what_a_plan_makes_beside_a_lone_container_is_of_the_same_service_until_somebody_calls_it_otherwise() {
        let made = labels(&[(marks::SERVICE, "web")]);
        for (name, service) in
            [("web", "web"), ("web-r7", "web"), ("web-2", "web"), ("website", "website"), ("api", "api")]
        {
            assert_eq!(&*Place::of(&made, name).service, service, "{name}");
        }
    }

    #[test]
    fn a_label_that_holds_escape_sequences_makes_a_harmless_name() {
        let place = Place::of(&labels(&[(PROJECT, "sh\u{1b}]0;x\u{7}op"), (SERVICE, "w\nb")]), "x");
        assert_eq!(place.scope.as_str(), "sh\u{fffd}]0;x\u{fffd}op");
        assert_eq!(&*place.service, "w b");
    }

    #[test]
    fn what_a_person_says_is_needed_comes_to_what_compose_says() {
        let both = labels(&[(DEPENDS_ON, "db:service_healthy:false"), (Dependency::LABEL, "cache, db")]);
        let alone = labels(&[(Dependency::LABEL, " cache,,")]);
        let found = |labels| {
            let found: Vec<String> =
                depends_on(labels).into_iter().map(|d| format!("{} {}", d.service, d.condition)).collect();
            found.join(", ")
        };
        assert_eq!(found(&both), "cache started, db healthy");
        assert_eq!(found(&alone), "cache started");
    }

    #[test]
    fn dependencies_are_read_with_what_is_waited_for() {
        let labels = labels(&[(
            DEPENDS_ON,
            "db:service_healthy:false,migrate:service_completed_successfully:true, cache:service_started:false,old",
        )]);
        let found: Vec<_> = depends_on(&labels).into_iter().map(|d| format!("{} {}", d.service, d.condition)).collect();
        assert_eq!(found, ["cache started", "db healthy", "migrate completed", "old started"]);
    }
}
