//! Logs of real pods.

use futures::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::{
    backend::kubernetes::testing::{Lab, PATIENCE, container, on_a_cluster},
    store::log::stamp::split_time,
};

struct Log {
    stream: BoxStream<'static, Item>,
    /// A line that has no end yet.
    begun: Vec<u8>,
    times: Vec<i64>,
    texts: Vec<String>,
    end: Option<FollowError>,
}

impl Lab {
    fn follow(&self, instance: &InstanceId, since: Since) -> Log {
        let stream = follow(self.site.clone(), instance.clone(), since);
        Log { stream, begun: Vec::new(), times: Vec::new(), texts: Vec::new(), end: None }
    }
}

impl Log {
    /// The texts so far, once they are enough or the log has ended.
    async fn until(&mut self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        while !enough(&self.texts) {
            match timeout(PATIENCE, self.stream.next()).await {
                Ok(Some(Ok(piece))) => self.add(&piece.bytes),
                Ok(Some(Err(end))) => self.end = Some(end),
                Ok(None) => break,
                Err(_) => panic!("not enough: {} lines, {:?}", self.texts.len(), self.texts.last()),
            }
        }
        self.texts.clone()
    }

    async fn whole(&mut self) -> Vec<String> {
        let texts = self.until(|_| false).await;
        assert!(self.begun.is_empty(), "half a line: {:?}", String::from_utf8_lossy(&self.begun));
        texts
    }

    fn add(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(line);
            if let Some(line) = self.begun.strip_suffix(b"\n") {
                let (at, text) = split_time(line);
                self.times.push(at.expect("every line has a time"));
                self.texts.push(String::from_utf8(text.to_vec()).expect("utf-8"));
                self.begun.clear();
            }
        }
    }
}

/// Whether this was said.
fn said(text: &str) -> impl Fn(&[String]) -> bool {
    move |texts| texts.last().is_some_and(|last| last == text)
}

const COUNTS: &str = "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; done; printf 'no end'";

#[tokio::test]
async fn what_ended_is_read_from_anywhere_and_is_over() {
    on_a_cluster("ended", async |lab| {
        let ended = lab.runs("counts", "Never", COUNTS).await;
        let mut log = lab.follow(&ended, Since::Beginning);
        let whole = log.whole().await;
        assert_eq!((whole.len(), &*whole[0], &*whole[10]), (11, "line 1", "no end"));
        assert_eq!(log.end, Some(FollowError::Over));
        assert_eq!(lab.follow(&ended, Since::Lines(2)).whole().await, ["line 10", "no end"]);
        assert_eq!(lab.follow(&ended, Since::Lines(0)).whole().await, [""; 0]);
        let after = Timestamp::from_nanosecond(i128::from(log.times[3]) + 1).expect("a time");
        assert_eq!(lab.follow(&ended, Since::Time(after)).whole().await, whole[4..]);
    })
    .await;
}

#[tokio::test]
async fn long_lines_of_pipes_and_terminals_arrive_whole() {
    on_a_cluster("long", async |lab| {
        let script = "head -c 102400 /dev/zero | tr '\\0' x; echo; echo after";
        // What is still in a terminal when its program ends is lost at times, before it ever was in a log.
        let mut terminal = container("terminal", &format!("{script}; sleep 1000"));
        terminal["tty"] = json!(true);
        let spec = json!({ "restartPolicy": "Never", "containers": [container("pipe", script), terminal] });
        let pod = lab.pod("long", spec).await;
        let of_pipe = lab.follow(&pod.part("pipe"), Since::Beginning).whole().await;
        let of_terminal = lab.follow(&pod.part("terminal"), Since::Beginning).until(|texts| texts.len() == 2).await;
        for (part, lines) in [("pipe", of_pipe), ("terminal", of_terminal)] {
            let lengths: Vec<usize> = lines.iter().map(|line| line.trim_end().len()).collect();
            assert_eq!(lengths, [102_400, "after".len()], "{part}");
            assert!(lines[0].trim_end().bytes().all(|byte| byte == b'x'), "times stand in the middle of the line");
        }
    })
    .await;
}

/// Each run says its number, which is kept in a volume.
fn restarting() -> serde_json::Value {
    let script = "n=$(cat /runs/n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /runs/n
        for i in 1 2 3 4 5; do echo run $n line $i; done; sleep 4; echo run $n ends; exit 3";
    let mut main = container("main", script);
    main["volumeMounts"] = json!([{ "name": "runs", "mountPath": "/runs" }]);
    json!({ "containers": [main], "volumes": [{ "name": "runs", "emptyDir": {} }] })
}

fn of_runs(runs: std::ops::RangeInclusive<u32>) -> Vec<String> {
    let run = |run| (1..=5).map(move |line| format!("run {run} line {line}")).chain([format!("run {run} ends")]);
    runs.flat_map(run).collect()
}

#[tokio::test]
async fn following_goes_on_through_restarts_and_loses_and_doubles_nothing() {
    on_a_cluster("restarts", async |lab| {
        let pod = lab.pod("restarts", restarting()).await;
        // Begun before there is a container: it is waited for.
        let mut log = lab.follow(&pod, Since::Beginning);
        let seen = log.until(said("run 3 ends")).await;
        // A node keeps one earlier run: on a busy machine the first may be forgotten before anybody was let near it.
        assert!(seen == of_runs(1..=3) || seen == of_runs(2..=3), "{seen:?}");
        // It is about to be started again, or was: what the node still has comes first.
        let runs = lab.follow(&pod, Since::Beginning).until(said("run 3 ends")).await;
        assert!(runs == of_runs(3..=3) || runs == of_runs(2..=3), "{runs:?}");
        lab.remove("restarts").await;
        log.whole().await;
        assert_eq!(log.end, Some(FollowError::Over));
        let mut gone = lab.follow(&pod, Since::Beginning);
        gone.whole().await;
        assert!(matches!(gone.end, Some(FollowError::Refused(_))), "{:?}", gone.end);
    })
    .await;
}

#[tokio::test]
async fn the_last_lines_go_back_into_the_run_before() {
    on_a_cluster("previous", async |lab| {
        let script =
            "if [ -e /runs/n ]; then echo again; sleep 1000; fi; touch /runs/n; echo one; echo two; echo three";
        let mut spec = restarting();
        spec["containers"][0]["command"][2] = json!(script);
        let pod = lab.pod("previous", spec).await;
        lab.follow(&pod, Since::Beginning).until(said("again")).await;
        let is_restarted = |pod: &serde_json::Value| {
            let status = &pod["status"]["containerStatuses"][0];
            status["state"]["running"].is_object() && status["lastState"]["terminated"].is_object()
        };
        lab.until("previous", is_restarted).await;
        for (lines, expected) in [(1, vec!["again"]), (3, vec!["two", "three", "again"])] {
            let seen = lab.follow(&pod, Since::Lines(lines)).until(said("again")).await;
            assert_eq!(seen, expected);
        }
        assert_eq!(lab.follow(&pod, Since::Beginning).until(|texts| texts.len() == 4).await[3], "again");
    })
    .await;
}

#[tokio::test]
async fn init_containers_have_logs_of_their_own_that_end() {
    on_a_cluster("init", async |lab| {
        let spec = json!({
            "initContainers": [container("setup", "echo prepares; sleep 1; echo prepared")],
            "containers": [container("main", "echo ready; sleep 1000")],
        });
        let pod = lab.pod("init", spec).await;
        let mut main = lab.follow(&pod, Since::Beginning);
        let mut setup = lab.follow(&pod.part("setup"), Since::Lines(10));
        assert_eq!(setup.whole().await, ["prepares", "prepared"]);
        assert_eq!(setup.end, Some(FollowError::Over));
        assert_eq!(main.until(|texts| texts.len() == 1).await, ["ready"]);
        let mut unknown = lab.follow(&pod.part("nothing"), Since::Beginning);
        unknown.whole().await;
        assert!(matches!(&unknown.end, Some(FollowError::Refused(why)) if why.line().contains("no container nothing")));
    })
    .await;
}

#[tokio::test]
async fn another_pod_of_the_same_name_is_not_mistaken_for_it() {
    on_a_cluster("uid", async |lab| {
        let first = lab.runs("twin", "Never", "echo first").await;
        lab.follow(&first, Since::Beginning).whole().await;
        lab.remove("twin").await;
        let second = lab.runs("twin", "Never", "echo second").await;
        assert_eq!(lab.follow(&second, Since::Beginning).whole().await, ["second"]);
        let mut log = lab.follow(&first, Since::Beginning);
        assert_eq!(log.whole().await, [""; 0]);
        assert!(matches!(&log.end, Some(FollowError::Refused(why)) if why.line().contains("another")), "{:?}", log.end);
    })
    .await;
}

/// Some kubelets go on following the old file when it is rotated, and then nothing comes any more.
#[tokio::test]
async fn a_rotated_log_is_read_on_without_loss() {
    on_a_cluster("rotated", async |lab| {
        let script = "i=0; x=$(head -c 1000 /dev/zero | tr '\\0' x); while [ $i -lt 8000 ]; do i=$((i+1)); echo $i $x
            [ $((i % 40)) = 0 ] && sleep 0.2; done; sleep 1000";
        let pod = lab.runs("rotated", "Always", script).await;
        let mut log = lab.follow(&pod, Since::Beginning);
        let seen = log.until(|texts| texts.last().is_some_and(|text| text.starts_with("8000 "))).await;
        let numbers: Vec<u32> = seen.iter().filter_map(|text| text.split(' ').next()?.parse().ok()).collect();
        let expected: Vec<u32> = (1..=8000).collect();
        let odd = numbers.iter().zip(&expected).find(|(number, expected)| number != expected);
        assert!(numbers == expected, "{} lines, the first odd one: {odd:?}", numbers.len());
    })
    .await;
}
