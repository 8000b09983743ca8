//! A scenario: read from TOML, checked, and made into clusters. A mistake is told with its place and the nearest valid name.

use std::{fmt, ops::Range, sync::Arc};

use super::{
    SimulatedCluster,
    chance::Chance,
    script::{ClusterScript, LineScript, LogKind, Script, ServiceScript},
    template::{KNOWN, Template},
    world::World,
};
use crate::{backend::Connector, clock::Clock, domain::Cluster, domain::text};

/// The file is a scenario's documentation too, so it is the default and there is no other copy of it.
const EMBEDDED: [(&str, &str); 4] = [
    ("demo", include_str!("../../../assets/scenarios/demo.toml")),
    ("calm", include_str!("../../../assets/scenarios/calm.toml")),
    ("flood", include_str!("../../../assets/scenarios/flood.toml")),
    ("large", include_str!("../../../assets/scenarios/large.toml")),
];

/// Checked: what refers to something refers to something that is there.
#[derive(Clone, Debug)]
pub struct Scenario {
    script: Arc<Script>,
}

/// Why a scenario cannot be used: `demo.toml:12:5: unknown key 'lmits': did you mean 'limits'?`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub file: Arc<str>,
    /// Both from 1.
    pub line: usize,
    pub column: usize,
    pub text: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, text } = self;
        write!(f, "{file}:{line}:{column}: {text}")
    }
}

impl std::error::Error for Complaint {}

/// Where in the text, and what.
type Mistake = (Range<usize>, String);

impl Scenario {
    /// `file` is what complaints call it.
    pub fn parse(file: &str, toml: &str) -> Result<Self, Complaint> {
        let complain = |(place, text): Mistake| {
            let before = &toml[..toml.floor_char_boundary(place.start)];
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            Complaint { file: file.into(), line: before.matches('\n').count() + 1, column, text }
        };
        let script: Script = toml::from_str(toml).map_err(|error| complain(explain(&error)))?;
        check(&script).map_err(complain)?;
        Ok(Self { script: script.into() })
    }

    /// An embedded one; the error is for a person and names the nearest.
    pub fn named(name: &str) -> Result<Self, String> {
        let Some((name, toml)) = EMBEDDED.into_iter().find(|(known, _)| *known == name) else {
            return Err(unknown("scenario", name, Self::names()));
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
        (0..self.script.clusters.len()).map(|index| SimulatedCluster::new(Arc::new(world(index)))).collect()
    }
}

/// The parser's own words, shorter, with the nearest key instead of all of them.
fn explain(error: &toml::de::Error) -> Mistake {
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let text = match (message.split('`').next(), quoted.next()) {
        (Some("unknown field "), Some(key)) => unknown("key", key, quoted),
        (Some("unknown variant "), Some(word)) => unknown("word", word, quoted),
        (Some("missing field "), Some(key)) => format!("'{key}' is missing"),
        _ => message.to_owned(),
    };
    (error.span().unwrap_or(0..0), text)
}

fn unknown<'a>(what: &str, typed: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match text::nearest(typed, names.iter().copied()) {
        Some(near) => format!("unknown {what} '{typed}': did you mean '{near}'?"),
        None if names.is_empty() => format!("unknown {what} '{typed}': there is none"),
        None => format!("unknown {what} '{typed}': one of {}", names.join(", ")),
    }
}

fn check(script: &Script) -> Result<(), Mistake> {
    for kind in script.logs.values() {
        check_log(kind)?;
    }
    for (index, cluster) in script.clusters.iter().enumerate() {
        let name = &cluster.name;
        if script.clusters[..index].iter().any(|other| other.name.get_ref() == name.get_ref()) {
            return Err((name.span(), format!("there are two clusters called '{}'", name.get_ref())));
        }
        for (index, service) in cluster.services.iter().enumerate() {
            let (name, before) = (service.name.get_ref(), &cluster.services[..index]);
            if before.iter().any(|other| other.scope == service.scope && other.name.get_ref() == name) {
                return Err((
                    service.name.span(),
                    format!("there are two services called '{name}' in '{}'", service.scope),
                ));
            }
            check_service(script, cluster, service)?;
        }
    }
    Ok(())
}

fn check_service(script: &Script, cluster: &ClusterScript, service: &ServiceScript) -> Result<(), Mistake> {
    if let Some(logs) = service.logs.as_ref().filter(|logs| !script.logs.contains_key(logs.get_ref())) {
        return Err((logs.span(), unknown("kind of log", logs.get_ref(), script.logs.keys().map(String::as_str))));
    }
    if let Some(metrics) = service.metrics.as_ref().filter(|metrics| !script.metrics.contains_key(metrics.get_ref())) {
        let names = script.metrics.keys().map(String::as_str);
        return Err((metrics.span(), unknown("kind of metrics", metrics.get_ref(), names)));
    }
    let beside =
        || cluster.services.iter().filter(|other| other.scope == service.scope).map(|other| &**other.name.get_ref());
    for dependency in &service.depends_on {
        let name = &dependency.get_ref().0.service;
        if !beside().any(|other| other == &**name) {
            return Err((dependency.span(), unknown("service", name, beside())));
        }
    }
    for instances in service.troubles.iter().filter_map(|trouble| trouble.instances.as_ref()) {
        if let Some(number) = instances.get_ref().iter().find(|number| !(1..=service.instances).contains(number)) {
            let text = format!("there is no instance {number}: there are {}, counted from 1", service.instances);
            return Err((instances.span(), text));
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
        Some(name) => Err((place, unknown("place", name, known()))),
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
