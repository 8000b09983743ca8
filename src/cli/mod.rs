//! The second way in: the console's questions and operations as commands, for scripts, pipelines and cron.

use std::{
    io::{self, BufWriter},
    process::ExitCode,
};

use tokio::signal::unix::{SignalKind, signal};

pub mod act;
pub mod arguments;
mod asked;
mod backups;
mod check;
pub mod exit;
pub mod find;
mod forget;
mod forward;
mod json;
mod keyboard;
mod list;
mod logs;
mod metrics;
mod nodes;
pub mod operate;
pub mod printer;
pub mod records;
mod releases;
pub mod session;
mod table;
mod tell;
#[cfg(test)]
mod tests;
mod velero;

use self::{
    arguments::{Arguments, Command, Options},
    asked::Asked,
    exit::{Exit, Stop},
    printer::Printer,
    session::{Narrow, Session},
};
use crate::{
    clock::Clock,
    domain::Trouble,
    plan::{Steer, Verb},
    runtime::operate::Word,
    setup::Setup,
};

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
        Command::Clusters(listing) => list::clusters(&mut look(options, printer)?, listing, printer).await,
        Command::Services(asked) => list::services(&mut look(options, printer)?, &asked, printer).await,
        Command::Instances(asked) => list::instances(&mut look(options, printer)?, &asked, printer).await,
        Command::Nodes(listing) => nodes::nodes(&mut look(options, printer)?, listing, printer).await,
        Command::Forward(asked) => forward::run(&mut look(options, printer)?, &asked, printer).await,
        Command::Releases { address, listing } => {
            releases::list(&mut look(options, printer)?, &address, listing, printer).await
        }
        Command::Diff(asked) => releases::diff(&mut look(options, printer)?, &asked, printer).await,
        Command::Logs(asked) => logs::run(&mut look(options, printer)?, &asked, printer).await,
        Command::Metrics(asked) => metrics::run(&mut look(options, printer)?, &asked, printer).await,
        Command::Check(listing) => check::run(options, listing, printer).await,
        Command::Restart(asked) => act::act(options, Asked::of_verb(Verb::Restart, asked), printer).await,
        Command::Stop(asked) => act::act(options, Asked::of_verb(Verb::Stop, asked), printer).await,
        Command::Start(asked) => act::act(options, Asked::of_verb(Verb::Start, asked), printer).await,
        Command::Rollout(asked) => act::act(options, Asked::rollout(*asked)?, printer).await,
        Command::Rollback(asked) => act::act(options, Asked::rollback(asked), printer).await,
        Command::Scale(asked) => act::act(options, Asked::scale(asked), printer).await,
        Command::Delete(asked) => act::act(options, Asked::delete(asked), printer).await,
        Command::Backups(asked) => backups::list(options, &asked, printer).await,
        Command::Backup(asked) => backups::back_up(options, &asked, printer).await,
        Command::Restore(asked) => backups::restore(options, &asked, printer).await,
        Command::Forget(asked) => forget::run(options, &asked, printer).await,
        Command::Verify(asked) => backups::verify(options, &asked, printer).await,
        Command::Velero(asked) => velero::run(options, *asked, printer).await,
        Command::Cordon(asked) => act::act(options, Asked::node(Verb::Cordon, asked), printer).await,
        Command::Uncordon(asked) => act::act(options, Asked::node(Verb::Uncordon, asked), printer).await,
        Command::Drain(asked) => act::act(options, Asked::drain(asked), printer).await,
        Command::Pause(asked) => tell::tell(options, Verb::Pause, asked, printer).await,
        Command::Resume(asked) => tell::tell(options, Verb::Resume, asked, printer).await,
        Command::Promote(asked) => {
            let word = if asked.full { Steer::PromoteFull } else { Steer::Promote };
            tell::tell(options, Verb::Steer(word), asked.told, printer).await
        }
        Command::Abort(asked) => tell::tell(options, Verb::Steer(Steer::Abort), asked, printer).await,
        Command::Retry(asked) => tell::tell(options, Verb::Steer(Steer::Retry), asked, printer).await,
        Command::Operations { listing, limit } => act::operations(options, listing, limit, printer),
        Command::Undo(asked) => act::decide(options, Word::Undo, &asked, printer).await,
        Command::Leave(asked) => act::decide(options, Word::Leave, &asked, printer).await,
        Command::Demo => Err(Stop::usage("nothing to do", "demo opens the console")),
    }
}

fn look(options: &Options, printer: &mut Printer<'_>) -> Result<Session, Stop> {
    open(&Setup::load(options, None), printer)
}

/// Begins to connect, and tells what in the config is not understood.
fn open(setup: &Setup, printer: &mut Printer<'_>) -> Result<Session, Stop> {
    for complaint in &setup.complaints {
        printer.say(&complaint.to_string());
    }
    let fleet = setup.fleet(Clock::system()).map_err(|trouble| Stop::Because(Exit::Usage, trouble))?;
    Session::open(fleet, Narrow::of(&setup.options))
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
