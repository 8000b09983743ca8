//! The containers that run nginx in front of a service, and how nginx is called in each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::{
    api::{Api, Id},
    fault::Fault,
    labels::Place,
    wire::Labels,
};
use crate::domain::{ServiceId, text::clean};

/// What says that a container is an nginx whatever it is called.
const PROXY: &str = "midwatch.proxy";
/// The engine's own network, on which names are not known.
const BRIDGE: &str = "bridge";
const HOST: &str = "host";

/// One entry of `GET /containers/json`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Listed {
    pub id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    command: Option<String>,
    labels: Option<Labels>,
    network_settings: Option<Networks>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Networks {
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    #[serde(rename = "IPAddress")]
    address: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    address_v6: Option<String>,
    aliases: Option<Vec<String>>,
}

/// `GET /containers/{id}/json`, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Seen {
    pub id: String,
    name: Option<String>,
    path: Option<String>,
    args: Option<Vec<String>>,
    state: State,
    host_config: HostConfig,
    network_settings: Networks,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    running: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: Option<String>,
}

pub async fn list(api: &Api) -> Result<Vec<Listed>, Fault> {
    api.get("/containers/json?all=1").await
}

pub async fn see(api: &Api, id: &str) -> Result<Seen, Fault> {
    api.get(&format!("/containers/{}/json", Id::new(id)?)).await
}

impl Listed {
    fn labels(&self) -> &Labels {
        static NONE: Labels = BTreeMap::new();
        self.labels.as_ref().unwrap_or(&NONE)
    }

    /// As it is called now.
    pub fn name(&self) -> String {
        let name = self.names.as_deref().and_then(<[String]>::first);
        clean(name.map_or("", |name| name.trim_start_matches('/'))).into_owned()
    }

    fn place(&self) -> Place {
        Place::of(self.labels(), &self.name())
    }

    pub fn is_of(&self, service: &ServiceId) -> bool {
        let place = self.place();
        place.scope == service.scope && place.service == service.name
    }

    fn networks(&self) -> BTreeSet<&str> {
        let networks = self.network_settings.iter().flat_map(|settings| settings.networks.iter().flatten());
        networks.map(|(name, _)| name.as_str()).collect()
    }

    /// A person says that it is one.
    pub fn is_marked(&self) -> bool {
        self.labels().get(PROXY).is_some_and(|kind| kind == "nginx")
    }

    fn is_nginx(&self) -> bool {
        let image = self.image.as_deref().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let called = self.command.as_deref().unwrap_or_default();
        let names = |text: &str| text.contains("nginx") || text.contains("openresty");
        self.is_marked() || names(image) || names(called)
    }

    /// It may send to the service: it lives beside it, or can reach it.
    pub fn may_front(&self, service: &ServiceId, members: &[&Self]) -> bool {
        let ours: BTreeSet<&str> = members.iter().flat_map(|member| member.networks()).collect();
        let shares = self.networks().iter().any(|network| ours.contains(network) || *network == HOST);
        self.is_nginx() && !self.is_of(service) && (shares || self.place().scope == service.scope)
    }
}

impl Seen {
    pub fn is_running(&self) -> bool {
        self.state.running
    }

    pub fn name(&self) -> String {
        clean(self.name.as_deref().unwrap_or(&self.id).trim_start_matches('/')).into_owned()
    }

    fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    fn endpoints(&self) -> impl Iterator<Item = (&str, &Endpoint)> {
        let networks = self.network_settings.networks.iter().flatten();
        networks.filter_map(|(name, endpoint)| Some((name.as_str(), endpoint.as_ref()?)))
    }

    /// Under which others find it, in lower case.
    pub fn hosts(&self) -> BTreeSet<String> {
        let mut hosts: BTreeSet<String> = [self.name(), self.id.clone(), self.short_id().to_owned()].into();
        for (network, endpoint) in self.endpoints() {
            let names = endpoint.aliases.iter().flatten().cloned().chain([self.name()]);
            hosts.extend(names.flat_map(|name| [format!("{name}.{network}"), name]));
            hosts.extend([&endpoint.address, &endpoint.address_v6].into_iter().flatten().cloned());
        }
        hosts.into_iter().filter(|host| !host.is_empty()).map(|host| host.to_lowercase()).collect()
    }

    /// How nginx in `proxy` reaches this very container, and no other of its service.
    pub fn address_for(&self, proxy: &Self) -> Option<String> {
        let shared = || self.endpoints().filter(|(name, _)| proxy.endpoints().any(|(other, _)| other == *name));
        if shared().any(|(name, _)| name != BRIDGE && name != HOST) {
            return Some(self.short_id().to_owned());
        }
        let by_number = |(_, endpoint): (&str, &Endpoint)| {
            let v4 = endpoint.address.clone().filter(|address| !address.is_empty());
            let v6 = endpoint.address_v6.as_ref().filter(|address| !address.is_empty());
            v4.or_else(|| v6.map(|address| format!("[{address}]")))
        };
        let is_on_host = |seen: &Self| seen.host_config.network_mode.as_deref() == Some(HOST);
        match (is_on_host(proxy), is_on_host(self)) {
            (true, true) => Some("127.0.0.1".into()),
            // Whoever stands on the host reaches every container by its number.
            (true, false) => self.endpoints().find_map(by_number),
            (false, _) => shared().find_map(by_number),
        }
    }

    /// As it was called, with what says where its configuration is: for `-t`, `-T` and `-s`.
    pub fn nginx(&self) -> Vec<String> {
        let words: Vec<&String> = self.path.iter().chain(self.args.iter().flatten()).collect();
        let is_program = |word: &&&String| matches!(word.rsplit('/').next(), Some("nginx" | "openresty"));
        let Some(at) = words.iter().position(|word| is_program(&word)) else { return vec!["nginx".into()] };
        let mut called = vec![words[at].clone()];
        let mut rest = words[at + 1..].iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "-c" | "-p" | "-g" | "-e" => {
                    called.extend([Some(word), rest.next()].into_iter().flatten().map(|it| (*it).clone()))
                }
                glued if ["-c", "-p", "-g", "-e"].iter().any(|option| glued.starts_with(option)) => {
                    called.push(glued.to_owned());
                }
                _ => {}
            }
        }
        called
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(inspected: serde_json::Value) -> Seen {
        serde_json::from_value(inspected).expect("an inspect answer")
    }

    fn on(networks: &[(&str, &str)]) -> Seen {
        let networks: serde_json::Map<_, _> = networks
            .iter()
            .map(|(name, address)| ((*name).to_owned(), json!({"IPAddress": address, "Aliases": ["Web", "5f0c"]})))
            .collect();
        seen(json!({"Id": "5f0c11223344556677", "Name": "/shop-web-1", "NetworkSettings": {"Networks": networks}}))
    }

    #[test]
    fn a_container_is_reached_by_its_id_where_names_are_known_and_by_its_number_where_not() {
        let proxy = on(&[("shop_default", "10.1.0.9")]);
        assert_eq!(on(&[("shop_default", "10.1.0.2")]).address_for(&proxy).as_deref(), Some("5f0c11223344"));
        let bridged = on(&[("bridge", "172.17.0.9")]);
        assert_eq!(on(&[("bridge", "172.17.0.2")]).address_for(&bridged).as_deref(), Some("172.17.0.2"));
        assert_eq!(on(&[("other", "10.2.0.2")]).address_for(&proxy), None);
        let mut host = on(&[("host", "")]);
        host.host_config.network_mode = Some("host".into());
        assert_eq!(on(&[("other", "10.2.0.2")]).address_for(&host).as_deref(), Some("10.2.0.2"));
    }

    #[test]
    fn a_container_is_known_by_name_alias_id_and_number() {
        let hosts = on(&[("shop", "10.1.0.2")]).hosts();
        for host in ["web", "web.shop", "shop-web-1", "shop-web-1.shop", "5f0c11223344", "10.1.0.2"] {
            assert!(hosts.contains(host), "{host}: {hosts:?}");
        }
        assert!(!hosts.contains("db") && !hosts.contains(""));
    }

    #[test]
    fn nginx_is_called_with_what_says_where_its_configuration_is() {
        let called = |path: &str, args: &[&str]| seen(json!({"Path": path, "Args": args})).nginx().join(" ");
        assert_eq!(called("/docker-entrypoint.sh", &["nginx", "-g", "daemon off;"]), "nginx -g daemon off;");
        assert_eq!(called("/usr/sbin/nginx", &["-c/x.conf", "-q", "-p", "/y"]), "/usr/sbin/nginx -c/x.conf -p /y");
        assert_eq!(called("sh", &["-c", "nginx -g 'daemon off;'"]), "nginx");
    }
}
