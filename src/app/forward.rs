//! Ports of this machine that go to services: the line in which one is asked for, and what the world remembers of those that are open.

use std::collections::BTreeMap;

use tui_input::InputRequest;

use crate::{
    app::{World, prompt::Prompt},
    domain::{Ports, ServiceId},
    message::{Forward, ForwardState, Notice},
};

#[derive(Debug)]
pub struct ForwardPrompt {
    pub service: ServiceId,
    /// Those of the service that can be forwarded, as far as its engine tells.
    pub ports: Vec<u16>,
    pub prompt: Prompt,
    /// When it was opened.
    taken: BTreeMap<u16, Forward>,
}

impl ForwardPrompt {
    /// Begins with the service's first port, and one here that is likely to be free.
    pub fn of(service: ServiceId, world: &World) -> Self {
        let known = world.inventory.service(&service).map(|service| service.ports.as_slice()).unwrap_or_default();
        let mut ports: Vec<u16> =
            known.iter().filter(|port| &*port.protocol == "tcp").map(|port| port.inside).collect();
        ports.dedup();
        let taken = world.forwards_wanted.clone();
        let usual = ports.first().map(|&remote| {
            let local = Ports { local: None, remote }.local(|port| taken.contains_key(&port));
            Ports { local: Some(local), remote }.to_string()
        });
        Self { service, ports, prompt: Prompt::new("local:remote", usual.unwrap_or_default()), taken }
    }

    pub fn edit(&mut self, request: InputRequest) {
        self.prompt.edit(request);
    }

    /// What was typed so far, or what is wrong with it.
    pub fn meant(&self) -> Result<(u16, Forward), String> {
        let ports: Ports = self.prompt.text().parse()?;
        let local = ports.local(|port| self.taken.contains_key(&port));
        let forward = Forward { service: self.service.clone(), port: ports.remote };
        match self.taken.get(&local) {
            Some(other) if *other == forward => Err(format!("port {local} goes there already")),
            Some(other) => Err(format!("port {local} goes to {} of {} already", other.port, other.service)),
            None => Ok((local, forward)),
        }
    }
}

impl World {
    /// From now on the port is wanted in every screen. Says so.
    pub fn listen(&mut self, local: u16, forward: Forward) -> String {
        let told = format!("localhost:{local} goes to port {} of {}", forward.port, forward.service);
        self.forwards.remove(&local);
        self.forwards_wanted.insert(local, forward);
        told
    }

    pub fn close_forward(&mut self, local: u16) {
        self.forwards_wanted.remove(&local);
        self.forwards.remove(&local);
    }

    /// How one of them is doing; what is still said of one that was closed is dropped. One that cannot be had at all is worth a notice,
    /// as its person may be on another screen by now.
    pub fn forward_is(&mut self, local: u16, state: ForwardState) {
        let Some(wanted) = self.forwards_wanted.get(&local) else { return };
        if let ForwardState::Refused(trouble) = &state
            && self.forwards.get(&local) != Some(&state)
        {
            let mut notice = Notice::error(self.now, trouble);
            notice.text = format!("{} (for port {} of {})", notice.text, wanted.port, wanted.service).into();
            self.notice(notice);
        }
        self.forwards.insert(local, state);
    }

    pub fn troubled_forwards(&self) -> usize {
        let troubled = |state: &&ForwardState| match state {
            ForwardState::Troubled(_) | ForwardState::Refused(_) => true,
            ForwardState::Listening { .. } => false,
        };
        self.forwards.values().filter(troubled).count()
    }
}
