//! `midwatch pause`, `resume`, `promote`, `abort` and `retry`: said to an operation of ours, whoever carries it out, or to the rollout
//! that a service's own engine carries out.

use super::{
    act::{self, confirmed, known, operator, take_over},
    arguments::{Options, Told},
    asked::Asked,
    exit::{Exit, Stop},
    printer::Printer,
    session::Session,
};
use crate::{
    clock::Clock,
    domain::{Address, Operation, OperationState, PersonWord, Trouble},
    plan::{Steer, Verb},
    runtime::{gate::Gate, operate::Word},
    setup::{Books, Setup},
};

/// What a verb means to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Word(PersonWord),
    StopAndUndo,
    TakeOver(Word),
}

pub async fn tell(options: &Options, verb: Verb, told: Told, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let books = Books::of(&setup);
    if let Some(how_much) = is_like_an_id(&told.what) {
        match (known(&books, &told.what), how_much) {
            (Ok(operation), _) => return tell_operation(&setup, &books, &operation, &verb, &told, printer).await,
            (Err(unknown), Much::Whole) => return Err(unknown),
            // A service may be called so too.
            (Err(_), Much::Part) => {}
        }
    }
    let address: Address = told.what.parse().map_err(|why| Stop::usage(format!("no \"{}\"", told.what), why))?;
    act::act(options, Asked::of_service(verb, address, told.consent), printer).await
}

/// How much of an operation's id was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Much {
    Whole,
    Part,
}

/// `20261121-021406-4f2a`, or enough of either end of it.
fn is_like_an_id(typed: &str) -> Option<Much> {
    const SHAPE: &str = "00000000-000000-xxxx";
    let fits = |shape: &str| {
        typed.chars().zip(shape.chars()).all(|(c, place)| match place {
            '0' => c.is_ascii_digit(),
            '-' => c == '-',
            _ => matches!(c, '0'..='9' | 'a'..='f'),
        })
    };
    match typed.len() {
        0..4 => None,
        length if length == SHAPE.len() => fits(SHAPE).then_some(Much::Whole),
        length if length < SHAPE.len() => (fits(SHAPE) || fits(&SHAPE[SHAPE.len() - length..])).then_some(Much::Part),
        _ => None,
    }
}

async fn tell_operation(
    setup: &Setup,
    books: &Books,
    operation: &Operation,
    verb: &Verb,
    told: &Told,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    let said = meaning(operation, verb)?;
    let is_read_only = act::cluster_of(setup, operation).map_or(setup.config.read_only, |cluster| cluster.read_only);
    if is_read_only {
        let why = format!("{} is read-only here", operation.service.cluster);
        let trouble = Trouble::new(format!("{} was not told to {}", operation.title, verb.word()), why);
        return Err(Stop::Because(Exit::Refused, trouble));
    }
    let dry = match said {
        Said::TakeOver(word) => return take_over(setup, books, operation, word, &told.consent, printer).await,
        Said::Word(_) => format!("told to {}", verb.word()),
        Said::StopAndUndo => "stopped after its step, and what it did taken back".into(),
    };
    if told.consent.dry_run {
        printer.line(&format!("{}: would be {dry}; nothing was done", operation.title))?;
        return Ok(Exit::Done);
    }
    if !told.consent.yes && !confirmed(setup, operation, verb.word(), printer).await? {
        return Ok(Exit::Refused);
    }
    let session = Session::idle(Clock::system());
    let operator = operator(&session, books, Gate::new(false, [], None));
    let heard = match said {
        Said::Word(word) => operator.tell(&operation.id, word),
        Said::StopAndUndo => operator.stop_and_undo(&operation.id),
        Said::TakeOver(_) => unreachable!("done above"),
    };
    let heard = heard.await.unwrap_or_else(|error| Err(Trouble::new("it was not heard", error)));
    heard.map_err(|trouble| Stop::Because(Exit::Refused, trouble))?;
    printer.line(&format!("{}: told to {}", operation.title, verb.word()))?;
    Ok(Exit::Done)
}

/// What it means where it stands. Whether it is heard is the business of whoever carries it out.
fn meaning(operation: &Operation, verb: &Verb) -> Result<Said, Stop> {
    let refused = |why: &str| {
        let trouble = Trouble::new(format!("{} was not told to {}", operation.title, verb.word()), why);
        Err(Stop::Because(Exit::Refused, trouble))
    };
    let is_interrupted = operation.state == OperationState::Interrupted;
    match verb {
        Verb::Resume if is_interrupted => Ok(Said::TakeOver(Word::Resume)),
        Verb::Steer(Steer::Abort) if is_interrupted => Ok(Said::TakeOver(Word::Undo)),
        Verb::Pause => Ok(Said::Word(PersonWord::Wait)),
        Verb::Resume | Verb::Steer(Steer::Promote) => Ok(Said::Word(PersonWord::GoOn)),
        Verb::Steer(Steer::Retry) => Ok(Said::Word(PersonWord::Again)),
        Verb::Steer(Steer::Abort) => Ok(Said::StopAndUndo),
        Verb::Steer(Steer::PromoteFull) => {
            refused("--full is for a rollout that the service's own controller carries out")
        }
        Verb::Restart
        | Verb::Stop
        | Verb::Start
        | Verb::Scale(_)
        | Verb::RollOut(_)
        | Verb::RollBack(_)
        | Verb::Delete
        | Verb::BackUp(_)
        | Verb::Restore(_)
        | Verb::Verify(_)
        | Verb::Velero(_)
        | Verb::Cordon
        | Verb::Uncordon
        | Verb::Drain => refused("that is no word to an operation"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::arguments::Consent, plan::fixture};

    #[tokio::test]
    async fn a_dry_run_says_what_an_operation_would_be_told_and_tells_it_nothing() {
        let state = tempfile::tempdir().expect("a directory");
        let books = Books::At(Some(state.path().to_owned()));
        let journal = books.open().expect("it opens");
        let plan = fixture::Shop::healthy(1).plan(Verb::Restart).expect("planned");
        let id = journal.unused_id(fixture::noon());
        let (opening, page) = journal.create(id, plan, &"ops@laptop".into(), fixture::noon()).expect("created");
        let setup = Setup::load(&Options { demo: true, ..Options::default() }, None);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut printer = Printer::new(&mut out, &mut err);
        let consent = Consent { yes: true, dry_run: true, ..Consent::default() };
        let told = Told { what: opening.id.to_string(), consent };
        for (verb, is_locked) in [(Verb::Steer(Steer::Abort), true), (Verb::Pause, true), (Verb::Resume, false)] {
            let operation = opening.operation(&crate::plan::Execution::new(opening.plan.clone()), is_locked);
            let exit = tell_operation(&setup, &books, &operation, &verb, &told, &mut printer).await.expect("told");
            assert_eq!(exit, Exit::Done);
        }
        drop(page);
        let text = String::from_utf8(out).expect("utf-8");
        assert!(text.contains("would be stopped after its step"), "{text}");
        assert!(text.contains("would be gone on with where it was cut off; nothing was done\n  stop web-1 "), "{text}");
        assert_eq!(journal.operation(&opening.id).expect("known").state, OperationState::Interrupted);
    }

    #[test]
    fn an_operation_is_told_from_a_service_by_the_shape_of_its_id() {
        assert_eq!(is_like_an_id("20261121-021406-4f2a"), Some(Much::Whole));
        for part in ["2026", "20261121-02", "4f2a", "-4f2a", "021406-4f2a"] {
            assert_eq!(is_like_an_id(part), Some(Much::Part), "{part}");
        }
        for service in ["db-01", "ad-1", "4f2", "cache-1", "face-2026", "20261121_021406", "20261121-021406-4f2a-1"] {
            assert_eq!(is_like_an_id(service), None, "{service}");
        }
    }
}
