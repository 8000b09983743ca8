//! Gets what a signed URL of Velero's leads to: from here, or, where the store is only known in the cluster, through the API server to a
//! pod of it. Host and path are sent as they were signed. A URL is a secret for as long as it is good: it stands in no error.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use serde_json::Value;

use crate::{
    backend::{
        gate::{Connection, address::Address, request},
        kubernetes::{
            Site,
            cluster_backups::word,
            fault::Fault,
            forward::{dial, told},
            pod::is_name,
        },
        pairs::list,
    },
    domain::{Trouble, Way, mask, text::clean},
};

pub struct Fetched {
    pub body: Vec<u8>,
    pub is_cut: bool,
    pub way: Way,
}

pub struct Link<'a> {
    pub url: &'a str,
    /// Whom to trust beside those whom this machine trusts.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Velero's: a store of one word is in it.
    pub namespace: &'a str,
    /// bytes that are read at most
    pub most: usize,
}

pub async fn fetch(site: &Site, link: &Link<'_>, what: &str) -> Result<Fetched, Trouble> {
    let address = Address::of(link.url)
        .map_err(|_| Trouble::new(what, "Velero's link leads to no http:// or https:// address"))?;
    let direct = match address.connect_trusting(&link.authorities).await {
        Ok(connection) => read(connection, &address, link.most).await,
        Err(why) => Err(why),
    };
    let (answer, way) = match direct {
        Ok(answer) => (answer, Way::Direct),
        Err(why) => through(site, &address, link, what, &why).await?,
    };
    if answer.status != 200 {
        let why = format!("the store at {} answered {}", clean(&address.authority()), refusal(&answer));
        return Err(Trouble::new(what, why));
    }
    Ok(Fetched { body: answer.body, is_cut: answer.is_cut, way })
}

async fn read(connection: Connection, address: &Address, most: usize) -> Result<request::Answer, String> {
    request::fetch(connection, &address.authority(), &address.path, most).await
}

/// `direct`: why it is not reached from here.
async fn through(
    site: &Site,
    address: &Address,
    link: &Link<'_>,
    what: &str,
    direct: &str,
) -> Result<(request::Answer, Way), Trouble> {
    let store = format!("the store at {} is not reached from here ({direct})", clean(&address.authority()));
    let Some(place) = Place::of(&address.host, link.namespace) else {
        let help = "publicUrl in the config of the BackupStorageLocation can name an address that is reached from here";
        return Err(Trouble::new(what, store).help(help));
    };
    let inside = |fault: Fault| {
        let trouble = told(what, &fault);
        Trouble { why: format!("{store}, nor through the API server: {}", trouble.why).into(), ..trouble }
    };
    let (pod, port) = backing(site, &place, address.port).await.map_err(inside)?;
    let tunnel = dial(site, &place.namespace, &pod, port).await.map_err(inside)?;
    let refused = |why: String| Trouble::new(what, format!("{store}, nor through pod {pod}: {why}"));
    let connection = address.over(tunnel, &link.authorities).await.map_err(refused)?;
    let answer = read(connection, address, link.most).await.map_err(refused)?;
    Ok((answer, Way::Through(format!("{}/{pod}", place.namespace).into())))
}

/// A Service, as names in a cluster mean it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    namespace: String,
    service: String,
    /// Of a pod that has a name of its own: `minio-0.minio.velero.svc`.
    pod: Option<String>,
}

impl Place {
    /// `minio`, `minio.velero`, `minio.velero.svc`, `minio.velero.svc.cluster.local`
    fn of(host: &str, home: &str) -> Option<Self> {
        let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
        if host.parse::<std::net::IpAddr>().is_ok() || !labels.iter().all(|label| is_name(label)) {
            return None;
        }
        let end = labels.iter().position(|label| *label == "svc").unwrap_or(labels.len());
        let (pod, service, namespace) = match &labels[..end] {
            [service] => (None, *service, home),
            [service, namespace] => (None, *service, *namespace),
            [pod, service, namespace] if end < labels.len() => (Some((*pod).to_owned()), *service, *namespace),
            _ => return None,
        };
        Some(Self { namespace: namespace.to_owned(), service: service.to_owned(), pod })
    }
}

/// A ready pod behind a port of a Service, and the port that it listens on.
async fn backing(site: &Site, place: &Place, port: u16) -> Result<(Arc<str>, u16), Fault> {
    let Place { namespace, service, pod } = place;
    let home = format!("/api/v1/namespaces/{namespace}");
    let definition: Value = site.api.get(&format!("{home}/services/{service}")).await?;
    let endpoints: Value = site.api.get(&format!("{home}/endpoints/{service}")).await?;
    backed_by(&definition, &endpoints, (pod.as_deref(), port))
        .ok_or_else(|| Fault::Garbled(format!("service {service} sends port {port} to no pod that is ready").into()))
}

fn backed_by(service: &Value, endpoints: &Value, (pod, port): (Option<&str>, u16)) -> Option<(Arc<str>, u16)> {
    let of_port = list(&service["spec"]["ports"]).iter().find(|candidate| candidate["port"] == port);
    let name = of_port.map(|port| port["name"].as_str().unwrap_or_default());
    list(&endpoints["subsets"]).iter().find_map(|subset| {
        let mut ports = list(&subset["ports"]).iter();
        let listens = ports.find(|candidate| match name {
            Some(name) => candidate["name"].as_str().unwrap_or_default() == name,
            // Whoever has a name of its own is reached by its own ports.
            None => candidate["port"] == port,
        })?;
        let mut pods = list(&subset["addresses"]).iter().map(|address| &address["targetRef"]);
        let found = pods.find(|target| {
            target["kind"] == "Pod" && target["name"].as_str().is_some_and(|name| pod.is_none_or(|pod| pod == name))
        })?;
        let name = word(&found["name"]);
        let listens = u16::try_from(listens["port"].as_u64()?).ok()?;
        is_name(&name).then_some((name, listens))
    })
}

/// `403 (AccessDenied: Request has expired)`, as S3 says it in XML.
fn refusal(answer: &request::Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once("</")?;
        Some(clean(&mask::text(text)).chars().take(200).collect::<String>())
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{} ({code}: {message})", answer.status),
        (Some(code), None) => format!("{} ({code})", answer.status),
        (None, _) => answer.status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_only_a_cluster_knows_are_taken_apart() {
        let place = |namespace: &str, service: &str, pod: Option<&str>| {
            Some(Place { namespace: namespace.into(), service: service.into(), pod: pod.map(str::to_owned) })
        };
        for (host, expected) in [
            ("minio", place("velero", "minio", None)),
            ("minio.store", place("store", "minio", None)),
            ("minio.store.svc", place("store", "minio", None)),
            ("minio.store.svc.cluster.local", place("store", "minio", None)),
            ("minio-0.minio.store.svc.cluster.local", place("store", "minio", Some("minio-0"))),
            ("s3.eu-central-1.amazonaws.com", None),
            ("10.43.0.9", None),
            ("a/../b.store", None),
        ] {
            assert_eq!(Place::of(host, "velero"), expected, "{host}");
        }
    }

    #[test]
    fn a_port_of_a_service_leads_to_the_port_of_a_ready_pod() {
        let service = json!({"spec": {"ports": [{"name": "console", "port": 9001}, {"name": "api", "port": 80}]}});
        let endpoints = json!({"subsets": [{
            "addresses": [{"ip": "10.0.0.7", "targetRef": {"kind": "Pod", "name": "minio-0"}},
                {"ip": "10.0.0.8", "targetRef": {"kind": "Pod", "name": "minio-1"}}],
            "ports": [{"name": "console", "port": 9001}, {"name": "api", "port": 9000}],
        }]});
        let found = |pod, port| backed_by(&service, &endpoints, (pod, port));
        assert_eq!(found(None, 80), Some(("minio-0".into(), 9000)));
        assert_eq!(found(Some("minio-1"), 9000), Some(("minio-1".into(), 9000)), "past the service's own ports");
        assert_eq!(found(None, 81), None);
        let nobody = json!({"subsets": [{"notReadyAddresses": [{}], "ports": [{"port": 9000}]}]});
        assert_eq!(backed_by(&service, &nobody, (None, 80)), None);
    }

    #[test]
    fn what_a_store_refuses_is_told_in_its_words() {
        let answer = |body: &str| request::Answer { status: 403, body: body.into(), is_cut: false };
        let xml = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has\u{1b} expired</Message></Error>";
        assert_eq!(refusal(&answer(xml)), "403 (AccessDenied: Request has\u{fffd} expired)");
        assert_eq!(refusal(&answer("<html>")), "403");
    }
}
