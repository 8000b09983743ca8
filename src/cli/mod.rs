//! The second way in: the console's questions and operations as commands, for scripts, pipelines and cron.

use std::{
    io::{self, BufWriter},
    process::ExitCode,
};

use tokio::signal::unix::{SignalKind, signal};

pub mod arguments;
mod check;
pub mod exit;
pub mod find;
mod json;
mod list;
mod logs;
mod metrics;
pub mod operate;
pub mod printer;
pub mod records;
pub mod session;
mod table;
#[cfg(test)]
mod tests;
mod wiring;

use self::{
    arguments::{Arguments, Command, Options},
    exit::{Exit, Stop},
    printer::Printer,
    session::{Narrow, Session},
};
use crate::{domain::Trouble, plan::Verb};

/// Carries a command out and says how it ended. Whether the console is meant instead is the caller's question.
pub fn run(arguments: Arguments) -> ExitCode {
    let stdout = io::stdout();
    let mut out = BufWriter::with_capacity(64 << 10, stdout.lock());
    let mut err = io::stderr();
    let mut printer = Printer::new(&mut out, &mut err).coloured_for(&stdout);
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = match threads {
        Ok(threads) => {
            let result = threads.block_on(command(arguments, &mut printer));
            // What still waits for an engine is of no use to anybody.
            threads.shutdown_background();
            result
        }
        Err(error) => Err(Stop::Because(Exit::Failed, Trouble::new("could not start", error))),
    };
    printer.conclude(result).into()
}

async fn command(arguments: Arguments, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let Arguments { options, command } = arguments;
    let Some(command) = command else {
        return Err(Stop::usage("nothing to do", "the console opens without a command"));
    };
    if command.changes_something() {
        // Ends between steps, not in the middle of one: it listens for signals itself.
        return carry_out(&options, command, printer).await;
    }
    tokio::select! {
        result = carry_out(&options, command, printer) => result,
        exit = interruption() => exit,
    }
}

async fn carry_out(options: &Options, command: Command, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    match command {
        Command::Clusters(listing) => list::clusters(&mut open(options, printer).await?, listing, printer).await,
        Command::Services(asked) => list::services(&mut open(options, printer).await?, &asked, printer).await,
        Command::Instances(asked) => list::instances(&mut open(options, printer).await?, &asked, printer).await,
        Command::Releases { address, listing } => {
            list::releases(&mut open(options, printer).await?, &address, listing, printer).await
        }
        Command::Logs(asked) => logs::run(&mut open(options, printer).await?, &asked, printer).await,
        Command::Metrics(asked) => metrics::run(&mut open(options, printer).await?, &asked, printer).await,
        Command::Check(listing) => check::run(options, listing, printer).await,
        Command::Restart(asked) => wiring::act(options, Verb::Restart, &asked, printer).await,
        Command::Stop(asked) => wiring::act(options, Verb::Stop, &asked, printer).await,
        Command::Start(asked) => wiring::act(options, Verb::Start, &asked, printer).await,
        Command::Operations { listing, limit } => wiring::operations(options, listing, limit, printer).await,
        Command::Resume(asked) => wiring::decide(options, wiring::Decision::Resume, &asked, printer).await,
        Command::Undo(asked) => wiring::decide(options, wiring::Decision::Undo, &asked, printer).await,
        Command::Leave(asked) => wiring::decide(options, wiring::Decision::Leave, &asked, printer).await,
        Command::Demo => Err(Stop::usage("nothing to do", "demo opens the console")),
    }
}

async fn open(options: &Options, printer: &mut Printer<'_>) -> Result<Session, Stop> {
    Session::open(wiring::fleet(options, printer).await?, Narrow::of(options))
}

/// A person's Ctrl-C, or a machine's word. Connections are closed on the way out.
async fn interruption() -> Result<Exit, Stop> {
    let trouble = |error| Stop::Because(Exit::Failed, Trouble::new("could not listen for signals", error));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(trouble)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(trouble)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(trouble)?;
    tokio::select! {
        _ = interrupt.recv() => Ok(Exit::Interrupted),
        _ = terminate.recv() => Ok(Exit::Terminated),
        _ = hangup.recv() => Ok(Exit::Terminated),
    }
}
