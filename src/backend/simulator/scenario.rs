//! A scenario: read from TOML, checked, and made into clusters. A mistake is told with its place and the nearest valid name.

use std::{ops::Range, sync::Arc};

use super::{
    SimulatedCluster,
    chance::Chance,
    registry::Behaviour,
    script::{ClusterScript, LineScript, LogKind, Script, ServiceScript},
    template::{KNOWN, Template},
    world::World,
};
use crate::{
    backend::Connector,
    clock::Clock,
    config::complaint::{Complaint, Position, did_you_mean},
    domain::Cluster,
};

/// The file is a scenario's documentation too, so it is the default and there is no other copy of it.
const EMBEDDED: [(&str, &str); 5] = [
    ("demo", include_str!("../../../assets/scenarios/demo.toml")),
    ("calm", include_str!("../../../assets/scenarios/calm.toml")),
    ("flood", include_str!("../../../assets/scenarios/flood.toml")),
    ("large", include_str!("../../../assets/scenarios/large.toml")),
    ("rollouts", include_str!("../../../assets/scenarios/rollouts.toml")),
];

/// Checked: what refers to something refers to something that is there.
#[derive(Clone, Debug)]
pub struct Scenario {
    script: Arc<Script>,
}

/// Where in the text, what, and what would help.
struct Mistake {
    place: Range<usize>,
    text: String,
    help: Option<String>,
}

impl Mistake {
    fn new(place: Range<usize>, text: String) -> Self {
        Self { place, text, help: None }
    }

    fn unknown<'a>(place: Range<usize>, what: &str, typed: &str, names: impl Iterator<Item = &'a str>) -> Self {
        Self { place, text: format!("unknown {what} \"{typed}\""), help: Some(did_you_mean(typed, names)) }
    }
}

impl Scenario {
    /// `file` is what complaints call it.
    pub fn parse(file: &str, toml: &str) -> Result<Self, Complaint> {
        let complain = |mistake: Mistake| {
            let complaint = Complaint::new(file, &mistake.text).at(Position::of(&mistake.place, toml));
            mistake.help.iter().fold(complaint, |complaint, help| complaint.help(help))
        };
        let script: Script = toml::from_str(toml).map_err(|error| complain(explain(&error)))?;
        check(&script).map_err(complain)?;
        Ok(Self { script: script.into() })
    }

    /// An embedded one; the error is for a person and names the nearest.
    pub fn named(name: &str) -> Result<Self, String> {
        let Some((name, toml)) = EMBEDDED.into_iter().find(|(known, _)| *known == name) else {
            return Err(format!("unknown scenario \"{name}\": {}", did_you_mean(name, Self::names())));
        };
        Self::parse(&format!("{name}.toml"), toml).map_err(|complaint| complaint.to_string())
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.into_iter().map(|(name, _)| name)
    }

    pub fn title(&self) -> &Arc<str> {
        &self.script.title
    }

    /// What is known of each cluster before it is connected, and the way to it. The scenario begins now.
    pub fn clusters(&self, seed: u64, clock: Clock) -> Vec<(Cluster, Arc<dyn Connector>)> {
        let with_connector = |cluster: SimulatedCluster| (cluster.cluster(), Arc::new(cluster) as Arc<dyn Connector>);
        self.simulate(seed, clock).into_iter().map(with_connector).collect()
    }

    /// The same, for who wants to look behind the scenes.
    pub fn simulate(&self, seed: u64, clock: Clock) -> Vec<SimulatedCluster> {
        let chance = Chance::new(seed);
        let world = |index| World::new(&self.script, index, chance, clock);
        (0..self.script.clusters.len()).map(|index| SimulatedCluster::new(world(index))).collect()
    }
}

/// The parser's own words, shorter, with the nearest key instead of all of them.
fn explain(error: &toml::de::Error) -> Mistake {
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let place = error.span().unwrap_or(0..0);
    match (message.split('`').next(), quoted.next()) {
        (Some("unknown field "), Some(key)) => Mistake::unknown(place, "key", key, quoted),
        (Some("unknown variant "), Some(word)) => Mistake::unknown(place, "word", word, quoted),
        (Some("missing field "), Some(key)) => Mistake::new(place, format!("\"{key}\" is missing")),
        _ => Mistake::new(place, message.to_owned()),
    }
}

fn check(script: &Script) -> Result<(), Mistake> {
    for kind in script.logs.values() {
        check_log(kind)?;
    }
    for (index, cluster) in script.clusters.iter().enumerate() {
        let name = &cluster.name;
        if script.clusters[..index].iter().any(|other| other.name.get_ref() == name.get_ref()) {
            return Err(Mistake::new(name.span(), format!("there are two clusters called \"{}\"", name.get_ref())));
        }
        for (index, service) in cluster.services.iter().enumerate() {
            let (name, before) = (service.name.get_ref(), &cluster.services[..index]);
            if before.iter().any(|other| other.scope == service.scope && other.name.get_ref() == name) {
                let text = format!("there are two services called \"{name}\" in \"{}\"", service.scope);
                return Err(Mistake::new(service.name.span(), text));
            }
            check_service(script, cluster, service)?;
        }
    }
    Ok(())
}

fn check_service(script: &Script, cluster: &ClusterScript, service: &ServiceScript) -> Result<(), Mistake> {
    if let Some(logs) = service.logs.as_ref().filter(|logs| !script.logs.contains_key(logs.get_ref())) {
        return Err(Mistake::unknown(
            logs.span(),
            "kind of log",
            logs.get_ref(),
            script.logs.keys().map(String::as_str),
        ));
    }
    if let Some(metrics) = service.metrics.as_ref().filter(|metrics| !script.metrics.contains_key(metrics.get_ref())) {
        let names = script.metrics.keys().map(String::as_str);
        return Err(Mistake::unknown(metrics.span(), "kind of metrics", metrics.get_ref(), names));
    }
    let beside =
        || cluster.services.iter().filter(|other| other.scope == service.scope).map(|other| &**other.name.get_ref());
    for dependency in &service.depends_on {
        let name = &dependency.get_ref().0.service;
        if !beside().any(|other| other == &**name) {
            return Err(Mistake::unknown(dependency.span(), "service", name, beside()));
        }
    }
    if let Some(proxy) = service.proxy.as_ref().filter(|proxy| !beside().any(|other| other == proxy.get_ref())) {
        return Err(Mistake::unknown(proxy.span(), "service", proxy.get_ref(), beside()));
    }
    let conducts = service.registry.iter().map(|image| image.behaves);
    let mut conducts = conducts.chain(service.releases.iter().map(|release| release.behaves));
    if !service.health_check && conducts.any(|conduct| conduct == Behaviour::NeverReady) {
        let text = "without health_check = true nothing of it is ever found not to be ready";
        return Err(Mistake::new(service.name.span(), text.to_owned()));
    }
    for instances in service.troubles.iter().filter_map(|trouble| trouble.instances.as_ref()) {
        if let Some(number) = instances.get_ref().iter().find(|number| !(1..=service.instances).contains(number)) {
            let text = format!("there is no instance {number}: there are {}, counted from 1", service.instances);
            return Err(Mistake::new(instances.span(), text));
        }
    }
    Ok(())
}

fn check_log(kind: &LogKind) -> Result<(), Mistake> {
    let known = || KNOWN.into_iter().chain(kind.words.keys().map(String::as_str));
    let check = |template: &Template, place: Range<usize>| match template
        .names()
        .find(|name| !known().any(|other| other == *name))
    {
        Some(name) => Err(Mistake::unknown(place, "place", name, known())),
        None => Ok(()),
    };
    for LineScript { message, fields, .. } in kind.start.iter().chain(&kind.lines).chain(&kind.troubled) {
        check(message.get_ref(), message.span())?;
        for (fields, (_, template)) in
            fields.iter().flat_map(|fields| fields.get_ref().0.iter().map(move |field| (fields, field)))
        {
            check(template, fields.span())?;
        }
    }
    Ok(())
}
