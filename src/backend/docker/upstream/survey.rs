//! Finds the blocks that send to a service, and says why others that do cannot be used.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    WITHIN,
    blocks::{self, Block},
    last_words,
    proxy::{self, Seen},
    script,
};
use crate::{
    backend::docker::{
        api::{Api, Id},
        fault::Fault,
        inside,
    },
    domain::{InstanceId, Route, ServiceId, text::clean},
};

/// Proxies that are asked, of the many that may stand on one network.
const ASKED: usize = 20;

#[derive(Debug, Default, PartialEq)]
pub struct Survey {
    pub routes: Vec<Route>,
    /// What is there and cannot be used, and what to know of what can be, in short sentences.
    pub hints: Vec<Arc<str>>,
}

/// Changes nothing. A proxy that cannot be asked is told among the hints, and is no reason to fail.
pub async fn survey(api: &Api, service: &ServiceId) -> Result<Survey, Fault> {
    let all = proxy::list(api).await?;
    let ours: Vec<&proxy::Listed> = all.iter().filter(|listed| listed.is_of(service)).collect();
    let mut hosts: BTreeSet<String> = [service.name.to_lowercase()].into();
    for listed in &ours {
        match proxy::see(api, &listed.id).await {
            Ok(seen) => hosts.extend(seen.hosts()),
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => return Err(fault),
        }
    }
    let mut survey = Survey::default();
    for listed in all.iter().filter(|listed| listed.may_front(service, &ours)).take(ASKED) {
        let seen = match proxy::see(api, &listed.id).await {
            Ok(seen) if seen.is_running() => seen,
            Ok(_) => continue,
            Err(fault) if fault.is_not_found() => continue,
            Err(fault) => return Err(fault),
        };
        match ask(api, &seen, service, &hosts).await {
            Ok(found) => {
                survey.routes.extend(found.routes);
                survey.hints.extend(found.hints);
            }
            Err(fault @ Fault::Way { .. }) => return Err(fault),
            // What is only called like it (an exporter of its figures) has nothing to say.
            Err(Fault::Refused { message, .. }) if is_missing(&message) && !listed.is_marked() => {}
            Err(fault) => {
                let trouble = fault.trouble(format!("nginx in {} was not asked", seen.name()));
                survey.hints.push(trouble.line().into());
            }
        }
    }
    Ok(survey)
}

async fn ask(api: &Api, proxy: &Seen, service: &ServiceId, hosts: &BTreeSet<String>) -> Result<Survey, Fault> {
    let mut command = proxy.nginx();
    command.push("-T".into());
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let ran = inside::run(api, Id::new(&proxy.id)?, &command, &[], WITHIN).await?;
    if matches!(ran.code, 126 | 127) {
        return Err(Fault::Refused { status: 404, message: "executable file not found".into() });
    }
    if ran.code != 0 {
        let said = String::from_utf8_lossy(if ran.errors.is_empty() { &ran.output } else { &ran.errors }).into_owned();
        return Err(Fault::Garbled(format!("nginx -T: {}", last_words(&said)).into()));
    }
    let dump = String::from_utf8(ran.output).map_err(|_| Fault::Garbled("its configuration is not UTF-8".into()))?;
    let mut found = read(&dump, proxy, service, hosts);
    let files: BTreeSet<&str> = found.routes.iter().filter_map(file).collect();
    if files.is_empty() {
        return Ok(found);
    }
    let command: Vec<&str> = ["sh", "-c", script::WRITABLE, "midwatch"].into_iter().chain(files).collect();
    let ran = inside::run(api, Id::new(&proxy.id)?, &command, &[], WITHIN).await?;
    if ran.code != 0 {
        let why = "it has no shell, so its configuration cannot be rewritten";
        found.hints.push(format!("nginx in {}: {why}", proxy.name()).into());
        found.routes.clear();
    }
    let refused = String::from_utf8_lossy(&ran.output).into_owned();
    let (kept, lost): (Vec<Route>, Vec<Route>) = found
        .routes
        .into_iter()
        .partition(|route| file(route).is_some_and(|file| !refused.lines().any(|line| line == file)));
    for route in &lost {
        let file = file(route).unwrap_or_default();
        found.hints.push(format!("{}: {file} cannot be written to (mounted read-only?)", route.title()).into());
    }
    Ok(Survey { routes: kept, hints: found.hints })
}

/// As container runtimes say it of a program.
fn is_missing(message: &str) -> bool {
    message.contains("executable file not found") || message.contains("no such file or directory")
}

fn file(route: &Route) -> Option<&str> {
    match route {
        Route::Upstream { file, .. } => Some(file),
        Route::Selector { .. } | Route::HttpRoute { .. } | Route::Ingress { .. } => None,
    }
}

/// The blocks that send to the service, and why others that do cannot be used. Pure.
fn read(dump: &str, proxy: &Seen, service: &ServiceId, hosts: &BTreeSet<String>) -> Survey {
    let mut survey = Survey::default();
    let proxy_name = proxy.name();
    let mut drops = false;
    for (path, text) in blocks::files(dump) {
        let configuration = match blocks::read(text) {
            Ok(configuration) => configuration,
            Err(broken) => {
                let path = clean(path);
                survey.hints.push(
                    format!("{path} in {proxy_name} is not understood, line {}: {}", broken.line, broken.why).into(),
                );
                continue;
            }
        };
        drops |= configuration.drops_at_reload;
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        configuration.blocks.iter().for_each(|block| *count.entry(&block.name).or_default() += 1);
        for block in &configuration.blocks {
            let body = &text[block.body.clone()];
            match port(block, hosts) {
                Ok(None) => {}
                Ok(Some(_)) if count.get(block.name.as_str()).is_some_and(|count| *count > 1) => {
                    let why = "there are two of this name in one file";
                    survey.hints.push(hint(block, &proxy_name, why));
                }
                Ok(Some(_)) if [path, &block.name].iter().any(|text| clean(text) != **text) || is_hostile(body) => {
                    survey.hints.push(hint(block, &proxy_name, "it holds control characters"));
                }
                Ok(Some(port)) => survey.routes.push(Route::Upstream {
                    proxy: InstanceId::new(&service.cluster, proxy.id.as_str()),
                    proxy_name: proxy_name.as_str().into(),
                    name: block.name.as_str().into(),
                    file: path.into(),
                    body: body.into(),
                    port,
                }),
                Err(why) => survey.hints.push(hint(block, &proxy_name, &why)),
            }
        }
    }
    if drops && !survey.routes.is_empty() {
        let why = "listens with reuseport: a reload drops connections that wait to be taken";
        survey.hints.push(format!("nginx in {proxy_name} {why}").into());
    }
    survey
}

fn hint(block: &Block, proxy_name: &str, why: &str) -> Arc<str> {
    format!("nginx upstream {} in {proxy_name} is not used: {why}", clean(&block.name)).into()
}

fn is_hostile(body: &str) -> bool {
    body.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

/// Where on the service's instances the block sends to: `None` when it does not. What stands by may be anything.
fn port(block: &Block, hosts: &BTreeSet<String>) -> Result<Option<u16>, String> {
    let is_ours = |host: &str| hosts.contains(&host.trim_end_matches('.').to_lowercase());
    let (mut ours, mut others) = (BTreeSet::new(), Vec::new());
    for server in &block.servers {
        match server.host_and_port() {
            Some((host, _)) if is_ours(host) && server.stands_by() => {
                return Err(format!("{} of it only stands by", clean(server.address())));
            }
            Some((host, port)) if is_ours(host) => drop(ours.insert(port)),
            Some(_) | None if server.stands_by() => {}
            Some(_) | None => others.push(clean(server.address())),
        }
    }
    let mut ports = ours.into_iter();
    match (ports.next(), ports.next(), others.first()) {
        (None, ..) => Ok(None),
        (Some(_), _, Some(other)) => Err(format!("it sends to {other}, too")),
        (Some(_), Some(_), None) => Err("it sends to several ports".into()),
        (Some(port), None, None) => Ok(Some(port)),
    }
}

#[cfg(test)]
mod tests;
