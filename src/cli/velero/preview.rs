//! `midwatch velero preview`: what a restore would do to each object.

use super::{
    find::{self, Found},
    restore_of, something_else,
};
use crate::{
    cli::{
        arguments::VeleroPreview,
        exit::{Exit, Stop},
        printer::Printer,
        records::ForetoldRecord,
        session::Session,
        table::{Table, Title::Left},
    },
    domain::{ClusterName, Difference, Foretold, Health, NewRestore, Reason, RestorePreview, Trouble, Way, What},
    message::{Answer, Question},
};

/// Differences of one object that are told; the others are counted.
const TOLD: usize = 3;

pub async fn write(
    session: &mut Session,
    found: &[Found],
    asked: &VeleroPreview,
    printer: &mut Printer<'_>,
) -> Result<(), Stop> {
    let (cluster, backup) = find::backup(found, &asked.wanted.backup, printer)?;
    let restore = restore_of(&backup.id, &asked.wanted);
    let preview = ask(session, cluster, &restore).await;
    let preview = preview.map_err(|trouble| Stop::Because(Exit::Failed, trouble))?;
    if let Way::Through(pod) = &preview.way {
        printer.say(&format!("its store is not reached from here: read through {pod}"));
    }
    printer.say(&format!("a restore of {}: {}", backup.id.name, preview.count().says()));
    if asked.listing.json {
        for row in &preview.rows {
            printer.object(&ForetoldRecord::from(row))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[Left("WHAT"), Left("KIND"), Left("NAMESPACE"), Left("NAME"), Left("WHY")]);
    for row in &preview.rows {
        let Foretold { kind, namespace, name, what } = row;
        let namespace = namespace.as_deref().unwrap_or_default().to_owned();
        table.row(look(what).as_ref(), [what.word().into(), kind.to_string(), namespace, name.to_string(), why(what)]);
    }
    Ok(table.print(printer)?)
}

pub async fn ask(
    session: &mut Session,
    cluster: &ClusterName,
    restore: &NewRestore,
) -> Result<RestorePreview, Trouble> {
    match session.ask(Question::Preview(cluster.clone(), Box::new(restore.clone()))).await? {
        Answer::Preview(preview) => Ok(*preview),
        _ => Err(something_else(format!("could not tell what a restore of {} would do", restore.backup))),
    }
}

/// By which a terminal colours it.
fn look(what: &What) -> Option<Health> {
    match what {
        What::Conflict { .. } => Some(Health::Failing(Reason::default())),
        What::Unknown { .. } => Some(Health::Unknown(Reason::default())),
        What::Update { .. } => Some(Health::Changing(Reason::default())),
        What::Skip { .. } | What::Create | What::LeftOut { .. } => None,
    }
}

fn why(what: &What) -> String {
    match what {
        What::Conflict { why } | What::Unknown { why } | What::LeftOut { why } => why.to_string(),
        What::Update { fields } => differences(fields),
        What::Skip { differs } if differs.is_empty() => String::new(),
        What::Skip { differs } => format!("stays although it differs: {}", differences(differs)),
        What::Create => String::new(),
    }
}

fn differences(differences: &[Difference]) -> String {
    let told: Vec<String> = differences.iter().take(TOLD).map(ToString::to_string).collect();
    let more = differences.len().saturating_sub(TOLD);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{}{more}", told.join("; "))
}
