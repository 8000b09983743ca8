//! A plan and its steps in plain words, for the terminal, the screen and the journal's reader.

use std::fmt::Write;

use crate::{
    domain::Engine,
    plan::{Plan, Step},
};

impl Step {
    /// "stop shop-web-1 (up to 10 s)"
    pub fn title(&self) -> String {
        match self {
            Self::Stop { name, grace, .. } => format!("stop {name} (up to {grace} s)"),
            Self::Start { name, .. } => format!("start {name}"),
            Self::AwaitReady { name, within, .. } => format!("wait until {name} is ready (up to {within} s)"),
            Self::Redeploy { service, .. } => format!("replace every instance of {}", service.name),
            Self::Replace { name, grace, .. } => format!("replace {name} (up to {grace} s to end)"),
            Self::AwaitRollout { service, within } => {
                format!("wait until {} is rolled out (up to {within} s)", service.name)
            }
        }
    }

    /// What a person could type in a shell to do it, or to see why it was not done. `None` where there is no engine to type for.
    pub fn by_hand(&self, plan: &Plan) -> Option<String> {
        let docker = match plan.engine {
            Engine::Docker if &*plan.endpoint == "unix:///var/run/docker.sock" => "docker".to_owned(),
            Engine::Docker => format!("docker -H {}", quoted(&plan.endpoint)),
            Engine::Kubernetes | Engine::Simulator => return None,
        };
        Some(match self {
            Self::Stop { name, grace, .. } => format!("{docker} stop -t {grace} {}", quoted(name)),
            Self::Start { name, .. } => format!("{docker} start {}", quoted(name)),
            Self::AwaitReady { name, .. } => format!("{docker} logs --tail 50 {}", quoted(name)),
            Self::Replace { name, .. } => format!("{docker} rm -f {}", quoted(name)),
            Self::Redeploy { service, .. } => format!("{docker} service update --force {}", quoted(&service.name)),
            Self::AwaitRollout { service, .. } => format!("{docker} service ps {}", quoted(&service.name)),
        })
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

/// Safe to paste into a shell, whatever an engine calls its objects.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-/:@".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_smuggle_a_command_into_the_line_that_a_person_pastes() {
        assert_eq!(quoted("shop-web-1"), "shop-web-1");
        assert_eq!(quoted("a; rm -rf /"), "'a; rm -rf /'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("--force"), "'--force'");
    }
}
