//! `midwatch check`: is everything that a person wrote understood, and can every cluster be reached?

use super::{
    arguments::{Listing, Options},
    exit::{Exit, Stop},
    printer::Printer,
    records::CheckRecord,
    session::{Narrow, Session},
    wiring,
};
use crate::domain::{Trouble, units};

/// One file that was read, or a place where one could be.
pub struct CheckedFile {
    pub name: String,
    /// Each with its line and column in front, and what would help. None: all of it was understood.
    pub complaints: Vec<(String, Option<String>)>,
    /// What a person may want to know of a good one ("4 clusters", "built in").
    pub says: String,
}

pub async fn run(options: &Options, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let files = files(&wiring::files(options), listing, printer)?;
    let clusters = match Session::open(wiring::fleet(options, printer).await?, Narrow::of(options)) {
        Ok(mut session) => clusters(&mut session, listing, printer).await?,
        Err(Stop::Because(Exit::Unreachable, trouble)) => no_clusters(&trouble, listing, printer)?,
        Err(other) => return Err(other),
    };
    // What a person can mend here and now goes before what may mend itself.
    Ok(if files == Exit::Done { clusters } else { files })
}

/// The files' worst; the clusters are another question.
fn files(files: &[CheckedFile], listing: Listing, printer: &mut Printer) -> Result<Exit, Stop> {
    let mut exit = Exit::Done;
    for file in files {
        if file.complaints.is_empty() {
            print(
                &CheckRecord { kind: "file", name: &file.name, ok: true, says: &file.says, help: None },
                listing,
                printer,
            )?;
        }
        for (complaint, help) in &file.complaints {
            exit = Exit::Usage;
            let help = help.as_deref();
            print(&CheckRecord { kind: "file", name: &file.name, ok: false, says: complaint, help }, listing, printer)?;
        }
    }
    Ok(exit)
}

/// Tells of each cluster how it is. Unlike a listing, one that cannot be reached is reason enough to fail.
async fn clusters(session: &mut Session, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    let mut exit = Exit::Done;
    for cluster in session.inventory.clusters() {
        let (ok, says, help) = match session.lost(&cluster.name) {
            Some(trouble) => (false, trouble.line(), trouble.help.as_deref()),
            None => {
                let services = session.inventory.services_of(&cluster.name).count();
                let version = cluster.facts.as_ref().map_or("", |facts| &facts.engine_version);
                let latency =
                    cluster.latency.map(|latency| format!(", {}", units::elapsed(latency))).unwrap_or_default();
                (
                    true,
                    format!("{} {version} at {}, {services} services{latency}", cluster.engine, cluster.endpoint),
                    None,
                )
            }
        };
        if !ok {
            exit = Exit::Unreachable;
        }
        print(&CheckRecord { kind: "cluster", name: cluster.name.as_str(), ok, says: &says, help }, listing, printer)?;
    }
    Ok(exit)
}

/// There is not one: the same words as everywhere, in the place where a cluster's would stand.
fn no_clusters(trouble: &Trouble, listing: Listing, printer: &mut Printer) -> Result<Exit, Stop> {
    let says = trouble.line();
    let help = trouble.help.as_deref();
    print(&CheckRecord { kind: "cluster", name: "-", ok: false, says: &says, help }, listing, printer)?;
    Ok(Exit::Unreachable)
}

fn print(record: &CheckRecord, listing: Listing, printer: &mut Printer) -> Result<(), Stop> {
    if listing.json {
        return Ok(printer.object(record)?);
    }
    let word = if record.ok { "ok" } else { "not ok" };
    printer.line(&format!("{word:<7} {:<8} {}: {}", record.kind, record.name, record.says))?;
    for line in record.help.into_iter().flat_map(str::lines) {
        printer.line(&format!("{:17}{}", "", line.trim()))?;
    }
    Ok(())
}
