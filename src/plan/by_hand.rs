//! What a person could type in a shell where a plan got stuck: to do its step, or to see why it was not done.

use super::{Edits, Plan, ReleaseRef, Steer, Step, Traffic, VeleroAct};
use crate::domain::{Engine, Route, ServiceId, ServiceKind};

impl Step {
    /// `None` where nothing can be typed for it.
    pub fn by_hand(&self, plan: &Plan) -> Option<String> {
        match plan.engine {
            Engine::Docker => docker(self, plan),
            Engine::Kubernetes => kubectl(self, plan),
            Engine::Simulator => None,
        }
    }
}

fn docker(step: &Step, plan: &Plan) -> Option<String> {
    let docker = match &*plan.endpoint {
        "unix:///var/run/docker.sock" => "docker".to_owned(),
        endpoint => format!("docker -H {}", quoted(endpoint)),
    };
    Some(match step {
        Step::Stop { name, grace, .. } => format!("{docker} stop -t {grace} {}", quoted(name)),
        Step::Start { name, .. } => format!("{docker} start {}", quoted(name)),
        Step::AwaitReady { name, .. } => format!("{docker} logs --tail 50 {}", quoted(name)),
        Step::Replace { name, .. } => format!("{docker} rm -f {}", quoted(name)),
        Step::Redeploy { service, .. } => format!("{docker} service update --force {}", quoted(&service.name)),
        Step::AwaitRollout { service, .. } => format!("{docker} service ps {}", quoted(&service.name)),
        Step::Policy { name, policy, .. } => format!("{docker} update --restart {} {}", policy.text(), quoted(name)),
        Step::Rename { name, to, .. } => format!("{docker} rename {} {}", quoted(name), quoted(to)),
        Step::Remove { name, .. } => format!("{docker} rm {}", quoted(name)),
        Step::Make { name, .. } | Step::Join { name, .. } => format!("{docker} inspect {}", quoted(name)),
        Step::Shift { route: Route::Upstream { proxy_name, .. }, .. } => {
            format!("{docker} exec {} nginx -t", quoted(proxy_name))
        }
        Step::Shift { route: Route::Lookup { proxy_name, .. }, .. } => {
            format!("{docker} exec {} nginx -s reload", quoted(proxy_name))
        }
        Step::Gate { service, .. } => format!("{docker} ps --all --filter name={}", quoted(&service.name)),
        Step::Record { .. } => format!("{docker} volume ls --filter label=midwatch.role"),
        Step::Shift { .. }
        | Step::Update { .. }
        | Step::Return { .. }
        | Step::Helm { .. }
        | Step::Scale { .. }
        | Step::Pause { .. }
        | Step::Steer { .. }
        | Step::MakeSet { .. }
        | Step::DiscardSet { .. }
        | Step::Cordon { .. }
        | Step::Drain { .. }
        | Step::Velero { .. }
        | Step::Data(_) => return None,
    })
}

fn kubectl(step: &Step, plan: &Plan) -> Option<String> {
    let of = |service: &ServiceId| format!("kubectl -n {}", quoted(service.scope.as_str()));
    let target = |service: &ServiceId| workload(plan, service);
    let is_argo = plan.kind == Some(ServiceKind::Rollout);
    let argo = |service: &ServiceId, words: &str| {
        format!("kubectl argo rollouts {words} {} -n {}", quoted(&service.name), quoted(service.scope.as_str()))
    };
    Some(match step {
        Step::Redeploy { service, .. } if is_argo => argo(service, "restart"),
        Step::Redeploy { service, .. } => format!("{} rollout restart {}", of(service), target(service)?),
        Step::AwaitRollout { service, .. } if is_argo => argo(service, "get rollout"),
        Step::AwaitRollout { service, .. } => format!("{} rollout status {}", of(service), target(service)?),
        Step::Update { service, edits, .. } => set(&of(service), &target(service)?, edits)?,
        Step::Return { service, release, .. } if is_argo => {
            format!("{}{}", argo(service, "undo"), revision(release))
        }
        Step::Return { service, release, .. } => {
            format!("{} rollout undo {}{}", of(service), target(service)?, revision(release))
        }
        Step::Helm { service, release, revision, .. } => {
            format!("helm -n {} rollback {} {revision} --wait", quoted(service.scope.as_str()), quoted(release))
        }
        Step::Scale { service, to, .. } => format!("{} scale {} --replicas={to}", of(service), target(service)?),
        Step::Pause { service, paused, .. } => {
            let word = if *paused { "pause" } else { "resume" };
            match (is_argo, paused) {
                (true, true) => argo(service, "pause"),
                (true, false) => argo(service, "promote"),
                (false, _) => format!("{} rollout {word} {}", of(service), target(service)?),
            }
        }
        Step::Steer { service, word, .. } => match word {
            Steer::Promote => argo(service, "promote"),
            Steer::PromoteFull => argo(service, "promote --full"),
            Steer::Abort => argo(service, "abort"),
            Steer::Retry => argo(service, "retry rollout"),
        },
        Step::MakeSet { set, .. } => format!("{} describe {}", of(set), target(set)?),
        Step::DiscardSet { set } => {
            let name = quoted(&set.name);
            format!("{} delete --ignore-not-found deployment/{name} service/{name}", of(set))
        }
        Step::Shift { service, route, to } => shift(&of(service), route, to),
        Step::Replace { instance, name, .. } => {
            // A pod's key begins with its namespace.
            let scope = instance.key.split('/').next().filter(|scope| instance.key.contains('/') && !scope.is_empty());
            let scope = scope.unwrap_or(plan.service.scope.as_str());
            format!("kubectl -n {} delete pod {}", quoted(scope), quoted(name))
        }
        Step::Cordon { node, cordoned } => {
            format!("kubectl {} {}", if *cordoned { "cordon" } else { "uncordon" }, quoted(&node.name))
        }
        Step::Drain { node, .. } => {
            format!("kubectl drain {} --ignore-daemonsets --delete-emptydir-data", quoted(&node.name))
        }
        Step::AwaitReady { name, .. } => format!("{} logs --tail 50 {}", of(&plan.service), quoted(name)),
        Step::Gate { service, .. } => format!("{} get pods", of(service)),
        Step::Velero { act, .. } => velero(act),
        Step::Stop { .. }
        | Step::Start { .. }
        | Step::Make { .. }
        | Step::Join { .. }
        | Step::Policy { .. }
        | Step::Rename { .. }
        | Step::Remove { .. }
        | Step::Record { .. }
        | Step::Data(_) => return None,
    })
}

/// What is asked for is only looked at: a restore that is typed without all that narrows it would be another one.
fn velero(act: &VeleroAct) -> String {
    let (id, words) = match act {
        VeleroAct::AskForBackup(wanted) => (&wanted.id, "backup describe"),
        VeleroAct::AwaitBackup { backup, .. } => (backup, "backup describe"),
        VeleroAct::AskForRestore(wanted) => (&wanted.id, "restore describe"),
        VeleroAct::AwaitRestore { restore, .. } => (restore, "restore describe"),
        VeleroAct::DeleteBackup { backup, .. } => (backup, "backup delete"),
    };
    format!("velero -n {} {words} {}", quoted(&id.namespace), quoted(&id.name))
}

/// `deployment/web`. What stands beside the service, made by the plan, is a deployment.
fn workload(plan: &Plan, service: &ServiceId) -> Option<String> {
    let kind = if *service == plan.service { plan.kind? } else { ServiceKind::Deployment };
    let word = match kind {
        ServiceKind::Deployment => "deployment",
        ServiceKind::StatefulSet => "statefulset",
        ServiceKind::DaemonSet => "daemonset",
        ServiceKind::Rollout => "rollout",
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => return None,
    };
    // Of two workloads of one name, the second is called by its kind too.
    let name = service.name.strip_suffix(&format!(".{word}")).unwrap_or(&service.name);
    Some(format!("{word}/{}", quoted(name)))
}

fn set(kubectl: &str, target: &str, edits: &Edits) -> Option<String> {
    let images: Vec<String> = edits.images.iter().map(|(name, image)| quoted(&format!("{name}={image}"))).collect();
    let mut commands = Vec::new();
    if !images.is_empty() {
        commands.push(format!("{kubectl} set image {target} {}", images.join(" ")));
    }
    for (container, variables) in &edits.env {
        let pairs = variables.iter().map(|(name, value)| match value {
            Some(value) => quoted(&format!("{name}={value}")),
            None => quoted(&format!("{name}-")),
        });
        let pairs: Vec<String> = pairs.collect();
        commands.push(format!("{kubectl} set env {target} -c {} {}", quoted(container), pairs.join(" ")));
    }
    (!commands.is_empty()).then(|| commands.join(" && "))
}

/// People's name for a release begins with its number, where it has one.
fn revision(release: &ReleaseRef) -> String {
    let number = release.title.split(' ').next().and_then(|word| word.parse::<u64>().ok());
    number.map_or(String::new(), |number| format!(" --to-revision={number}"))
}

fn shift(kubectl: &str, route: &Route, to: &Traffic) -> String {
    match (route, to) {
        (Route::Selector { name, .. }, Traffic::Labels(labels)) => {
            let value = serde_json::to_string(labels).unwrap_or_default();
            let patch = format!(r#"[{{"op":"replace","path":"/spec/selector","value":{value}}}]"#);
            format!("{kubectl} patch service {} --type=json -p {}", quoted(name), quoted(&patch))
        }
        (Route::Selector { name, .. }, _) => format!("{kubectl} get service {} -o yaml", quoted(name)),
        (Route::HttpRoute { name, .. }, _) => format!("{kubectl} edit httproute {}", quoted(name)),
        (Route::Ingress { name, .. }, _) => format!("{kubectl} edit ingress {}", quoted(name)),
        (Route::Upstream { proxy_name, .. } | Route::Lookup { proxy_name, .. }, _) => {
            format!("{kubectl} exec {} -- nginx -t", quoted(proxy_name))
        }
    }
}

/// Safe to paste into a shell, whatever an engine calls its objects.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-/:@=".contains(c);
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
        assert_eq!(quoted("web=$(id)"), "'web=$(id)'");
    }
}
