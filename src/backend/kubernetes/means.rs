//! With what a service can be rolled out and back: asked at once, when somebody thinks of it.

mod controller;
pub mod obstacle;
mod pace;
mod routes;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    Site, access,
    change::{mark, same},
    directory::Workload,
    fault::Fault,
    helm_steps,
    holder::Referred,
    lease, releases,
    resolve::{self, resolve},
};
use crate::{
    backend::{StepError, mask},
    domain::{Means, Object, Running, ServiceId, ServiceKind, Trouble, text::clean},
};

pub async fn of(site: &Site, service: &ServiceId) -> Result<Means, Trouble> {
    let what = format!("could not find out how {service} can be changed");
    let trouble = |fault: Fault| fault.trouble(what.as_str());
    if !service.is_service() {
        let lease = lease::held(site, service).await.map_err(trouble)?;
        return Ok(Means { lease, ..Means::default() });
    }
    let workload = resolve(site, service).await.map_err(trouble)?;
    let Workload { kind, namespace, name, uid, .. } = &workload;
    let path = resolve::path(*kind, namespace, name).filter(|_| is_rolled_out(*kind));
    let path = path.ok_or_else(|| Trouble::new(what.as_str(), format!("a {kind} is not rolled out")))?;
    let found: Value = site.api.get(&path).await.map_err(trouble)?;
    if let Err(StepError::Failed(trouble) | StepError::Lost(trouble) | StepError::Unsure(trouble)) =
        same(&what, &found, uid)
    {
        return Err(trouble);
    }
    let template = template(site, &workload, &found).await.map_err(trouble)?;
    let pace = pace::of(*kind, &found);
    let (releases, routes, controller, (obstacle, full), denied, lease) = futures::try_join!(
        releases::kept(&site.api, &workload),
        routes::of(site, namespace, &template),
        controller::of(site, &workload, &found),
        obstacle::of(site, &workload, &found, &template),
        access::denied(site, &service.scope),
        lease::held(site, service),
    )
    .map_err(trouble)?;
    let controller = match controller {
        Some(controller) => {
            Some(controller::told(site, &workload, (controller, &found), &releases).await.map_err(trouble)?)
        }
        None => None,
    };
    Ok(Means {
        containers: containers(&template),
        releases,
        next: 0,
        object: Some(Object {
            uid: uid.clone(),
            generation: found["metadata"]["generation"].as_u64(),
            template: Some(mark(&template)),
        }),
        pace,
        routes,
        hints: Vec::new(),
        particulars: BTreeMap::new(),
        controller,
        without_helm: helm_steps::why_not(site),
        obstacle,
        full,
        rules: pace::rules(*kind, &found),
        denied,
        lease,
    })
}

fn is_rolled_out(kind: ServiceKind) -> bool {
    match kind {
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::DaemonSet | ServiceKind::Rollout => true,
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => false,
    }
}

/// A Rollout may leave it to another object.
async fn template(site: &Site, workload: &Workload, found: &Value) -> Result<Value, Fault> {
    let referred = Referred::of(found).filter(|_| workload.kind == ServiceKind::Rollout);
    let Some(path) = referred.and_then(|referred| referred.path(&workload.namespace)) else {
        return Ok(found["spec"]["template"].clone());
    };
    let other: Value = site.api.get(&path).await?;
    let own = if other["template"].is_object() { &other["template"] } else { &other["spec"]["template"] };
    Ok(own.clone())
}

/// Pure.
fn containers(template: &Value) -> Vec<Running> {
    let text = |value: &Value| Arc::<str>::from(clean(value.as_str().unwrap_or_default()));
    let env = |container: &Value| -> BTreeMap<Arc<str>, Arc<str>> {
        let env = container["env"].as_array().into_iter().flatten();
        // What comes from a Secret or a ConfigMap has no value here.
        let plain = env.filter(|entry| entry["valueFrom"].is_null());
        plain
            .map(|entry| {
                let name = text(&entry["name"]);
                let value = mask::named(&name, entry["value"].as_str().unwrap_or_default());
                (name, clean(&value).into())
            })
            .collect()
    };
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    containers
        .map(|container| Running {
            name: text(&container["name"]),
            image: text(&container["image"]),
            env: env(container),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn containers_are_told_with_what_they_run_and_without_secrets() {
        let template = json!({"spec": {"containers": [
            {"name": "web", "image": "shop/web:v1", "env": [
                {"name": "MODE", "value": "a"}, {"name": "DB_PASSWORD", "value": "hunter2"},
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s"}}}, {"name": "EMPTY"},
            ]},
            {"name": "proxy", "image": "proxy:v1"},
        ]}});
        let told = containers(&template);
        assert_eq!(
            told.iter().map(|it| (&*it.name, &*it.image)).collect::<Vec<_>>(),
            [("web", "shop/web:v1"), ("proxy", "proxy:v1")]
        );
        let env: Vec<_> = told[0].env.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(env, [("DB_PASSWORD", mask::MASK), ("EMPTY", ""), ("MODE", "a")]);
    }
}
