//! With what a service of this host can be rolled out and back.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    api::Api,
    blueprint::{self, variable},
    fault::Fault,
    lease, make,
    releases::{self, Found},
    upstream,
};
use crate::{
    backend::mask,
    domain::{Means, Running, ServiceId, text::clean},
};

pub async fn of(api: &Api, service: &ServiceId) -> Result<Means, Fault> {
    let (found, survey, lease) =
        tokio::try_join!(releases::found(api, service), upstream::survey(api, service), lease::held(api, service))?;
    Ok(Means {
        containers: running(&found).into_iter().collect(),
        next: found.history.next(found.containers.iter().filter_map(|seen| seen.container.release)),
        releases: found.releases(),
        routes: survey.routes,
        hints: survey.hints,
        lease,
        ..Means::default()
    })
}

/// What the newest of its containers that ever ran is made of.
fn running(found: &Found) -> Option<Running> {
    let newest = found.newest()?;
    let image = make::own_reference(&newest.raw);
    let env: BTreeMap<Arc<str>, Arc<str>> = newest
        .blueprint
        .body
        .get("Env")
        .into_iter()
        .flat_map(blueprint::strings)
        .filter_map(|entry| {
            let (name, value) = (variable(entry), entry.split_once('=')?.1);
            Some((clean(name).into(), clean(&mask::named(name, value)).into()))
        })
        .collect();
    Some(Running { name: "".into(), image: clean(&image).into(), env })
}
