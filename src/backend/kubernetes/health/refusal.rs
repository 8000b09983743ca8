//! Why the API server refuses to make a workload's pods: quotas, limits, policies, webhooks.

use super::{Reason, quoted};
use crate::domain::text::shorten;

pub fn reason(message: &str) -> Reason {
    let (text, help) = cause(message);
    let reason = Reason::new(format!("no pods can be made: {text}")).detail(message);
    if help.is_empty() { reason } else { reason.help(help) }
}

fn cause(message: &str) -> (String, &'static str) {
    let after = |marker| message.split_once(marker).map(|(_, rest): (&str, &str)| rest);
    if let Some(rest) = after("exceeded quota: ") {
        let name = rest.split(',').next().unwrap_or_default().trim();
        let text = match used_up(rest).as_str() {
            "" => format!("quota {name} is used up"),
            amounts => format!("quota {name} is used up: {amounts}"),
        };
        return (text, "raise the quota, or free what others in the namespace use: kubectl describe quota");
    }
    if let Some(rest) = after("failed quota: ") {
        let (name, wanted) = rest.split_once(": ").unwrap_or((rest, ""));
        let text = format!("quota {name} asks for more: {}", shorten(wanted, 100));
        return (text, "give every container the requests and limits that it names");
    }
    if let Some(rest) = after("violates PodSecurity ") {
        return (
            format!("pod security forbids it: {}", shorten(rest, 120)),
            "harden the template, or relax the namespace",
        );
    }
    if let Some(at) = message.find("serviceaccount \"") {
        let name = quoted(&message[at..]).unwrap_or_default();
        return (format!("ServiceAccount {name} is missing"), "create it in the same namespace");
    }
    if let Some(rest) = after("admission webhook ") {
        let why = rest.split_once("denied the request: ").map_or(rest, |(_, why)| why);
        return (format!("{} refuses it: {}", quoted(rest).unwrap_or("a webhook"), shorten(why, 120)), "");
    }
    if let Some(rest) = after("failed calling webhook ") {
        let text = format!("the webhook {} does not answer", quoted(rest).unwrap_or_default());
        return (text, "what serves it is down: until it answers, nothing it watches over can be made");
    }
    let text = after("is forbidden: ").or_else(|| after("failed error: ")).unwrap_or(message);
    (shorten(text, 160).into_owned(), "")
}

/// `few, requested: pods=1, used: pods=3, limited: pods=3` -> `pods 3 of 3`
fn used_up(quota: &str) -> String {
    let Some((_, rest)) = quota.split_once(", used: ") else { return String::new() };
    let Some((used, limited)) = rest.split_once(", limited: ") else { return String::new() };
    let limits: Vec<(&str, &str)> = limited.split(',').filter_map(|pair| pair.split_once('=')).collect();
    let amount = |pair: &str| {
        let (what, used) = pair.split_once('=')?;
        let (_, limit) = limits.iter().find(|(limited, _)| *limited == what)?;
        Some(format!("{what} {used} of {}", limit.split_whitespace().next()?))
    };
    used.split(',').filter_map(amount).collect::<Vec<_>>().join(", ")
}
