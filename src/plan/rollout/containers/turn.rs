//! Whether a new container can stand beside the old one, or has to wait until that is stopped.

use std::sync::Arc;

use crate::{
    domain::{Instance, Means, Mount, Pace},
    plan::Refusal,
};

/// Who of two is there first.
pub(super) enum Turn {
    NewFirst,
    /// And why it cannot be otherwise.
    OldFirst(Arc<str>),
}

/// What lives in the namespaces of a container that goes is left without a network, and nobody but its owner can make it anew.
pub(super) fn refuse_lodgers(holders: &[&Instance], means: &Means) -> Result<(), Refusal> {
    let of = |instance: &Instance| means.particulars.get(&instance.id).map_or(&[][..], |of| &of.lodgers);
    let Some(instance) = holders.iter().find(|instance| !of(instance).is_empty()) else { return Ok(()) };
    let (name, lodgers) = (&instance.name, of(instance));
    let (its, it, live) = if lodgers.len() == 1 { ("its", "it", "it lives") } else { ("their", "them", "they live") };
    let lodgers = lodgers.join(" and ");
    Err(Refusal::new(format!(
        "{lodgers} would lose {its} network: {live} in that of {name}, which another would replace"
    ))
    .help(format!("remove {lodgers} first, and make {it} anew in the new one's network afterwards")))
}

pub(super) fn is_published(instance: &Instance) -> bool {
    instance.ports.iter().any(|port| port.published.is_some())
}

pub(super) fn turn(holders: &[&Instance], means: &Means, pace: Option<Pace>) -> Turn {
    // Without an address of its own, it has the host's, or another container's.
    let is_on_host = |instance: &&Instance| instance.state.is_alive() && instance.addresses.is_empty();
    if holders.iter().any(|instance| is_published(instance)) {
        return Turn::OldFirst("its ports are published on the host, where only one can have them".into());
    }
    if holders.iter().any(is_on_host) {
        return Turn::OldFirst("it has no network of its own, so only one can have its ports".into());
    }
    let fixed = holders.iter().filter_map(|instance| means.particulars.get(&instance.id)?.fixed.first());
    if let Some(what) = fixed.min() {
        return Turn::OldFirst(format!("only one can have {what}").into());
    }
    match (pace, holders) {
        (Some(pace), _) if pace.max_surge == 0 => Turn::OldFirst("none more than now was asked for".into()),
        (Some(_), _) => Turn::NewFirst,
        (None, [only]) => match writable(only) {
            Some(what) => Turn::OldFirst(format!("two at once would write to {what}").into()),
            None => Turn::NewFirst,
        },
        // Each has one of its own, which goes to whoever takes its place: with a name, all of them share it all the time.
        (None, several) => match several.iter().find_map(|one| unnamed(one)) {
            Some(what) => Turn::OldFirst(format!("two at once would write to {what}").into()),
            None => Turn::NewFirst,
        },
    }
}

/// What it may write to, and another one like it too. "the volume data"
pub(super) fn writable(instance: &Instance) -> Option<String> {
    let mount = instance.mounts.iter().find(|mount| !mount.read_only && matches!(&*mount.kind, "volume" | "bind"))?;
    Some(told(mount))
}

/// The same of volumes to which nobody gave a name.
pub(super) fn unnamed(instance: &Instance) -> Option<String> {
    let mount = instance.mounts.iter().find(|mount| !mount.read_only && has_no_name(mount))?;
    Some(told(mount))
}

fn told(mount: &Mount) -> String {
    if has_no_name(mount) {
        return format!("the volume without a name on {}", mount.target);
    }
    format!("the {} {}", mount.kind, mount.source)
}

/// The engine gives it 64 hexadecimal digits for one.
fn has_no_name(mount: &Mount) -> bool {
    &*mount.kind == "volume" && mount.source.len() == 64 && mount.source.bytes().all(|byte| byte.is_ascii_hexdigit())
}
