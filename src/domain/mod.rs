//! The nouns: clusters, services, instances, releases and what is known of them. No waiting, no drawing, no engine's own words.

pub mod capability;
pub mod cluster;
pub mod error;
pub mod health;
pub mod ids;
pub mod inventory;
pub mod log;
pub mod operation;
pub mod release;
pub mod sample;
pub mod service;
pub mod text;
pub mod units;

pub use capability::{Capabilities, Capability};
pub use cluster::{Cluster, Engine, HostFacts, Link, LossKind};
pub use error::Trouble;
pub use health::{Health, Reason};
pub use ids::{Address, ClusterName, InstanceId, OperationId, Scope, ServiceId};
pub use inventory::{Change, Happening, Inventory};
pub use log::{Level, Output};
pub use operation::{Operation, OperationState, StepReport, StepState, Verdict};
pub use release::Release;
pub use sample::Sample;
pub use service::{Dependency, Image, Instance, InstanceState, Limits, Mount, Port, Service, ServiceKind};
