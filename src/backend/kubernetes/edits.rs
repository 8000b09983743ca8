//! A pod template with other images and another environment. Pure.

use serde_json::{Map, Value, json};

use crate::{domain::text::clean, plan::Edits};

/// Where a template has containers.
const LISTS: [&str; 2] = ["containers", "initContainers"];

/// The template as it should be; `Err` says what it does not have.
pub fn edited(template: &Value, edits: &Edits) -> Result<Value, String> {
    let mut template = template.clone();
    for (name, image) in &edits.images {
        container(&mut template, name)?["image"] = json!(image);
    }
    for (name, env) in &edits.env {
        let container = container(&mut template, name)?;
        let mut list = container["env"].as_array().cloned().unwrap_or_default();
        for (variable, value) in env {
            let place = list.iter().position(|entry| entry["name"] == **variable);
            // The server leaves out an empty value.
            let entry = |value: &str| {
                if value.is_empty() { json!({"name": variable}) } else { json!({"name": variable, "value": value}) }
            };
            match (place, value) {
                (Some(place), Some(value)) => list[place] = entry(value),
                (None, Some(value)) => list.push(entry(value)),
                (Some(place), None) => drop(list.remove(place)),
                (None, None) => {}
            }
        }
        match (list.is_empty(), container.as_object_mut()) {
            (true, Some(container)) => drop(container.remove("env")),
            (false, _) | (true, None) => container["env"] = Value::Array(list),
        }
    }
    Ok(template)
}

/// What a strategic merge patch says of the template's `spec`, so that nothing else of it is touched.
pub fn strategic(template: &Value, edits: &Edits) -> Result<Value, String> {
    let mut lists: Map<String, Value> = Map::new();
    let mut put = |name: &str, key: &str, value: Value| -> Result<(), String> {
        let (list, place) = place(template, name)?;
        let name = template["spec"][list][place]["name"].clone();
        let list = lists.entry(list).or_insert_with(|| json!([])).as_array_mut().expect("made as a list");
        match list.iter_mut().find(|container| container["name"] == name) {
            Some(container) => container[key] = value,
            None => list.push(json!({"name": name, key: value})),
        }
        Ok(())
    };
    for (name, image) in &edits.images {
        put(name, "image", json!(image))?;
    }
    for (name, env) in &edits.env {
        let (list, place) = place(template, name)?;
        let now = &template["spec"][list][place]["env"];
        let entry = |variable: &str| now.as_array().into_iter().flatten().find(|entry| entry["name"] == variable);
        let changes = env.iter().filter_map(|(variable, value)| match (value, entry(variable)) {
            // It would stay beside the value, and both are refused.
            (Some(value), Some(now)) if now["valueFrom"].is_object() => {
                Some(json!({"name": variable, "value": value, "valueFrom": null}))
            }
            (Some(value), _) => Some(json!({"name": variable, "value": value})),
            (None, Some(_)) => Some(json!({"name": variable, "$patch": "delete"})),
            (None, None) => None,
        });
        put(name, "env", changes.collect())?;
    }
    Ok(Value::Object(lists))
}

fn container<'a>(template: &'a mut Value, name: &str) -> Result<&'a mut Value, String> {
    let (list, place) = place(template, name)?;
    Ok(&mut template["spec"][list][place])
}

/// An empty name is the only container's.
fn place(template: &Value, name: &str) -> Result<(&'static str, usize), String> {
    let names = |list: &str| -> Vec<String> {
        let containers = template["spec"][list].as_array().into_iter().flatten();
        containers.map(|container| container["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let main = names("containers");
    if name.is_empty() {
        return match main.as_slice() {
            [_] => Ok(("containers", 0)),
            several => {
                Err(format!("it has {} containers, and which is meant is not said: {}", several.len(), told(&main)))
            }
        };
    }
    let found = LISTS.into_iter().find_map(|list| {
        let place = names(list).iter().position(|found| found == name)?;
        Some((list, place))
    });
    found.ok_or_else(|| format!("it has no container {}, but {}", clean(name), told(&main)))
}

fn told(names: &[String]) -> String {
    names.iter().map(|name| clean(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Value {
        json!({"spec": {
            "containers": [
                {"name": "web", "image": "web:v1", "env": [
                    {"name": "MODE", "value": "a"}, {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s"}}},
                ]},
                {"name": "proxy", "image": "proxy:v1"},
            ],
            "initContainers": [{"name": "migrate", "image": "web:v1"}],
        }})
    }

    fn edits(images: &[(&str, &str)], env: &[(&str, &str, Option<&str>)]) -> Edits {
        let mut edits = Edits::default();
        for (container, image) in images {
            edits.images.insert((*container).into(), (*image).into());
        }
        for (container, name, value) in env {
            edits.env.entry((*container).into()).or_default().insert((*name).into(), value.map(Into::into));
        }
        edits
    }

    #[test]
    fn images_and_environment_are_set_by_the_containers_name_and_the_rest_stays() {
        let edits = edits(
            &[("web", "web:v2"), ("migrate", "web:v2")],
            &[("web", "MODE", Some("b")), ("web", "KEY", Some("plain")), ("web", "NEW", Some(""))],
        );
        let new = edited(&template(), &edits).expect("edited");
        assert_eq!(new["spec"]["containers"][0]["image"], "web:v2");
        assert_eq!(new["spec"]["initContainers"][0]["image"], "web:v2");
        assert_eq!(new["spec"]["containers"][1], template()["spec"]["containers"][1]);
        let env = json!([{"name": "MODE", "value": "b"}, {"name": "KEY", "value": "plain"}, {"name": "NEW"}]);
        assert_eq!(new["spec"]["containers"][0]["env"], env);
        assert_eq!(edited(&new, &edits).expect("edited"), new, "it is so already");
    }

    #[test]
    fn a_patch_names_what_changes_and_takes_away_what_would_stay_beside_it() {
        let edits =
            edits(&[("web", "web:v2")], &[("web", "KEY", Some("plain")), ("web", "MODE", None), ("web", "NO", None)]);
        let patch = strategic(&template(), &edits).expect("a patch");
        let container = json!({"name": "web", "image": "web:v2", "env": [
            {"name": "KEY", "value": "plain", "valueFrom": null}, {"name": "MODE", "$patch": "delete"},
        ]});
        assert_eq!(patch, json!({"containers": [container]}));
    }

    #[test]
    fn the_only_container_needs_no_name_and_of_several_one_must_be_named() {
        let one = json!({"spec": {"containers": [{"name": "main", "image": "a"}]}});
        let nameless = edits(&[("", "b")], &[]);
        assert_eq!(edited(&one, &nameless).expect("edited")["spec"]["containers"][0]["image"], "b");
        assert_eq!(strategic(&one, &nameless).expect("a patch")["containers"][0]["name"], "main");
        assert!(edited(&template(), &nameless).expect_err("refused").contains("web, proxy"));
        let why = strategic(&template(), &edits(&[("wep", "b")], &[])).expect_err("refused");
        assert_eq!(why, "it has no container wep, but web, proxy");
    }
}
