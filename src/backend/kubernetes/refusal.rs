//! What an API server's refusals mean, in words: its status and its message, which for a missing right names verb, resource and place.

use std::sync::Arc;

/// Why, and what would help.
pub fn words(code: u16, message: &str) -> (Arc<str>, Option<Arc<str>>) {
    let told = |fallback: &str| Arc::from(if message.is_empty() { fallback } else { message });
    match code {
        401 => (
            "the server does not accept these credentials any more".into(),
            Some("sign in again, as you do for kubectl".into()),
        ),
        403 => match Denied::read(message) {
            Some(denied) => denied.words(),
            None => (told("not allowed"), None),
        },
        400 if message.contains("HTTP request to an HTTPS server") => {
            ("it speaks HTTPS only".into(), Some("the server in the kubeconfig must begin with https://".into()))
        }
        404 if message.is_empty() || message.contains('<') => {
            ("there is no Kubernetes API there (404)".into(), Some("is the server in the kubeconfig right?".into()))
        }
        429 => (
            "the server has too much to do (429)".into(),
            Some("it asks everybody for fewer requests; it is tried again".into()),
        ),
        502..=504 => {
            let said = if message.is_empty() { String::new() } else { format!(": {message}") };
            (format!("the server is not ready, or the proxy before it does not reach it ({code}){said}").into(), None)
        }
        code => (told(&format!("HTTP status {code}")), None),
    }
}

/// `pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "shop"`
#[derive(Debug, PartialEq, Eq)]
struct Denied<'a> {
    user: &'a str,
    verb: &'a str,
    /// With its subresource: `pods/log`.
    resource: &'a str,
    /// `None`: everywhere.
    namespace: Option<&'a str>,
}

impl<'a> Denied<'a> {
    fn read(message: &'a str) -> Option<Self> {
        let (_, rest) = message.split_once("User \"")?;
        let (user, rest) = rest.split_once('"')?;
        let rest = rest.trim_start().strip_prefix("cannot ")?;
        let (verb, rest) = rest.split_once(' ')?;
        let (resource, rest) = match rest.split_once("resource \"") {
            Some((_, rest)) => rest.split_once('"')?,
            // `cannot get path "/metrics"`
            None => rest.split_once("path \"")?.1.split_once('"')?,
        };
        let namespace = rest.split_once("in the namespace \"").and_then(|(_, rest)| rest.split_once('"'));
        Some(Self { user, verb, resource, namespace: namespace.map(|(namespace, _)| namespace) })
    }

    fn words(&self) -> (Arc<str>, Option<Arc<str>>) {
        let Self { user, verb, resource, .. } = self;
        let place = self.namespace.map_or_else(String::new, |namespace| format!(" in {namespace}"));
        if *user == "system:anonymous" {
            let why = format!("nobody is signed in, and nobody may {verb} {resource}{place}");
            return (why.into(), Some("the context has no credentials, or they are not the server's".into()));
        }
        let why = match self.namespace {
            Some(namespace) => format!("{user} may not {verb} {resource} in {namespace}"),
            None => format!("{user} may not {verb} {resource} in the whole cluster"),
        };
        let kind = if self.namespace.is_some() { "Role" } else { "ClusterRole" };
        (why.into(), Some(format!("ask for a {kind} with the verb {verb} on {resource}").into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(code: u16, message: &str) -> String {
        let (why, help) = words(code, message);
        format!("{why} | {}", help.as_deref().unwrap_or("-"))
    }

    #[test]
    fn a_missing_right_is_told_by_who_what_and_where() {
        for (message, expected) in [
            (
                r#"pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "shop""#,
                "ann may not list pods in shop | ask for a Role with the verb list on pods",
            ),
            (
                r#"deployments.apps is forbidden: User "ann" cannot watch resource "deployments" in API group "apps" at the cluster scope"#,
                "ann may not watch deployments in the whole cluster | ask for a ClusterRole with the verb watch on deployments",
            ),
            (
                r#"pods "web-1" is forbidden: User "ann" cannot create resource "pods/exec" in API group "" in the namespace "shop""#,
                "ann may not create pods/exec in shop | ask for a Role with the verb create on pods/exec",
            ),
            (
                r#"forbidden: User "ann" cannot get path "/version""#,
                "ann may not get /version in the whole cluster | ask for a ClusterRole with the verb get on /version",
            ),
            (
                r#"pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "shop""#,
                "nobody is signed in, and nobody may list pods in shop | the context has no credentials, or they are not the server's",
            ),
            (
                r#"admission webhook "policy" denied the request: no latest tags"#,
                r#"admission webhook "policy" denied the request: no latest tags | -"#,
            ),
            ("", "not allowed | -"),
        ] {
            assert_eq!(line(403, message), expected);
        }
    }

    #[test]
    fn other_refusals_are_told_apart() {
        for (code, message, expected) in [
            (401, "Unauthorized", "does not accept these credentials any more | sign in again"),
            (429, "too many requests", "too much to do (429)"),
            (503, "etcd is down", "not ready, or the proxy before it does not reach it (503): etcd is down"),
            (502, "", "does not reach it (502) | -"),
            (400, "Client sent an HTTP request to an HTTPS server.", "it speaks HTTPS only"),
            (404, "404 page not found?", "404 page not found? | -"),
            (404, "", "there is no Kubernetes API there (404)"),
            (404, "pods \"web-1\" not found", "pods \"web-1\" not found | -"),
            (409, "the object has been modified", "the object has been modified | -"),
            (418, "", "HTTP status 418 | -"),
        ] {
            let line = line(code, message);
            assert!(line.contains(expected), "{code}: {line}");
        }
    }
}
