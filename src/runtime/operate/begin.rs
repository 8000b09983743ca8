//! How an operation comes to be carried out here: begun with a plan, or taken over from a process that ended in the middle of it.

use std::sync::Arc;

use super::{
    Inner, blocking,
    lease::{Claimed, Tenure},
    run::{Run, publish},
};
use crate::{
    domain::{Claim, Operation, OperationId, OperationState, StepReport, StepState, Trouble, Verdict},
    message::Event,
    plan::{
        Plan,
        execution::{Execution, Record},
    },
    runtime::journal::{Hold, Journal, Page, refuse_ended},
};

/// What a person wants of an interrupted operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Resume,
    Undo,
    Leave,
}

impl Word {
    pub fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Undo => "undo",
            Self::Leave => "leave",
        }
    }
}

pub(super) async fn open(inner: &Arc<Inner>, plan: Plan) -> Result<Run, Trouble> {
    inner.parts.gate.check(&plan.service.cluster)?;
    let journal = inner.parts.journal.clone()?;
    let (who, at) = (inner.parts.who.clone(), inner.parts.clock.now());
    let plan = plan.begun_at(at, &who);
    let id = journal.unused_id(at);
    let mut tenure = Tenure::new(inner, &plan, &id, at);
    let (hold, plan) = {
        let (journal, who) = (journal.clone(), who.clone());
        blocking(move || Ok((hold(&journal, &plan, &who, at)?, plan))).await?
    };
    let claiming = async {
        match (hold.is_some(), plan.takes_over) {
            (false, _) => Claimed::Ours,
            (true, true) => tenure.take_over().await,
            (true, false) => tenure.claim(Claim::Take).await,
        }
    };
    let writing = {
        let plan = plan.clone();
        blocking(move || journal.create(id, plan, &who, at))
    };
    // Together: whoever confirmed waits for the slower of disk and engine, and not for both.
    let (file, claimed) = tokio::join!(writing, claiming);
    match (file, claimed) {
        (Ok((opening, page)), Claimed::Ours | Claimed::Unknown(_)) => {
            let execution = Execution::new(opening.plan.clone());
            Ok(Run::new(inner.clone(), opening, execution, page, hold, tenure))
        }
        (Ok((_, page)), Claimed::Theirs(trouble)) => {
            blocking(move || page.discard()).await;
            Err(trouble)
        }
        (Err(trouble), _) => {
            tenure.give_back().await;
            Err(trouble)
        }
    }
}

/// The service, for this operation alone. What is said to a rollout under way needs it not: that has it, and waits for the word.
fn hold(journal: &Journal, plan: &Plan, who: &Arc<str>, at: jiff::Timestamp) -> Result<Option<Hold>, Trouble> {
    if plan.request.verb.is_word() {
        return Ok(None);
    }
    journal.hold(&plan.service, &plan.title, who, at).map(Some)
}

pub(super) async fn take_over(inner: &Arc<Inner>, id: OperationId, word: Word) -> Result<Run, Trouble> {
    let journal = inner.parts.journal.clone()?;
    let (gate, who, at) = (inner.parts.gate.clone(), inner.parts.who.clone(), inner.parts.clock.now());
    let files = {
        let who = who.clone();
        move || {
            let (opening, execution, page) = journal.take_over(&id)?;
            // Said to a process that is no more.
            journal.take_words(&id);
            let plan = &opening.plan;
            let hold = match word {
                Word::Resume | Word::Undo => {
                    gate.check(&plan.service.cluster)?;
                    let hold = hold(&journal, plan, &who, at)?;
                    // Asked while nobody else can begin.
                    refuse_word(&journal, &opening.operation(&execution, false), &execution, word)?;
                    hold
                }
                Word::Leave => None,
            };
            Ok((opening, execution, page, hold))
        }
    };
    let (opening, execution, page, hold) = blocking(files).await?;
    let mut tenure = Tenure::new(inner, &opening.plan, &opening.id, at);
    if hold.is_some()
        && let Claimed::Theirs(trouble) = tenure.claim(Claim::Take).await
    {
        return Err(trouble);
    }
    match blocking(move || write_word(execution, page, word, &who, at)).await {
        Ok((execution, page)) => Ok(Run::new(inner.clone(), opening, execution, page, hold, tenure)),
        Err(trouble) => {
            tenure.give_back().await;
            Err(trouble)
        }
    }
}

/// The steps that would be done if an interrupted operation were taken over with this word, as far as the journal alone can tell. `Err` if
/// it would be refused.
pub fn foretell(journal: &Journal, id: &OperationId, word: Word) -> Result<Vec<StepReport>, Trouble> {
    let (operation, execution) = journal.look(id)?;
    refuse_ended(id, &execution)?;
    refuse_word(journal, &operation, &execution, word)?;
    Ok(match word {
        Word::Undo if !execution.is_turned() => execution.way_back(),
        Word::Resume | Word::Undo => execution.ahead(),
        Word::Leave => Vec::new(),
    })
}

/// It is left whatever happened; what else is done about it has to find what it left.
fn refuse_word(journal: &Journal, operation: &Operation, execution: &Execution, word: Word) -> Result<(), Trouble> {
    match word {
        Word::Resume => refuse_overtaken(journal, operation),
        Word::Undo => refuse_overtaken(journal, operation).and_then(|()| refuse_undo(execution)),
        Word::Leave => Ok(()),
    }
}

/// Whatever was begun on the service since was planned from what this one left, and would be undone by it.
fn refuse_overtaken(journal: &Journal, operation: &Operation) -> Result<(), Trouble> {
    let known = journal.operations().operations;
    match known.iter().rev().find(|other| other.has_overtaken(operation)) {
        None => Ok(()),
        Some(later) => Err(Trouble::new(
            format!("{} was not taken over", operation.title),
            format!("the service is no longer as it left it: {}", later.says()),
        )
        .help("leave it, and plan anew from what is there now")),
    }
}

/// There is no way back from what only tidies up. One that goes back already goes on, and one that has nothing left to do just ends.
fn refuse_undo(execution: &Execution) -> Result<(), Trouble> {
    execution.no_way_back().map_or(Ok(()), |why| {
        Err(Trouble::new(format!("{} was not taken back", execution.plan().title), why).help("resume it, or leave it"))
    })
}

fn write_word(
    mut execution: Execution,
    mut page: Page,
    word: Word,
    who: &Arc<str>,
    at: jiff::Timestamp,
) -> Result<(Execution, Page), Trouble> {
    let taken = Record::Taken { at, who: who.clone(), word: word.name().into(), process: std::process::id() };
    page.write(&taken)?;
    execution.apply(&taken).expect("it is not over, or it could not have been taken over");
    let further = match word {
        Word::Resume => None,
        Word::Undo => execution.stop_and_undo(format!("{who} took it back"), at).ok(),
        Word::Leave => execution.leave(who, at),
    };
    further.map_or(Ok(()), |record| page.write(&record))?;
    Ok((execution, page))
}

/// An operation that was not begun has no file. It is shown as one that changed nothing, where the person waits to see it.
pub(super) async fn refuse(inner: &Arc<Inner>, plan: &Plan, trouble: &Trouble) {
    let now = inner.parts.clock.now();
    let skipped = |planned: &crate::plan::Planned| StepReport {
        title: planned.step.title().into(),
        stage: None,
        state: StepState::Skipped,
        began: None,
        ended: None,
        note: None,
        is_undo: false,
    };
    let operation = Operation {
        id: OperationId::new(format!("{}-none", now.strftime("%Y%m%d-%H%M%S%.3f"))),
        title: plan.title.clone(),
        service: plan.service.clone(),
        who: inner.parts.who.clone(),
        why: plan.request.why.clone(),
        began: now,
        ended: Some(now),
        state: OperationState::Ended(Verdict::Undone { says: trouble.line().into() }),
        steps: plan.steps().map(skipped).collect(),
        is_harmless: plan.request.verb.is_harmless(),
        no_way_back: None,
        way_back: Vec::new(),
    };
    publish(inner, Event::Operation(Box::new(operation))).await;
}
