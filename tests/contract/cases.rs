//! What every backend must do. A case says what it needs in `stage`'s words and looks only through `Backend`.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use jiff::SignedDuration;
use midwatch::{
    backend::{Backend, FollowError, Progress, StepError},
    domain::{Capability, Change, Health, InstanceState},
    message::{Answer, Question, Since},
    plan::Step,
};
use tokio::io::AsyncWriteExt;

use crate::{
    observer::{Observer, PATIENCE, lines, read_log},
    stage::{Does, Program, Running, Stage},
};

/// Calls a macro with the names of all cases.
macro_rules! every_case {
    ($play:ident) => {
        $play! {
            a_picture_comes_first_and_holds_what_runs,
            a_service_that_is_started_appears_and_one_that_is_removed_goes,
            a_crash_loop_is_failing_with_its_exit_code,
            a_lack_of_memory_is_told_with_its_limit,
            a_failing_health_check_is_quoted,
            a_passing_health_check_is_healthy,
            stopping_and_starting_twice_is_no_error_and_keeps_the_instance,
            awaiting_one_that_crashes_fails_with_words,
            a_step_on_an_instance_that_is_gone_fails_with_words,
            lines_bear_one_time_each_and_outputs_are_told_apart,
            a_terminals_lines_bear_one_time_each,
            a_long_line_arrives_whole,
            a_long_line_of_a_terminal_arrives_whole,
            invalid_utf8_arrives_as_it_was_written,
            following_ends_when_the_instance_has_ended,
            following_goes_on_through_restarts,
            following_ends_when_the_instance_is_removed,
            since_begins_at_its_line,
            a_tail_begins_so_many_lines_before_now,
            a_busy_loop_is_measured_as_such,
            a_configuration_hides_its_secrets,
            processes_are_listed,
            releases_name_the_current_image,
            a_shell_runs_a_command_and_gives_its_output,
            hostile_labels_are_made_harmless,
            a_stop_is_told_in_words,
        }
    };
}
pub(crate) use every_case;

pub async fn a_picture_comes_first_and_holds_what_runs(stage: &dyn Stage) {
    let running = stage.run(Program::idle()).await;
    let backend = stage.backend().await;
    backend.ping().await.expect("it lives");
    let mut observer = Observer::new(stage.cluster(), &backend);
    let (Change::Picture(picture) | Change::Arriving(picture)) = observer.next().await else {
        panic!("something came before the picture")
    };
    assert!(!picture.facts.engine_version.is_empty());
    let cluster = stage.cluster();
    observer.until("the picture to be whole", |now| (!now.inventory.is_arriving(&cluster)).then_some(())).await;
    let facts =
        observer.inventory.cluster(&cluster).and_then(|cluster| cluster.facts.as_ref()).expect("they came with it");
    assert!(facts.cpus > 0 && facts.memory > 0, "{facts:?}");
    let service = observer.inventory.service(&running.service).expect("the service is in the picture");
    assert_eq!((service.wanted, service.ready, &service.health), (1, 1, &Health::Healthy));
    let instance = observer.instance(&running.instance).expect("the instance is in the picture");
    assert_eq!((&*instance.name, &instance.state), (running.name.as_str(), &InstanceState::Running));
    assert!(instance.started.is_some() && instance.created.is_some());
}

pub async fn a_service_that_is_started_appears_and_one_that_is_removed_goes(stage: &dyn Stage) {
    let backend = stage.backend().await;
    let mut observer = Observer::new(stage.cluster(), &backend);
    observer.next().await;
    let running = stage.run(Program::idle()).await;
    observer.service(&running.service, "the service to appear", |service| service.ready == 1).await;
    stage.remove(&running).await;
    observer.until("the service to go", |now| now.inventory.service(&running.service).is_none().then_some(())).await;
    observer.until("the instance to go", |now| now.instance(&running.instance).is_none().then_some(())).await;
}

pub async fn a_crash_loop_is_failing_with_its_exit_code(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::Crashes { code: 3 })).await;
    let mut observer = Observer::new(stage.cluster(), &stage.backend().await);
    let service = observer.failing(&running.service, "crash loop: exit 3").await;
    assert!(service.health.reason().expect("it has one").text.contains("restarts"), "{:?}", service.health);
    assert!(service.restarts > 0 && service.since.is_some());
}

pub async fn a_lack_of_memory_is_told_with_its_limit(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::EatsMemory { limit: 16 })).await;
    let mut observer = Observer::new(stage.cluster(), &stage.backend().await);
    observer.failing(&running.service, "out of memory, limit 16Mi").await;
}

pub async fn a_failing_health_check_is_quoted(stage: &dyn Stage) {
    let output = "could not reach the database".to_owned();
    let running = stage.run(Program::new(Does::FailsItsCheck { output: output.clone() })).await;
    let mut observer = Observer::new(stage.cluster(), &stage.backend().await);
    let service = observer.failing(&running.service, &output).await;
    assert_eq!(service.ready, 0);
}

pub async fn a_passing_health_check_is_healthy(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::PassesItsCheck)).await;
    let backend = stage.backend().await;
    execute(&backend, await_ready(&running)).await.expect("it becomes healthy");
    let mut observer = Observer::new(stage.cluster(), &backend);
    observer.service(&running.service, "it to be healthy", |service| service.health == Health::Healthy).await;
}

pub async fn stopping_and_starting_twice_is_no_error_and_keeps_the_instance(stage: &dyn Stage) {
    let running = stage.run(Program::idle()).await;
    let backend = stage.backend().await;
    let mut observer = Observer::new(stage.cluster(), &backend);
    let stop = Step::Stop { instance: running.instance.clone(), name: running.name.as_str().into(), grace: 5 };
    let start = Step::Start { instance: running.instance.clone(), name: running.name.as_str().into() };
    if backend.capabilities().allow(Capability::StopAndStart).is_err() {
        for step in [stop, start] {
            let refused = execute(&backend, step).await;
            assert!(matches!(&refused, Err(StepError::Failed(trouble)) if !trouble.why.is_empty()), "{refused:?}");
        }
        return;
    }
    for _ in 0..2 {
        execute(&backend, stop.clone()).await.expect("stops");
    }
    let is_stopped = |service: &midwatch::domain::Service| matches!(service.health, Health::Stopped(_));
    let service = observer.service(&running.service, "it to be stopped, not failing", is_stopped).await;
    assert_eq!((service.wanted, service.ready), (1, 0));
    for _ in 0..2 {
        execute(&backend, start.clone()).await.expect("starts");
    }
    for _ in 0..2 {
        execute(&backend, await_ready(&running)).await.expect("is ready");
    }
    observer.service(&running.service, "it to run again", |service| service.ready == 1).await;
    assert_eq!(observer.instance(&running.instance).expect("the same one").state, InstanceState::Running);
}

pub async fn awaiting_one_that_crashes_fails_with_words(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::Crashes { code: 4 })).await;
    let backend = stage.backend().await;
    let error = execute(&backend, await_ready(&running)).await.expect_err("it never is");
    let StepError::Failed(trouble) = error else { panic!("the link is fine: {error:?}") };
    assert!(trouble.what.contains(&running.name), "{trouble}");
    assert!(trouble.help.is_some(), "{trouble}");
}

pub async fn a_step_on_an_instance_that_is_gone_fails_with_words(stage: &dyn Stage) {
    let running = stage.run(Program::idle()).await;
    let backend = stage.backend().await;
    stage.remove(&running).await;
    for step in [
        Step::Stop { instance: running.instance.clone(), name: "web".into(), grace: 1 },
        Step::Start { instance: running.instance.clone(), name: "web".into() },
        await_ready(&running),
    ] {
        let error = execute(&backend, step.clone()).await;
        assert!(matches!(&error, Err(StepError::Failed(trouble)) if !trouble.why.is_empty()), "{step:?}: {error:?}");
    }
}

pub async fn lines_bear_one_time_each_and_outputs_are_told_apart(stage: &dyn Stage) {
    let says = Does::Says { stdout: vec!["one".into(), "two".into()], stderr: vec!["bad".into()] };
    let running = stage.run(Program::new(says)).await;
    let mut log = stage.backend().await.follow(running.instance, Since::Beginning);
    let read = read_log(&mut log, |read| read.has("two\n") && read.has("bad\n")).await;
    let texts = |bytes: &[u8]| lines(bytes).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    if !stage.tells_outputs_apart() {
        let mut all = texts(&read.stdout);
        all.sort();
        return assert_eq!(all, ["bad", "one", "two"]);
    }
    assert_eq!((texts(&read.stdout), texts(&read.stderr)), (vec!["one".into(), "two".into()], vec!["bad".into()]));
}

pub async fn a_terminals_lines_bear_one_time_each(stage: &dyn Stage) {
    let says = Does::Says { stdout: vec!["one".into(), "two".into()], stderr: Vec::new() };
    let running = stage.run(Program::new(says).tty()).await;
    let mut log = stage.backend().await.follow(running.instance, Since::Beginning);
    let read = read_log(&mut log, |read| read.has("two\r\n") || read.has("two\n")).await;
    let texts: Vec<_> = lines(&read.stdout).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["one", "two"]);
}

pub async fn a_long_line_arrives_whole(stage: &dyn Stage) {
    long_line(stage, Program::new(Does::SaysLong { length: 100 << 10 })).await;
}

pub async fn a_long_line_of_a_terminal_arrives_whole(stage: &dyn Stage) {
    long_line(stage, Program::new(Does::SaysLong { length: 100 << 10 }).tty()).await;
}

async fn long_line(stage: &dyn Stage, program: Program) {
    let running = stage.run(program).await;
    let mut log = stage.backend().await.follow(running.instance, Since::Beginning);
    let read = read_log(&mut log, |read| read.has("after")).await;
    let long = lines(&read.stdout).into_iter().next().expect("a line").1;
    assert_eq!(long.len(), 100 << 10);
    assert!(long.bytes().all(|byte| byte == b'x'), "times stand in the middle of the line");
}

pub async fn invalid_utf8_arrives_as_it_was_written(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::SaysInvalidUtf8)).await;
    let mut log = stage.backend().await.follow(running.instance, Since::Beginning);
    // Docker's json-file driver keeps text only and writes U+FFFD for what is none; other engines keep the bytes.
    let read = read_log(&mut log, |read| read.stdout.ends_with(b"\n")).await;
    let line = lines(&read.stdout).remove(0).1;
    assert!(line.starts_with("raw") && line.contains('\u{fffd}'), "{line:?}");
}

pub async fn following_ends_when_the_instance_has_ended(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::CountsAndEnds { lines: 500, code: 0 })).await;
    let mut log = stage.backend().await.follow(running.instance, Since::Beginning);
    let read = read_log(&mut log, |_| false).await;
    assert!(read.ended);
    let texts: Vec<_> = lines(&read.stdout).into_iter().map(|(_, text)| text).collect();
    let expected: Vec<_> = (1..=500).map(|number| format!("line {number}")).collect();
    assert_eq!(texts, expected);
}

pub async fn following_goes_on_through_restarts(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::Crashes { code: 1 })).await;
    let mut log = stage.backend().await.follow(running.instance, Since::Beginning);
    let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    let read = read_log(&mut log, |read| count(&read.stdout) >= 4).await;
    let lines = lines(&read.stdout);
    assert!(lines.iter().all(|(_, text)| text == "crashing"), "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[0].0 < pair[1].0), "a line came twice: {lines:?}");
}

pub async fn following_ends_when_the_instance_is_removed(stage: &dyn Stage) {
    let running = stage.run(Program::idle()).await;
    let mut log = stage.backend().await.follow(running.instance.clone(), Since::Beginning);
    read_log(&mut log, |read| read.has("ready")).await;
    stage.remove(&running).await;
    let ended = tokio::time::timeout(PATIENCE, log.next()).await.expect("ends in time");
    assert!(matches!(ended, None | Some(Err(FollowError::Refused(_) | FollowError::Over))), "{ended:?}");
    assert!(log.next().await.is_none(), "an ended stream stays ended");
}

pub async fn since_begins_at_its_line(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::CountsAndEnds { lines: 20, code: 0 })).await;
    let backend = stage.backend().await;
    let all = lines(&read_log(&mut backend.follow(running.instance.clone(), Since::Beginning), |_| false).await.stdout);
    let (time, _) = all[9];
    let after = time.checked_add(SignedDuration::from_nanos(1)).expect("a time");
    let rest = lines(&read_log(&mut backend.follow(running.instance, Since::Time(after)), |_| false).await.stdout);
    assert_eq!(rest, all[10..], "to the nanosecond: nothing lost, nothing twice");
}

pub async fn a_tail_begins_so_many_lines_before_now(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::CountsAndEnds { lines: 50, code: 0 })).await;
    let backend = stage.backend().await;
    read_log(&mut backend.follow(running.instance.clone(), Since::Beginning), |_| false).await;
    let read = read_log(&mut backend.follow(running.instance, Since::Lines(3)), |_| false).await;
    let texts: Vec<_> = lines(&read.stdout).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["line 48", "line 49", "line 50"]);
}

pub async fn a_busy_loop_is_measured_as_such(stage: &dyn Stage) {
    let running = stage.run(Program::new(Does::Burns)).await;
    let mut samples = stage.backend().await.sample(running.instance);
    let mut seen = Vec::new();
    let measuring = async {
        loop {
            let sample = samples.next().await.expect("goes on").expect("is measured");
            seen.push(sample);
            // One core at the most; how much of it a shared machine gives in one second is its own affair.
            if seen.len() >= 3 && (50..=1200).contains(&sample.cpu) {
                return sample;
            }
        }
    };
    let measured = tokio::time::timeout(PATIENCE, measuring).await;
    let last = measured.unwrap_or_else(|_| panic!("{seen:?}"));
    assert!(seen.windows(2).all(|pair| pair[0].at < pair[1].at), "{seen:?}");
    assert!(last.memory > 0 && last.memory < 1 << 30, "{last:?}");
    assert!(last.pids >= 1 || !stage.counts_processes(), "{last:?}");
}

pub async fn a_configuration_hides_its_secrets(stage: &dyn Stage) {
    let program = Program::idle()
        .env("POSTGRES_PASSWORD", "hunter2")
        .env("DATABASE_URL", "postgres://shop:hunter2@db/shop")
        .env("MODE", "production")
        .label("deploy.token", "hunter2");
    let running = stage.run(program).await;
    let answer = stage.backend().await.query(Question::Configuration(running.instance)).await.expect("an answer");
    let Answer::Configuration(text) = answer else { panic!("another answer: {answer:?}") };
    assert!(!text.contains("hunter2"), "{text}");
    for shown in ["POSTGRES_PASSWORD", "********", "MODE", "production"] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
}

pub async fn processes_are_listed(stage: &dyn Stage) {
    let running = stage.run(Program::idle()).await;
    let backend = stage.backend().await;
    let asked = async {
        loop {
            match backend.query(Question::Processes(running.instance.clone())).await {
                Err(trouble) if trouble.why.starts_with("no answer for") => {}
                answer => return answer.expect("an answer"),
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await.expect("in time");
    let Answer::Processes(processes) = answer else { panic!("another answer: {answer:?}") };
    assert!(!processes.rows.is_empty());
    assert!(processes.rows.iter().all(|row| row.len() == processes.titles.len()), "{processes:?}");
}

pub async fn releases_name_the_current_image(stage: &dyn Stage) {
    let running = stage.run(Program::idle()).await;
    let backend = stage.backend().await;
    let mut observer = Observer::new(stage.cluster(), &backend);
    let service = observer.service(&running.service, "the service", |_| true).await;
    let answer = backend.query(Question::Releases(running.service)).await.expect("an answer");
    let Answer::Releases(releases) = answer else { panic!("another answer: {answer:?}") };
    let current: Vec<_> = releases.iter().filter(|release| release.current).collect();
    assert_eq!(current.len(), 1, "{releases:?}");
    assert_eq!(current[0].image.reference, service.image.expect("it has one").reference);
    assert_eq!(current[0].instances, 1);
}

pub async fn a_shell_runs_a_command_and_gives_its_output(stage: &dyn Stage) {
    let running = stage.run(Program::idle().env("SUM", "42")).await;
    let mut shell = stage.backend().await.attach(running.instance, (100, 30)).await.expect("a shell");
    (shell.resize)((120, 40)).await;
    shell.input.write_all(b"echo sum $SUM\n").await.expect("is written");
    let mut output = Vec::new();
    let reading = async {
        let mut has_answered = false;
        while let Some(piece) = shell.output.next().await {
            output.extend_from_slice(&piece.expect("goes on"));
            // What is still in a terminal when its program ends is lost at times.
            if !has_answered && String::from_utf8_lossy(&output).contains("sum 42") {
                has_answered = true;
                shell.input.write_all(b"exit\n").await.expect("is written");
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("ends with the shell");
    let text = String::from_utf8_lossy(&output);
    assert!(text.contains("sum 42"), "{text:?}");
}

pub async fn hostile_labels_are_made_harmless(stage: &dyn Stage) {
    let program = Program::idle()
        .label("com.docker.compose.project", "shop\u{1b}]0;owned\u{7}")
        .label("com.docker.compose.service", "we\u{202e}b");
    let running = stage.run(program).await;
    let mut observer = Observer::new(stage.cluster(), &stage.backend().await);
    let instance = observer.until("the instance", |now| now.instance(&running.instance).cloned()).await;
    let shown = format!("{}", instance.service);
    assert!(!shown.contains(midwatch::domain::text::is_hostile), "{shown:?}");
    assert!(observer.inventory.service(&instance.service).is_some());
}

pub async fn a_stop_is_told_in_words(stage: &dyn Stage) {
    let running = stage.run(Program::idle()).await;
    let backend = stage.backend().await;
    let mut observer = Observer::new(stage.cluster(), &backend);
    observer.next().await;
    let stop = Step::Stop { instance: running.instance.clone(), name: running.name.as_str().into(), grace: 5 };
    let word = if backend.capabilities().allow(Capability::StopAndStart).is_ok() {
        execute(&backend, stop).await.expect("stops");
        "ended"
    } else {
        stage.remove(&running).await;
        "stop"
    };
    let ended = |now: &Observer| {
        let of_ours = |happening: &&midwatch::domain::Happening| happening.instance.as_ref() == Some(&running.instance);
        now.happenings.iter().filter(of_ours).find(|happening| happening.text.to_lowercase().contains(word)).cloned()
    };
    let happening = observer.until("the end to be told", ended).await;
    assert_eq!((happening.service.as_ref(), &*happening.subject), (Some(&running.service), running.name.as_str()));
    assert!(!happening.is_bad, "a stop that was asked for is no bad news: {happening:?}");
}

fn await_ready(running: &Running) -> Step {
    Step::AwaitReady { instance: running.instance.clone(), name: running.name.as_str().into(), within: 240, steady: 1 }
}

/// A step that says nothing while it does something leaves a person in the dark, so that is checked by the way.
async fn execute(backend: &Arc<dyn Backend>, step: Step) -> Result<(), StepError> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let progress: Progress = {
        let said = said.clone();
        Arc::new(move |words: &str| said.lock().expect("not poisoned").push(words.to_owned()))
    };
    let result = tokio::time::timeout(PATIENCE, backend.execute(step, progress)).await.expect("ends in time");
    let said = said.lock().expect("not poisoned");
    assert!(said.iter().all(|words| !words.is_empty() && words.chars().count() <= 80), "{said:?}");
    result
}
