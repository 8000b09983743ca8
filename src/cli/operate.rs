//! Operations as commands: the plan and the way on stderr, one line of result on stdout, and an exit code that scripts can trust.

use std::{
    io::{self, Write},
    sync::Arc,
};

use futures::future::{BoxFuture, FutureExt};
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    cli::json,
    domain::{Inventory, Operation, OperationId, OperationState, Trouble, Verdict, text::clean},
    message::{Event, Weight},
    plan::{self, Plan, Refusal, Request},
    runtime::operate::{Operator, Word},
};

mod held;
mod list;
mod progress;

#[cfg(test)]
mod tests;

use held::Held;
pub use list::{find, operations};
use progress::Told;

/// What a command sees of the outside.
pub trait Outside {
    /// With the pictures of the clusters that the command is about.
    fn inventory(&self) -> &Inventory;

    /// The next thing that happens, already taken into the inventory. Nothing is lost when it is dropped before it is ready.
    fn next(&mut self) -> impl Future<Output = Event>;
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub yes: bool,
    pub dry_run: bool,
    pub json: bool,
    /// Somebody sits at stdin and can be asked.
    pub is_terminal: bool,
}

pub struct Streams<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// The plan, questions and progress.
    pub err: &'a mut dyn Write,
    /// Waits for one line of answer, from the call on: it comes before its question is written.
    pub answer: &'a mut (dyn FnMut() -> BoxFuture<'static, io::Result<String>> + Send),
}

/// The exit code's meaning: 0, 1, 3 and 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// It did not work: taken back, or stuck. The line on stdout says which.
    Failed,
    /// By the plan, by read-only, by another operation, or by the person.
    Refused,
    Unreachable,
}

/// Everything that a command works with.
pub struct Desk<'a, O> {
    pub outside: &'a mut O,
    pub operator: &'a Operator,
    pub options: Options,
    pub streams: Streams<'a>,
    /// Notified at Ctrl-C: the operation stops after its step and takes back what it did.
    pub stop: &'a Notify,
}

impl<O: Outside> Desk<'_, O> {
    /// Plans, asks, carries out. An error is one of the streams'.
    pub async fn carry_out(mut self, request: Request) -> io::Result<Ending> {
        let plan = match plan::make(self.outside.inventory(), &request) {
            Ok(plan) => plan,
            Err(refusal) => return self.refused(&request, &refusal),
        };
        if self.options.dry_run {
            self.print(&plan)?;
            return Ok(Ending::Done);
        }
        if !self.options.yes && !self.options.is_terminal {
            self.print(&plan)?;
            writeln!(self.streams.err, "not carried out: nobody is there to confirm it; --yes confirms")?;
            return Ok(Ending::Refused);
        }
        write!(self.streams.err, "{}", plan.text())?;
        if !self.options.yes && !self.confirmed(&plan).await? {
            writeln!(self.streams.err, "not confirmed: nothing was done")?;
            return Ok(Ending::Refused);
        }
        // The last things that happened before the answer, too. Whoever takes this much in a row is told by tokio that there is nothing.
        while tokio::task::unconstrained(self.outside.next()).now_or_never().is_some() {}
        let plan = match plan::make(self.outside.inventory(), &request) {
            Ok(today) if today.reads_as(&plan) => today,
            Ok(_) => {
                let moved = plan.has_moved(self.outside.inventory()).unwrap_or_else(|| "what it depends on".into());
                writeln!(self.streams.err, "the world has moved: {moved}; plan it again")?;
                return Ok(Ending::Refused);
            }
            Err(refusal) => return self.refused(&request, &refusal),
        };
        let began = self.operator.begin(plan);
        self.follow(began, Ending::Failed).await
    }

    /// What to do with an operation that was interrupted.
    pub async fn take_over(self, id: &OperationId, word: Word) -> io::Result<Ending> {
        let taken = match word {
            Word::Resume => self.operator.resume(id),
            Word::Undo => self.operator.undo(id),
            Word::Leave => self.operator.leave(id),
        };
        let id = id.clone();
        let began = tokio::spawn(async move {
            let taken = taken.await.unwrap_or_else(|error| Err(Trouble::new("it was not taken over", error)));
            taken.map(|()| id)
        });
        let undone = match word {
            Word::Undo => Ending::Done,
            Word::Resume | Word::Leave => Ending::Failed,
        };
        self.follow(began, undone).await
    }

    /// Tells of the way until it has ended. `undone`: what it is to whoever asked that all was taken back.
    async fn follow(mut self, began: JoinHandle<Result<OperationId, Trouble>>, undone: Ending) -> io::Result<Ending> {
        let mut began = Some(began);
        let mut id: Option<OperationId> = None;
        let (mut asked, mut stopping) = (false, false);
        let mut said: Said = None;
        let mut early: Vec<Operation> = Vec::new();
        let mut told = Told::default();
        let mut held = Held::default();
        loop {
            let event = tokio::select! {
                biased;
                () = self.stop.notified() => {
                    asked = true;
                    None
                }
                result = answer(&mut began) => match result {
                    Ok(known) => {
                        id = Some(known);
                        None
                    }
                    Err(trouble) => {
                        writeln!(self.streams.err, "{trouble}")?;
                        return Ok(Ending::Refused);
                    }
                },
                result = answer(&mut said) => {
                    match (result, std::mem::take(&mut stopping)) {
                        (Ok(()), true) => {
                            writeln!(self.streams.err, "stops after this step, and takes back what was done")?;
                        }
                        (Ok(()), false) => {}
                        // What was not heard may be said otherwise.
                        (Err(trouble), _) => {
                            writeln!(self.streams.err, "{trouble}")?;
                            held.ask_again(self.options.is_terminal, &mut self.streams)?;
                        }
                    }
                    None
                }
                typed = held.typed() => {
                    // From a terminal that is gone comes nothing any more; the operation goes on without it.
                    let typed = typed.unwrap_or_default();
                    if let Some(id) = &id
                        && let Some(word) = held.take(&typed, id, self.operator, &mut self.streams)?
                    {
                        (said, stopping) = (Some(word), false);
                    }
                    None
                }
                event = self.outside.next() => Some(event),
            };
            match event {
                Some(Event::Operation(operation)) => early.push(*operation),
                Some(Event::Notice(notice)) if notice.weight == Weight::Error && id.is_some() => {
                    writeln!(self.streams.err, "{}", notice.text)?;
                }
                Some(_) | None => {}
            }
            let Some(id) = &id else { continue };
            if std::mem::take(&mut asked) {
                (said, stopping) = (Some(self.operator.stop_and_undo(id)), true);
            }
            for operation in early.drain(..).filter(|operation| operation.id == *id) {
                told.tell(&operation, self.streams.err)?;
                held.tell(&operation, self.options.is_terminal, &mut self.streams)?;
                if let Some(ending) = ending(&operation, undone) {
                    conclude(&operation, self.options.json, &mut self.streams)?;
                    return Ok(ending);
                }
            }
        }
    }

    /// Enter alone is a no, and so is Ctrl-C. On a protected cluster a `y` is not enough either.
    async fn confirmed(&mut self, plan: &Plan) -> io::Result<bool> {
        let cluster = self.outside.inventory().cluster(&plan.service.cluster);
        let name = cluster.filter(|cluster| cluster.protected).map(|_| plan.service.name.clone());
        let mut answer = (self.streams.answer)();
        match &name {
            Some(name) => write!(self.streams.err, "type {name} to carry it out: ")?,
            None => write!(self.streams.err, "carry it out? [y/N] ")?,
        }
        self.streams.err.flush()?;
        // A person takes time to read, and the world moves meanwhile.
        let answer = loop {
            tokio::select! {
                biased;
                () = self.stop.notified() => {
                    writeln!(self.streams.err)?;
                    return Ok(false);
                }
                // A terminal that is gone says no.
                answer = &mut answer => break answer.unwrap_or_default(),
                _ = self.outside.next() => {}
            }
        };
        Ok(match name {
            Some(name) => answer.trim() == &*name,
            None => matches!(answer.trim(), "y" | "Y" | "yes"),
        })
    }

    fn print(&mut self, plan: &Plan) -> io::Result<()> {
        if self.options.json {
            json::write(&mut self.streams.out, plan)
        } else {
            write!(self.streams.out, "{}", plan.text())
        }
    }

    fn refused(&mut self, request: &Request, refusal: &Refusal) -> io::Result<Ending> {
        writeln!(self.streams.err, "refused: {}", clean(&refusal.why))?;
        if let Some(help) = &refusal.help {
            writeln!(self.streams.err, "  {}", clean(help))?;
        }
        let cluster = self.outside.inventory().cluster(request.target.cluster());
        let is_lost = cluster.is_some_and(|cluster| !cluster.link.is_live());
        Ok(if is_lost { Ending::Unreachable } else { Ending::Refused })
    }
}

/// Until what was begun has ended, when nobody is told of it any more. What happens is taken in all the same, or each step would wait
/// for a reader; and whoever asks to stop is heard.
pub async fn see_out(outside: &mut impl Outside, operator: &Operator, stop: &Notify) {
    let finished = operator.finished();
    tokio::pin!(finished);
    loop {
        tokio::select! {
            biased;
            () = &mut finished => return,
            () = stop.notified() => operator.stop_all(),
            _ = outside.next() => {}
        }
    }
}

/// A word to an operation, on its way.
type Said = Option<JoinHandle<Result<(), Trouble>>>;

/// Ends once, and then never again.
async fn answer<T>(asked: &mut Option<JoinHandle<Result<T, Trouble>>>) -> Result<T, Trouble> {
    let Some(handle) = asked.as_mut() else { return std::future::pending().await };
    let result = handle.await.unwrap_or_else(|error| Err(Trouble::new("it was not heard", error)));
    *asked = None;
    result
}

/// `None` while it goes on.
fn ending(operation: &Operation, undone: Ending) -> Option<Ending> {
    match &operation.state {
        OperationState::Running | OperationState::Held { .. } | OperationState::Undoing => None,
        OperationState::Interrupted => Some(Ending::Unreachable),
        OperationState::Ended(Verdict::Done { .. } | Verdict::Left { .. }) => Some(Ending::Done),
        OperationState::Ended(Verdict::Undone { .. }) => Some(undone),
        OperationState::Ended(Verdict::Stuck { .. }) => Some(Ending::Failed),
    }
}

fn conclude(operation: &Operation, json: bool, streams: &mut Streams<'_>) -> io::Result<()> {
    if json {
        return list::object(operation, streams.out);
    }
    let (says, help): (Arc<str>, Option<Arc<str>>) = match &operation.state {
        OperationState::Ended(Verdict::Stuck { says, help }) => (says.clone(), Some(format!("try: {help}").into())),
        OperationState::Ended(verdict) => (verdict.says().into(), None),
        OperationState::Running
        | OperationState::Held { .. }
        | OperationState::Undoing
        | OperationState::Interrupted => {
            let help = format!("midwatch resume {0}, or undo {0}, or leave {0}", operation.id);
            (format!("{}: interrupted", operation.title).into(), Some(help.into()))
        }
    };
    writeln!(streams.out, "{}", clean(&says))?;
    match help {
        Some(help) => writeln!(streams.err, "  {}", clean(&help)),
        None => Ok(()),
    }
}
