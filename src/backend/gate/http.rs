//! Whether every new instance answers an HTTP request as it should, so many times in a row.

use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Look, Member, Standing, Verdict,
    address::Address,
    request::{self, Answer},
};
use crate::{
    backend::{StepError, mask},
    domain::text::{clean, shorten},
    plan::wish::HttpGate,
};

/// An instance that has just come up may stumble: it is asked up to so often for each answer that it owes.
const TRIES: u32 = 3;
/// Instances that are asked at once.
const AT_ONCE: usize = 16;
const BETWEEN: Duration = Duration::from_millis(100);
const AFTER_A_BAD_ONE: Duration = Duration::from_millis(500);
/// All pauses after bad answers together.
const PATIENCE: Duration = Duration::from_secs(30);
/// For the way to the instance, which is the engine's matter and not the instance's.
const DIALLED_WITHIN: Duration = Duration::from_secs(10);

/// What is asked.
enum At {
    /// Of each new instance.
    Port(u16, String),
    Url(Address),
}

impl At {
    /// `8080/health`, `8080` or `http://shop.example/health`.
    fn of(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Address::of(text).map(Self::Url);
        }
        let (port, path) = text.trim().split_once('/').unwrap_or((text.trim(), ""));
        let port = port.parse().ok().filter(|port| *port > 0);
        let path = format!("/{path}");
        match (port, path.parse::<http::uri::PathAndQuery>()) {
            (Some(port), Ok(_)) => Ok(Self::Port(port, path)),
            (_, Ok(_) | Err(_)) => Err(format!("{} is no port and path", clean(text))),
        }
    }
}

pub async fn judge(look: &Look<'_>, gate: &HttpGate, verdict: Verdict<'_>) -> Result<(), StepError> {
    match At::of(&gate.at).map_err(|why| verdict.unsure(why))? {
        At::Url(address) => {
            let ask = || async { Ok(from_here(&address, gate).await) };
            in_a_row(look, gate, "it", ask).await?.map_err(|why| verdict.failed(format!("it {why}")))
        }
        At::Port(port, path) => {
            let members = look.new_members(verdict).await?;
            let asked = |member| asked_in_a_row(look, gate, member, (port, path.as_str()), verdict).boxed();
            let asking: Vec<_> = members.iter().map(asked).collect();
            stream::iter(asking).buffer_unordered(AT_ONCE).try_collect().await
        }
    }
}

async fn asked_in_a_row(
    look: &Look<'_>,
    gate: &HttpGate,
    member: &Member,
    at: (u16, &str),
    verdict: Verdict<'_>,
) -> Result<(), StepError> {
    let ask = || of_member(look, gate, member, at);
    in_a_row(look, gate, &member.name, ask).await?.map_err(|why| verdict.failed_of(member, why))
}

/// What an instance did, if it did not answer, in words that follow its name.
type Asked = Result<Answer, String>;

async fn from_here(address: &Address, gate: &HttpGate) -> Asked {
    let connection = address.connect().await.map_err(|why| format!("cannot be reached: {why}"))?;
    request::get(connection, &address.host_and_port(), &address.path, patience(gate)).await
}

async fn of_member(
    look: &Look<'_>,
    gate: &HttpGate,
    member: &Member,
    (port, path): (u16, &str),
) -> Result<Asked, StepError> {
    if member.standing == Standing::Gone {
        return Ok(Err("is gone".into()));
    }
    match timeout(DIALLED_WITHIN, look.evidence.dial(member, port)).await {
        // What checks its own health from inside asks by this name.
        Ok(Ok(connection)) => Ok(request::get(connection, &format!("localhost:{port}"), path, patience(gate)).await),
        Ok(Err(StepError::Failed(trouble))) => Ok(Err(format!("cannot be reached: {}", trouble.why))),
        Ok(Err(error @ (StepError::Unsure(_) | StepError::Lost(_)))) => Err(error),
        Err(_) => Ok(Err(format!("was not reached within {} s", DIALLED_WITHIN.as_secs()))),
    }
}

/// Asks until so many answers in a row are as they should be. The inner error: what was wrong with the last one.
async fn in_a_row<F: Future<Output = Result<Asked, StepError>>>(
    look: &Look<'_>,
    gate: &HttpGate,
    name: &str,
    ask: impl Fn() -> F,
) -> Result<Result<(), String>, StepError> {
    let times = gate.times.max(1);
    let tries = times.saturating_mul(TRIES);
    let pause = AFTER_A_BAD_ONE.min(PATIENCE / tries);
    let (mut good, mut last_wrong) = (0, String::new());
    for tried in 1..=tries {
        let began = Instant::now();
        match ask().await?.and_then(|answer| wrong(gate, &answer).map_or(Ok(()), Err)) {
            Ok(()) => {
                good += 1;
                look.tell(&format!("{name}: {good} of {times} in a row, {} ms", began.elapsed().as_millis()));
                if good == times {
                    return Ok(Ok(()));
                }
                sleep(BETWEEN).await;
            }
            Err(why) => {
                good = 0;
                look.tell(&format!("{name} {why}"));
                last_wrong = why;
                // No more are left that could make it.
                if tries - tried < times {
                    break;
                }
                sleep(pause).await;
            }
        }
    }
    Ok(Err(last_wrong))
}

/// What is wrong with an answer, in words that follow the instance's name.
fn wrong(gate: &HttpGate, answer: &Answer) -> Option<String> {
    let HttpGate { at, status, body, .. } = gate;
    let said = String::from_utf8_lossy(&answer.body);
    let beginning = || match shorten(&clean(&mask::text(said.trim())), 100) {
        beginning if beginning.is_empty() => "nothing".to_owned(),
        beginning => format!("'{beginning}'"),
    };
    if answer.status != *status {
        return Some(format!("answered {} instead of {status} to {}: {}", answer.status, clean(at), beginning()));
    }
    let expected = body.as_deref().filter(|expected| !said.contains(expected))?;
    let limit = if answer.is_cut { " in the first 64 KiB of its answer" } else { "" };
    Some(format!("answered {status} without '{}'{limit}: {}", clean(expected), beginning()))
}

fn patience(gate: &HttpGate) -> Duration {
    Duration::from_millis(gate.within.max(1).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_a_path_are_asked_of_each_instance() {
        let at = |text| match At::of(text) {
            Ok(At::Port(port, path)) => format!("{port} {path}"),
            Ok(At::Url(address)) => format!("{address:?}"),
            Err(why) => why,
        };
        assert_eq!(at("8080/health?deep=1"), "8080 /health?deep=1");
        assert_eq!(at(" 8080 "), "8080 /");
        assert_eq!(at("0/health"), "0/health is no port and path");
        assert_eq!(at("health"), "health is no port and path");
        assert_eq!(at("80/a b\u{1b}"), "80/a b\u{fffd} is no port and path");
    }

    #[test]
    fn a_wrong_answer_is_told_with_the_beginning_of_its_harmless_body() {
        let gate = HttpGate { at: "80/".into(), status: 200, body: Some("ok".into()), within: 100, times: 1 };
        let of = |status, body: &[u8]| wrong(&gate, &Answer { status, body: body.to_vec(), is_cut: false });
        assert_eq!(of(200, b"all is ok"), None);
        assert_eq!(
            of(500, b"\x1b[2J oops\n").as_deref(),
            Some("answered 500 instead of 200 to 80/: '\u{fffd}[2J oops'")
        );
        assert_eq!(of(200, b"").as_deref(), Some("answered 200 without 'ok': nothing"));
    }
}
