//! Why a container could not be made or started: what it refers to is missing, a volume does not come, its command cannot be run.

use super::{Reason, quoted};
use crate::{backend::kubernetes::books::NoteKind, domain::text::shorten};

/// `CreateContainerConfigError`: `configmap "settings" not found`, `couldn't find key PORT in ConfigMap shop/settings`.
pub fn config(message: &str) -> Reason {
    let reason = missing(message).unwrap_or_else(|| {
        if message.contains("runAsNonRoot") {
            return Reason::new("could not start: it may not run as root, and its image does")
                .help("give it a runAsUser, or an image with a user of its own");
        }
        Reason::new(format!("could not start: {}", shorten(message, 160)))
    });
    if message.is_empty() { reason } else { reason.detail(message) }
}

/// What it refers to that is not there.
fn missing(message: &str) -> Option<Reason> {
    if let Some((_, rest)) = message.split_once("couldn't find key ") {
        // `PORT in ConfigMap shop/settings`
        let (key, rest) = rest.split_once(" in ")?;
        let mut words = rest.split_whitespace();
        let (kind, name) = (words.next()?, words.next()?);
        let name = name.rsplit('/').next().unwrap_or(name);
        return Some(
            Reason::new(format!("the key {key} is missing in {kind} {name}"))
                .help(format!("add it, or correct the reference: kubectl describe {} {name}", kind.to_lowercase())),
        );
    }
    let kinds = [("configmap", "ConfigMap"), ("secret", "Secret"), ("serviceaccount", "ServiceAccount")];
    let (kind, word) = kinds.into_iter().find(|(kind, _)| message.contains(&format!("{kind} \"")))?;
    let at = message.find(&format!("{kind} \""))?;
    let (name, rest) = (quoted(&message[at..])?, &message[at..]);
    rest.contains("not found").then(|| {
        Reason::new(format!("{word} {name} is missing"))
            .help("create it in the same namespace, or correct its name in the template")
    })
}

/// The runtime's message in the words of the trade, the whole of it as detail.
pub fn could_not_start(message: &str) -> Reason {
    if let Some(reason) = missing(message) {
        return reason.detail(message);
    }
    let lower = message.to_lowercase();
    let has = |part: &str| lower.contains(part);
    let is_command = has("exec") || has("executable") || has("starting container process");
    let (text, help) = if has("executable file not found") || is_command && has("no such file or directory") {
        ("its command is not in the image", "look at its command and its image")
    } else if is_command && has("permission denied") {
        ("its command may not be executed", "the file in the image is not executable")
    } else if is_command && has("exec format error") {
        ("its command is made for another platform", "build the image for the node's architecture")
    } else if has("poststart") {
        ("its postStart hook failed", "what the hook runs is in the template")
    } else if has("is already in use by") || has("name is reserved") {
        (
            "a container of an earlier try is in the way",
            "the kubelet clears it away; if it does not, restart the runtime",
        )
    } else if has("mount") {
        ("a mount of it failed", "does the path exist on the node, and is it of the right kind?")
    } else if has("no space left") {
        ("no space left on its node", "free space on the node, or choose another")
    } else if has("context deadline exceeded") {
        ("its node takes too long to make it", "the node's disk or its container runtime is overloaded")
    } else {
        let reason = Reason::new(format!("could not start: {}", shorten(message, 160)));
        return if message.is_empty() { reason } else { reason.detail(message) };
    };
    Reason::new(format!("could not start: {text}")).detail(message).help(help)
}

/// From `FailedMount`, `FailedAttachVolume` and `FailedCreatePodSandBox`.
pub fn mount_or_network(kind: NoteKind, message: &str) -> Reason {
    if kind == NoteKind::Sandbox {
        return Reason::new(format!("could not start: no network for it: {}", shorten(last_clause(message), 120)))
            .detail(message)
            .help("the network plugin of its node is at fault");
    }
    if let Some(reason) = missing(message) {
        return reason.detail(message);
    }
    if message.contains("Multi-Attach") {
        return Reason::new("its volume is still attached to another node")
            .detail(message)
            .help("the pod that uses it there must go first; on a dead node, delete it by force");
    }
    if let Some(rest) = message.split_once("references non-existent config key: ").map(|(_, rest)| rest) {
        return Reason::new(format!("a mounted key is missing: {}", shorten(rest, 80))).detail(message);
    }
    let volume = quoted(message).map(|volume| format!(" {volume}")).unwrap_or_default();
    Reason::new(format!("could not start: its volume{volume} was not mounted: {}", shorten(last_clause(message), 120)))
        .detail(message)
}

fn last_clause(message: &str) -> &str {
    message.rsplit(": ").next().unwrap_or(message)
}
