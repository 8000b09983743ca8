//! Finds the blocks that send to a service, and says why others that do cannot be used.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    WITHIN,
    blocks::{self, Block, Configuration, Original},
    first_words, is_missing,
    names::Names,
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
    /// By the ids of the service's containers: the names of others that live in their namespaces.
    pub lodgers: BTreeMap<String, Vec<Arc<str>>>,
}

/// Changes nothing. A proxy that cannot be asked is told among the hints, and is no reason to fail.
pub async fn survey(api: &Api, service: &ServiceId) -> Result<Survey, Fault> {
    let all = proxy::all(api).await?;
    let (ours, others): (Vec<_>, Vec<_>) = all.iter().partition(|(listed, _)| listed.is_of(service));
    let ours_listed: Vec<&proxy::Listed> = ours.iter().map(|(listed, _)| listed).collect();
    let ours: Vec<&Seen> = ours.iter().map(|one| &one.1).collect();
    let seen_others: Vec<&Seen> = others.iter().map(|one| &one.1).collect();
    let mut survey = Survey { lodgers: lodgers(&ours, &seen_others), ..Survey::default() };
    let fronts = others.iter().filter(|(listed, seen)| listed.may_front(service, &ours_listed) && seen.is_running());
    for (listed, seen) in fronts.take(ASKED) {
        match ask(api, seen, service, &Names::of(seen, &ours, &seen_others)).await {
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

/// Who lives in whose namespaces.
fn lodgers(ours: &[&Seen], others: &[&Seen]) -> BTreeMap<String, Vec<Arc<str>>> {
    let mut found: BTreeMap<String, Vec<Arc<str>>> = BTreeMap::new();
    for landlord in ours {
        let is_in = |other: &&&Seen| other.landlords().any(|id| id == landlord.id || id == landlord.name());
        let names: Vec<Arc<str>> = others.iter().filter(is_in).map(|other| other.name().into()).collect();
        if !names.is_empty() {
            found.insert(landlord.id.clone(), names);
        }
    }
    found
}

async fn ask(api: &Api, proxy: &Seen, service: &ServiceId, names: &Names) -> Result<Survey, Fault> {
    let mut command = proxy.nginx();
    command.push("-T".into());
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let ran = inside::run(api, Id::new(&proxy.id)?, &command, &[], WITHIN).await?;
    if matches!(ran.code, 126 | 127) {
        return Err(Fault::Refused { status: 404, message: "executable file not found".into() });
    }
    if ran.code != 0 {
        let said = String::from_utf8_lossy(if ran.errors.is_empty() { &ran.output } else { &ran.errors }).into_owned();
        return Err(Fault::Garbled(format!("nginx -T: {}", first_words(&said)).into()));
    }
    let dump = String::from_utf8(ran.output).map_err(|_| Fault::Garbled("its configuration is not UTF-8".into()))?;
    let mut found = read(&dump, proxy, service, names);
    let files: BTreeSet<&str> = found.routes.iter().filter_map(file).collect();
    if files.is_empty() {
        return Ok(found);
    }
    let command: Vec<&str> = ["sh", "-c", script::WRITABLE, "midwatch"].into_iter().chain(files).collect();
    let ran = match inside::run(api, Id::new(&proxy.id)?, &command, &[], WITHIN).await {
        Ok(ran) => Some(ran).filter(|ran| ran.code == 0),
        Err(Fault::Refused { message, .. }) if is_missing(&message) => None,
        Err(fault) => return Err(fault),
    };
    let refused = ran.as_ref().map(|ran| String::from_utf8_lossy(&ran.output).into_owned());
    let is_kept = |route: &Route| match (file(route), &refused) {
        (Some(file), Some(refused)) => !refused.lines().any(|line| line == file),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let (kept, lost): (Vec<Route>, Vec<Route>) = found.routes.into_iter().partition(is_kept);
    found.routes = kept;
    for route in &lost {
        let file = file(route).unwrap_or_default();
        found.hints.push(match refused {
            Some(_) => format!("{}: {file} cannot be written to (mounted read-only?)", route.title()).into(),
            None => format!("{}: it has no shell, so its configuration cannot be rewritten", route.title()).into(),
        });
    }
    if !lost.is_empty() && !found.routes.iter().any(|route| matches!(route, Route::Lookup { .. })) {
        found.routes.push(lookup(proxy, service));
    }
    Ok(found)
}

fn lookup(proxy: &Seen, service: &ServiceId) -> Route {
    let id = InstanceId::new(&service.cluster, proxy.id.as_str());
    Route::Lookup { proxy: id, proxy_name: proxy.name().into() }
}

fn file(route: &Route) -> Option<&str> {
    match route {
        Route::Upstream { file, .. } => Some(file),
        Route::Lookup { .. } | Route::Selector { .. } | Route::HttpRoute { .. } | Route::Ingress { .. } => None,
    }
}

/// What sends to the service, and why what does cannot be used. Pure.
fn read(dump: &str, proxy: &Seen, service: &ServiceId, names: &Names) -> Survey {
    let mut survey = Survey::default();
    let proxy_name = proxy.name();
    let mut files = Vec::new();
    for (path, text) in blocks::files(dump) {
        match blocks::read(text) {
            Ok(configuration) => files.push((path, text, configuration)),
            Err(broken) => {
                let path = clean(path);
                survey.hints.push(
                    format!("{path} in {proxy_name} is not understood, line {}: {}", broken.line, broken.why).into(),
                );
            }
        }
    }
    // That send to the service, and can only be looked up anew.
    let mut looked_up: Vec<String> = Vec::new();
    for (path, text, configuration) in &files {
        for block in &configuration.blocks {
            let count = configuration.blocks.iter().filter(|other| other.name == block.name).count();
            let found = Found { path, body: &text[block.body.clone()], block, is_alone: count == 1 };
            match found.judge(names) {
                Ok(None) => {}
                Ok(Some((body, port))) => survey.routes.push(Route::Upstream {
                    proxy: InstanceId::new(&service.cluster, proxy.id.as_str()),
                    proxy_name: proxy_name.as_str().into(),
                    name: block.name.as_str().into(),
                    file: (*path).into(),
                    body: body.into(),
                    port,
                }),
                Err(why) => {
                    survey.hints.push(hint(block, &proxy_name, &why));
                    looked_up
                        .extend(block.servers.iter().filter_map(|server| Some(server.host_and_port()?.0.to_owned())));
                }
            }
        }
    }
    let is_block = |host: &str| files.iter().any(|(_, _, file)| file.blocks.iter().any(|block| block.name == host));
    let passes = files.iter().flat_map(|(_, _, file)| &file.passes).filter_map(|address| blocks::host(address));
    looked_up.extend(passes.filter(|host| !is_block(host)).map(str::to_owned));
    looked_up.retain(|host| names.is_ours(host));
    let mut told = BTreeSet::new();
    for (host, other) in looked_up.iter().filter_map(|host| Some((host, names.other(host)?))) {
        if told.insert(host) {
            let host = clean(host);
            survey.hints.push(format!("nginx in {proxy_name} sends to {host}, which is {other}, too").into());
        }
    }
    let is_looked_up = looked_up.iter().any(|host| names.other(host).is_none());
    let has_any = |is: fn(&Configuration) -> bool| files.iter().any(|(_, _, file)| is(file));
    if is_looked_up {
        survey.routes.push(lookup(proxy, service));
        if has_any(|file| file.tries_once) {
            let why = "tries no other instance (proxy_next_upstream off): requests may fail while an old one stops";
            survey.hints.push(format!("nginx in {proxy_name} {why}").into());
        }
    }
    if has_any(|file| file.drops_at_reload) && !survey.routes.is_empty() {
        let why = "listens with reuseport: a reload drops connections that wait to be taken";
        survey.hints.push(format!("nginx in {proxy_name} {why}").into());
    }
    survey
}

/// A block where it was found.
struct Found<'a> {
    path: &'a str,
    body: &'a str,
    block: &'a Block,
    is_alone: bool,
}

impl Found<'_> {
    /// Its owner's own text, and the port on the service's instances; `None` when it does not send there. `Err` says why it cannot be
    /// used.
    fn judge(&self, names: &Names) -> Result<Option<(String, u16)>, String> {
        let (body, port) = match blocks::original(self.body) {
            Original::AsItIs => (self.body.to_owned(), port(self.block, names)?),
            Original::Was(body) => {
                let block = blocks::block(&self.block.name, &body).map_err(|broken| broken.why.to_owned())?;
                (body, port(&block, names)?)
            }
            Original::Lost => {
                // Whom it sends to by now are containers by their ids.
                let is_of_ours = port(self.block, names) != Ok(None);
                let why =
                    "a rollout that was cut off left it so, and what stood there before is not known: write it anew";
                return if is_of_ours { Err(why.into()) } else { Ok(None) };
            }
        };
        let Some(port) = port else { return Ok(None) };
        if !self.is_alone {
            return Err("there are two of this name in one file".into());
        }
        if [self.path, &self.block.name].iter().any(|text| clean(text) != **text) || is_hostile(&body) {
            return Err("it holds control characters".into());
        }
        Ok(Some((body, port)))
    }
}

fn hint(block: &Block, proxy_name: &str, why: &str) -> Arc<str> {
    format!("nginx upstream {} in {proxy_name} is not used: {why}", clean(&block.name)).into()
}

fn is_hostile(body: &str) -> bool {
    body.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

/// Where on the service's instances the block sends to: `None` when it does not. What stands by may be anything.
fn port(block: &Block, names: &Names) -> Result<Option<u16>, String> {
    let (mut ours, mut others) = (BTreeSet::new(), Vec::new());
    for server in &block.servers {
        match server.host_and_port() {
            Some((host, _)) if names.is_ours(host) && server.stands_by() => {
                return Err(format!("{} of it only stands by", clean(server.address())));
            }
            Some((host, port)) if names.is_ours(host) => match names.other(host) {
                Some(other) => return Err(format!("{} is {other}, too", clean(host))),
                None => drop(ours.insert(port)),
            },
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
