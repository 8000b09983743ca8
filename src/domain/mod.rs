//! The nouns: clusters, services, instances, releases and what is known of them. No waiting, no drawing, no engine's own words.

pub mod capability;
pub mod cluster;
pub mod cluster_backups;
pub mod difference;
pub mod error;
pub mod health;
pub mod ids;
pub mod image_name;
pub mod inventory;
pub mod lease;
pub mod load;
pub mod log;
pub mod mask;
pub mod means;
pub mod node;
pub mod operation;
pub mod phase;
pub mod ports;
pub mod preview;
pub mod proof;
pub mod protection;
pub mod release;
pub mod sample;
pub mod secret;
pub mod service;
pub mod snapshot;
pub mod text;
pub mod units;
pub mod velero;
pub mod web_address;

pub use capability::{Capabilities, Capability};
pub use cluster::{Cluster, Engine, HostFacts, Link, LossKind};
pub use cluster_backups::{
    BackupSystem, CloudNativePg, ClusterBackup, ClusterBackups, PgBackup, PgCluster, PgSchedule, VolumeSnapshot,
};
pub use difference::{Comparison, Difference};
pub use error::Trouble;
pub use health::{Health, Reason};
pub use ids::{Address, ClusterName, InstanceId, OperationId, Scope, ServiceId};
pub use image_name::ImageName;
pub use inventory::{Change, Happening, Inventory};
pub use lease::{Claim, Lease};
pub use load::Load;
pub use log::{Level, Output};
pub use means::{Argo, Controller, Means, Object, Pace, Particulars, Replaced, RestartPolicy, Route, Rules, Running};
pub use node::Node;
pub use operation::{Operation, OperationState, PersonWord, StepReport, StepState, Verdict};
pub use phase::{Phase, Stage};
pub use ports::Ports;
pub use preview::{Foretelling, Foretold, RestorePreview, What};
pub use proof::{Outcome, Proof, Trial};
pub use protection::{Listing, Objectives, Protection};
pub use release::{Outline, Release, ReleaseKey, ReleaseSource};
pub use sample::Sample;
pub use service::{
    Autoscaler, Budget, Dependency, Endpoint, Image, Instance, InstanceState, Limits, LogSource, Mount, Orchestration,
    Owner, OwnerTool, Part, PartRole, Port, Service, ServiceKind,
};
pub use snapshot::{Counts, Item, Method, Renamed, Snapshot, SnapshotId, Standing, StoredFile};
pub use velero::{
    Existing, Items, Listed, NewBackup, NewRestore, StorageLocation, Velero, VeleroBackup, VeleroFile, VeleroName,
    VeleroRestore, VeleroSchedule, VeleroText, Way,
};
pub use web_address::WebAddress;
