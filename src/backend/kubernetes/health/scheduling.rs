//! Why no node takes a pod: the scheduler's own message, as a sentence.

use super::Reason;
use crate::{
    backend::kubernetes::row::template::PodTemplate,
    domain::{text::shorten, units},
};

/// `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: …`
pub fn reason(message: &str, template: &PodTemplate, claim: Option<&str>) -> Reason {
    let Some((total, causes)) = parse(message) else {
        let told = words(message);
        let text = if is_of_the_pod(&told) { told } else { format!("no node fits: {}", shorten(message, 160)) };
        return Reason::new(text).detail(message);
    };
    let told: Vec<(u32, String)> = causes.iter().map(|(count, cause)| (*count, words(cause))).collect();
    let text = match told.as_slice() {
        [] => "no node fits: there is none".into(),
        [(_, cause)] if is_of_the_pod(cause) => cause.clone(),
        [(_, cause)] => format!("no node fits: {cause}{}", if total == 1 { "" } else { " on each of them" }),
        several => {
            let parts: Vec<String> = several.iter().map(|(count, cause)| format!("{count} {cause}")).collect();
            format!("no node of {total} fits: {}", parts.join(", "))
        }
    };
    let text = match claim {
        Some(claim) if text.contains("volume claim") => format!("{text}: {}", shorten(claim, 120)),
        _ => text,
    };
    let reason = Reason::new(text).detail(message);
    match help(&told, template) {
        Some(help) => reason.help(help),
        None => reason,
    }
}

/// How many nodes there are, and for each cause how many it keeps away.
fn parse(message: &str) -> Option<(u32, Vec<(u32, &str)>)> {
    let (nodes, rest) = message.split_once(" nodes are available")?;
    let total = nodes.rsplit('/').next()?.trim().parse().ok()?;
    let rest = rest.trim_start_matches(':');
    let rest = rest.split(" preemption:").next().unwrap_or(rest).trim().trim_end_matches('.');
    let mut causes: Vec<(u32, &str)> = Vec::new();
    let mut start = 0;
    // A cause may hold commas itself; the next one begins with a number.
    let ends = rest.match_indices(", ").map(|(at, _)| at).filter(|at| begins_with_count(&rest[at + 2..]));
    for end in ends.chain([rest.len()]) {
        let part = &rest[start..end];
        let counted = part.trim().split_once(' ').and_then(|(count, cause)| Some((count.parse().ok()?, cause)));
        // A cause without a number is all nodes'.
        causes.extend(counted.or_else(|| (!part.trim().is_empty()).then_some((total, part.trim()))));
        start = (end + 2).min(rest.len());
    }
    Some((total, causes))
}

fn begins_with_count(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(count, _)| count.parse::<u32>().is_ok())
}

/// The cause lies with the pod, whatever the node.
fn is_of_the_pod(words: &str) -> bool {
    words.starts_with("its volume claim")
}

fn words(cause: &str) -> String {
    let has = |part: &str| cause.contains(part);
    if let Some(resource) = cause.strip_prefix("Insufficient ") {
        return format!("not enough {resource}");
    }
    let known = if has("Too many pods") {
        "full of pods"
    } else if has("unbound immediate PersistentVolumeClaims") {
        "its volume claim is not bound"
    } else if has("persistentvolumeclaim \"") && has("not found") {
        return format!("its volume claim {} is missing", super::quoted(cause).unwrap_or_default());
    } else if has("didn't find available persistent volumes") {
        "no volume fits its volume claim"
    } else if has("volume node affinity conflict") {
        "its volume is on another node or in another zone"
    } else if has("max volume count") {
        "no room for more volumes"
    } else if has("were unschedulable") || has("node.kubernetes.io/unschedulable") {
        "cordoned"
    } else if has("node.kubernetes.io/not-ready") || has("node.kubernetes.io/unreachable") {
        "not ready"
    } else if has("untolerated taint") || has("had taint") || has("had taints") {
        return tainted(cause);
    } else if has("anti-affinity") {
        "kept away from its siblings (anti-affinity)"
    } else if has("node affinity") || has("node selector") || has("match node selector") {
        "not what its node selector asks for"
    } else if has("pod affinity") {
        "without the pods that it wants to be near"
    } else if has("topology spread") {
        "against its topology spread"
    } else if has("free ports") {
        "its host port is taken"
    } else {
        return shorten(cause, 80).into_owned();
    };
    known.into()
}

/// `node(s) had taint {dedicated: db}, that the pod didn't tolerate`
fn tainted(cause: &str) -> String {
    let taint = cause.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(inner, _)| inner.trim());
    match taint {
        Some(taint) => format!("tainted {}", taint.trim_end_matches(": ").trim_end_matches(':').replace(": ", "=")),
        None => "tainted".into(),
    }
}

fn help(told: &[(u32, String)], template: &PodTemplate) -> Option<String> {
    let has = |part: &str| told.iter().any(|(_, words)| words.contains(part));
    let limits = &template.limits;
    let asks = match (has("not enough cpu"), has("not enough memory")) {
        (true, _) => limits.cpu_request.or(limits.cpu).map(|cpu| format!("{} cpu", units::cpu(cpu))),
        (_, true) => limits.memory_request.or(limits.memory).map(|memory| format!("{} memory", units::bytes(memory))),
        (false, false) => None,
    };
    match asks {
        Some(asks) => Some(format!("it asks for {asks}: lower its requests, free room or add a node")),
        None if has("not enough") => Some("lower its requests, free room or add a node".into()),
        None if has("cordoned") => Some("let a node take pods again: kubectl uncordon".into()),
        None if has("tainted") => Some("give it a toleration, or take the taint away".into()),
        None if has("volume claim") => Some("look at the claim: kubectl describe pvc".into()),
        None => None,
    }
}
