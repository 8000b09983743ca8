//! Carries out what the app wants done once: hands it to the runtime, the operator, the disk or the terminal.

use std::{collections::BTreeSet, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    clock::Clock,
    config::{self, Paths, terminal::Terminal as Kind, theme},
    domain::{ClusterName, InstanceId, Trouble, units},
    message::{Effect, Event, Notice, Subscriptions},
    runtime::{Runtime, channels::Inbox, operate::Operator},
    shell,
    terminal::Terminal,
    ui::Theme,
};

pub struct Effects {
    pub runtime: Runtime,
    pub operator: Operator,
    pub facts: mpsc::Sender<Event>,
    pub clock: Clock,
    pub paths: Paths,
    /// The theme in use, by its name.
    pub theme: String,
    pub kind: Kind,
    pub ascii: bool,
}

impl Effects {
    /// What takes its time goes on by itself; how it went comes back as an event.
    pub fn begin(&self, effect: Effect) {
        match effect {
            Effect::Begin(plan) => self.report(self.operator.begin(*plan)),
            Effect::StopAndUndo(id) => self.report(self.operator.stop_and_undo(&id)),
            Effect::Tell(id, word) => self.report(self.operator.tell(&id, word)),
            Effect::Arm => self.operator.arm(),
            Effect::Resume(id) => self.report(self.operator.resume(&id)),
            Effect::Undo(id) => self.report(self.operator.undo(&id)),
            Effect::Leave(id) => self.report(self.operator.leave(&id)),
            Effect::Reconnect(cluster) => self.runtime.reconnect(&cluster),
            Effect::Copy(_)
            | Effect::Save { .. }
            | Effect::Shell(_)
            | Effect::Suspend
            | Effect::Redraw
            | Effect::NextTheme
            | Effect::Quit => {}
        }
    }

    /// Without a screen: what was begun goes on to its end, for which its clusters stay connected.
    pub async fn finish(mut self, clusters: BTreeSet<ClusterName>, mut inbox: Inbox) {
        self.runtime.reconcile(&Subscriptions { clusters, ..Subscriptions::default() });
        // The links wait until somebody takes in what they say.
        let listen = async { while inbox.facts.recv().await.is_some() {} };
        tokio::select! {
            () = self.operator.finished() => {}
            () = listen => {}
        }
    }

    fn report<T: Send + 'static>(&self, begun: JoinHandle<Result<T, Trouble>>) {
        let (facts, clock) = (self.facts.clone(), self.clock);
        tokio::spawn(async move {
            if let Ok(Err(trouble)) = begun.await {
                // Nobody listens any more when the console is closed, and then nobody reads it either.
                let _ = facts.send(Event::Notice(Notice::error(clock.now(), &trouble))).await;
            }
        });
    }

    /// Writes a new file that only its owner can read; an existing one is never written over.
    pub async fn save(&self, path: &Path, text: &str) -> Result<String, Trouble> {
        let (owned, size) = (path.to_owned(), text.len() as u64);
        let text = text.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&owned)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        let what = || format!("could not save to {}", path.display());
        match written.await {
            Ok(Ok(())) => Ok(format!("saved {} to {}", units::bytes(size), path.display())),
            Ok(Err(error)) => Err(Trouble::new(what(), error)),
            Err(error) => Err(Trouble::new(what(), error)),
        }
    }

    pub fn next_theme(&mut self) -> (Theme, String) {
        let names = theme::names(&self.paths);
        let at = names.iter().position(|name| *name == self.theme).map_or(0, |at| (at + 1) % names.len());
        self.theme.clone_from(&names[at]);
        let (theme, _) = config::Theme::load(&self.theme, &self.paths);
        (Theme::new(&theme, self.kind, self.ascii), self.theme.clone())
    }

    pub async fn shell(&self, terminal: &mut Terminal, instance: InstanceId) -> Result<(), Trouble> {
        const WHAT: &str = "could not open a shell";
        let backend = self
            .runtime
            .connections()
            .live(&instance.cluster)
            .ok_or_else(|| Trouble::new(WHAT, format!("{} cannot be reached", instance.cluster)))?;
        shell::run(backend, terminal, instance).await
    }
}
