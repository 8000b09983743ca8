//! What a Docker Engine tells a gate of its containers.

use std::{io, time::Duration};

use futures::{future::BoxFuture, stream::BoxStream};
use tokio::{net::TcpStream, time::timeout};

use super::{
    api::{Api, Id},
    container::{CheckState, Container},
    fault::Fault,
    find, inside, logs, members,
    watch::inspect,
};
use crate::{
    backend::{
        FollowError, LogPiece, StepError, exit,
        gate::{Connection, Evidence, Member, Standing},
    },
    domain::{ClusterName, InstanceId, InstanceState, Trouble},
    message::Since,
    plan::Group,
};

/// A container on this machine takes a connection at once, or it is not on this machine.
const NEAR: Duration = Duration::from_secs(2);
const UNKNOWN: &str = "its state cannot be asked";

/// Talks to a port from inside the container, where it cannot be reached from here. `$1` is its own address.
const TALK: &str = r#"if command -v nc >/dev/null 2>&1; then exec nc -w 60 "$1" "$2"; fi
if command -v busybox >/dev/null 2>&1; then exec busybox nc -w 60 "$1" "$2"; fi
if command -v bash >/dev/null 2>&1; then exec bash -c 'exec 3<>"/dev/tcp/$1/$2" && { cat <&3 & cat >&3; }' talk "$1" "$2"; fi
echo "midwatch: no nc, no bash" >&2; exit 127"#;

pub struct DockerEvidence {
    pub api: Api,
    pub cluster: ClusterName,
}

impl Evidence for DockerEvidence {
    fn members<'a>(&'a self, group: &'a Group) -> BoxFuture<'a, Result<Vec<Member>, StepError>> {
        Box::pin(async move { self.looked_at(group).await.map_err(|fault| fault.step(UNKNOWN)) })
    }

    fn dial<'a>(&'a self, member: &'a Member, port: u16) -> BoxFuture<'a, Result<Connection, StepError>> {
        Box::pin(self.connect(member, port))
    }

    fn follow(&self, member: &Member, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        logs::follow(self.api.clone(), member.id.clone(), since)
    }
}

impl DockerEvidence {
    async fn looked_at(&self, group: &Group) -> Result<Vec<Member>, Fault> {
        let mut found = Vec::new();
        match group {
            Group::Instances(instances) => {
                for instance in instances {
                    let id = find::id(&self.api, &instance.key).await?;
                    let container = match id {
                        Some(id) => self.look(&id).await?,
                        None => None,
                    };
                    found.push(container.map_or_else(|| gone(instance), |container| self.member(&container)));
                }
            }
            Group::Newest(service) | Group::Older(service) | Group::All(service) => {
                let (newest, older) = members::newest_and_older(members::of(&self.api, service).await?);
                let ids = match group {
                    Group::Newest(_) => newest,
                    Group::Older(_) => older,
                    Group::All(_) | Group::Instances(_) => [newest, older].concat(),
                };
                for id in ids {
                    found.extend(self.look(&id).await?.map(|container| self.member(&container)));
                }
            }
        }
        Ok(found)
    }

    async fn look(&self, id: &str) -> Result<Option<Container>, Fault> {
        match inspect(&self.api, id).await {
            Ok(container) => Ok(Some(container)),
            Err(fault) if fault.is_not_found() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn member(&self, container: &Container) -> Member {
        Member {
            id: InstanceId::new(&self.cluster, container.id.clone()),
            name: container.name.clone(),
            standing: standing(container),
            restarts: container.restarts,
            started: container.started,
            help: format!("docker logs --tail 50 {}", container.name).into(),
        }
    }

    async fn connect(&self, member: &Member, port: u16) -> Result<Connection, StepError> {
        let what = format!("could not reach port {port} of {}", member.name);
        let lost = |fault: Fault| fault.step(what.as_str());
        let container = match self.look(&member.id.key).await.map_err(lost)? {
            Some(container) if container.state.is_alive() => container,
            Some(container) => {
                return Err(StepError::Failed(Trouble::new(what, format!("it is {}", container.state.word()))));
            }
            None => return Err(StepError::Failed(Trouble::new(what, "it is gone"))),
        };
        // In the host's own network it has no address of its own.
        let address = container.addresses.first().map_or("127.0.0.1", |(_, address)| address);
        if self.api.is_near() {
            match timeout(NEAR, TcpStream::connect((address, port))).await {
                Ok(Ok(stream)) => return Ok(Box::pin(stream)),
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    return Err(StepError::Failed(Trouble::new(what, "nothing listens on it")));
                }
                // The engine may run in a machine of its own, whose networks end there.
                Ok(Err(error)) => tracing::debug!(%error, "a container is not reached from here"),
                Err(_) => tracing::debug!("a container does not take a connection from here"),
            }
        }
        self.ask_inside(&container, address, port).await.map_err(|fault| match fault {
            Fault::Way { .. } => fault.step(what.as_str()),
            Fault::Refused { .. } | Fault::Garbled(_) => StepError::Unsure(fault.trouble(what.as_str())),
        })
    }

    async fn ask_inside(&self, container: &Container, address: &str, port: u16) -> Result<Connection, Fault> {
        let id = Id::new(&container.id)?;
        let has = "command -v nc || command -v busybox || command -v bash";
        let ran = inside::run(&self.api, id, &["sh", "-c", has], &[], NEAR * 5).await?;
        if ran.code != 0 {
            let why = "it is not reached from here, and has no nc and no bash to ask from inside";
            return Err(Fault::Refused { status: 501, message: why.into() });
        }
        let port = port.to_string();
        let pipe = inside::pipe(&self.api, id, &["sh", "-c", TALK, "talk", address, &port]).await?;
        Ok(Box::pin(pipe))
    }
}

fn gone(instance: &InstanceId) -> Member {
    let name = instance.key.trim_start_matches('@');
    Member {
        id: instance.clone(),
        name: name.get(..12).filter(|_| !instance.is_made()).unwrap_or(name).into(),
        standing: Standing::Gone,
        restarts: 0,
        started: None,
        help: "docker ps -a shows what there is".into(),
    }
}

fn standing(container: &Container) -> Standing {
    let not = |why: String| Standing::NotReady(why.into());
    match (&container.state, &container.check) {
        (InstanceState::Running, None) => Standing::Ready,
        (InstanceState::Running, Some(check)) => match check.state {
            CheckState::Healthy => Standing::Ready,
            CheckState::Starting => not("its health check has not passed yet".into()),
            CheckState::Unhealthy => not(match check.output.trim() {
                "" => format!("its health check failed {} times in a row", check.streak),
                said => {
                    format!("its health check says: {}", crate::domain::text::shorten(&said.replace('\n', " "), 200))
                }
            }),
        },
        (
            InstanceState::Exited { exit_code, out_of_memory } | InstanceState::Restarting { exit_code, out_of_memory },
            _,
        ) => not(format!("it ended, {}", exit::words(*exit_code, *out_of_memory, container.limits.memory))),
        (
            state @ (InstanceState::Paused | InstanceState::Created | InstanceState::Removing | InstanceState::Dead),
            _,
        ) => not(format!("it is {}", state.word())),
    }
}
