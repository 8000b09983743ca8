//! `midwatch forget`: lets go what the rules of the config do not keep, and frees what only that held.

use std::io::{self, IsTerminal};

use super::{
    act,
    arguments::{Forget, Options},
    exit::{Exit, Stop},
    keyboard,
    list::age,
    printer::Printer,
    records::RetainedRecord,
    table::{
        Table,
        Title::{Left, Right},
    },
};
use crate::{
    clock::Clock,
    domain::units,
    repository::{PrunePlan, Retained},
    runtime::{backup::unconfigured, gate::Gate},
    setup::{Books, Setup, who},
};

pub async fn run(options: &Options, asked: &Forget, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let vault = setup.vault().ok_or_else(|| Stop::Because(Exit::Usage, unconfigured()))?;
    let gate = Gate::new(setup.config.read_only, [], None).with_vault(Some(vault.clone()));
    let clock = Clock::system();
    let now = clock.now();
    let (mut found, plan) = vault.retention(now).await.map_err(act::failed)?;
    found.retain(|one| asked.address.as_ref().is_none_or(|address| address.matches(&one.snapshot.item.service)));
    if asked.listing.json {
        for one in &found {
            printer.object(&RetainedRecord::of(one))?;
        }
    } else {
        list(&found, now, printer)?;
    }
    let goes: Vec<_> = found.iter().filter(|one| !one.stays).map(|one| one.snapshot.clone()).collect();
    printer.say(&told(&found, goes.len(), &plan));
    if asked.dry_run {
        return Ok(Exit::Done);
    }
    gate.check_forget().map_err(|trouble| Stop::Because(Exit::Refused, trouble))?;
    if goes.is_empty() && !plan.does_something() {
        return Ok(Exit::Done);
    }
    if !asked.yes && !confirmed(printer).await? {
        return Ok(Exit::Refused);
    }
    let journal = Books::of(&setup).open().map_err(act::failed)?;
    let done = gate.forget(&goes, &journal, (&who(), clock)).await.map_err(act::failed)?;
    printer.line(&format!("forgot {} snapshots; {}", goes.len(), freed(&done)))?;
    Ok(Exit::Done)
}

fn list(found: &[Retained], now: jiff::Timestamp, printer: &mut Printer<'_>) -> Result<(), Stop> {
    let mut table = Table::new(&[
        Left("SNAPSHOT"),
        Left("SERVICE"),
        Left("WHAT"),
        Right("AGE"),
        Right("SIZE"),
        Left("GOES"),
        Left("WHY"),
    ]);
    for Retained { snapshot, stays, why } in found {
        table.row(
            None,
            [
                snapshot.id.to_string(),
                snapshot.item.service.to_string(),
                snapshot.item.what(),
                age(Some(snapshot.at), now),
                units::bytes(snapshot.bytes()),
                if *stays { "stays" } else { "goes" }.into(),
                why.join(", "),
            ],
        );
    }
    Ok(table.print(printer)?)
}

fn told(found: &[Retained], goes: usize, plan: &PrunePlan) -> String {
    let stays = found.len() - goes;
    format!("{goes} go, {stays} stay; before they went, {}", freed(plan))
}

fn freed(plan: &PrunePlan) -> String {
    let bytes = units::bytes;
    format!(
        "{} freed now, {} marked to go after a day, {} rewritten, {} in use",
        bytes(plan.removed),
        bytes(plan.marked),
        bytes(plan.rewritten),
        bytes(plan.used)
    )
}

async fn confirmed(printer: &mut Printer<'_>) -> Result<bool, Stop> {
    if !io::stdin().is_terminal() {
        printer.say("not confirmed: nobody is there to confirm it; --yes confirms");
        return Ok(false);
    }
    let answer = keyboard::ask();
    let (_, err) = printer.streams();
    write!(err, "let them go? [y/N] ")?;
    err.flush()?;
    // A terminal that is gone says no.
    let answer = answer.await.unwrap_or_default();
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
