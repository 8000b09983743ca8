//! By which names a proxy finds the containers of a service, and which of these mean others, too. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::proxy::Seen;

#[derive(Debug, Default)]
pub struct Names {
    ours: BTreeSet<String>,
    /// And who bears it.
    others: BTreeMap<String, String>,
}

impl Names {
    /// As `proxy` sees them: two projects may have a `web` each, and a network in common.
    pub fn of(proxy: &Seen, ours: &[&Seen], others: &[&Seen]) -> Self {
        let running = others.iter().filter(|other| other.is_running());
        Self {
            ours: ours.iter().flat_map(|seen| seen.hosts_for(proxy)).collect(),
            others: running
                .flat_map(|other| other.hosts_for(proxy).into_iter().map(|host| (host, other.name())))
                .collect(),
        }
    }

    pub fn is_ours(&self, host: &str) -> bool {
        self.ours.contains(&plain(host))
    }

    /// Who else is found by this.
    pub fn other(&self, host: &str) -> Option<&str> {
        self.others.get(&plain(host)).map(String::as_str)
    }
}

/// As names are looked up.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(name: &str, networks: &Value) -> Seen {
        let id = format!("{name:0>64}").replace(['-', '_'], "0");
        let inspected = json!({"Id": id, "Name": format!("/{name}"), "State": {"Running": true},
            "NetworkSettings": {"Networks": networks}});
        serde_json::from_value(inspected).expect("an inspect answer")
    }

    #[test]
    fn a_name_counts_only_where_one_of_ours_bears_it_on_a_network_of_the_proxys() {
        let ours = seen(
            "a-web-1",
            &json!({"a_default": {"Aliases": ["web"]}, "edge": {"Aliases": null, "IPAddress": "10.9.0.2"}}),
        );
        let proxy = seen("b-proxy-1", &json!({"edge": {}, "b_default": {}}));
        let theirs = seen("b-web-1", &json!({"b_default": {"Aliases": ["web"]}}));
        let names = Names::of(&proxy, &[&ours], &[&theirs, &proxy]);
        assert!(!names.is_ours("web"), "that is another project's");
        assert_eq!(names.other("web"), Some("b-web-1"));
        for name in ["a-web-1", "a-web-1.edge", "10.9.0.2", "A-Web-1."] {
            assert!(names.is_ours(name), "{name}: {names:?}");
        }
    }

    #[test]
    fn a_name_that_others_bear_too_is_told_with_whom() {
        let ours = seen("a-web-1", &json!({"edge": {"Aliases": ["web"]}}));
        let theirs = seen("b-web-1", &json!({"b_default": {"Aliases": ["web"]}}));
        let names = Names::of(&seen("proxy", &json!({"edge": {}, "b_default": {}})), &[&ours], &[&theirs]);
        assert_eq!((names.is_ours("web"), names.other("web")), (true, Some("b-web-1")));
        assert_eq!(names.other("a-web-1"), None);
    }

    #[test]
    fn on_the_engines_own_network_only_numbers_and_links_count() {
        let ours = seen("web", &json!({"bridge": {"IPAddress": "172.17.0.2"}}));
        let proxy = |links: Value| -> Seen {
            let inspected = json!({"Id": "aa", "Name": "/proxy", "HostConfig": {"Links": links},
                "NetworkSettings": {"Networks": {"bridge": {}}}});
            serde_json::from_value(inspected).expect("an inspect answer")
        };
        let names = Names::of(&proxy(Value::Null), &[&ours], &[]);
        assert!(names.is_ours("172.17.0.2") && !names.is_ours("web"), "{names:?}");
        assert!(Names::of(&proxy(json!(["/web:/proxy/backend"])), &[&ours], &[]).is_ours("backend"));
    }
}
