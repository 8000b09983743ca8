//! `midwatch pause`, `resume`, `promote`, `abort` and `retry`: said to an operation of ours, whoever carries it out, or to the rollout
//! that a service's own engine carries out.

use super::{
    act::{self, confirmed, known, operator, take_over},
    arguments::{Options, Told},
    asked::Asked,
    exit::{Exit, Stop},
    operate::Word,
    printer::Printer,
    session::Session,
};
use crate::{
    clock::Clock,
    domain::{Address, Operation, OperationState, PersonWord, Trouble},
    plan::{Steer, Verb},
    runtime::gate::Gate,
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
    if is_like_an_id(&told.what) {
        match known(&books, &told.what) {
            Ok(operation) => return tell_operation(&setup, &books, &operation, &verb, &told, printer).await,
            // A service may be called so too.
            Err(unknown) if told.what.contains('-') => return Err(unknown),
            Err(_) => {}
        }
    }
    let address: Address = told.what.parse().map_err(|why| Stop::usage(format!("no \"{}\"", told.what), why))?;
    act::act(options, Asked::of_service(verb, address, told.consent), printer).await
}

/// `20261121-021406-4f2a`, or enough of either end of it.
fn is_like_an_id(typed: &str) -> bool {
    let is_of_one = |c: char| matches!(c, '0'..='9' | 'a'..='f' | '-');
    typed.len() >= 4 && typed.chars().all(is_of_one) && typed.contains(|c: char| c.is_ascii_digit())
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
    if let Said::TakeOver(word) = said {
        return take_over(setup, books, operation, word, told.consent.yes, printer).await;
    }
    if !told.consent.yes && !confirmed(&format!("{}: {}", verb.word(), operation.title), printer)? {
        return Ok(Exit::Refused);
    }
    let session = Session::idle(Clock::system());
    if setup.config.read_only {
        let trouble =
            Trouble::new(format!("{} was not told to {}", operation.title, verb.word()), "it is read-only here");
        return Err(Stop::Because(Exit::Refused, trouble));
    }
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
        | Verb::Cordon
        | Verb::Uncordon
        | Verb::Drain => refused("that is no word to an operation"),
    }
}
