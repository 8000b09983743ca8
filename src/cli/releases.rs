//! `midwatch releases` and `midwatch diff`: what ran, what runs, and what is different.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    arguments::{Diff, Listing},
    exit::{Exit, Stop},
    find,
    list::{age, number},
    printer::Printer,
    records::{DifferenceRecord, ReleaseRecord},
    session::Session,
    table::{
        Table,
        Title::{Left, Right},
    },
};
use crate::{
    domain::{Address, Comparison, Outline, Release, ReleaseSource, ServiceId, Trouble, release, units},
    message::{Answer, Question},
};

/// characters of a digest that tell it from others
const SHORT: usize = 12;

pub async fn list(
    session: &mut Session,
    address: &Address,
    listing: Listing,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    session.pictures().await;
    session.tell_lost(printer);
    let service = find::service(session, address)?;
    let releases = releases(session, &service).await?;
    let suggested = release::suggested(&releases).map(Release::key);
    if listing.json {
        for release in &releases {
            printer.object(&ReleaseRecord::of(&service, release, suggested.as_ref() == Some(&release.key())))?;
        }
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        Right("NUMBER"),
        Left("SOURCE"),
        Left("RELEASE"),
        Left("CURRENT"),
        Right("INSTANCES"),
        Right("AGE"),
        Left("OUTCOME"),
        Left("IMAGE"),
        Left("DIGEST"),
        Left("CAUSE"),
    ]);
    let now = session.clock.now();
    for release in &releases {
        let mark = match release {
            Release { current: true, .. } => "current",
            release if suggested.as_ref() == Some(&release.key()) => "go back to",
            _ => "",
        };
        table.row(
            None,
            [
                number(release.number),
                release.source.word().into(),
                release.name().into(),
                mark.into(),
                release.instances.to_string(),
                age(release.created, now),
                outcome(release, now),
                release.image.reference.to_string(),
                release.image.digest.as_deref().map(short).unwrap_or_default().into(),
                release.cause.as_deref().unwrap_or_default().into(),
            ],
        );
    }
    table.print(printer)?;
    Ok(Exit::Done)
}

pub async fn diff(session: &mut Session, asked: &Diff, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    session.tell_lost(printer);
    let service = find::service(session, &asked.address)?;
    let releases = releases(session, &service).await?;
    let (one, other) = chosen(&service, &releases, asked)?;
    let of_one = outline(session, &service, one).await?;
    let of_other = outline(session, &service, other).await?;
    let comparison = Comparison::of((one, of_one.as_deref()), (other, of_other.as_deref()));
    if asked.listing.json {
        let (from, to) = (comparison.older.title(), comparison.newer.title());
        for difference in &comparison.differences {
            printer.object(&DifferenceRecord {
                cluster: service.cluster.as_str(),
                scope: service.scope.as_str(),
                service: &service.name,
                from: &from,
                to: &to,
                difference,
            })?;
        }
        return Ok(Exit::Done);
    }
    printer.say(&format!("{service}: {}", comparison.title()));
    if let Some(says) = comparison.says() {
        printer.say(says);
    }
    for difference in &comparison.differences {
        printer.line(&difference.to_string())?;
    }
    Ok(Exit::Done)
}

async fn releases(session: &mut Session, service: &ServiceId) -> Result<Vec<Release>, Stop> {
    match ask(session, service, Question::Releases(service.clone())).await? {
        Answer::Releases(releases) => Ok(releases),
        _ => Err(something_else(service)),
    }
}

/// `None` where the engine keeps no more of it than the list tells.
async fn outline(session: &mut Session, service: &ServiceId, release: &Release) -> Result<Option<Arc<Outline>>, Stop> {
    if release.outline.is_some() || release.id.is_empty() {
        return Ok(release.outline.clone());
    }
    match ask(session, service, Question::Outline(service.clone(), release.id.clone())).await? {
        Answer::Outline(outline) => Ok(Some(outline)),
        _ => Err(something_else(service)),
    }
}

async fn ask(session: &mut Session, service: &ServiceId, question: Question) -> Result<Answer, Stop> {
    session.ask(question).await.map_err(|trouble| {
        let exit = if session.lost(&service.cluster).is_some() { Exit::Unreachable } else { Exit::Failed };
        Stop::Because(exit, trouble)
    })
}

fn something_else(service: &ServiceId) -> Stop {
    let what = format!("could not list the releases of {service}");
    Stop::Because(Exit::Failed, Trouble::new(what, "the engine answered something else"))
}

/// The two that are meant.
fn chosen<'a>(service: &ServiceId, releases: &'a [Release], asked: &Diff) -> Result<(&'a Release, &'a Release), Stop> {
    let alone = || {
        let trouble = Trouble::new(format!("nothing to compare of {service}"), "there is no other release");
        Stop::Because(Exit::Usage, trouble.help(format!("see: midwatch releases {service}")))
    };
    let one = match &asked.release {
        Some(typed) => find_release(service, releases, typed)?,
        None => releases.iter().find(|release| release.current).or(releases.first()).ok_or_else(alone)?,
    };
    let other = match &asked.with {
        Some(typed) => find_release(service, releases, typed)?,
        None => release::counterpart(releases, one).ok_or_else(alone)?,
    };
    Ok((one, other))
}

/// By its number, `helm:` and its number, its id, or its name.
pub fn find_release<'a>(service: &ServiceId, releases: &'a [Release], typed: &str) -> Result<&'a Release, Stop> {
    let (source, digits) = match typed.strip_prefix("helm:") {
        Some(digits) => (ReleaseSource::Helm, digits),
        None => (ReleaseSource::Engine, typed),
    };
    let wanted: Option<u64> = digits.parse().ok();
    let by_number = |release: &&Release| {
        let has = |number| release.number == Some(number) || release.older.contains(&number);
        release.source == source && wanted.is_some_and(has)
    };
    if let Some(release) = releases.iter().find(by_number).or(releases.iter().find(|release| *release.id == *typed)) {
        return Ok(release);
    }
    let named: Vec<_> = releases.iter().filter(|release| release.name() == typed).collect();
    let why = match named.as_slice() {
        [only] => return Ok(only),
        [] => "there is none of this number, id or name".to_owned(),
        several => format!("{} releases are called so", several.len()),
    };
    let trouble = Trouble::new(format!("no release \"{typed}\" of {service}"), why);
    Err(Stop::Because(Exit::Usage, trouble.help(listed(service, releases))))
}

/// What can be named, in a line; where there are many, the command that lists them.
pub fn listed(service: &ServiceId, releases: &[Release]) -> String {
    const LISTED: usize = 8;
    let names: Vec<String> = releases.iter().take(LISTED).map(Release::title).collect();
    let more = if releases.len() > LISTED { ", ..." } else { "" };
    format!("there are: {}{more} (midwatch releases {service})", names.join(", "))
}

/// How it does, or how long it did.
fn outcome(release: &Release, now: Timestamp) -> String {
    let healthy = release.healthy_since.map(|since| format!("healthy {}", units::age_of(since, now)));
    let served = release.served.map(units::age);
    let told = match (served, &release.outcome) {
        // Some tell it themselves.
        (Some(served), Some(told)) if told.starts_with(&served) => Some(format!("served {told}")),
        (Some(served), Some(told)) => Some(format!("served {served}, {told}")),
        (Some(served), None) => Some(format!("served {served}")),
        (None, told) => told.as_ref().map(ToString::to_string),
    };
    [healthy, told].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..SHORT).unwrap_or(hex)
}
