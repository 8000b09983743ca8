//! Rewrites a block so that nginx sends elsewhere from the moment on at which this is done.

use super::{
    WITHIN, blocks, first_words, last_words,
    proxy::{self, Seen},
    reload::{Nginx, RENEWS_WITHIN},
    script::{self, Outcome, Worker},
};
use crate::{
    backend::{
        Progress, StepError,
        docker::{
            api::{Api, Id},
            find, inside,
        },
    },
    domain::{Route, Trouble, text::clean},
    plan::Traffic,
};

struct Place<'a> {
    name: &'a str,
    file: &'a str,
    body: &'a str,
    port: u16,
}

/// Done when nginx works by it: no request that comes later goes to a server that is not among these. What fails nginx's own test, or is
/// not taken by it, is put back.
pub async fn shift(api: &Api, route: &Route, to: &Traffic, progress: &Progress) -> Result<(), StepError> {
    let what = format!("{} was not changed", route.title());
    let nginx = |proxy, name| Nginx { api, proxy, name, what: &what, progress };
    match route {
        Route::Upstream { proxy, proxy_name, name, file, body, port } => {
            let place = Place { name, file, body, port: *port };
            Shift { api, nginx: nginx(proxy, proxy_name), place, what: &what, progress }.make_so(to).await
        }
        Route::Lookup { proxy, proxy_name } => match to {
            Traffic::LookUp { .. } => nginx(proxy, proxy_name).reload().await,
            Traffic::Instances(_)
            | Traffic::Body(_)
            | Traffic::Labels(_)
            | Traffic::Part { .. }
            | Traffic::Whole { .. } => {
                Err(StepError::Failed(Trouble::new(what, "it can only be told to look names up")))
            }
        },
        Route::Selector { .. } | Route::HttpRoute { .. } | Route::Ingress { .. } => {
            Err(StepError::Failed(Trouble::new(what, "Docker has none")))
        }
    }
}

struct Shift<'a> {
    api: &'a Api,
    nginx: Nginx<'a>,
    place: Place<'a>,
    what: &'a str,
    progress: &'a Progress,
}

impl Shift<'_> {
    async fn make_so(&self, to: &Traffic) -> Result<(), StepError> {
        let proxy = self.nginx.seen().await?;
        let id = Id::new(&proxy.id).map_err(|fault| fault.step(self.what))?;
        let wanted = self.body(to, &proxy).await?;
        let old = self.read(id).await?;
        let new = self.rewritten(&old, &wanted)?;
        let before = self.change(id, &proxy, (&old, &new)).await?;
        if self.nginx.renews(id, &before).await? {
            (self.progress)("nginx works by it");
            return Ok(());
        }
        self.change(id, &proxy, (&new, &old)).await?;
        let why = format!("nginx did not take it within {} s{}", RENEWS_WITHIN.as_secs(), put_back(&old, &new));
        let help = format!("its error log says why: docker logs --tail 50 {}", self.nginx.name);
        Err(StepError::Failed(Trouble::new(self.what, why).help(help)))
    }

    /// What is to stand between the braces.
    async fn body(&self, to: &Traffic, proxy: &Seen) -> Result<String, StepError> {
        let failed = |why: String| StepError::Failed(Trouble::new(self.what, why));
        let instances = match to {
            Traffic::Body(body) => return Ok(body.to_string()),
            Traffic::Instances(instances) => instances,
            Traffic::LookUp { .. } | Traffic::Labels(_) | Traffic::Part { .. } | Traffic::Whole { .. } => {
                return Err(failed("an upstream of nginx knows servers only".into()));
            }
        };
        let mut servers = Vec::new();
        for (instance, weight) in instances.iter().filter(|(_, weight)| *weight > 0) {
            let found = find::id(self.api, &instance.key).await.map_err(|fault| fault.step(self.what))?;
            let id = found.ok_or_else(|| failed(format!("there is no container {} (any more)", instance.key)))?;
            let seen = match proxy::see(self.api, &id).await {
                Ok(seen) => seen,
                Err(fault) if fault.is_not_found() => {
                    return Err(failed(format!("there is no container {id} any more")));
                }
                Err(fault) => return Err(fault.step(self.what)),
            };
            let address = seen.address_for(proxy);
            let none = || failed(format!("{} and {} share no network", seen.name(), self.nginx.name));
            servers.push((format!("{}:{}", address.ok_or_else(none)?, self.place.port), *weight));
        }
        if servers.is_empty() {
            return Err(failed("it would send to nobody".into()));
        }
        blocks::with_servers(self.place.body, &servers).map_err(|broken| failed(broken.why.into()))
    }

    async fn read(&self, id: Id<'_>) -> Result<String, StepError> {
        let file = self.place.file;
        let ran =
            inside::run(self.api, id, &["cat", file], &[], WITHIN).await.map_err(|fault| fault.step(self.what))?;
        let failed = |why: String| StepError::Failed(Trouble::new(self.what, why));
        if ran.code != 0 {
            return Err(failed(format!(
                "{file} cannot be read: {}",
                last_words(&String::from_utf8_lossy(&ran.errors))
            )));
        }
        String::from_utf8(ran.output)
            .ok()
            .filter(|text| !text.contains('\0'))
            .ok_or_else(|| failed(format!("{file} is no text")))
    }

    /// The whole file, with `wanted` in the block.
    fn rewritten(&self, old: &str, wanted: &str) -> Result<String, StepError> {
        let Place { name, file, body, .. } = &self.place;
        let failed = |why: String| StepError::Failed(Trouble::new(self.what, why));
        let configuration = blocks::read(old)
            .map_err(|broken| failed(format!("{file} is not understood, line {}: {}", broken.line, broken.why)))?;
        let mut named = configuration.blocks.iter().filter(|block| block.name == *name);
        let (Some(block), None) = (named.next(), named.next()) else {
            return Err(failed(format!("{file} has no upstream of this name any more, or several")));
        };
        let now = &old[block.body.clone()];
        if now != *body && now != wanted && !now.contains(blocks::MARK) {
            return Err(failed(format!("somebody else changed it in {file} meanwhile")));
        }
        let new = [&old[..block.body.start], wanted, &old[block.body.end..]].concat();
        // What does not stay between its braces would change more than this block.
        let is_whole = blocks::read(&new).is_ok_and(|configuration| {
            configuration.blocks.iter().any(|again| again.name == *name && new[again.body.clone()] == *wanted)
        });
        if is_whole { Ok(new) } else { Err(failed("what was to be written is no body of a block".into())) }
    }

    /// Writes, tests and reloads in one go. The workers that were there before.
    async fn change(&self, id: Id<'_>, proxy: &Seen, (old, new): (&str, &str)) -> Result<Vec<Worker>, StepError> {
        let mark = format!("#midwatch-{}-{}#", std::process::id(), jiff::Timestamp::now().as_nanosecond());
        let script = [script::WORKERS, script::CHANGE].concat();
        let nginx = proxy.nginx();
        let mut command = vec!["sh", "-c", &script, "midwatch", self.place.file, &mark];
        command.extend(nginx.iter().map(String::as_str));
        let input = [old, &mark, new, &mark].concat();
        let ran = inside::run(self.api, id, &command, input.as_bytes(), WITHIN).await;
        let ran = ran.map_err(|fault| fault.step(self.what))?;
        let (file, back) = (self.place.file, put_back(old, new));
        let failed = |why: String| StepError::Failed(Trouble::new(self.what, why));
        match script::outcome(&String::from_utf8_lossy(&ran.output)) {
            Some(Outcome::Reloaded(workers)) => Ok(workers),
            Some(Outcome::Refused(said)) => {
                Err(failed(format!("it failed nginx's test{back}: {}", first_words(&said))))
            }
            Some(Outcome::Unheard(said)) => Err(failed(format!("nginx was not told{back}: {}", first_words(&said)))),
            Some(Outcome::Changed) => Err(failed(format!("somebody else changed {file} just now"))),
            Some(Outcome::Unwritable) => Err(failed(format!("{file} cannot be written to"))),
            Some(Outcome::Unreadable) => Err(failed(format!("{file} cannot be read"))),
            Some(Outcome::Broken(copy)) => {
                let trouble = Trouble::new(self.what, format!("{file} could not be put back as it was"));
                let copy =
                    copy.map_or("its text is gone".into(), |copy| format!("its text is in {} there", clean(&copy)));
                Err(StepError::Failed(trouble.help(copy)))
            }
            Some(Outcome::Cut) => {
                Err(StepError::Lost(Trouble::new(self.what, "the connection broke before it was sent")))
            }
            None => Err(failed(format!(
                "what was run in it said nothing: {}",
                last_words(&String::from_utf8_lossy(&ran.errors))
            ))),
        }
    }
}

fn put_back(old: &str, new: &str) -> &'static str {
    if old == new { "" } else { ", and was put back" }
}
