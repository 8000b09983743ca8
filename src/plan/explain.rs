//! A plan and its steps in plain words, for the terminal, the screen and the journal's reader.

use std::fmt::Write;

use crate::plan::{Edits, Plan, Recipe, Step, Traffic, Verb};

impl Step {
    /// "stop shop-web-1 (up to 10 s)"
    pub fn title(&self) -> String {
        match self {
            Self::Stop { name, grace, .. } => format!("stop {name} (up to {grace} s)"),
            Self::Start { name, .. } => format!("start {name}"),
            Self::AwaitReady { name, within, .. } => format!("wait until {name} is ready (up to {within} s)"),
            Self::Redeploy { service, .. } => format!("replace every instance of {}", service.name),
            Self::Replace { name, grace, .. } => format!("replace {name} (up to {grace} s to end)"),
            Self::AwaitRollout { service, within, .. } => {
                format!("wait until {} is rolled out (up to {within} s)", service.name)
            }
            Self::Make { name, recipe: Recipe::Edited(edits), .. } => format!("make {name} with {}", edits.title()),
            Self::Make { name, recipe: Recipe::Release(release), .. } => {
                format!("make {name} as {} was", release.title)
            }
            Self::Join { name, .. } => format!("let others find {name}"),
            Self::Policy { name, policy, .. } if policy.is_none() => {
                format!("let the engine not start {name} again by itself")
            }
            Self::Policy { name, policy, .. } => {
                format!("let the engine start {name} again by itself ({})", policy.text())
            }
            Self::Rename { name, to, .. } => format!("rename {name} to {to}"),
            Self::Remove { name, .. } => format!("remove {name}"),
            Self::Record { release, .. } => format!("write release {release} into the host's history"),
            Self::Update { service, edits, .. } => format!("set {} of {}", edits.title(), service.name),
            Self::Return { service, release, .. } => format!("give {} the template of {}", service.name, release.title),
            Self::Helm { release, revision, .. } => format!("helm rollback {release} {revision}"),
            Self::Scale { service, to, .. } => format!("scale {} to {to}", service.name),
            Self::Pause { service, paused: true, .. } => format!("pause {}", service.name),
            Self::Pause { service, paused: false, .. } => format!("resume {}", service.name),
            Self::Steer { service, word, .. } => format!("{} {}", Verb::Steer(*word).word(), service.name),
            Self::MakeSet { set, like, edits, replicas, .. } => {
                format!("make {}: {replicas} like {} with {}", set.name, like.name, edits.title())
            }
            Self::DiscardSet { set } => format!("remove {}", set.name),
            Self::Shift { route, to, .. } => format!("{}: {}", route.title(), to.title()),
            Self::Cordon { node, cordoned: true } => format!("let nothing new onto {}", node.name),
            Self::Cordon { node, cordoned: false } => format!("let instances onto {} again", node.name),
            Self::Drain { node, within } => format!("move every instance off {} (up to {within} s)", node.name),
            Self::Data(data) => data.title(),
            Self::Velero { act, .. } => act.title(),
            Self::Gate { gate, .. } => format!("check: {}", gate.title()),
        }
    }
}

impl Edits {
    /// "image shop/web:v2, MODE"
    pub fn title(&self) -> String {
        let images = self.images.iter().map(|(container, image)| match &**container {
            "" => format!("image {image}"),
            container => format!("image {image} in {container}"),
        });
        let names = self.env.values().flat_map(|env| env.keys()).map(ToString::to_string);
        let all: Vec<_> = images.chain(names).collect();
        if all.is_empty() { "nothing changed".into() } else { all.join(", ") }
    }
}

impl Traffic {
    pub fn title(&self) -> String {
        match self {
            Self::Instances(instances) => {
                let weights: Vec<_> = instances.iter().map(|(_, weight)| weight.to_string()).collect();
                format!("to {} instances, weighted {}", instances.len(), weights.join(":"))
            }
            Self::Body(_) => "as it was".into(),
            Self::LookUp { since } => format!("look the names up anew, {since}"),
            Self::Labels(labels) => {
                let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("to {}", labels.join(","))
            }
            Self::Part { canary, percent } => format!("{percent} % to {canary}"),
            Self::Whole { .. } => "all as before".into(),
        }
    }
}

impl Plan {
    /// All that a person must know before saying yes, as lines of plain text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} on {}", self.title, self.service.cluster)];
        let mut section = |title: &str, texts: &mut dyn Iterator<Item = String>| {
            for (place, text) in texts.enumerate() {
                lines.push(format!("  {:<9}{text}", if place == 0 { title } else { "" }));
            }
        };
        let explains = &self.explains;
        section("objects", &mut std::iter::once(explains.objects.join(", ")));
        section("how", &mut explains.how.iter().map(|text| text.to_string()));
        section("warning", &mut explains.warnings.iter().map(|text| text.to_string()));
        section("promises", &mut explains.promises.iter().map(|text| text.to_string()));
        section("undo", &mut explains.undo.iter().map(|text| text.to_string()));
        section("why", &mut self.request.why.iter().map(|text| text.to_string()));
        let steps = self.steps().enumerate();
        section("steps", &mut steps.map(|(place, planned)| format!("{}. {}", place + 1, planned.step.title())));
        lines
    }

    pub fn text(&self) -> String {
        self.lines().iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        })
    }
}
