//! Makes a container like another, found again by what is written on it: made once for one wish, however often it is asked for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api::{Api, encoded},
    blueprint::{self, Blueprint},
    container::time,
    fault::Fault,
    find, history,
    image::{self, Wanted},
    marks::{self, Made},
    pending,
};
use crate::{
    backend::{Progress, StepError},
    domain::{InstanceId, ServiceId, Trouble, text::clean},
    plan::{Edits, Recipe, Stamp},
};

/// Making one copies what its image has in its volumes.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Order {
    pub instance: InstanceId,
    pub name: String,
    pub like: InstanceId,
    pub recipe: Recipe,
    pub stamp: Stamp,
}

/// How the one that is replaced did, as it was seen when the new one was made: written on that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    pub release: Option<u64>,
    pub began: Option<jiff::Timestamp>,
    /// It ran, and its health check had nothing to say against it.
    pub well: bool,
}

pub async fn make(api: &Api, order: Order, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not make {}", order.name);
    let lost = |fault: Fault| fault.step(what.as_str());
    let failed = |why: &str| StepError::Failed(Trouble::new(what.as_str(), why));
    let Some(made) = Made::parse(&order.instance.key) else { return Err(failed("a plan gave it no place")) };
    let service = ServiceId::new(&order.instance.cluster, &made.scope.into(), made.service);
    let Some(like) = find::raw(api, &order.like.key).await.map_err(lost)? else {
        return Err(failed("the container that it is to be like is gone"));
    };
    let plan = Making { api, order: &order, made, service, like, what: &what, progress };
    if let Some(found) = find::raw(api, &order.instance.key).await.map_err(lost)? {
        if plan.is_asked_for(&found) {
            progress("is there already");
            let (blueprint, ..) = plan.blueprint().await?;
            return plan.connect(&found, &blueprint).await;
        }
        plan.clear_away(&found).await?;
    }
    plan.make().await
}

struct Making<'a> {
    api: &'a Api,
    order: &'a Order,
    made: Made<'a>,
    service: ServiceId,
    like: Value,
    what: &'a str,
    progress: &'a Progress,
}

/// An image as a request names it, and as people do.
struct Chosen {
    reference: String,
    name: String,
    image: Value,
}

impl Making<'_> {
    async fn make(&self) -> Result<(), StepError> {
        let (blueprint, chosen) = self.blueprint().await?;
        let platform = image::foreign(self.api, &chosen.image).await.map_err(|fault| fault.step(self.what))?;
        let platform = platform.map_or_else(String::new, |platform| format!("&platform={}", encoded(&platform)));
        let path = format!("/containers/create?name={}{platform}", encoded(&self.order.name));
        let answer = self.api.post(&path, &blueprint.request(&chosen.name), PATIENCE).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) if fault.is_conflict() => {
                // Whoever asked for it before may have died before the engine answered.
                let bearer =
                    pending::bearer(self.api, &self.order.name).await.map_err(|fault| fault.step(self.what))?;
                if let Some(found) = bearer.filter(|found| self.is_asked_for(found)) {
                    return self.connect(&found, &blueprint).await;
                }
                let help = format!("see what it is: docker inspect {}", self.order.name);
                return Err(StepError::Failed(fault.trouble(self.what).help(help)));
            }
            Err(fault) => return Err(fault.step(self.what)),
        };
        for warning in blueprint::strings(&answer["Warnings"]) {
            (self.progress)(&clean(warning));
        }
        let id = answer["Id"].as_str().unwrap_or_default();
        match find::raw(self.api, id).await.map_err(|fault| fault.step(self.what))? {
            Some(found) => self.connect(&found, &blueprint).await,
            None => Err(self.failed("it was gone as soon as it was made")),
        }
    }

    /// It was made for this very wish.
    fn is_asked_for(&self, found: &Value) -> bool {
        asked(&self.order.stamp).is_some_and(|asked| find::label(found, marks::ASKED) == Some(&asked))
    }

    /// All that it will be made of, and of which image.
    async fn blueprint(&self) -> Result<(Blueprint, Chosen), StepError> {
        let own = image::find(self.api, self.like["Image"].as_str().unwrap_or_default()).await;
        let own = own.map_err(|fault| fault.step(self.what))?.unwrap_or_default();
        if own.is_null() {
            (self.progress)("the old image is gone: what came from it is kept as if a person had said it");
        }
        let current = Blueprint::of(&self.like, &own);
        let (mut blueprint, chosen) = match &self.order.recipe {
            Recipe::Edited(edits) => {
                let mut blueprint = current.clone();
                let chosen = self.edit(&mut blueprint, edits, &own).await?;
                (blueprint, chosen)
            }
            Recipe::Release(release) => {
                let history = history::read(self.api, &self.service).await.map_err(|fault| fault.step(self.what))?;
                let Some(record) = history.records.into_iter().find(|record| record.id() == *release.id) else {
                    return Err(self.failed(&format!("this host keeps no release {}", release.title)));
                };
                let (name, found) = self.kept_image(&record, &own).await?;
                let mut blueprint = record.blueprint;
                if let Err(name) = blueprint.fill_in(&record.withheld, &self.like["Config"]["Env"]) {
                    return Err(self.without_secret(&release.title, &name));
                }
                if !record.withheld.is_empty() {
                    (self.progress)(&clean(&format!("{} as it is now", record.withheld.join(", "))));
                }
                blueprint.keep_place_of(&current);
                blueprint.put_label(marks::AGAIN, record.release.to_string());
                (blueprint, Chosen { reference: record.image.reference, name, image: found })
            }
        };
        if self.is_one_more() {
            blueprint.without_addresses();
            if current.label(marks::NUMBER).is_some()
                && let Some(number) = number(&self.order.name, self.made.release)
            {
                blueprint.put_label(marks::NUMBER, number);
            }
        } else {
            blueprint.keep_volumes_of(&self.like);
            blueprint.put_label(marks::REPLACES, self.like["Id"].as_str().unwrap_or_default());
            blueprint.put_label(marks::BEFORE, json!(before(&self.like)).to_string());
        }
        self.mark(&mut blueprint, &chosen);
        Ok((blueprint, chosen))
    }

    /// Nothing is otherwise: it comes beside the one that it is like, and must not share that one's data or number.
    fn is_one_more(&self) -> bool {
        self.order.recipe == Recipe::Edited(Edits::default())
    }

    async fn edit(&self, blueprint: &mut Blueprint, edits: &Edits, own: &Value) -> Result<Chosen, StepError> {
        let parts = edits.images.keys().chain(edits.env.keys());
        if let Some(part) = parts.into_iter().find(|part| !part.is_empty()) {
            return Err(self.failed(&format!("there is no {part} in it: a container is one thing")));
        }
        let chosen = match edits.images.get("") {
            Some(name) => {
                let wanted = Wanted { name, platform: self.platform(own).await? };
                let found = image::obtain(self.api, wanted, self.what, self.progress).await?;
                Chosen { reference: name.to_string(), name: name.to_string(), image: found }
            }
            None => {
                let reference = own_reference(&self.like);
                let is_moved = match image::find(self.api, &reference).await {
                    Ok(Some(found)) => image::id_of(&found) != self.like["Image"],
                    Ok(None) | Err(Fault::Refused { .. }) => true,
                    Err(fault) => return Err(fault.step(self.what)),
                };
                if own.is_null() {
                    return Err(self.failed(&format!("its image {} is gone from this host", clean(&reference))));
                }
                // Another image may bear its name by now, and nobody asked for that one.
                let name = if is_moved { image::id_of(own).to_owned() } else { reference.clone() };
                Chosen { reference, name, image: own.clone() }
            }
        };
        for (name, value) in edits.env.get("").into_iter().flatten() {
            blueprint.put_env(name, value.as_deref(), &chosen.image);
        }
        Ok(chosen)
    }

    /// The very image of that release, by the name that still means it.
    async fn kept_image(&self, record: &history::Record, own: &Value) -> Result<(String, Value), StepError> {
        let kept = &record.image;
        for name in std::iter::once(&kept.reference).chain([&kept.id]).filter(|name| image::is_name(name)) {
            let found = image::find(self.api, name).await.map_err(|fault| fault.step(self.what))?;
            if let Some(found) = found.filter(|found| image::id_of(found) == kept.id) {
                return Ok((name.clone(), found));
            }
        }
        let Some(name) = kept.digests.first() else {
            let why = format!("the image of release {} ({}) is gone from this host", record.release, kept.reference);
            let help = "no registry had it, so that it has to be built or loaded again";
            return Err(StepError::Failed(Trouble::new(self.what, clean(&why)).help(help)));
        };
        let wanted = Wanted { name, platform: self.platform(own).await? };
        let found = image::obtain(self.api, wanted, self.what, self.progress).await?;
        Ok((name.clone(), found))
    }

    /// What is not for the engine's own machine stays so.
    async fn platform(&self, own: &Value) -> Result<Option<String>, StepError> {
        image::foreign(self.api, own).await.map_err(|fault| fault.step(self.what))
    }

    fn mark(&self, blueprint: &mut Blueprint, chosen: &Chosen) {
        let stamp = &self.order.stamp;
        if blueprint.label("com.docker.compose.image").is_some() {
            // Compose would take it for one of another image, and replace it for that alone.
            blueprint.put_label("com.docker.compose.image", image::id_of(&chosen.image));
        }
        let release = self.made.release.to_string();
        let slot = self.made.slot.to_string();
        let known = [
            (marks::SCOPE, Some(self.made.scope)),
            (marks::SERVICE, Some(self.made.service)),
            (marks::RELEASE, Some(&*release)),
            (marks::SLOT, Some(&*slot)),
            (marks::ASKED, asked(stamp).as_deref()),
            (marks::CAUSE, stamp.cause.as_deref()),
            (marks::IMAGE, (chosen.name != chosen.reference).then_some(&*chosen.reference)),
        ]
        .map(|(label, value)| (label, value.map(str::to_owned)));
        for (label, value) in known {
            if let Some(value) = value {
                blueprint.put_label(label, value);
            }
        }
    }

    /// The networks that it is not on yet. The engine takes one with the request.
    async fn connect(&self, found: &Value, blueprint: &Blueprint) -> Result<(), StepError> {
        for (network, endpoint) in &blueprint.networks {
            if found["NetworkSettings"]["Networks"].get(network).is_some() {
                continue;
            }
            let body = json!({"Container": found["Id"], "EndpointConfig": blueprint::unnamed(endpoint)});
            let path = format!("/networks/{}/connect", encoded(network));
            self.api.post(&path, &body, PATIENCE).await.map_err(|fault| fault.step(self.what))?;
        }
        (self.progress)("made");
        Ok(())
    }

    /// Something that another plan left behind in this place.
    async fn clear_away(&self, found: &Value) -> Result<(), StepError> {
        let name = clean(find::name_of(found)).into_owned();
        if !find::never_ran(found) {
            let why = format!("{name} has its place: another plan made it, and it ran");
            let help = format!("if nobody needs it: docker rm -f {name}");
            return Err(StepError::Failed(Trouble::new(self.what, why).help(help)));
        }
        (self.progress)(&format!("removes {name}, which another plan left behind and which never ran"));
        let path = format!("/containers/{}?v=1", found["Id"].as_str().unwrap_or_default());
        match self.api.delete(&path, PATIENCE).await {
            Ok(()) => Ok(()),
            Err(fault) if fault.is_not_found() => Ok(()),
            Err(fault) => Err(fault.step(self.what)),
        }
    }

    fn without_secret(&self, release: &str, name: &str) -> StepError {
        let why =
            format!("release {release} had {name}, which is not written down anywhere, and what runs now has none");
        let help = format!("roll out its image instead, with --env {name}=...");
        StepError::Failed(Trouble::new(self.what, clean(&why)).help(clean(&help).into_owned()))
    }

    fn failed(&self, why: &str) -> StepError {
        StepError::Failed(Trouble::new(self.what, clean(why)))
    }
}

fn asked(stamp: &Stamp) -> Option<String> {
    stamp.asked.map(|asked| asked.to_string())
}

/// What people call its image, also where it was made by the image's id.
pub fn own_reference(inspected: &Value) -> String {
    let said = inspected["Config"]["Image"].as_str().unwrap_or_default();
    find::label(inspected, marks::IMAGE).unwrap_or(said).to_owned()
}

fn before(like: &Value) -> Before {
    let unwell = like["State"]["Health"]["Status"].as_str().is_some_and(|status| status != "healthy");
    Before {
        release: find::label(like, marks::RELEASE).and_then(|release| release.parse().ok()),
        began: time(like["Created"].as_str()),
        well: like["State"]["Status"] == "running" && !unwell,
    }
}

/// `shop-web-3-r7` -> `3`
fn number(name: &str, release: u64) -> Option<&str> {
    let name = name.strip_suffix(&format!("-r{release}")).unwrap_or(name);
    let number = name.rsplit(['-', '_']).next()?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_has_the_number_that_its_name_says() {
        assert_eq!(number("shop-web-3-r7", 7), Some("3"));
        assert_eq!(number("shop-web-3", 7), Some("3"));
        assert_eq!(number("web", 7), None);
    }

    #[test]
    fn what_is_replaced_did_well_when_it_ran_and_its_check_said_nothing_against_it() {
        let like = |status: &str, health: &str| json!({"Created": "2026-11-21T00:00:00Z", "State": {"Status": status, "Health": {"Status": health}}});
        assert!(before(&like("running", "healthy")).well);
        assert!(!before(&like("running", "unhealthy")).well);
        assert!(!before(&like("exited", "healthy")).well);
        assert!(before(&json!({"State": {"Status": "running"}})).well);
    }
}
