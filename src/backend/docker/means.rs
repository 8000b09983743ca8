//! With what a service of this host can be rolled out and back.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    api::Api,
    blueprint::{self, variable},
    fault::Fault,
    find, lease, make,
    releases::{self, Found},
    upstream,
};
use crate::{
    backend::mask,
    domain::{InstanceId, Means, Particulars, RestartPolicy, Running, ServiceId, text::clean},
};

pub async fn of(api: &Api, service: &ServiceId) -> Result<Means, Fault> {
    let (found, survey, lease) =
        tokio::try_join!(releases::found(api, service), upstream::survey(api, service), lease::held(api, service))?;
    let particulars = found.containers.iter().map(|seen| {
        let id = &seen.container.id;
        let lodgers = survey.lodgers.get(&**id).cloned().unwrap_or_default();
        (InstanceId::new(&service.cluster, id.clone()), Particulars { lodgers, ..particulars(&seen.raw) })
    });
    Ok(Means {
        particulars: particulars.collect(),
        containers: running(&found).into_iter().collect(),
        next: found.history.next(found.containers.iter().filter_map(|seen| seen.container.release)),
        releases: found.releases(),
        routes: survey.routes,
        hints: survey.hints,
        lease,
        ..Means::default()
    })
}

fn particulars(raw: &Value) -> Particulars {
    let (name, place) = (find::name_of(raw), blueprint::lasting(raw));
    let policy = &raw["HostConfig"]["RestartPolicy"];
    let returns = match policy["Name"].as_str() {
        // Neither looks whether it was stopped on purpose; `unless-stopped` does.
        Some(name @ ("always" | "on-failure")) => {
            let tries = policy["MaximumRetryCount"].as_u64().and_then(|tries| u32::try_from(tries).ok());
            Some(RestartPolicy { name: name.into(), tries: tries.unwrap_or(0) })
        }
        Some(_) | None => None,
    };
    Particulars {
        place: (place != name).then(|| clean(place).into()),
        returns,
        fixed: blueprint::fixed(raw).iter().map(|what| clean(what).into()).collect(),
        lodgers: Vec::new(),
    }
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
