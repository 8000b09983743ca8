//! What a person set: the config file over the embedded defaults, with a complaint for each entry that cannot be used.

pub mod theme;

use std::path::PathBuf;

use crate::domain::ClusterName;

/// One cluster that the config file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    pub name: ClusterName,
    pub reach: Reach,
    /// A dangerous action on it asks for the service's name to be typed.
    pub protected: bool,
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host:22`
    Docker { endpoint: String, tls: Option<Tls> },
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub ca: Option<PathBuf>,
    pub certificate: PathBuf,
    pub key: PathBuf,
}
