//! `midwatch backups`, `backup`, `restore` and `verify`.

mod beside;

use jiff::Timestamp;

use super::{
    act::{self, Task},
    arguments::{BackUp, Backups, Consent, Options, Restore, Verify, What},
    exit::{Exit, Stop},
    find,
    list::age,
    printer::Printer,
    records::{ProtectionRecord, SnapshotRecord},
    session::Session,
    table::{
        Table,
        Title::{Left, Right},
    },
};
use crate::{
    domain::{Address, Item, Listing, Method, Protection, ServiceId, Snapshot, Standing, Trouble, units},
    plan::{Request, Restoring, Target, Verb, Verifying},
    runtime::backup::{Vault, unconfigured},
    setup::Setup,
};

/// The newest that an error lists.
const LISTED: usize = 10;

/// What every one of these commands begins with.
struct Desk {
    setup: Setup,
    session: Session,
    vault: Vault,
    listing: Listing,
}

impl Desk {
    async fn open(
        options: &Options,
        address: Option<&Address>,
        printer: &mut Printer<'_>,
    ) -> Result<(Self, Exit), Stop> {
        let setup = Setup::load(options, None);
        let vault = setup.vault().ok_or_else(|| Stop::Because(Exit::Usage, unconfigured()))?;
        let mut session = super::open(&setup, printer)?;
        let reading = tokio::spawn({
            let vault = vault.clone();
            async move { vault.listing().await }
        });
        session.pictures_for(address).await;
        let exit = session.tell_lost(printer);
        let listing = reading.await.unwrap_or_else(|error| Err(Trouble::new("could not read the repository", error)));
        let listing = listing.map_err(act::failed)?;
        Ok((Self { setup, session, vault, listing }, exit))
    }

    /// Of one service, or of all that are looked at: the worst first.
    fn protections(&self, only: Option<&ServiceId>, printer: &mut Printer<'_>) -> Vec<Protection> {
        let Self { session, vault, listing, .. } = self;
        let (mut found, troubles) = vault.backups.protections(&session.inventory, session.services(), listing);
        troubles.iter().for_each(|trouble| printer.trouble(trouble));
        let now = session.clock.now();
        found.retain(|protection| only.is_none_or(|id| protection.item.service == *id));
        found.retain(|protection| session.narrow.has(&protection.item.service));
        found.sort_by_cached_key(|protection| protection.urgency(now));
        found
    }

    async fn carry_out(
        &mut self,
        consent: &Consent,
        verb: Verb,
        service: ServiceId,
        printer: &mut Printer<'_>,
    ) -> Result<Exit, Stop> {
        self.session.rights(&service).await;
        let request = Request {
            why: act::reason(&self.setup, consent)?,
            take_over: consent.take_over,
            ..Request::new(verb, Target::Service(service))
        };
        act::carry_out(&mut self.session, &self.setup, consent, Task::CarryOut(request), printer).await
    }
}

/// `midwatch backups`
pub async fn list(options: &Options, asked: &Backups, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    if asked.address.is_none() {
        let setup = Setup::load(options, None);
        if setup.vault().is_none() {
            return beside::alone(&setup, asked.listing, printer).await;
        }
    }
    let (mut desk, exit) = Desk::open(options, asked.address.as_ref(), printer).await?;
    let now = desk.session.clock.now();
    match &asked.address {
        None => {
            protections(&desk.protections(None, printer), now, asked.listing.json, printer)?;
            beside::list(&mut desk.session, asked.listing, printer).await?;
        }
        Some(address) => {
            let snapshots: Vec<&Snapshot> =
                desk.listing.snapshots.iter().filter(|snapshot| address.matches(&snapshot.item.service)).collect();
            if snapshots.is_empty() {
                // Whether it is there at all.
                let service = find::service(&desk.session, address)?;
                printer.say(&format!("there is no snapshot of {service}"));
            }
            self::snapshots(&snapshots, now, asked.listing.json, printer)?;
        }
    }
    Ok(exit)
}

fn protections(found: &[Protection], now: Timestamp, json: bool, printer: &mut Printer<'_>) -> Result<(), Stop> {
    if json {
        for protection in found {
            printer.object(&ProtectionRecord::of(protection, now))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[
        Left("SERVICE"),
        Left("WHAT"),
        Left("STATE"),
        Right("LAST"),
        Right("SIZE"),
        Right("PROVEN"),
        Right("TAKES"),
        Right("KEPT"),
        Left("WHY"),
    ]);
    for protection in found {
        let health = protection.health(now);
        let last = protection.last.as_ref();
        let why = health.reason().map_or(String::new(), |reason| reason.text.to_string());
        table.row(
            Some(&health),
            [
                protection.item.service.to_string(),
                protection.item.what(),
                health.word().into(),
                age(last.map(|last| last.at), now),
                last.map(|last| units::bytes(last.bytes())).unwrap_or_default(),
                age(protection.proven, now),
                protection.took.map(units::elapsed).unwrap_or_default(),
                protection.snapshots.to_string(),
                why,
            ],
        );
    }
    Ok(table.print(printer)?)
}

fn snapshots(found: &[&Snapshot], now: Timestamp, json: bool, printer: &mut Printer<'_>) -> Result<(), Stop> {
    if json {
        for snapshot in found {
            printer.object(&SnapshotRecord::of(snapshot))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[
        Left("SNAPSHOT"),
        Right("AGE"),
        Left("WHAT"),
        Right("SIZE"),
        Right("ADDED"),
        Right("TOOK"),
        Left("VERSION"),
        Left("RELEASE"),
        Left("STANDING"),
    ]);
    for snapshot in found {
        table.row(
            None,
            [
                snapshot.id.to_string(),
                age(Some(snapshot.at), now),
                snapshot.item.what(),
                units::bytes(snapshot.bytes()),
                units::bytes(snapshot.added),
                units::elapsed(snapshot.took),
                snapshot.version.as_deref().unwrap_or_default().into(),
                snapshot.release.as_deref().unwrap_or_default().into(),
                snapshot.standing.word().into(),
            ],
        );
    }
    Ok(table.print(printer)?)
}

/// `midwatch backup`: one operation a service. The first that does not go well says how the command ends; the others are backed up all
/// the same.
pub async fn back_up(options: &Options, asked: &BackUp, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let (mut desk, exit) = Desk::open(options, asked.address.as_ref(), printer).await?;
    let only = asked.address.as_ref().map(|address| find::service_to_change(&desk.session, address)).transpose()?;
    let now = desk.session.clock.now();
    let mut items: Vec<Item> = match (&asked.what, &only) {
        (Some(What { method, path }), Some(service)) => {
            vec![Item { service: service.clone(), method: *method, path: path.clone() }]
        }
        (_, only) => {
            let known = desk.protections(only.as_ref(), printer).into_iter();
            let wanted = known.filter(|protection| !protection.is_orphaned && (!asked.due || protection.is_due(now)));
            wanted.map(|protection| protection.item).collect()
        }
    };
    items.sort();
    if let (true, Some(service)) = (items.is_empty() && !asked.due, only) {
        return desk.carry_out(&asked.consent, Verb::BackUp(Vec::new()), service, printer).await;
    }
    if items.is_empty() {
        printer.say(if asked.due { "nothing is due" } else { "nothing is known that could be backed up" });
    }
    let mut ended = exit;
    for of_one in items.chunk_by(|one, other| one.service == other.service) {
        let service = of_one[0].service.clone();
        let exit = desk.carry_out(&asked.consent, Verb::BackUp(of_one.to_vec()), service, printer).await?;
        ended = worse(ended, exit);
    }
    Ok(ended)
}

/// `midwatch restore`
pub async fn restore(options: &Options, asked: &Restore, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let target = asked.into.as_ref().unwrap_or(&asked.address);
    let (mut desk, _) = Desk::open(options, Some(target), printer).await?;
    let into = find::service_to_change(&desk.session, target)?;
    let source = if asked.into.is_none() { Some(&into) } else { None };
    let snapshot = chosen(&desk.listing, (&asked.address, source), asked.snapshot.as_deref(), asked.what.as_ref())?;
    let path = match (&asked.to, snapshot.item.method.wants_path()) {
        (Some(path), wants) if wants || snapshot.item.method == Method::Configuration => Some(path.clone()),
        (Some(_), _) => {
            let why = format!("{} has no path", snapshot.item.method);
            return Err(Stop::usage("--to has no meaning here", why));
        }
        (None, _) => snapshot.item.path.clone(),
    };
    if let Some(database) = &asked.database {
        holds(snapshot, &database.from)?;
    }
    let stops: Result<Vec<ServiceId>, Stop> =
        asked.stops.iter().map(|address| find::service_to_change(&desk.session, address)).collect();
    let wish = Restoring {
        snapshot: snapshot.into(),
        into: Item { service: into.clone(), method: snapshot.item.method, path },
        database: asked.database.clone(),
        without_safety: asked.without_safety,
        leaves_dependants: asked.leave_dependants,
        stops: stops?,
        wished: desk.session.clock.now(),
        took: desk.vault.backups.protection(snapshot.item.clone(), &desk.listing).took,
    };
    desk.carry_out(&asked.consent, Verb::Restore(Box::new(wish)), into, printer).await
}

/// Whether a database can be had of it by itself.
fn holds(snapshot: &Snapshot, database: &str) -> Result<(), Stop> {
    if snapshot.item.method.database_ending().is_none() {
        let why = format!("no database of {} can be had by itself", snapshot.item.method);
        return Err(Stop::usage("--database has no meaning here", why));
    }
    let only = snapshot.clone().only(database, "nothing was restored");
    only.map(drop).map_err(|trouble| Stop::Because(Exit::Usage, trouble))
}

/// `midwatch verify`
pub async fn verify(options: &Options, asked: &Verify, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let (mut desk, exit) = Desk::open(options, asked.address.as_ref(), printer).await?;
    let wanted: Vec<Snapshot> = match &asked.address {
        Some(address) if asked.snapshot.is_some() || asked.what.is_some() => {
            let service = find::service_to_change(&desk.session, address)?;
            let of = (address, Some(&service));
            vec![chosen(&desk.listing, of, asked.snapshot.as_deref(), asked.what.as_ref())?.clone()]
        }
        address => {
            let only = address.as_ref().map(|address| find::service_to_change(&desk.session, address)).transpose()?;
            let now = desk.session.clock.now();
            let known = desk.protections(only.as_ref(), printer).into_iter();
            let wanted = known.filter(|one| !one.is_orphaned && (!asked.due || one.is_proof_due(now)));
            wanted.filter_map(|protection| protection.last).collect()
        }
    };
    if wanted.is_empty() {
        printer.say(if asked.due { "nothing is due" } else { "there is no snapshot to verify" });
    }
    let mut ended = exit;
    for snapshot in wanted {
        let (service, wish) = (snapshot.item.service.clone(), Verifying { snapshot: (&snapshot).into() });
        let exit = desk.carry_out(&asked.consent, Verb::Verify(Box::new(wish)), service, printer).await?;
        ended = worse(ended, exit);
    }
    Ok(ended)
}

/// The one that is meant of a service. `known`: the very service, where it is there.
fn chosen<'a>(
    listing: &'a Listing,
    (address, known): (&Address, Option<&ServiceId>),
    typed: Option<&str>,
    what: Option<&What>,
) -> Result<&'a Snapshot, Stop> {
    let is_meant = |snapshot: &&Snapshot| match known {
        Some(service) => snapshot.item.service == *service,
        None => address.matches(&snapshot.item.service),
    };
    let fits = |snapshot: &&Snapshot| {
        what.is_none_or(|what| snapshot.item.method == what.method && snapshot.item.path == what.path)
    };
    let all: Vec<&Snapshot> = listing.snapshots.iter().filter(is_meant).filter(fits).collect();
    let refused = |why: String, help: String| {
        let trouble = Trouble::new(format!("no snapshot of {address} was chosen"), why);
        Err(Stop::Because(Exit::Usage, trouble.help(help)))
    };
    if let Some(typed) = typed {
        let found: Vec<&Snapshot> =
            all.iter().copied().filter(|snapshot| snapshot.id.as_str().starts_with(typed)).collect();
        return match found.as_slice() {
            [only] if only.standing == Standing::Unfinished => {
                refused(format!("{} is unfinished: whoever wrote it died", only.id), newest(&all))
            }
            [only] => Ok(only),
            [] => refused(format!("none begins with {typed}"), newest(&all)),
            _ => refused(format!("several begin with {typed}"), "write more of it".into()),
        };
    }
    let good: Vec<&Snapshot> = all.iter().copied().filter(|snapshot| snapshot.standing == Standing::Whole).collect();
    let Some(newest_one) = good.first() else { return refused("there is none that is whole".into(), newest(&all)) };
    let mut items: Vec<&Item> = good.iter().map(|snapshot| &snapshot.item).collect();
    items.sort();
    items.dedup();
    match items.as_slice() {
        [_] => Ok(newest_one),
        several => {
            let names: Vec<String> = several.iter().map(|item| item.what().replace(' ', ":")).collect();
            refused("several things of it are backed up".into(), format!("--what with one of {}", names.join(", ")))
        }
    }
}

fn newest(all: &[&Snapshot]) -> String {
    let line = |snapshot: &&Snapshot| {
        let at = snapshot.at.strftime("%Y-%m-%d %H:%M");
        format!("{} {at} {} {}", snapshot.id, snapshot.item.what(), snapshot.standing.word())
    };
    match all {
        [] => "see: midwatch backups".into(),
        all => format!("there are:\n  {}", all.iter().take(LISTED).map(line).collect::<Vec<_>>().join("\n  ")),
    }
}

/// The first that is no success stays.
fn worse(ended: Exit, exit: Exit) -> Exit {
    if ended == Exit::Done { exit } else { ended }
}
