//! The containers around a service: which of them run nginx in front of it, how nginx is called in each, and who lives in another's
//! namespaces.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;

use super::super::{
    api::{Api, Id},
    fault::Fault,
    labels::Place,
    marks,
    wire::Labels,
};
use crate::domain::{ServiceId, text::clean};

/// What says that a container is an nginx whatever it is called.
const PROXY: &str = "midwatch.proxy";
/// The engine's own network, on which names are not known.
const BRIDGE: &str = "bridge";
const HOST: &str = "host";
/// So many are asked for at once.
const AT_ONCE: usize = 8;

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
    pid_mode: Option<String>,
    ipc_mode: Option<String>,
    /// `/web:/proxy/backend`
    links: Option<Vec<String>>,
}

pub async fn list(api: &Api) -> Result<Vec<Listed>, Fault> {
    api.get("/containers/json?all=1").await
}

/// All that are there but for our own markers, each as it is listed and as it is.
pub async fn all(api: &Api) -> Result<Vec<(Listed, Seen)>, Fault> {
    let listed: Vec<Listed> = list(api).await?;
    let one = |listed: Listed| {
        let api = api.clone();
        async move {
            match see(&api, &listed.id).await {
                Ok(seen) => Ok(Some((listed, seen))),
                // It went while we were asking.
                Err(fault) if fault.is_not_found() => Ok(None),
                Err(fault) => Err(fault),
            }
        }
    };
    let parts = listed.into_iter().filter(|listed| !marks::is_marker(listed.labels()));
    let asked = futures::stream::iter(parts.map(one)).buffered(AT_ONCE);
    asked.try_filter_map(|found| std::future::ready(Ok(found))).try_collect().await
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

    /// By which `proxy` finds it, in lower case: by names on a network of both but for the engine's own, which knows none; by number
    /// wherever it can reach it.
    pub fn hosts_for(&self, proxy: &Self) -> BTreeSet<String> {
        let mut hosts: BTreeSet<String> = proxy.linked(&self.name()).collect();
        for (network, endpoint) in self.endpoints() {
            let is_shared = proxy.endpoints().any(|(other, _)| other == network);
            if is_shared || proxy.is_on_host() {
                hosts.extend([&endpoint.address, &endpoint.address_v6].into_iter().flatten().cloned());
            }
            if is_shared && !matches!(network, BRIDGE | HOST) {
                let own = [self.name(), self.id.clone(), self.short_id().to_owned()];
                let names = endpoint.aliases.iter().flatten().cloned().chain(own);
                hosts.extend(names.flat_map(|name| [format!("{name}.{network}"), name]));
            }
        }
        hosts.into_iter().filter(|host| !host.is_empty()).map(|host| host.to_lowercase()).collect()
    }

    /// What it calls another one that it was linked with.
    fn linked(&self, other: &str) -> impl Iterator<Item = String> {
        let one = move |link: &String| {
            let (target, alias) = link.split_once(':')?;
            (target.trim_start_matches('/') == other).then(|| alias.rsplit('/').next().unwrap_or_default().to_owned())
        };
        self.host_config.links.iter().flatten().filter_map(one)
    }

    fn is_on_host(&self) -> bool {
        self.host_config.network_mode.as_deref() == Some(HOST)
    }

    /// In whose namespaces it lives, by id or name.
    pub fn landlords(&self) -> impl Iterator<Item = &str> {
        let config = &self.host_config;
        let modes = [&config.network_mode, &config.pid_mode, &config.ipc_mode];
        modes.into_iter().flatten().filter_map(|mode| mode.strip_prefix("container:"))
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
        match (proxy.is_on_host(), self.is_on_host()) {
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
        let hosts = on(&[("shop", "10.1.0.2")]).hosts_for(&on(&[("shop", "10.1.0.9")]));
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
