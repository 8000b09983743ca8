//! What a scratch instance is made of, from all that the engine says of the container that it is like. Only what is named here is carried
//! over, so that what engines learn to do later opens no way out of it. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::backend::docker::{image::id_of, marker};

/// Its program, and what that finds around itself.
const OF_CONFIG: [&str; 8] = ["Cmd", "Domainname", "Env", "Hostname", "OpenStdin", "Tty", "User", "WorkingDir"];
/// Its limits, and what it may do within itself. A device may be a disk, so there are none.
const OF_HOST: [&str; 34] = [
    "BlkioDeviceReadBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps",
    "BlkioWeight",
    "BlkioWeightDevice",
    "CapAdd",
    "CapDrop",
    "CgroupParent",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpuShares",
    "CpusetCpus",
    "CpusetMems",
    "GroupAdd",
    "Init",
    "Memory",
    "MemoryReservation",
    "MemorySwap",
    "MemorySwappiness",
    "NanoCpus",
    "OomKillDisable",
    "OomScoreAdj",
    "PidsLimit",
    "ReadonlyRootfs",
    "Runtime",
    "SecurityOpt",
    "ShmSize",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Ulimits",
];

pub struct Wanted<'a> {
    pub like: &'a Value,
    pub image: &'a Value,
    /// What is bound into `like`, by where it is there. What is missing is left out.
    pub bound: &'a BTreeMap<String, Bound>,
    /// Of the container and of its volumes.
    pub labels: Value,
    /// What it does instead of its own program.
    pub instead: Option<String>,
}

/// What of the host's is bound into a container. What is neither (a socket, a device) is a way out, also where it may only be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Directory,
    File,
}

impl Bound {
    /// `mode`: as Go's `fs.FileMode` has it.
    pub fn of(mode: u32) -> Option<Self> {
        const DIRECTORY: u32 = 1 << 31;
        // Links, devices, pipes, sockets, and what is irregular.
        const OTHER: u32 = 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
        match mode {
            mode if mode & DIRECTORY != 0 => Some(Self::Directory),
            mode if mode & OTHER != 0 => None,
            _ => Some(Self::File),
        }
    }
}

pub fn request(wanted: Wanted<'_>) -> Value {
    let Wanted { like, image, bound, labels, instead } = wanted;
    let mut body = kept(&like["Config"], &OF_CONFIG);
    let mut host = kept(&like["HostConfig"], &OF_HOST);
    host.insert("NetworkMode".into(), "none".into());
    host.insert("Mounts".into(), mounts(like, bound, &labels).into());
    // A driver of its own might send what it says to where the log of the other one is read.
    host.insert("LogConfig".into(), json!({"Type": "json-file", "Config": {"max-size": "10m"}}));
    // Without one that is said, the image's would come before the command.
    let entrypoint = Some(&like["Config"]["Entrypoint"]).filter(|said| said.is_array());
    body.insert("Entrypoint".into(), entrypoint.cloned().unwrap_or_else(|| json!([])));
    if let Some(script) = instead {
        body.insert("Entrypoint".into(), json!(["sh", "-c", script]));
        body.remove("Cmd");
    }
    body.insert("Image".into(), id_of(image).into());
    body.insert("Labels".into(), marker::alone(labels, image));
    body.insert("Healthcheck".into(), json!({"Test": ["NONE"]}));
    body.insert("HostConfig".into(), host.into());
    body.into()
}

fn kept(said: &Value, keys: &[&str]) -> Map<String, Value> {
    let known = keys.iter().map(|key| ((*key).to_owned(), said[*key].clone()));
    known.filter(|(_, value)| !value.is_null()).collect()
}

fn mounts(like: &Value, bound: &BTreeMap<String, Bound>, labels: &Value) -> Vec<Value> {
    let mounts = like["Mounts"].as_array().into_iter().flatten();
    mounts.filter_map(|mount| instead_of(mount, &like["HostConfig"]["Mounts"], bound, labels)).collect()
}

/// `asked`: the mounts as a person asked for them, which of those in memory alone tell how large they may be.
fn instead_of(mount: &Value, asked: &Value, bound: &BTreeMap<String, Bound>, labels: &Value) -> Option<Value> {
    let target = mount["Destination"].as_str()?;
    let own = || json!({"Type": "volume", "Target": target, "VolumeOptions": {"Labels": labels}});
    let read_only =
        |kind: &str, source: &Value| json!({"Type": kind, "Source": source, "Target": target, "ReadOnly": true});
    let may_write = mount["RW"] != false;
    match (mount["Type"].as_str()?, bound.get(target)) {
        ("tmpfs", _) => asked.as_array()?.iter().find(|asked| asked["Target"] == target).cloned(),
        ("bind", Some(Bound::Directory)) if may_write => Some(own()),
        // A volume has no files by themselves, and what is bound as one is configuration.
        ("bind", Some(Bound::Directory | Bound::File)) => Some(read_only("bind", &mount["Source"])),
        ("bind", None) => None,
        ("volume", _) if !may_write => Some(read_only("volume", &mount["Name"])),
        _ => may_write.then(own),
    }
}

#[cfg(test)]
mod tests;
