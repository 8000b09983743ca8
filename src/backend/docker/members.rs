//! Which containers are meant: by the engine's own ids, by what a plan wrote on those that it made, or as those of a service.

use super::{api::Api, fault::Fault, labels::Place, marks, wire::Summary};
use crate::domain::{ServiceId, text::clean};

/// A container of a service, and the release that a plan made it for.
pub struct Of {
    pub id: String,
    pub release: Option<u64>,
    pub image: String,
}

pub async fn of(api: &Api, service: &ServiceId) -> Result<Vec<Of>, Fault> {
    let list: Vec<Summary> = api.get("/containers/json?all=1").await?;
    let is_of = |summary: &Summary| {
        let name = summary.names.as_deref().and_then(<[String]>::first).map_or("", |name| name.trim_start_matches('/'));
        let none = super::wire::Labels::new();
        let place = Place::of(summary.labels.as_ref().unwrap_or(&none), &clean(name));
        label(summary, marks::ROLE).is_none() && place.scope == service.scope && place.service == service.name
    };
    let one = |summary: Summary| Of {
        release: label(&summary, marks::RELEASE).and_then(|release| release.parse().ok()),
        image: summary.image_id.clone().unwrap_or_default(),
        id: summary.id,
    };
    Ok(list.into_iter().filter(is_of).map(one).collect())
}

/// Those of the newest definition, and the others: by the release that was written on them, else by their images, the list's first
/// being the newest container.
pub fn newest_and_older(all: Vec<Of>) -> (Vec<String>, Vec<String>) {
    let highest = all.iter().filter_map(|of| of.release).max();
    let image = all.first().map(|of| of.image.clone());
    let is_newest = |of: &Of| match highest {
        Some(_) => of.release == highest,
        None => Some(&of.image) == image.as_ref(),
    };
    let (newest, older): (Vec<Of>, Vec<Of>) = all.into_iter().partition(is_newest);
    let ids = |all: Vec<Of>| all.into_iter().map(|of| of.id).collect();
    (ids(newest), ids(older))
}

fn label<'a>(summary: &'a Summary, key: &str) -> Option<&'a str> {
    summary.labels.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_those_of_the_highest_release_or_of_the_newest_image() {
        let of = |id: &str, release, image: &str| Of { id: id.into(), release, image: image.into() };
        let (newest, older) =
            newest_and_older(vec![of("a", None, "v2"), of("b", Some(8), "v1"), of("c", Some(7), "v1")]);
        assert_eq!((newest, older), (vec!["b".to_owned()], vec!["a".to_owned(), "c".to_owned()]));
        let (newest, older) = newest_and_older(vec![of("a", None, "v2"), of("b", None, "v1"), of("c", None, "v2")]);
        assert_eq!((newest, older), (vec!["a".to_owned(), "c".to_owned()], vec!["b".to_owned()]));
    }
}
