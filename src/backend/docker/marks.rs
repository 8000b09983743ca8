//! What the console writes on what it makes on a host, and finds it by: labels and names. Pure.

use super::wire::Labels;
use crate::domain::ServiceId;

/// What something of ours is for. What has it is no part of any service, and no screen shows it.
pub const ROLE: &str = "midwatch.role";
/// A volume whose labels keep a release; a container that never runs and keeps the release's image; one that says who is at work; one in
/// which a restore is rehearsed, and its volumes.
pub const OF_RELEASE: &str = "release";
pub const OF_PIN: &str = "pin";
pub const OF_LEASE: &str = "lease";
pub const OF_SCRATCH: &str = "scratch";

pub const SCOPE: &str = "midwatch.scope";
pub const SERVICE: &str = "midwatch.service";
pub const RELEASE: &str = "midwatch.release";
pub const SLOT: &str = "midwatch.slot";
/// For which wish it was made: what is done twice for one and the same wish is done once.
pub const ASKED: &str = "midwatch.asked";
pub const CAUSE: &str = "midwatch.cause";
/// The release whose like it is, where it was gone back to.
pub const AGAIN: &str = "midwatch.again";
/// The id of the container in whose place it was made; without it, it is one more.
pub const REPLACES: &str = "midwatch.replaces";
/// JSON: how the container in whose place it was made did until then.
pub const BEFORE: &str = "midwatch.before";
/// What people call its image, where it could be made by the image's id only.
pub const IMAGE: &str = "midwatch.image";
/// JSON: the record of a release; who is at work.
pub const RECORD: &str = "midwatch.record";
pub const LEASE: &str = "midwatch.lease";
/// When a scratch instance is over: a Unix time in seconds, by the engine's clock.
pub const UNTIL: &str = "midwatch.until";

const OURS: &str = "midwatch.";
const COMPOSE_NUMBER: &str = "com.docker.compose.container-number";

pub fn is_ours(label: &str) -> bool {
    label.starts_with(OURS)
}

/// Labels that are one container's alone and no part of what its release is.
pub fn is_of_one(label: &str) -> bool {
    is_ours(label) || matches!(label, COMPOSE_NUMBER | "com.docker.compose.image" | "com.docker.compose.replace")
}

pub const NUMBER: &str = COMPOSE_NUMBER;

/// A container that is no part of a service.
pub fn is_marker(labels: &Labels) -> bool {
    labels.get(ROLE).is_some_and(|role| matches!(role.as_str(), OF_PIN | OF_LEASE | OF_SCRATCH))
}

/// A volume of ours by its name: events of volumes carry no labels.
pub fn is_marker_volume(name: &str) -> bool {
    name.starts_with(RELEASES)
}

const RELEASES: &str = "midwatch-release-";

pub fn volume_name(service: &ServiceId, release: u64) -> String {
    format!("{RELEASES}{}-{release}", hash(service))
}

pub fn pin_name(service: &ServiceId, release: u64) -> String {
    format!("midwatch-pin-{}-{release}", hash(service))
}

pub fn lease_name(service: &ServiceId) -> String {
    format!("midwatch-lease-{}", hash(service))
}

pub fn scratch_name(service: &ServiceId) -> String {
    format!("midwatch-scratch-{}", hash(service))
}

/// FNV-1a of 64 bits over `scope/service`: names of services may hold what names of the engine's may not, and every build of this program
/// on every machine must come to the same one.
fn hash(service: &ServiceId) -> String {
    let text = format!("{}/{}", service.scope, service.name);
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// What is written on a container that a plan makes, read from its key: `@scope/service/release/slot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made<'a> {
    pub scope: &'a str,
    pub service: &'a str,
    pub release: u64,
    pub slot: u32,
}

impl<'a> Made<'a> {
    pub fn parse(key: &'a str) -> Option<Self> {
        let mut parts = key.strip_prefix('@')?.rsplitn(3, '/');
        let (slot, release) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (scope, service) = parts.next()?.split_once('/')?;
        Some(Self { scope, service, release, slot })
    }

    /// A filter of the engine's for lists: the labels that it is found by.
    pub fn filter(&self) -> String {
        let pairs = [
            format!("{SCOPE}={}", self.scope),
            format!("{SERVICE}={}", self.service),
            format!("{RELEASE}={}", self.release),
            format!("{SLOT}={}", self.slot),
        ];
        filter(&pairs)
    }
}

/// A filter for what has this role for this service.
pub fn of_role(role: &str, service: &ServiceId) -> String {
    filter(&[format!("{ROLE}={role}"), format!("{SCOPE}={}", service.scope), format!("{SERVICE}={}", service.name)])
}

pub fn filter(labels: &[String]) -> String {
    super::api::encoded(&serde_json::json!({ "label": labels }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::InstanceId;

    #[test]
    fn what_a_plan_makes_is_found_by_what_is_in_its_key() {
        let service = ServiceId::new(&"lab".into(), &"shop".into(), "web/api");
        let key = InstanceId::made(&service, 7, 2).key;
        let expected = Made { scope: "shop", service: "web/api", release: 7, slot: 2 };
        assert_eq!(Made::parse(&key), Some(expected));
        for wrong in ["4f1b", "@", "@shop/web", "@shop/web/7/x", "@web/7/1"] {
            assert_eq!(Made::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_the_same_on_every_machine_and_another_for_every_service() {
        let service = |scope: &str, name: &str| ServiceId::new(&"x".into(), &scope.into(), name);
        assert_eq!(lease_name(&service("shop", "web")), "midwatch-lease-1b2ce43c8d2a78c4");
        assert_ne!(volume_name(&service("shop", "web"), 1), volume_name(&service("shop", "api"), 1));
        assert!(is_marker_volume(&volume_name(&service("shop", "web"), 1)));
    }
}
