//! Gates over instances that do as they are told, on paused time.

use std::sync::Mutex;

use futures::{FutureExt, StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Duration, Instant, sleep},
};

use super::*;
use crate::{domain::Output, plan::wish::HttpGate};

type Says<T> = Box<dyn Fn(u64) -> T + Send + Sync>;

/// Instances as they are so many seconds after the beginning; what a connection answers; what the logs say each second.
struct Scripted {
    began: Instant,
    members: Says<Vec<Member>>,
    answers: Says<Option<&'static str>>,
    new_says: Vec<&'static str>,
    old_says: Vec<&'static str>,
    dials: Mutex<u64>,
}

fn scripted(members: impl Fn(u64) -> Vec<Member> + Send + Sync + 'static) -> Scripted {
    Scripted {
        began: Instant::now(),
        members: Box::new(members),
        answers: Box::new(|_| None),
        new_says: Vec::new(),
        old_says: Vec::new(),
        dials: Mutex::new(0),
    }
}

impl Evidence for Scripted {
    fn members<'a>(&'a self, group: &'a Group) -> BoxFuture<'a, Result<Vec<Member>, StepError>> {
        let members = match group {
            Group::Instances(_) | Group::Newest(_) => (self.members)(self.began.elapsed().as_secs()),
            Group::Older(_) | Group::All(_) => vec![member("old", Standing::Ready, 0)],
        };
        async { Ok(members) }.boxed()
    }

    fn dial<'a>(&'a self, _: &'a Member, _: u16) -> BoxFuture<'a, Result<Connection, StepError>> {
        let mut dials = self.dials.lock().expect("nobody panics with it");
        let answer = (self.answers)(*dials);
        *dials += 1;
        let (near, mut far) = tokio::io::duplex(1 << 20);
        tokio::spawn(async move {
            let mut request = [0; 1024];
            _ = far.read(&mut request).await;
            match answer {
                Some(answer) => _ = far.write_all(answer.as_bytes()).await,
                None => std::future::pending().await,
            }
        });
        async { Ok(Box::pin(near) as Connection) }.boxed()
    }

    fn follow(&self, member: &Member, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        assert_eq!(since, Since::Lines(0));
        let lines = if &*member.name == "old" { self.old_says.clone() } else { self.new_says.clone() };
        let lines = lines.into_iter().enumerate().map(|(index, line)| {
            let bytes = format!("2026-11-21T02:00:{index:02}.5Z {line}\n").into_bytes();
            // In two pieces, cut where no line ends.
            let (first, second) = bytes.split_at(bytes.len() / 2);
            [first.to_vec(), second.to_vec()]
        });
        let pieces: Vec<Vec<u8>> = lines.flatten().collect();
        let said = stream::iter(pieces).then(|piece| async move {
            sleep(Duration::from_millis(10)).await;
            Ok(LogPiece { output: Output::Stdout, bytes: piece.into() })
        });
        said.chain(stream::pending()).boxed()
    }
}

fn member(name: &str, standing: Standing, restarts: u32) -> Member {
    let id = InstanceId::new(&"lab".into(), name);
    Member { id, name: name.into(), standing, restarts, started: None, help: "look".into() }
}

fn ready(name: &str) -> Member {
    member(name, Standing::Ready, 0)
}

fn unready(name: &str) -> Member {
    member(name, Standing::NotReady("it sulks".into()), 0)
}

fn service() -> crate::domain::ServiceId {
    crate::domain::ServiceId::new(&"lab".into(), &"shop".into(), "web")
}

/// `ok`, or the kind of the error, its reason, and how many seconds it took.
async fn verdict(evidence: &Scripted, gate: Gate) -> (String, u64) {
    let (new, old) = (Group::Newest(service()), Group::Older(service()));
    let progress: Progress = Arc::new(|words| assert!(!words.is_empty()));
    let began = Instant::now();
    let judged = Look { evidence, new: &new, old: &old, progress: &progress }.judge(&gate).await;
    let said = match judged {
        Ok(()) => "ok".into(),
        Err(StepError::Failed(trouble)) => format!("failed: {}", trouble.why),
        Err(StepError::Unsure(trouble)) => format!("unsure: {}", trouble.why),
        Err(StepError::Lost(trouble)) => format!("lost: {}", trouble.why),
    };
    (said, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn what_stays_ready_passes_when_its_time_is_over() {
    let evidence = scripted(|_| vec![ready("a"), ready("b")]);
    assert_eq!(verdict(&evidence, Gate::Health { seconds: 30 }).await, ("ok".into(), 30));
    assert_eq!(verdict(&evidence, Gate::Health { seconds: 0 }).await, ("ok".into(), 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_ready_any_more_fails_the_gate_at_once_by_its_name() {
    let evidence = scripted(|at| if at < 12 { vec![ready("a"), ready("b")] } else { vec![ready("a"), unready("b")] });
    let said = "failed: b is not ready: it sulks, 12 s after the check began";
    assert_eq!(verdict(&evidence, Gate::Health { seconds: 30 }).await, (said.into(), 12));
}

#[tokio::test(start_paused = true)]
async fn a_restart_between_two_looks_is_noticed() {
    let evidence = scripted(|at| vec![member("a", Standing::Ready, u32::from(at >= 5))]);
    let said = "failed: a was restarted, 5 s after the check began";
    assert_eq!(verdict(&evidence, Gate::Health { seconds: 30 }).await, (said.into(), 5));
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_meanwhile_may_come_up_and_if_it_does_not_a_person_is_asked() {
    let comes = |by: u64| {
        scripted(move |at| match at {
            0..3 => vec![ready("a")],
            at if at < by => vec![ready("a"), unready("b")],
            _ => vec![ready("a"), ready("b")],
        })
    };
    assert_eq!(verdict(&comes(9), Gate::Health { seconds: 20 }).await.0, "ok");
    let said = "unsure: b came meanwhile and is not ready yet";
    assert_eq!(verdict(&comes(99), Gate::Health { seconds: 20 }).await, (said.into(), 20));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_gone_fails_and_none_at_all_are_no_evidence() {
    let gone = scripted(|_| vec![ready("a"), member("b", Standing::Gone, 0)]);
    assert_eq!(verdict(&gone, Gate::Health { seconds: 9 }).await.0, "failed: b is gone, 0 s after the check began");
    let none = "unsure: there is no new instance to look at";
    assert_eq!(verdict(&scripted(|_| Vec::new()), Gate::Health { seconds: 9 }).await.0, none);
}

fn http(times: u32) -> Gate {
    Gate::Http(HttpGate { at: "8080/health".into(), status: 200, body: Some("ok".into()), within: 500, times })
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BAD: &str = "HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nno db";

fn answering(answers: impl Fn(u64) -> Option<&'static str> + Send + Sync + 'static) -> Scripted {
    Scripted { answers: Box::new(answers), ..scripted(|_| vec![ready("a")]) }
}

#[tokio::test(start_paused = true)]
async fn answers_must_be_good_so_often_in_a_row() {
    assert_eq!(verdict(&answering(|_| Some(GOOD)), http(3)).await.0, "ok");
    assert_eq!(verdict(&answering(|dial| Some(if dial == 1 { BAD } else { GOOD })), http(3)).await.0, "ok");
    let said = "failed: a answered 503 instead of 200 to 8080/health: 'no db'";
    assert_eq!(verdict(&answering(|dial| Some(if dial % 3 == 2 { BAD } else { GOOD })), http(3)).await.0, said);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_is_cut_off_and_each_try_costs_no_more_than_its_time() {
    let (said, seconds) = verdict(&answering(|_| None), http(1)).await;
    assert_eq!(said, "failed: a did not answer within 500 ms");
    assert!(seconds <= 3, "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_an_endless_body_and_a_redirect_are_told_apart() {
    for (answer, said) in [
        ("SSH-2.0-x\r\n\r\n", "failed: a did not answer in HTTP"),
        ("", "failed: a closed the connection without an answer"),
        (
            "HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n",
            "failed: a answered 302 instead of 200 to 8080/health: nothing",
        ),
    ] {
        assert_eq!(verdict(&answering(move |_| Some(answer)), http(1)).await.0, said);
    }
    let long: &str = Box::leak(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(80 << 10)).into_boxed_str());
    let (said, _) = verdict(&answering(move |_| Some(long)), http(1)).await;
    assert!(said.starts_with("failed: a answered 200 without 'ok' in the first 64 KiB of its answer: 'xxx"), "{said}");
}

fn logging(new: &[(&'static str, usize)], old: &[(&'static str, usize)]) -> Scripted {
    let lines = |said: &[(&'static str, usize)]| said.iter().flat_map(|(line, times)| vec![*line; *times]).collect();
    Scripted { new_says: lines(new), old_says: lines(old), ..scripted(|_| vec![ready("a")]) }
}

const FINE: &str = "level=info msg=served";
const WRONG: &str = "level=error msg=\"no db\"";
const ERRORS: Gate = Gate::Errors { percent: 150, at_least: 20, seconds: 10 };

#[tokio::test(start_paused = true)]
async fn error_lines_are_compared_as_parts_of_all_lines() {
    let old = [(FINE, 90), (WRONG, 10)];
    let (said, seconds) = verdict(&logging(&[(FINE, 43), (WRONG, 7)], &old), ERRORS).await;
    assert_eq!((said.as_str(), seconds), ("ok", 11));
    let said = "failed: 8 of 50 lines are errors, of the old release 10 of 100";
    assert_eq!(verdict(&logging(&[(FINE, 42), (WRONG, 8)], &old), ERRORS).await.0, said);
}

#[tokio::test(start_paused = true)]
async fn too_few_lines_leave_it_to_a_person_with_the_numbers() {
    for (new, old, said) in [
        (vec![(FINE, 19)], vec![(FINE, 90)], "unsure: too few lines in 10 s: 19 of 20 that it takes"),
        (vec![], vec![], "unsure: too few lines in 10 s: 0 of 20 that it takes"),
        (
            vec![(FINE, 20), (WRONG, 5)],
            vec![(FINE, 9)],
            "unsure: the old release wrote too little to compare with: 5 of 25 lines are errors, of the old release 0 of 9",
        ),
        (
            vec![(FINE, 48), (WRONG, 2)],
            vec![(FINE, 90)],
            "unsure: too few to tell a bad release from bad luck: 2 of 50 lines are errors, of the old release 0 of 90",
        ),
    ] {
        assert_eq!(verdict(&logging(&new, &old), ERRORS).await.0, said);
    }
    assert_eq!(verdict(&logging(&[(FINE, 20)], &[]), ERRORS).await.0, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_person_is_asked_with_the_words_of_the_gate() {
    let gate = Gate::Person { says: "is the shop still open?".into() };
    assert_eq!(verdict(&scripted(|_| Vec::new()), gate).await, ("unsure: is the shop still open?".into(), 0));
}

/// A server that answers a query with these values, one after the other, the last one ever after.
async fn prometheus(values: &'static [&'static str]) -> Gate {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/prom/", listener.local_addr().expect("bound")).into();
    tokio::spawn(async move {
        let mut asked = 0;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = client.read(&mut request).await.expect("a request");
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            assert!(request.starts_with("GET /prom/api/v1/query?query=rate%28x%5B1m%5D%29 HTTP/1.1\r\n"), "{request}");
            let value = values[asked.min(values.len() - 1)];
            asked += 1;
            let body = format!(r#"{{"status":"success","data":{{"resultType":"scalar","result":[1,"{value}"]}}}}"#);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            client.write_all(format!("{head}{body}").as_bytes()).await.expect("it listens");
        }
    });
    let limit = crate::plan::wish::Limit::AtMost(500);
    Gate::Prometheus(crate::plan::wish::PrometheusGate { url, query: "rate(x[1m])".into(), limit, seconds: 2 })
}

#[tokio::test]
async fn a_number_must_keep_within_its_limit_until_the_last_look() {
    for (values, said) in [
        (&["0.1", "0.5"][..], "ok"),
        (&["NaN", "0.5"], "ok"),
        (&["0.1", "0.6", "0.1"], "failed: it is 0.6"),
        (&["NaN"], "unsure: the query yields no number (NaN): nothing was counted yet"),
    ] {
        let gate = prometheus(values).await;
        assert_eq!(verdict(&scripted(|_| Vec::new()), gate).await.0, said, "{values:?}");
    }
}
