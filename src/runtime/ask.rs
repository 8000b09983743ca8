//! Keeps one question answered: asks at the beginning, with every new connection, and when the answer is old.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use crate::{
    backend::Backend,
    domain::Trouble,
    message::{Event, Question, Refresh},
    runtime::{channels::Outbox, connections::Connections},
};

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Where the engine asks somebody else, and waits for a file.
const FILE_WITHIN: Duration = Duration::from_secs(180);
/// After an answer that did not come, even if nothing is said to have changed.
const AGAIN: Duration = Duration::from_secs(15);

/// Runs until it is dropped. Another fingerprint is another `refresh`, which begins this anew.
pub async fn keep(connections: Connections, outbox: Outbox, question: Question, refresh: Refresh) {
    loop {
        let backend = connections.next_live(question.cluster()).await;
        tokio::select! {
            () = ask(&backend, &outbox, &question, refresh) => {}
            () = connections.lost(question.cluster(), &backend) => {}
        }
    }
}

/// Asks again and again for as long as the connection is good; never ends by itself.
async fn ask(backend: &Arc<dyn Backend>, outbox: &Outbox, question: &Question, refresh: Refresh) {
    loop {
        let answer = timeout(patience(question), backend.query(question.clone())).await;
        let answer = answer.unwrap_or_else(|_| Err(silence(question)));
        let answered = answer.is_ok();
        // Fails only when nobody listens any more: the program is about to end.
        let _ = outbox.facts.send(Event::Answer { question: question.clone(), answer }).await;
        match refresh {
            Refresh::Every(period) => sleep(period).await,
            Refresh::WhenChanged(_) if answered => pending().await,
            Refresh::WhenChanged(_) => sleep(AGAIN).await,
        }
    }
}

/// The longest that an answer to it may take.
pub fn patience(question: &Question) -> Duration {
    match question {
        Question::Releases(_)
        | Question::Configuration(_)
        | Question::Processes(_)
        | Question::Outline(..)
        | Question::Rights(..)
        | Question::Means(_)
        | Question::ClusterBackups(_) => ANSWER_WITHIN,
        Question::VeleroText(..) | Question::Preview(..) => FILE_WITHIN,
    }
}

fn silence(question: &Question) -> Trouble {
    let what = match question {
        Question::Releases(service) => format!("could not list the releases of {service}"),
        Question::Configuration(instance) => format!("could not read the configuration of {instance}"),
        Question::Processes(instance) => format!("could not list the processes of {instance}"),
        Question::Outline(service, id) => format!("could not read release {id} of {service}"),
        Question::Means(service) => format!("could not find out how {service} can be rolled out"),
        Question::Rights(cluster, scope) => format!("could not ask what you may do in {cluster}/{scope}"),
        Question::ClusterBackups(cluster) => format!("could not list the backups of {cluster}"),
        Question::VeleroText(_, id, file) => format!("could not read the {} of {}", file.name(), id.name),
        Question::Preview(_, restore) => format!("could not tell what a restore of {} would do", restore.backup),
    };
    Trouble::new(what, format!("no answer for {} s", patience(question).as_secs()))
}
