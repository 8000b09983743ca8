//! Whether every new instance stays ready and is not restarted, for so long.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{Look, Member, Standing, Verdict};
use crate::{backend::StepError, domain::InstanceId, plan::Group};

/// Between two looks, at the least; and at most this share of the time goes into looking.
const LOOK: Duration = Duration::from_millis(500);
const SHARE: u32 = 10;

/// What an instance was when it was first seen ready.
type Runs = BTreeMap<InstanceId, (u32, Option<Timestamp>)>;

pub async fn judge(look: &Look<'_>, seconds: u32, verdict: Verdict<'_>) -> Result<(), StepError> {
    let began = Instant::now();
    let whole = Duration::from_secs(seconds.into());
    let mut runs = Runs::new();
    let mut last_words = String::new();
    loop {
        let look_began = Instant::now();
        let members = look.new_members(verdict).await?;
        let passed = began.elapsed();
        let mut late = None;
        for member in &members {
            match stays(member, &mut runs, look.new, last_words.is_empty()) {
                Stays::Yes => {}
                Stays::NotYet => late = Some(member),
                Stays::No(why) => {
                    return Err(
                        verdict.failed_of(member, format!("{why}, {} s after the check began", passed.as_secs()))
                    );
                }
            }
        }
        if passed >= whole {
            return match late {
                None => Ok(()),
                Some(late) => Err(verdict.unsure(format!("{} came meanwhile and is not ready yet", late.name))),
            };
        }
        let words = format!("{} of {} ready, {} s of {seconds} s", ready(&members), members.len(), passed.as_secs());
        if words != last_words {
            look.tell(&words);
            last_words = words;
        }
        sleep(LOOK.max(look_began.elapsed() * SHARE).min(whole.saturating_sub(passed))).await;
    }
}

enum Stays {
    Yes,
    /// It came after the check began, and comes up.
    NotYet,
    No(String),
}

fn stays(member: &Member, runs: &mut Runs, group: &Group, is_first_look: bool) -> Stays {
    let run = (member.restarts, member.started);
    let before = runs.get(&member.id).copied();
    match (&member.standing, before) {
        (Standing::Gone, _) => Stays::No("is gone".into()),
        (Standing::Ready | Standing::NotReady(_), Some(before)) if before != run => Stays::No(match &member.standing {
            Standing::NotReady(why) => format!("was restarted: {why}"),
            Standing::Ready | Standing::Gone => "was restarted".into(),
        }),
        (Standing::Ready, _) => {
            runs.insert(member.id.clone(), run);
            Stays::Yes
        }
        (Standing::NotReady(_), None) if !is_first_look && !names(group) => Stays::NotYet,
        (Standing::NotReady(why), _) => Stays::No(format!("is not ready: {why}")),
    }
}

/// Its members are fixed; of the others more may come.
fn names(group: &Group) -> bool {
    match group {
        Group::Instances(_) => true,
        Group::Newest(_) | Group::Older(_) | Group::All(_) => false,
    }
}

fn ready(members: &[Member]) -> usize {
    members.iter().filter(|member| member.standing == Standing::Ready).count()
}
