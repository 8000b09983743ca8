//! What only an orchestrator tells of a service, in words: how far a rollout is, who scales, guards and owns it, where it is reached.

use jiff::Timestamp;

use crate::domain::{Autoscaler, Budget, Endpoint, Orchestration, Owner, Service, ServiceKind, units};

/// `2 of 3 updated, 3 available, revision 14, paused`; `None` where nothing of it is known.
pub fn rollout(service: &Service) -> Option<String> {
    let told = service.orchestration.as_deref()?;
    let mut words = Vec::new();
    if let Some(updated) = told.updated {
        words.push(if updated == service.wanted {
            "all updated".to_owned()
        } else {
            format!("{updated} of {} updated", service.wanted)
        });
    }
    words.extend(told.available.map(|available| format!("{available} available")));
    words.extend(told.revision.map(|revision| format!("revision {revision}")));
    if told.paused {
        words.push(match service.kind {
            ServiceKind::CronJob => "suspended".to_owned(),
            _ => "paused".to_owned(),
        });
    }
    (!words.is_empty()).then(|| words.join(", "))
}

/// In the list of services: only what is not as it should be.
pub fn unfinished(service: &Service) -> Option<String> {
    let told = service.orchestration.as_deref()?;
    match (told.updated.filter(|&updated| updated != service.wanted), told.paused) {
        (Some(updated), true) => Some(format!("{updated} of {} updated, paused", service.wanted)),
        (Some(updated), false) => Some(format!("{updated} of {} updated", service.wanted)),
        (None, true) if service.kind == ServiceKind::CronJob => Some("suspended".into()),
        (None, true) => Some("paused".into()),
        (None, false) => None,
    }
}

pub fn owner(owner: &Owner) -> String {
    let release = if owner.tool.reconciles() { "" } else { "release " };
    let warning = if owner.tool.reconciles() { ": puts back what others change" } else { "" };
    let app = if owner.tool.reconciles() { "app " } else { "" };
    format!("{} {release}{app}{}{warning}", owner.tool.word(), owner.name)
}

pub fn autoscaler(autoscaler: &Autoscaler) -> String {
    let Autoscaler { name, minimum, maximum, wanted, says } = autoscaler;
    let says = if says.is_empty() { String::new() } else { format!(", {says}") };
    format!("{name}: {minimum} to {maximum}, wants {wanted}{says}")
}

pub fn budget(budget: &Budget) -> String {
    let Budget { name, says, disruptions_allowed } = budget;
    let may = match disruptions_allowed {
        0 => "none may go now".to_owned(),
        1 => "1 may go now".to_owned(),
        more => format!("{more} may go now"),
    };
    format!("{name}: {says}, {may}")
}

/// `web  ClusterIP 10.96.0.12  80->8080/tcp http  2 ready, 1 not`
pub fn endpoint(endpoint: &Endpoint) -> String {
    let Endpoint { name, address, ports, ready, not_ready } = endpoint;
    let not = if *not_ready > 0 { format!(", {not_ready} not") } else { String::new() };
    let ports: Vec<&str> = ports.iter().map(|port| &**port).collect();
    let parts = [name.to_string(), address.to_string(), ports.join(" "), format!("{ready} ready{not}")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

/// Every fact, each under its name, for a place that can be scrolled.
pub fn facts(service: &Service, now: Timestamp) -> Vec<(&'static str, String)> {
    let Some(told) = service.orchestration.as_deref() else { return Vec::new() };
    let since = service.created.map_or_else(String::new, |created| format!(", {} old", units::age_of(created, now)));
    let mut facts = vec![("service", format!("{} {}{since}", service.kind, service.id.name))];
    facts.extend(rollout(service).map(|text| ("rollout", text)));
    facts.extend(told.schedule.iter().map(|schedule| ("schedule", schedule.to_string())));
    facts.extend(told.owner.iter().map(|it| ("owner", owner(it))));
    facts.extend(told.autoscaler.iter().map(|it| ("autoscaler", autoscaler(it))));
    facts.extend(told.budget.iter().map(|it| ("budget", budget(it))));
    facts.extend(told.endpoints.iter().enumerate().map(|(index, it)| {
        let label = if index == 0 { "endpoints" } else { "" };
        (label, endpoint(it))
    }));
    facts
}

/// The same in few lines, what matters first, for a place that has no more.
pub fn lines(told: &Orchestration) -> Vec<String> {
    let own = told.owner.iter().map(owner);
    let scaled = told.autoscaler.iter().map(|it| format!("autoscaler {}", autoscaler(it)));
    let guarded = told.budget.iter().map(|it| format!("budget {}", budget(it)));
    let kept: Vec<String> = own.chain(scaled).chain(guarded).collect();
    let mut lines = Vec::new();
    if !kept.is_empty() {
        lines.push(kept.join("   "));
    }
    lines.extend(told.endpoints.iter().map(|it| format!("endpoint {}", endpoint(it))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::OwnerTool,
        testing::{now, service_id, world},
    };

    fn service(told: Orchestration) -> Service {
        let world =
            world().service("shop/web", 3).changed("shop/web", |it| it.orchestration = Some(told.into())).build();
        world.inventory.service(&service_id("shop/web")).unwrap().clone()
    }

    #[test]
    fn a_rollout_is_told_by_how_far_it_is() {
        let half = Orchestration {
            updated: Some(2),
            available: Some(3),
            revision: Some(14),
            paused: true,
            ..Orchestration::default()
        };
        let half = service(half);
        assert_eq!(rollout(&half).as_deref(), Some("2 of 3 updated, 3 available, revision 14, paused"));
        assert_eq!(unfinished(&half).as_deref(), Some("2 of 3 updated, paused"));
        let done = service(Orchestration { updated: Some(3), ..Orchestration::default() });
        assert_eq!((rollout(&done).as_deref(), unfinished(&done)), (Some("all updated"), None));
        assert_eq!(rollout(&service(Orchestration::default())), None);
    }

    #[test]
    fn an_owner_that_puts_things_back_is_told_to_do_so() {
        let told = |tool| owner(&Owner { tool, name: "shop".into() });
        assert_eq!(told(OwnerTool::Helm), "Helm release shop");
        assert_eq!(told(OwnerTool::ArgoCd), "Argo CD app shop: puts back what others change");
    }

    #[test]
    fn only_what_there_is_is_told() {
        let bare = service(Orchestration::default());
        assert_eq!(facts(&bare, now()).len(), 1, "its kind");
        let budget = Budget { name: "web".into(), says: "at least 2".into(), disruptions_allowed: 0 };
        let endpoint = Endpoint {
            name: "web".into(),
            address: "ClusterIP 10.96.0.12".into(),
            ports: vec!["80->8080/tcp http".into()],
            ready: 2,
            not_ready: 1,
        };
        let told = Orchestration { budget: Some(budget), endpoints: vec![endpoint], ..Orchestration::default() };
        assert_eq!(
            lines(&told),
            [
                "budget web: at least 2, none may go now",
                "endpoint web  ClusterIP 10.96.0.12  80->8080/tcp http  2 ready, 1 not"
            ]
        );
    }
}
