//! The commands that change something: who is meant, who carries it out, and what a signal means meanwhile. The rest is `operate`.

use std::{
    convert::Infallible,
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use futures::FutureExt;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

use super::{
    arguments::{Consent, Interrupted, Listing, Options},
    asked::{Asked, Of},
    exit::{Exit, Stop},
    keyboard,
    operate::{self, Desk, Ending, Outside, Streams},
    printer::Printer,
    session::{Narrow, Session},
};
use crate::{
    clock::Clock,
    domain::{Cluster, Inventory, Operation, OperationId, Trouble, text::clean},
    message::Event,
    plan::Request,
    runtime::{
        gate::Gate,
        operate::{Operator, Parts, Word, foretell},
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

/// The commands that plan something, ask, and carry it out.
pub async fn act(options: &Options, asked: Asked, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let consent = &asked.consent;
    let why = reason(&setup, consent)?;
    let mut session = super::open(&setup, printer)?;
    match &asked.of {
        Of::Service { address, .. } => session.pictures_for(Some(address)).await,
        Of::Node(_) => session.pictures().await,
    }
    session.tell_lost(printer);
    let (verb, target) = asked.resolved(&mut session).await?;
    let request = Request {
        why,
        take_over: consent.take_over,
        keep: setup.config.keep_releases,
        within: asked.within,
        ..Request::new(verb, target)
    };
    carry_out(&mut session, &setup, consent, Task::CarryOut(request), printer).await
}

/// As it was typed. `Err`: the config asks for one.
pub fn reason(setup: &Setup, consent: &Consent) -> Result<Option<Arc<str>>, Stop> {
    let why = consent.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
    if setup.config.ask_reason && why.is_none() && !consent.dry_run {
        let trouble = Trouble::new("nothing was done", "the config asks for a reason with every change");
        return Err(Stop::Because(Exit::Usage, trouble.help("--why TEXT: a reason or a ticket")));
    }
    Ok(why.map(|why| Arc::from(clean(why))))
}

pub async fn carry_out(
    session: &mut Session,
    setup: &Setup,
    consent: &Consent,
    task: Task,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    let books = Books::of(setup);
    let how = operate::Options { yes: consent.yes, dry_run: consent.dry_run, ..how(consent.listing) };
    at_desk(session, setup, &books, how, task, printer).await
}

/// `midwatch undo` and `leave`.
pub async fn decide(
    options: &Options,
    word: Word,
    asked: &Interrupted,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let books = Books::of(&setup);
    let operation = known(&books, &asked.id)?;
    if operation.is_running() {
        let trouble =
            Trouble::new(format!("{} was not taken over", operation.title), "it was not interrupted: it runs");
        return Err(Stop::Because(
            Exit::Refused,
            trouble.help(format!("to stop it and take back what it did: midwatch abort {}", operation.id)),
        ));
    }
    let consent = Consent { yes: asked.yes, dry_run: asked.dry_run, ..Consent::default() };
    take_over(&setup, &books, &operation, word, &consent, printer).await
}

/// As it is written down now.
pub fn known(books: &Books, typed: &str) -> Result<Operation, Stop> {
    let operations = books.open().map_err(failed)?.operations().operations;
    let found = operate::find(&operations, typed).map_err(|trouble| Stop::Because(Exit::Usage, trouble))?;
    Ok(found.clone())
}

/// What to do with an operation that was interrupted.
pub async fn take_over(
    setup: &Setup,
    books: &Books,
    operation: &Operation,
    word: Word,
    consent: &Consent,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    if consent.dry_run {
        return foretold(books, operation, word, printer);
    }
    if !consent.yes && !confirmed(setup, operation, word.name(), printer).await? {
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
    at_desk(&mut session, setup, books, how(Listing::default()), task, printer).await
}

fn foretold(books: &Books, operation: &Operation, word: Word, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let journal = books.open().map_err(failed)?;
    let steps = foretell(&journal, &operation.id, word);
    let steps = steps.map_err(|trouble| Stop::Because(Exit::Refused, trouble))?;
    let would = match word {
        Word::Resume => "would be gone on with where it was cut off",
        Word::Undo => "would be taken back, as far as it came",
        Word::Leave => "would be left as it is",
    };
    printer.line(&format!("{}: {would}; nothing was done", operation.title))?;
    for step in steps {
        printer.line(&format!("  {}", step.title))?;
        if let Some(note) = step.note {
            printer.line(&format!("    {note}"))?;
        }
    }
    Ok(Exit::Done)
}

/// `midwatch operations`.
pub fn operations(options: &Options, listing: Listing, limit: usize, printer: &mut Printer) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let found = Books::of(&setup).open().map_err(failed)?.operations();
    for trouble in &found.unreadable {
        printer.trouble(trouble);
    }
    operate::operations(&found.operations, limit, listing.json, Clock::system().now(), printer.streams().0)?;
    Ok(if found.unreadable.is_empty() { Exit::Done } else { Exit::Failed })
}

pub enum Task {
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
    let gate = Gate::new(setup.config.read_only, read_only, None).with_vault(setup.vault());
    let operator = operator(session, books, gate);
    let stop = Notify::new();
    let (out, err) = printer.streams();
    let mut err = Unshakable(err);
    let mut answer = || keyboard::ask().boxed();
    let streams = Streams { out, err: &mut err, answer: &mut answer };
    let desk = Desk { outside: &mut *session, operator: &operator, options: how, streams, stop: &stop };
    let work = async {
        match task {
            Task::CarryOut(request) => desk.carry_out(request).await,
            Task::TakeOver(id, word) => desk.take_over(&id, word).await,
        }
    };
    let signals = pass_signals_on(&stop);
    tokio::pin!(signals);
    let ending = tokio::select! {
        ending = work => ending,
        never = &mut signals => match never {},
    };
    // Also when nobody could be told any more: what was begun goes to its end.
    tokio::select! {
        () = operate::see_out(session, &operator, &stop) => {}
        never = &mut signals => match never {},
    }
    Ok(match ending? {
        Ending::Done => Exit::Done,
        Ending::Failed => Exit::Failed,
        Ending::Refused => Exit::Refused,
        Ending::Unreachable => Exit::Unreachable,
    })
}

pub fn operator(session: &Session, books: &Books, gate: Gate) -> Operator {
    Operator::new(Parts {
        connections: session.connections(),
        facts: session.outbox().facts,
        journal: books.open(),
        clock: session.clock,
        gate,
        who: setup::who(),
    })
}

/// Ctrl-C and SIGTERM ask to stop between steps. A terminal that is gone (SIGHUP) stops nothing. Listens from this call on: whoever answers
/// the question as soon as it can be read must not end the process.
fn pass_signals_on(stop: &Notify) -> impl Future<Output = Infallible> {
    let listen = |kind| signal(kind).expect("a signal that can be caught, inside tokio");
    let mut interrupt = listen(SignalKind::interrupt());
    let mut terminate = listen(SignalKind::terminate());
    let mut hangup = listen(SignalKind::hangup());
    async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => stop.notify_one(),
                _ = terminate.recv() => stop.notify_one(),
                _ = hangup.recv() => tracing::info!("the terminal is gone; the operation goes on"),
            }
        }
    }
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

/// A word to an operation takes what a plan takes: a yes, and on a protected cluster the name of its service.
pub async fn confirmed(
    setup: &Setup,
    operation: &Operation,
    word: &str,
    printer: &mut Printer<'_>,
) -> Result<bool, Stop> {
    if !io::stdin().is_terminal() {
        printer.say("not confirmed: nobody is there to confirm it; --yes confirms");
        return Ok(false);
    }
    let is_protected = cluster_of(setup, operation).map_or(setup.config.protected, |cluster| cluster.protected);
    let (title, name) = (clean(&operation.title), &*operation.service.name);
    let (_, err) = printer.streams();
    let answer = keyboard::ask();
    match is_protected {
        true => write!(err, "{word}: {title}: type {} to do it: ", clean(name))?,
        false => write!(err, "{word}: {title}: sure? [y/N] ")?,
    }
    err.flush()?;
    // A terminal that is gone says no.
    let answer = answer.await.unwrap_or_default();
    let answer = answer.trim();
    Ok(if is_protected { answer == name } else { matches!(answer, "y" | "Y" | "yes") })
}

/// As the config has it; `None` where it is not there any more.
pub fn cluster_of(setup: &Setup, operation: &Operation) -> Option<Cluster> {
    let fleet = setup.fleet(Clock::system()).ok()?;
    fleet.clusters.into_iter().map(|(cluster, _)| cluster).find(|cluster| cluster.name == operation.service.cluster)
}

fn how(listing: Listing) -> operate::Options {
    let is_terminal = io::stdin().is_terminal();
    operate::Options { json: listing.json, is_terminal, ..operate::Options::default() }
}

pub fn failed(trouble: Trouble) -> Stop {
    Stop::Because(Exit::Failed, trouble)
}
