//! Tells an nginx to read its configuration once more, and waits until it works by it.

use std::time::{Duration, Instant};

use super::{
    WITHIN, first_words,
    proxy::{self, Seen},
    script::{self, Outcome, Worker},
};
use crate::{
    backend::{
        Progress, StepError,
        docker::{
            api::{Api, Id},
            fault::Fault,
            inside::{self, Ran},
        },
    },
    domain::{InstanceId, Trouble},
};

/// How long nginx may take until it works by what it was told to read.
pub const RENEWS_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);
/// A worker calls itself ending a moment before it takes no more connections.
const SETTLES: Duration = Duration::from_millis(200);
/// Where its workers cannot be looked at.
const SETTLES_UNSEEN: Duration = Duration::from_secs(2);

/// An nginx that is told something.
pub struct Nginx<'a> {
    pub api: &'a Api,
    pub proxy: &'a InstanceId,
    pub name: &'a str,
    /// What was not done if it fails.
    pub what: &'a str,
    pub progress: &'a Progress,
}

impl Nginx<'_> {
    /// Done when it works by what the names in its configuration mean now.
    pub async fn reload(&self) -> Result<(), StepError> {
        let proxy = self.seen().await?;
        let before = match self.tell(&proxy).await? {
            Some(workers) => workers,
            None => {
                tokio::time::sleep(SETTLES_UNSEEN).await;
                return Ok(());
            }
        };
        let id = Id::new(&proxy.id).map_err(|fault| fault.step(self.what))?;
        if self.renews(id, &before).await? {
            (self.progress)("nginx works by it");
            return Ok(());
        }
        let why = format!("nginx did not take it within {} s", RENEWS_WITHIN.as_secs());
        Err(StepError::Failed(Trouble::new(self.what, why).help(self.see_its_log())))
    }

    /// The workers that were there before; `None` where there is no shell to look for them with.
    async fn tell(&self, proxy: &Seen) -> Result<Option<Vec<Worker>>, StepError> {
        let nginx = proxy.nginx();
        let script = [script::WORKERS, script::RELOAD].concat();
        let in_shell: Vec<&str> =
            ["sh", "-c", &script, "midwatch"].into_iter().chain(nginx.iter().map(String::as_str)).collect();
        if let Some(ran) = self.run(proxy, &in_shell).await? {
            return match script::outcome(&String::from_utf8_lossy(&ran.output)) {
                Some(Outcome::Reloaded(workers)) => Ok(Some(workers)),
                Some(Outcome::Refused(said)) => Err(self.refused("its configuration fails nginx's test", &said)),
                Some(Outcome::Unheard(said)) => Err(self.refused("nginx was not told", &said)),
                Some(
                    Outcome::Changed | Outcome::Unwritable | Outcome::Unreadable | Outcome::Cut | Outcome::Broken(_),
                )
                | None => Err(self.refused("what was run in it", &String::from_utf8_lossy(&ran.errors))),
            };
        }
        for (words, why) in
            [(&["-t"][..], "its configuration fails nginx's test"), (&["-s", "reload"], "nginx was not told")]
        {
            let command: Vec<&str> = nginx.iter().map(String::as_str).chain(words.iter().copied()).collect();
            match self.run(proxy, &command).await? {
                Some(ran) if ran.code == 0 => {}
                Some(ran) => return Err(self.refused(why, &String::from_utf8_lossy(&ran.errors))),
                None => return Err(self.refused("nginx was not told", "it is not where it is called from")),
            }
        }
        Ok(None)
    }

    fn refused(&self, why: &str, said: &str) -> StepError {
        StepError::Failed(Trouble::new(self.what, format!("{why}: {}", first_words(said))).help(self.see_its_log()))
    }

    fn see_its_log(&self) -> String {
        format!("its error log says why: docker logs --tail 50 {}", self.name)
    }

    /// `None`: there is no such program in it.
    async fn run(&self, proxy: &Seen, command: &[&str]) -> Result<Option<Ran>, StepError> {
        let id = Id::new(&proxy.id).map_err(|fault| fault.step(self.what))?;
        match inside::run(self.api, id, command, &[], WITHIN).await {
            Ok(ran) if matches!(ran.code, 126 | 127) => Ok(None),
            Ok(ran) => Ok(Some(ran)),
            Err(Fault::Refused { message, .. }) if super::is_missing(&message) => Ok(None),
            Err(fault) => Err(fault.step(self.what)),
        }
    }

    /// As it was, or what took its name meanwhile.
    pub async fn seen(&self) -> Result<Seen, StepError> {
        let failed = |why: &str| {
            let name = self.name;
            StepError::Failed(
                Trouble::new(self.what, format!("{name} {why}")).help(format!("docker ps -a --filter name={name}")),
            )
        };
        let lost = |fault: Fault| fault.step(self.what);
        let seen = match proxy::see(self.api, &self.proxy.key).await {
            Ok(seen) => seen,
            Err(fault) if fault.is_not_found() => {
                let all = proxy::list(self.api).await.map_err(lost)?;
                let heir = all.iter().find(|listed| listed.name() == self.name);
                let heir = heir.ok_or_else(|| failed("is gone, and nothing has taken its name"))?;
                proxy::see(self.api, &heir.id).await.map_err(lost)?
            }
            Err(fault) => return Err(lost(fault)),
        };
        if seen.is_running() { Ok(seen) } else { Err(failed("does not run")) }
    }

    /// Whether the workers are others before patience ends.
    pub async fn renews(&self, id: Id<'_>, before: &[Worker]) -> Result<bool, StepError> {
        let began = Instant::now();
        let script = [script::WORKERS, "workers"].concat();
        // One that works without workers, or that hides them, has heard its signal all the same.
        while !before.is_empty() {
            let ran = inside::run(self.api, id, &["sh", "-c", &script], &[], WITHIN).await;
            let ran = ran.map_err(|fault| fault.step(self.what))?;
            if script::has_renewed(before, &script::read_workers(&String::from_utf8_lossy(&ran.output))) {
                break;
            }
            if began.elapsed() >= RENEWS_WITHIN {
                return Ok(false);
            }
            (self.progress)(&format!("nginx reloads, {} s", began.elapsed().as_secs()));
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(SETTLES).await;
        Ok(true)
    }
}
