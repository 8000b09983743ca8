//! What a simulated engine answers when it is asked: releases, configuration, processes.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{gone, life::Doing, means, script::ServiceScript, template::push, world::World};
use crate::{
    backend::{mask, without_velero},
    domain::{Capabilities, Instance, Trouble, text::clean},
    message::{Answer, Processes, Question},
};

pub fn answer(world: &World, question: &Question, now: Timestamp) -> Result<Answer, Trouble> {
    match question {
        Question::Releases(service) => means::releases(world, service, now).map(Answer::Releases),
        Question::Configuration(instance) => {
            let index = world.find(instance).ok_or_else(|| gone("read the configuration of", instance))?;
            Ok(Answer::Configuration(configuration(world, index, now).into()))
        }
        Question::Processes(instance) => {
            let index = world.find(instance).ok_or_else(|| gone("list the processes of", instance))?;
            processes(world, index, now).map(Answer::Processes)
        }
        Question::Outline(service, id) => Err(Trouble::new(
            format!("could not read release {id} of {service}"),
            "the simulator keeps them with the list",
        )),
        Question::Means(service) => means::means(world, service, now).map(|means| Answer::Means(Box::new(means))),
        Question::Rights(..) => Ok(Answer::Rights(Capabilities::all())),
        Question::ClusterBackups(_) => Ok(Answer::ClusterBackups(Box::default())),
        Question::VeleroText(_, id, _) => Err(without_velero(&id.name)),
        Question::Preview(_, restore) => Err(without_velero(&restore.backup)),
    }
}

/// In the shape of what Docker's inspect says, with secrets masked as that is.
fn configuration(world: &World, index: usize, now: Timestamp) -> String {
    let instance = world.instance(index, now);
    let script = world.script(world.instances[index].service);
    let mut yaml = String::new();
    let out = &mut yaml;
    push(
        out,
        format_args!(
            "id: {}\nname: {}\ncreated: {}\n",
            quoted(&instance.id.key),
            quoted(&instance.name),
            time(instance.created)
        ),
    );
    push(out, format_args!("state:\n  status: {}\n  health: {}\n", instance.state.word(), instance.health.word()));
    push(
        out,
        format_args!(
            "  started: {}\n  finished: {}\n  restarts: {}\n",
            time(instance.started),
            time(instance.finished),
            instance.restarts
        ),
    );
    push(out, format_args!("image:\n  reference: {}\n", quoted(&instance.image.reference)));
    for (key, value) in [
        ("digest", &instance.image.digest),
        ("version", &instance.image.version),
        ("revision", &instance.image.revision),
    ] {
        if let Some(value) = value {
            push(out, format_args!("  {key}: {}\n", quoted(value)));
        }
    }
    push(out, format_args!("config:\n  command: {}\n  tty: {}\n", quoted(&instance.command), instance.tty));
    push(out, format_args!("  stop_signal: SIGTERM\n  stop_timeout: {}\n", instance.stop_timeout));
    environment(out, &world.instances[index].definition.environment);
    labels(out, script);
    lists(out, &instance);
    yaml
}

fn environment(out: &mut String, environment: &BTreeMap<String, String>) {
    if environment.is_empty() {
        return;
    }
    push(out, format_args!("  environment:\n"));
    for (name, value) in environment {
        let entry = clean(&format!("{name}={}", mask::named(name, value))).into_owned();
        push(out, format_args!("  - {}\n", quoted(&entry)));
    }
}

fn labels(out: &mut String, script: &ServiceScript) {
    if script.labels.is_empty() {
        return;
    }
    push(out, format_args!("  labels:\n"));
    for (name, value) in &script.labels {
        push(out, format_args!("    {}: {}\n", quoted(&clean(name)), quoted(&clean(&mask::named(name, value)))));
    }
}

fn lists(out: &mut String, instance: &Instance) {
    let limits = instance.limits;
    push(out, format_args!("host:\n  restart_policy: unless-stopped\n"));
    if let Some(cpu) = limits.cpu {
        push(out, format_args!("  cpus: {}\n", cpu as f64 / 1000.0));
    }
    for (key, value) in [("memory", limits.memory), ("pids_limit", limits.pids)] {
        if let Some(value) = value {
            push(out, format_args!("  {key}: {value}\n"));
        }
    }
    if !instance.ports.is_empty() {
        push(out, format_args!("  ports:\n"));
        instance.ports.iter().for_each(|port| push(out, format_args!("  - {}\n", quoted(&port.to_string()))));
    }
    if !instance.mounts.is_empty() {
        push(out, format_args!("mounts:\n"));
        for mount in instance.mounts.iter() {
            let (kind, source, target) = (&mount.kind, quoted(&mount.source), quoted(&mount.target));
            push(
                out,
                format_args!(
                    "- type: {kind}\n  source: {source}\n  target: {target}\n  read_only: {}\n",
                    mount.read_only
                ),
            );
        }
    }
    push(out, format_args!("networks:\n"));
    for (network, address) in &instance.addresses {
        push(out, format_args!("  {}:\n    address: {address}\n", quoted(network)));
    }
}

/// A JSON string is a YAML string too, whatever is in it.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-=*".contains(c))
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "null".to_owned(), |time| format!("\"{time:.3}\""))
}

fn processes(world: &World, index: usize, now: Timestamp) -> Result<Processes, Trouble> {
    let phase = world.phase(index, now);
    if !phase.doing.is_alive() {
        let what = format!("could not list the processes of {}", world.instances[index].name);
        let why = if matches!(phase.doing, Doing::Crashed(_)) { "it is being restarted" } else { "it does not run" };
        return Err(Trouble::new(what, why));
    }
    Ok(table(world, index, now))
}

/// In the columns of `ps -o pid,user,time,args`. What runs below the first process is made up from its number of workers.
pub fn table(world: &World, index: usize, now: Timestamp) -> Processes {
    let member = &world.instances[index];
    let script = world.script(member.service);
    let program = script.command.split_whitespace().next().unwrap_or("init");
    let chance = member.chance.of("processes");
    let workers = 1 + chance.below(3);
    let up = now.duration_since(world.phase(index, now).run).as_secs().max(0);
    let row = |pid: u64, share: i64, command: String| -> Vec<Arc<str>> {
        let seconds = up / share;
        let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        vec![pid.to_string().into(), "app".into(), time.into(), clean(&command).into()]
    };
    let worker = |n: u64| row(7 + chance.at(n).below(3) + n * 4, 20 + n as i64, format!("{program}: worker {n}"));
    let rows = std::iter::once(row(1, 40, mask::text(&script.command))).chain((1..=workers).map(worker)).collect();
    Processes { titles: ["PID", "USER", "TIME", "COMMAND"].map(Arc::from).to_vec(), rows }
}
