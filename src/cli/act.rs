//! The commands that change something: who is meant, who carries it out, and what a signal means meanwhile. The rest is `operate`.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use futures::FutureExt;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, oneshot},
};

use super::{
    arguments::{Acting, Interrupted, Listing, Options},
    exit::{Exit, Stop},
    find,
    operate::{self, Desk, Ending, Outside, Streams, Word},
    printer::Printer,
    session::{Narrow, Session},
};
use crate::{
    clock::Clock,
    domain::{Inventory, OperationId, Trouble, text::clean},
    message::Event,
    plan::{Request, Target, Verb},
    runtime::{
        gate::Gate,
        operate::{Operator, Parts},
    },
    setup::{self, Books, Setup},
};

impl Outside for Session {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn next(&mut self) -> impl Future<Output = Event> {
        Session::next(self)
    }
}

/// `midwatch restart`, `stop` and `start`.
pub async fn act(options: &Options, verb: Verb, asked: &Acting, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let mut session = super::open(&setup, printer)?;
    session.pictures_for(Some(&asked.address)).await;
    session.tell_lost(printer);
    let service = find::service_to_change(&session, &asked.address)?;
    session.rights(&service).await;
    let target = match &asked.instance {
        Some(name) => Target::Instance(find::instance(&session, &service, name)?.id.clone()),
        None => Target::Service(service),
    };
    let why = asked.why.as_deref().map(|why| Arc::from(clean(why)));
    let books = Books::of(&setup);
    let how = operate::Options { yes: asked.yes, dry_run: asked.dry_run, ..how(asked.listing) };
    at_desk(&mut session, &setup, &books, how, Task::CarryOut(Request { verb, target, why }), printer).await
}

/// `midwatch resume`, `undo` and `leave`.
pub async fn decide(
    options: &Options,
    word: Word,
    asked: &Interrupted,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let books = Books::of(&setup);
    let operations = books.open().map_err(failed)?.operations().operations;
    let operation = operate::find(&operations, &asked.id).map_err(|trouble| Stop::Because(Exit::Usage, trouble))?;
    if !asked.yes && !confirmed(&operation.title, printer)? {
        return Ok(Exit::Refused);
    }
    let mut session = match word {
        // Needs nobody's help, also not that of a cluster that is no more.
        Word::Leave => Session::idle(Clock::system()),
        Word::Resume | Word::Undo => {
            let clusters = [operation.service.cluster.clone()].into();
            let fleet = setup.fleet(Clock::system()).map_err(|trouble| Stop::Because(Exit::Usage, trouble))?;
            Session::open(fleet, Narrow { clusters, ..Narrow::default() })?
        }
    };
    session.pictures().await;
    if session.tell_lost(printer) == Exit::Unreachable {
        return Ok(Exit::Unreachable);
    }
    let task = Task::TakeOver(operation.id.clone(), word);
    at_desk(&mut session, &setup, &books, how(Listing::default()), task, printer).await
}

/// `midwatch operations`.
pub fn operations(options: &Options, listing: Listing, limit: usize, printer: &mut Printer) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let found = Books::of(&setup).open().map_err(failed)?.operations();
    for trouble in &found.unreadable {
        printer.trouble(trouble);
    }
    let newest = &found.operations[found.operations.len().saturating_sub(limit)..];
    operate::operations(newest, listing.json, Clock::system().now(), printer.streams().0)?;
    Ok(if found.unreadable.is_empty() { Exit::Done } else { Exit::Failed })
}

enum Task {
    CarryOut(Request),
    TakeOver(OperationId, Word),
}

async fn at_desk(
    session: &mut Session,
    setup: &Setup,
    books: &Books,
    how: operate::Options,
    task: Task,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    let read_only =
        session.inventory.clusters().filter(|cluster| cluster.read_only).map(|cluster| cluster.name.clone());
    let operator = Operator::new(Parts {
        connections: session.connections(),
        facts: session.outbox().facts,
        journal: books.open(),
        clock: session.clock,
        gate: Gate::new(setup.config.read_only, read_only),
        who: setup::who(),
    });
    let stop = Notify::new();
    let (out, err) = printer.streams();
    let mut err = Unshakable(err);
    let mut answer = || typed().boxed();
    let streams = Streams { out, err: &mut err, answer: &mut answer };
    let desk = Desk { outside: session, operator: &operator, options: how, streams, stop: &stop };
    let work = async {
        match task {
            Task::CarryOut(request) => desk.carry_out(request).await,
            Task::TakeOver(id, word) => desk.take_over(&id, word).await,
        }
    };
    let ending = tokio::select! {
        ending = work => ending,
        never = pass_signals_on(&stop) => match never {},
    };
    // Also when nobody could be told any more: what was begun goes to its end.
    operator.finished().await;
    Ok(match ending? {
        Ending::Done => Exit::Done,
        Ending::Failed => Exit::Failed,
        Ending::Refused => Exit::Refused,
        Ending::Unreachable => Exit::Unreachable,
    })
}

/// Ctrl-C and SIGTERM ask to stop between steps. A terminal that is gone (SIGHUP) stops nothing.
async fn pass_signals_on(stop: &Notify) -> std::convert::Infallible {
    let listen = |kind| signal(kind).expect("a signal that can be caught, inside tokio");
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    let mut hangup = listen(SignalKind::hangup());
    loop {
        tokio::select! {
            _ = interrupt.recv() => stop.notify_one(),
            _ = terminate.recv() => stop.notify_one(),
            _ = hangup.recv() => tracing::info!("the terminal is gone; the operation goes on"),
        }
    }
}

/// One line of stdin; empty at its end. Read on a thread of its own, which nobody waits for when the question has become idle.
async fn typed() -> io::Result<String> {
    let (send, line) = oneshot::channel();
    std::thread::spawn(move || send.send(io::stdin().lines().next().unwrap_or_else(|| Ok(String::new()))));
    line.await.map_err(io::Error::other)?
}

/// Progress that nobody can read is no reason to stop in the middle of an operation.
struct Unshakable<'a>(&'a mut dyn Write);

impl Write for Unshakable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes).unwrap_or(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

fn confirmed(title: &str, printer: &mut Printer) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        printer.say("not confirmed: nobody is there to confirm it; --yes confirms");
        return Ok(false);
    }
    let (_, err) = printer.streams();
    write!(err, "{}: sure? [y/N] ", clean(title))?;
    err.flush()?;
    let answer = io::stdin().lines().next().transpose()?.unwrap_or_default();
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn how(listing: Listing) -> operate::Options {
    let is_terminal = io::stdin().is_terminal();
    operate::Options { json: listing.json, is_terminal, ..operate::Options::default() }
}

fn failed(trouble: Trouble) -> Stop {
    Stop::Because(Exit::Failed, trouble)
}
