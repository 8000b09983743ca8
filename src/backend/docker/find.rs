//! Finds the container that a key means: an id of the engine's, or what a plan made and wrote its place on.

use serde_json::Value;

use super::{
    api::{Api, Id},
    fault::Fault,
    marks::{self, Made},
    wire::Summary,
};

/// The engine's id; `None` where there is no such container. A key of the engine's own is taken at its word.
pub async fn id(api: &Api, key: &str) -> Result<Option<String>, Fault> {
    if !key.starts_with('@') {
        return Id::new(key).map(|id| Some(id.as_str().to_owned()));
    }
    let Some(made) = Made::parse(key) else {
        return Err(Fault::Refused { status: 404, message: "this is no key of what a plan makes".into() });
    };
    let found: Vec<Summary> = api.get(&format!("/containers/json?all=1&filters={}", made.filter())).await?;
    let mut found = found.into_iter().filter(|summary| !summary.labels.as_ref().is_some_and(marks::is_marker));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(Some(one.id)),
        (None, _) => Ok(None),
        (Some(one), Some(other)) => {
            let names = [one, other].map(|summary| summary.names.unwrap_or_default().concat());
            let message = format!("{} both say that they are it: remove the wrong one", names.join(" and "));
            Err(Fault::Refused { status: 409, message: crate::domain::text::clean(&message).into() })
        }
    }
}

/// All that the engine says of it; `None` where there is no such container.
pub async fn raw(api: &Api, key: &str) -> Result<Option<Value>, Fault> {
    let Some(id) = id(api, key).await? else { return Ok(None) };
    match api.get(&format!("/containers/{id}/json")).await {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The one that is called so.
pub async fn by_name(api: &Api, name: &str) -> Result<Option<Value>, Fault> {
    match api.get(&format!("/containers/{}/json", super::api::encoded(name))).await {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// `Config.Labels.<name>` of what was inspected.
pub fn label<'a>(inspected: &'a Value, name: &str) -> Option<&'a str> {
    inspected["Config"]["Labels"][name].as_str()
}

pub fn name_of(inspected: &Value) -> &str {
    inspected["Name"].as_str().unwrap_or_default().trim_start_matches('/')
}

/// It was never started, so that there is nothing in it to lose.
pub fn never_ran(inspected: &Value) -> bool {
    inspected["State"]["Status"] == "created"
}
