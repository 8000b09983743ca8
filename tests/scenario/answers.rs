//! Questions are asked as often as their answers are old, and no more.

use std::time::Duration;

use midwatch::{
    domain::{InstanceId, InstanceState, Trouble},
    message::{Answer, Event, Question, Refresh},
};

use crate::support::{Stage, world};

fn answers(stage: &Stage) -> usize {
    stage.count(|event| matches!(event, Event::Answer { .. }))
}

fn last_answer(stage: &Stage) -> &Result<Answer, Trouble> {
    let answer = stage.heard.iter().rev().find_map(|(_, event)| match event {
        Event::Answer { answer, .. } => Some(answer),
        _ => None,
    });
    answer.expect("an answer came")
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_again_when_the_fingerprint_changes_and_not_before() {
    let mut stage = world().service("web", 1).begin();
    stage.live().await;
    let question = Question::Releases(stage.service("web").id.clone());
    for (fingerprint, expected) in [(1, 1), (1, 1), (2, 2), (1, 3)] {
        let refresh = Refresh::WhenChanged(fingerprint);
        stage.want(|wanted| wanted.answers = [(question.clone(), refresh)].into());
        stage.play(Duration::from_secs(60)).await;
        assert_eq!(answers(&stage), expected);
    }
    stage.want(|wanted| wanted.answers.clear());
    stage.play(Duration::from_secs(60)).await;
    assert_eq!(answers(&stage), 3);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_every_so_often() {
    let mut stage = world().service("web", 1).begin();
    stage.live().await;
    let question = Question::Processes(stage.id("web", 1));
    stage.want(|wanted| wanted.answers = [(question, Refresh::Every(Duration::from_secs(5)))].into());
    stage.play(Duration::from_secs(21)).await;
    assert_eq!(answers(&stage), 5);
    let Ok(Answer::Processes(processes)) = last_answer(&stage) else { panic!("{:?}", last_answer(&stage)) };
    assert!(processes.rows.iter().all(|row| row.len() == processes.titles.len()));
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_again_with_every_new_connection() {
    let mut stage = world().cluster("here").fault("lost", "30s", "3s").service("web", 1).begin();
    stage.live().await;
    let question = Question::Configuration(stage.id("web", 1));
    stage.want(|wanted| wanted.answers = [(question, Refresh::WhenChanged(1))].into());
    stage.play(Duration::from_secs(90)).await;
    assert_eq!(answers(&stage), 2);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_failed_is_asked_again_although_nothing_changed() {
    let mut stage = world().service("web", 1).begin();
    stage.live().await;
    let unknown = InstanceId::new(&"here".into(), "gone");
    stage.want(|wanted| wanted.answers = [(Question::Configuration(unknown), Refresh::WhenChanged(1))].into());
    stage.play(Duration::from_secs(2)).await;
    assert!(last_answer(&stage).as_ref().is_err_and(|trouble| trouble.line().contains("no such instance")));
    assert_eq!(answers(&stage), 1);
    stage.play(Duration::from_secs(15)).await;
    assert_eq!(answers(&stage), 2);
}

#[tokio::test(start_paused = true)]
async fn silence_is_an_answer_after_ten_seconds() {
    let mut stage = world().cluster("here").fault("hung", "11s", "5m").service("web", 1).begin();
    stage.live().await;
    stage.play(Duration::from_secs(12)).await;
    let question = Question::Configuration(stage.id("web", 1));
    stage.want(|wanted| wanted.answers = [(question, Refresh::WhenChanged(1))].into());
    stage.until("it is answered", |stage| answers(stage) > 0).await;
    let (at, _) = stage.heard.last().expect("it was heard");
    assert!((22.0..22.3).contains(&at.as_secs_f64()), "{at:?}");
    assert!(last_answer(&stage).as_ref().is_err_and(|trouble| trouble.line().contains("no answer for 10 s")));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_tells_no_secret_and_reads_as_yaml() {
    let environment =
        r#"environment = { DB_PASSWORD = "hunter2", LOG_LEVEL = "info: \"all\"", API_TOKEN = "hunter2" }"#;
    let mut stage = world().service("web", 1).with(environment).with("ports = [\"8080->80\"]").begin();
    stage.live().await;
    let backend = stage.backend("here");
    let answer = backend.query(Question::Configuration(stage.id("web", 1))).await;
    let Ok(Answer::Configuration(yaml)) = answer else { panic!("{answer:?}") };
    assert!(!yaml.contains("hunter2"), "{yaml}");
    let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(read["config"]["environment"][2], "LOG_LEVEL=info: \"all\"");
    assert_eq!(read["host"]["ports"][0], "8080->80");
    assert_eq!(stage.instance("web", 1).state, InstanceState::Running);
}
