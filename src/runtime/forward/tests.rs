//! A port of this machine against an engine that plays a script.

use std::collections::VecDeque;

use futures::{
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};
use tokio::{io::duplex, task::JoinHandle};

use super::*;
use crate::{
    backend::{Attached, FollowError, LogPiece, Loss, Piped, Progress, Scratch, StepError},
    domain::{Capabilities, Change, Claim, InstanceId, Lease, Sample, ServiceId},
    message::{Answer, Question, Since},
    plan::Step,
    runtime::channels::{Inbox, channels},
};

/// What happens to one connection.
enum Does {
    /// Says its instance's name and then all that it is told.
    Echoes(&'static str),
    /// Waits until all was said, and answers only then.
    AnswersAtTheEnd,
    Breaks(&'static str),
    Refuses(&'static str),
}

struct Script(Mutex<VecDeque<Does>>);

impl Backend for Script {
    fn forward(&self, _: ServiceId, port: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        assert_eq!(port, 8080);
        let next = self.0.lock().expect("no panic holds it").pop_front().expect("no more was expected");
        Box::pin(async move {
            let (ours, theirs) = duplex(1024);
            let (mut read, mut write) = split(theirs);
            let through = match next {
                Does::Echoes(name) => {
                    tokio::spawn(async move {
                        write.write_all(name.as_bytes()).await?;
                        tokio::io::copy(&mut read, &mut write).await
                    });
                    name
                }
                Does::AnswersAtTheEnd => {
                    tokio::spawn(async move {
                        let mut asked = [0; 3];
                        read.read_exact(&mut asked).await?;
                        sleep(Duration::from_millis(50)).await;
                        write.write_all(b"answer").await?;
                        write.shutdown().await
                    });
                    "slow"
                }
                Does::Breaks(why) => {
                    let broken = breaks(why);
                    return Ok(Forwarded { through: "broken".into(), stream: Box::pin(broken) });
                }
                Does::Refuses(why) => return Err(Trouble::new("could not reach it", why)),
            };
            Ok(Forwarded { through: through.into(), stream: Box::pin(ours) })
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        stream::pending().boxed()
    }

    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>> {
        Box::pin(async { Ok(()) })
    }

    fn follow(&self, _: InstanceId, _: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        stream::pending().boxed()
    }

    fn sample(&self, _: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
        stream::pending().boxed()
    }

    fn execute(&self, _: Step, _: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        Box::pin(std::future::pending())
    }

    fn lease(&self, _: ServiceId, _: Lease, _: Claim) -> BoxFuture<'static, Result<Option<Lease>, StepError>> {
        Box::pin(async { Ok(None) })
    }

    fn query(&self, _: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn attach(&self, _: InstanceId, _: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn run(&self, _: InstanceId, _: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn scratch(&self, _: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn discard(&self, _: InstanceId) -> BoxFuture<'static, Result<(), Trouble>> {
        Box::pin(std::future::pending())
    }
}

struct Opened {
    connections: Connections,
    local: u16,
    inbox: Inbox,
    task: JoinHandle<()>,
}

/// A forward of a free port of this machine to an engine that does this.
async fn forward(script: impl IntoIterator<Item = Does>) -> Opened {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let local = free.local_addr().expect("it has one").port();
    drop(free);
    open(local, script).await
}

async fn open(local: u16, script: impl IntoIterator<Item = Does>) -> Opened {
    let (outbox, inbox) = channels();
    let connections = Connections::default();
    connections.set(&"here".into(), Some(Arc::new(Script(Mutex::new(script.into_iter().collect())))));
    let forward = Forward { service: ServiceId::new(&"here".into(), &"shop".into(), "web"), port: 8080 };
    let task = tokio::spawn(keep(connections.clone(), outbox, local, forward));
    Opened { connections, local, inbox, task }
}

impl Opened {
    /// The first state that is as expected.
    async fn state(&mut self, is: impl Fn(&ForwardState) -> bool) -> ForwardState {
        let mut last = None;
        let waiting = async {
            loop {
                for event in self.inbox.gauges.take().await {
                    let Event::Forward { local, state } = event else { panic!("not of a forward: {event:?}") };
                    assert_eq!(local, self.local);
                    if is(&state) {
                        return state;
                    }
                    last = Some(state);
                }
            }
        };
        let waited = timeout(Duration::from_secs(30), waiting).await;
        waited.unwrap_or_else(|_| panic!("not as expected: {last:?}"))
    }

    async fn trouble(&mut self) -> String {
        match self.state(|state| !matches!(state, ForwardState::Listening { .. })).await {
            ForwardState::Troubled(why) | ForwardState::Refused(why) => why.line(),
            ForwardState::Listening { .. } => unreachable!("passed over"),
        }
    }

    async fn dial(&mut self) -> TcpStream {
        self.state(|state| matches!(state, ForwardState::Listening { .. })).await;
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.local)).await.expect("it listens")
    }
}

async fn hears(socket: &mut TcpStream, expected: &str) {
    let mut heard = vec![0; expected.len()];
    let read = timeout(Duration::from_secs(30), socket.read_exact(&mut heard)).await;
    read.expect("in time").expect("it goes on");
    assert_eq!(String::from_utf8_lossy(&heard), expected);
}

#[tokio::test]
async fn connections_go_through_and_are_counted() {
    let mut opened = forward([Does::Echoes("web-1"), Does::Echoes("web-2")]).await;
    let mut first = opened.dial().await;
    hears(&mut first, "web-1").await;
    first.write_all(b"hello").await.expect("is sent");
    hears(&mut first, "hello").await;
    let mut second = TcpStream::connect((Ipv4Addr::LOCALHOST, opened.local)).await.expect("it listens");
    hears(&mut second, "web-2").await;
    drop((first, second));
    let expected = ForwardState::Listening { connections: 2, through: Some("web-2".into()), received: 15, sent: 5 };
    opened.state(|state| *state == expected).await;
}

#[tokio::test]
async fn who_has_said_all_still_hears_the_answer() {
    let mut opened = forward([Does::AnswersAtTheEnd]).await;
    let mut socket = opened.dial().await;
    socket.write_all(b"ask").await.expect("is sent");
    socket.shutdown().await.expect("is closed");
    hears(&mut socket, "answer").await;
    assert_eq!(socket.read(&mut [0; 1]).await.expect("ends"), 0);
}

#[tokio::test]
async fn a_connection_that_comes_to_nothing_says_why_and_the_next_is_tried() {
    let mut opened =
        forward([Does::Refuses("none is ready"), Does::Breaks("nobody listens"), Does::Echoes("web-1")]).await;
    let mut refused = opened.dial().await;
    assert!(refused.read(&mut [0; 1]).await.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset));
    assert!(opened.trouble().await.contains("none is ready"));
    let _broken = TcpStream::connect((Ipv4Addr::LOCALHOST, opened.local)).await.expect("it listens");
    assert_eq!(opened.trouble().await, "port 8080 of broken broke off: nobody listens");
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, opened.local)).await.expect("it listens");
    hears(&mut socket, "web-1").await;
}

#[tokio::test]
async fn while_the_cluster_is_lost_nobody_is_let_through_and_open_connections_end() {
    let mut opened = forward([Does::Echoes("web-1")]).await;
    let mut socket = opened.dial().await;
    hears(&mut socket, "web-1").await;
    opened.connections.set(&"here".into(), None);
    assert!(opened.trouble().await.ends_with("here was lost"));
    assert!(matches!(socket.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    let mut late = TcpStream::connect((Ipv4Addr::LOCALHOST, opened.local)).await.expect("it listens");
    assert!(late.read(&mut [0; 1]).await.is_err(), "it is refused");
    assert!(opened.trouble().await.ends_with("here is not connected now"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_refused_in_words_and_only_this_machine_is_listened_to() {
    let mut first = forward([]).await;
    first.dial().await;
    let mut second = open(first.local, []).await;
    let why = second.trouble().await;
    assert!(why.ends_with(&format!("port {} of this machine: something else listens there", first.local)), "{why}");
    second.task.await.expect("it ends by itself");
    // Any other address of this machine is somebody else's way in.
    assert!(TcpStream::connect(("127.0.0.2", first.local)).await.is_err());
}

#[tokio::test]
async fn a_forward_that_takes_the_place_of_another_gets_its_port() {
    let mut first = forward([]).await;
    first.dial().await;
    let abort = first.task.abort_handle();
    let mut second = open(first.local, [Does::Echoes("web-9")]).await;
    abort.abort();
    let mut socket = second.dial().await;
    hears(&mut socket, "web-9").await;
}

/// A stream that fails when it is read.
fn breaks(why: &'static str) -> impl AsyncRead + AsyncWrite + Send {
    struct Broken(&'static str);

    impl AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            std::task::Poll::Ready(Err(io::Error::other(self.0)))
        }
    }

    tokio::io::join(Broken(why), tokio::io::sink())
}
