//! What was typed for the commands that change something.

use std::sync::Arc;

use clap::Args;

use super::Listing;
use crate::{
    domain::{Address, ImageName, Trouble},
    plan::{
        Gate, Strategy,
        wish::{OnFailure, Weight},
        wish_text::{EnvEdit, parse_env, seconds},
    },
};

/// How a plan is confirmed.
#[derive(Args, Clone, Debug, Default)]
pub struct Consent {
    /// Carry the plan out without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Print the plan, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// A reason or a ticket, for the journal and for the service's history
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Also if somebody else is at work on it: they go no further
    #[arg(long)]
    pub take_over: bool,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct Acting {
    pub address: Address,
    /// This instance only
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Rollout {
    pub address: Address,
    /// The new image; with its container where there are several
    #[arg(value_name = "IMAGE|CONTAINER=IMAGE", value_parser = parse_image)]
    pub images: Vec<(Arc<str>, Arc<str>)>,
    /// Set a variable, or take it away with NAME- (repeatable; CONTAINER:NAME where there are several)
    #[arg(long, value_name = "NAME=VALUE|NAME-", value_parser = parse_env, allow_hyphen_values = true)]
    pub env: Vec<EnvEdit>,
    /// rolling, canary or blue-green
    #[arg(long, value_name = "STRATEGY", default_value = "rolling", hide_default_value = true)]
    pub strategy: Strategy,
    /// Rolling: how many may be missing at a time
    #[arg(long, value_name = "N")]
    pub max_unavailable: Option<u32>,
    /// Rolling: how many more there may be at a time
    #[arg(long, value_name = "N")]
    pub max_surge: Option<u32>,
    /// Rolling: for how long a new one must be ready before it counts
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub min_ready: Option<u32>,
    /// Canary: so much of it, for so long ("10% 30s") or until a person says so ("50% ask") (repeatable)
    #[arg(long = "weight", value_name = "PERCENT THEN")]
    pub weights: Vec<Weight>,
    /// Blue-green: a person says when to switch
    #[arg(long)]
    pub ask: bool,
    /// Blue-green: how long the old set is kept after the switch
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub keep: Option<u32>,
    /// How long an instance without requests may finish what it has, before it is stopped
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub drain: Option<u32>,
    /// How long one new instance, or the whole where an orchestrator does it, may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub within: Option<u32>,
    /// What must be so before it goes on (repeatable): see below
    #[arg(long = "gate", value_name = "GATE")]
    pub gates: Vec<Gate>,
    /// What a failure does: undo, or ask a person
    #[arg(long, value_name = "undo|ask", default_value = "undo", hide_default_value = true)]
    pub on_failure: OnFailure,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Rollback {
    pub address: Address,
    /// As `midwatch releases` lists it; without one, the newest that held long
    pub release: Option<String>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Scale {
    pub address: Address,
    /// How many instances are wanted
    #[arg(value_name = "N", value_parser = parse_number, allow_negative_numbers = true)]
    pub to: u32,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Delete {
    pub address: Address,
    /// Which
    #[arg(long, value_name = "NAME")]
    pub instance: String,
    #[command(flatten)]
    pub consent: Consent,
}

/// A rollout that its engine carries out, or an operation of ours.
#[derive(Args, Debug)]
pub struct Told {
    /// The address of a service, or an operation as `midwatch operations` lists it
    #[arg(value_name = "ADDRESS|OPERATION")]
    pub what: String,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Promote {
    #[command(flatten)]
    pub told: Told,
    /// Past all that is left of its steps
    #[arg(long)]
    pub full: bool,
}

#[derive(Args, Debug)]
pub struct OnNode {
    /// Its name, or cluster/name
    pub node: String,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Drain {
    #[command(flatten)]
    pub on: OnNode,
    /// How long all that is on it may take to go
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub within: Option<u32>,
}

#[derive(Args, Debug)]
pub struct Interrupted {
    /// As `midwatch operations` lists it, or as much of either end as means only one
    #[arg(value_name = "OPERATION")]
    pub id: String,
    /// Do it without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `web:v2`, or `app=web:v2`: no image's name holds `=`.
fn parse_image(typed: &str) -> Result<(Arc<str>, Arc<str>), String> {
    let (container, image) = typed.split_once('=').map_or(("", typed), |(container, image)| (container, image));
    if image.is_empty() || (container.is_empty() && typed.contains('=')) {
        return Err(format!("'{typed}' is not an image: write IMAGE, or CONTAINER=IMAGE"));
    }
    let image: ImageName = image.parse().map_err(|trouble: Trouble| trouble.to_string())?;
    Ok((container.into(), image.as_str().clone()))
}

fn parse_number(typed: &str) -> Result<u32, String> {
    typed.parse().map_err(|_| format!("'{typed}' is not a number of instances: write 0 or more"))
}
