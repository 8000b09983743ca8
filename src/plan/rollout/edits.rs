//! What a person typed for a new release, brought to what the service has: containers by their real names, images that parse.

use std::{collections::BTreeMap, sync::Arc};

use super::super::{Edits, Refusal, Situation, wish::Variables};
use crate::domain::{Engine, ImageName, Means, Running, mask, text};

pub(super) fn checked(situation: &Situation<'_>, means: &Means, wanted: &Edits) -> Result<Edits, Refusal> {
    if wanted.images.is_empty() && wanted.env.values().all(BTreeMap::is_empty) {
        return Err(Refusal::new("no image and no variable is given: nothing would change")
            .help("name an image, or a variable and its value"));
    }
    let mut edits = Edits::default();
    for (typed, image) in &wanted.images {
        let name = container(situation, means, typed)?.name.clone();
        let image: ImageName = image
            .parse()
            .map_err(|trouble: crate::domain::Trouble| Refusal { why: trouble.line().into(), help: trouble.help })?;
        if edits.images.insert(name.clone(), image.as_str().clone()).is_some() {
            return Err(Refusal::new(format!("two images are given for {}", called(&name))));
        }
    }
    for (typed, variables) in &wanted.env {
        let name = container(situation, means, typed)?.name.clone();
        variables.iter().try_for_each(|(variable, value)| check_variable(situation, variable, value.as_deref()))?;
        edits.env.entry(name).or_default().extend(variables.clone());
    }
    edits.env.retain(|_, variables| !variables.is_empty());
    refuse_same(situation, means, &edits)?;
    Ok(edits)
}

/// An empty name is the only one; where an instance is one thing, the service's own name will do too.
fn container<'a>(situation: &Situation<'_>, means: &'a Means, typed: &Arc<str>) -> Result<&'a Running, Refusal> {
    let subject = situation.subject();
    let names = || means.containers.iter().map(|running| &*running.name);
    match (means.containers.as_slice(), &**typed) {
        ([], _) => Err(Refusal::new(format!("what {subject} is made of is not known"))),
        ([only], "") => Ok(only),
        (several, "") => Err(Refusal::new(format!("{subject} has {} containers: say which is meant", several.len()))
            .help(format!("one of {}: NAME=IMAGE", names().collect::<Vec<_>>().join(", ")))),
        ([only], name) if only.name.is_empty() && name == &*situation.service.id.name => Ok(only),
        (all, name) => all.iter().find(|running| &*running.name == name).ok_or_else(|| {
            let refusal = Refusal::new(format!("{subject} has no container {}", text::clean(name)));
            let known: Vec<&str> = names().filter(|name| !name.is_empty()).collect();
            match (text::nearest(name, known.iter().copied()), known.as_slice()) {
                (Some(near), _) => refusal.help(format!("did you mean {near}?")),
                (None, []) => refusal.help("it is one container: leave the name out"),
                (None, known) => refusal.help(format!("it has {}", known.join(", "))),
            }
        }),
    }
}

fn check_variable(situation: &Situation<'_>, name: &str, value: Option<&str>) -> Result<(), Refusal> {
    let shown = text::clean(name);
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if name.is_empty() || !is_plain || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Refusal::new(format!("'{shown}' is not a variable's name"))
            .help("letters, digits, _, . and -, and no digit first: NAME=VALUE"));
    }
    let Some(value) = value else { return Ok(()) };
    if value.contains('\0') {
        return Err(Refusal::new(format!("the value of {shown} has a zero byte, which no environment can hold")));
    }
    if mask::named(name, value) == value {
        return Ok(());
    }
    let id = &situation.service.id;
    let help = match situation.cluster.engine {
        Engine::Kubernetes => format!(
            "keep it in a Secret that the pod template refers to: kubectl -n {} create secret generic {}-secrets --from-file={shown}=FILE",
            id.scope, id.name
        ),
        Engine::Docker | Engine::Simulator => {
            format!("keep it in a file that is mounted (a Compose secret), and set {shown}_FILE to its path")
        }
    };
    Err(Refusal::new(format!("{shown} looks like a secret: it would be written to the journal and into the history"))
        .help(help))
}

/// The same image under the same name would be the same release, whatever the registry has under it by now.
fn refuse_same(situation: &Situation<'_>, means: &Means, edits: &Edits) -> Result<(), Refusal> {
    let running = |name: &Arc<str>| means.containers.iter().find(|running| running.name == *name);
    let is_new_image = |(name, image): (&Arc<str>, &Arc<str>)| {
        let parsed = |text: &str| text.parse::<ImageName>().ok();
        match running(name).map(|running| (parsed(&running.image), parsed(image))) {
            Some((Some(now), Some(then))) => !now.is_same(&then),
            Some((None, _) | (_, None)) | None => true,
        }
    };
    let is_new_value = |(name, variables): (&Arc<str>, &Variables)| {
        let now = running(name).map(|running| &running.env);
        variables.iter().any(|(variable, value)| now.and_then(|env| env.get(variable)) != value.as_ref())
    };
    if edits.images.iter().any(is_new_image) || edits.env.iter().any(is_new_value) {
        return Ok(());
    }
    Err(Refusal::new(format!("{} runs {} already: nothing would change", situation.subject(), edits.title()))
        .help("what a tag stands for by now is named by its digest (NAME@sha256:…); for new instances of the same, restart it"))
}

/// For a sentence.
fn called(name: &str) -> &str {
    if name.is_empty() { "it" } else { name }
}
