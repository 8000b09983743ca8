//! `midwatch check`: is everything that a person wrote understood, and can every cluster be reached?

use super::{
    arguments::{Listing, Options},
    exit::{Exit, Stop},
    printer::Printer,
    records::CheckRecord,
    session::{Narrow, Session},
};
use crate::{
    clock::Clock,
    config::{self, Complaint, keymap, theme},
    domain::{Link, Trouble, units},
    setup::{self, Setup},
};

pub async fn run(options: &Options, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let complaints = config::check(&setup.paths, &setup::overrides(options));
    let files = files(&setup, &complaints, listing, printer)?;
    let fleet = setup.fleet(Clock::system()).map_err(|trouble| Stop::Because(Exit::Usage, trouble))?;
    let clusters = match Session::open(fleet, Narrow::of(options)) {
        Ok(mut session) => clusters(&mut session, listing, printer).await?,
        Err(Stop::Because(Exit::Unreachable, trouble)) => no_clusters(&trouble, listing, printer)?,
        Err(other) => return Err(other),
    };
    // What a person can mend here and now goes before what may mend itself.
    Ok(if files == Exit::Done { clusters } else { files })
}

fn files(setup: &Setup, complaints: &[Complaint], listing: Listing, printer: &mut Printer) -> Result<Exit, Stop> {
    for complaint in complaints {
        let place = complaint.at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        let name = format!("{}{place}", complaint.file);
        let help = complaint.help.as_deref();
        print(&CheckRecord { kind: "file", name: &name, ok: false, says: &complaint.text, help }, listing, printer)?;
    }
    let path = setup.paths.config_file.path();
    let name = path.map_or("config".into(), |path| path.display().to_string());
    if !complaints.iter().any(|complaint| *complaint.file == *name) {
        let says = match path.is_some_and(|path| path.exists()) {
            true => format!("understood, {} clusters in it", setup.config.clusters.len()),
            false => "there is none: the defaults are used".into(),
        };
        print(&CheckRecord { kind: "file", name: &name, ok: true, says: &says, help: None }, listing, printer)?;
    }
    let shelves = [
        ("themes", theme::names(&setup.paths), &setup.config.theme),
        ("keymaps", keymap::names(&setup.paths), &setup.config.keymap),
    ];
    for (name, names, chosen) in shelves {
        let says = format!("{}; {chosen} is used", names.join(", "));
        print(&CheckRecord { kind: "file", name, ok: true, says: &says, help: None }, listing, printer)?;
    }
    Ok(if complaints.is_empty() { Exit::Done } else { Exit::Usage })
}

/// Tells of each cluster how it is. Unlike a listing, one that cannot be reached is reason enough to fail.
async fn clusters(session: &mut Session, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    let mut exit = Exit::Done;
    for cluster in session.inventory.clusters() {
        let (ok, says, help) = match session.lost(&cluster.name) {
            Some(trouble) => (false, trouble.line(), trouble.help.as_deref()),
            None if cluster.link == Link::Idle => {
                let says = format!("{} at {}, not connected: nobody asked for it", cluster.engine, cluster.endpoint);
                (true, says, Some("asked with --cluster, or with connect = \"at start\" in the config"))
            }
            None => {
                let services = session.inventory.services_of(&cluster.name).count();
                let version = cluster.facts.as_ref().map_or("", |facts| &facts.engine_version);
                let latency = cluster.latency.map(|it| format!(", {}", units::elapsed(it))).unwrap_or_default();
                let says =
                    format!("{} {version} at {}, {services} services{latency}", cluster.engine, cluster.endpoint);
                (true, says, None)
            }
        };
        if !ok {
            exit = Exit::Unreachable;
        }
        print(&CheckRecord { kind: "cluster", name: cluster.name.as_str(), ok, says: &says, help }, listing, printer)?;
    }
    Ok(exit)
}

/// The same words as everywhere, in the place where a cluster's would stand.
fn no_clusters(trouble: &Trouble, listing: Listing, printer: &mut Printer) -> Result<Exit, Stop> {
    let says = trouble.line();
    let help = trouble.help.as_deref();
    print(&CheckRecord { kind: "cluster", name: "none", ok: false, says: &says, help }, listing, printer)?;
    Ok(Exit::Unreachable)
}

fn print(record: &CheckRecord, listing: Listing, printer: &mut Printer) -> Result<(), Stop> {
    if listing.json {
        return Ok(printer.object(record)?);
    }
    let word = if record.ok { "ok" } else { "wrong" };
    printer.line(&format!("{word:<6} {:<8} {}: {}", record.kind, record.name, record.says))?;
    for line in record.help.into_iter().flat_map(str::lines) {
        printer.line(&format!("{:16}{}", "", line.trim()))?;
    }
    Ok(())
}
