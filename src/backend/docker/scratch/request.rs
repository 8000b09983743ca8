//! What a scratch instance is made of, from all that the engine says of the container that it is like. Only what is named here is carried
//! over, so that what engines learn to do later opens no way out of it. Pure.

use std::{collections::BTreeMap, path::Path};

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
    /// What `like` may write to is mounted as it is there.
    pub with_data: bool,
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
    let Wanted { like, image, bound, labels, instead, with_data } = wanted;
    let mut body = kept(&like["Config"], &OF_CONFIG);
    let mut host = kept(&like["HostConfig"], &OF_HOST);
    host.insert("NetworkMode".into(), "none".into());
    let may_be_written = if with_data { Written::AsThere } else { Written::Anew(&labels) };
    host.insert("Mounts".into(), mounts(like, bound, may_be_written).into());
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

/// What becomes of what `like` may write to.
#[derive(Clone, Copy)]
enum Written<'a> {
    AsThere,
    /// New volumes with these labels.
    Anew(&'a Value),
}

/// Whether a path of a container is kept apart from it, where it may write to it.
pub fn keeps(like: &Value, path: &str) -> bool {
    let mounts = like["Mounts"].as_array().into_iter().flatten();
    let places = mounts.filter_map(|mount| Some((mount["Destination"].as_str()?, mount)));
    let around = places.filter(|(place, _)| Path::new(path).starts_with(place));
    // The innermost hides the others.
    let innermost = around.max_by_key(|(place, _)| place.len());
    innermost.is_some_and(|(_, mount)| mount["RW"] != false && (mount["Type"] == "volume" || mount["Type"] == "bind"))
}

fn mounts(like: &Value, bound: &BTreeMap<String, Bound>, written: Written<'_>) -> Vec<Value> {
    let mounts = like["Mounts"].as_array().into_iter().flatten();
    mounts.filter_map(|mount| instead_of(mount, &like["HostConfig"]["Mounts"], bound, written)).collect()
}

/// `asked`: the mounts as a person asked for them, which of those in memory alone tell how large they may be.
fn instead_of(mount: &Value, asked: &Value, bound: &BTreeMap<String, Bound>, written: Written<'_>) -> Option<Value> {
    let target = mount["Destination"].as_str()?;
    let read_only =
        |kind: &str, source: &Value| json!({"Type": kind, "Source": source, "Target": target, "ReadOnly": true});
    let may_write = mount["RW"] != false;
    match (mount["Type"].as_str()?, bound.get(target)) {
        ("tmpfs", _) => asked.as_array()?.iter().find(|asked| asked["Target"] == target).cloned(),
        ("bind", None) => None,
        ("bind", Some(_)) if !may_write => Some(read_only("bind", &mount["Source"])),
        ("volume", _) if !may_write => Some(read_only("volume", &mount["Name"])),
        (_, _) if !may_write => None,
        (kind, found) => match written {
            Written::AsThere => as_there(kind, mount, target),
            // A volume has no files by themselves, and what is bound as one is configuration.
            Written::Anew(_) if found == Some(&Bound::File) => Some(read_only("bind", &mount["Source"])),
            Written::Anew(labels) => {
                Some(json!({"Type": "volume", "Target": target, "VolumeOptions": {"Labels": labels}}))
            }
        },
    }
}

fn as_there(kind: &str, mount: &Value, target: &str) -> Option<Value> {
    match kind {
        "bind" => Some(json!({"Type": "bind", "Source": mount["Source"], "Target": target})),
        // An empty one is not filled from the image: what is gone from it would be there again.
        "volume" => Some(
            json!({"Type": "volume", "Source": mount["Name"], "Target": target, "VolumeOptions": {"NoCopy": true}}),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
