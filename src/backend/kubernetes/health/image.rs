//! Why an image does not come.

use super::{Reason, quoted};
use crate::{backend::kubernetes::row::pod::Waiting, domain::text::shorten};

/// `said` is what an event said: while the kubelet waits to try again, it no longer says itself why.
pub fn reason(image: &str, waiting: &Waiting, said: Option<&str>, node: Option<&str>) -> Reason {
    let node = node.unwrap_or("its node");
    match &*waiting.reason {
        "ErrImageNeverPull" => {
            return Reason::new(format!("image missing: {image} is not on {node}, and it is never pulled"))
                .help("bring it onto the node, or let imagePullPolicy be IfNotPresent");
        }
        "InvalidImageName" => {
            return Reason::new(format!("'{image}' is no name of an image"))
                .help("correct the image in the template: no scheme, no spaces, no capital letters");
        }
        _ => {}
    }
    // Newer kubelets repeat the cause while they wait.
    let is_telling = |message: &&str| !message.is_empty() && !is_only_waiting(message);
    let message = Some(&*waiting.message).filter(is_telling).or(said).unwrap_or(&waiting.message);
    let (text, help) = cause(image, message);
    let reason = Reason::new(text).help(help);
    if message.is_empty() { reason } else { reason.detail(message) }
}

/// `Back-off pulling image "x"`, and no more.
fn is_only_waiting(message: &str) -> bool {
    message.starts_with("Back-off pulling image") && !message.contains("ErrImagePull:")
}

fn cause(image: &str, message: &str) -> (String, &'static str) {
    let lower = message.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&["toomanyrequests", "too many requests", "rate limit"]) {
        (format!("image not pulled: the registry lets nobody pull so often: {image}"), "wait, or pull with credentials")
    } else if has(&["no matching manifest", "no match for platform"]) {
        (
            format!("image not pulled: {image} is not made for the node's platform"),
            "build it for this architecture, too",
        )
    } else if has(&["pull access denied", "repository does not exist"]) {
        (
            format!("image missing or access denied: {image}"),
            "check its name; a private one needs imagePullSecrets in its namespace",
        )
    } else if has(&["unauthorized", "authentication required", "forbidden", "denied", "401", "403"]) {
        (
            format!("image not pulled: access denied: {image}"),
            "its registry wants credentials: imagePullSecrets in its namespace, not expired",
        )
    } else if has(&["not found", "manifest unknown", "name unknown", "404"]) && !has(&["no such host"]) {
        (format!("image missing: {image} is not in its registry"), "check its name and tag; has it been pushed?")
    } else if has(&["x509", "certificate", "server gave http response to https client", "tls:"]) {
        (
            format!("image not pulled: the registry's certificate is not trusted: {image}"),
            "the node must know the registry's certificate authority",
        )
    } else if has(&["no space left"]) {
        (format!("image not pulled: no space left on the node: {image}"), "free space on the node, or choose another")
    } else if has(&[
        "no such host",
        "connection refused",
        "no route to host",
        "i/o timeout",
        "deadline exceeded",
        "network is unreachable",
        "connection reset",
        "eof",
    ]) {
        let why = message.rsplit(": ").next().unwrap_or_default();
        (
            format!("image not pulled: its registry cannot be reached: {} ({image})", shorten(why, 60)),
            "can the node reach the registry? Its network, its DNS and its proxy matter, not yours",
        )
    } else if message.is_empty() || is_only_waiting(message) {
        let image = quoted(message).unwrap_or(image);
        (format!("image not pulled: {image}"), "the events of the pod say why")
    } else {
        (format!("image not pulled: {image}: {}", shorten(message, 120)), "the events of the pod say more")
    }
}
