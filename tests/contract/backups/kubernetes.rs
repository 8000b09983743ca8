//! The same on Kubernetes, where no program is told that its input is at its end.

use midwatch::domain::Method;

use super::{access, backed_up_at, bring_back, restic, settle, silent, take_back, to_return};
use crate::{
    kubernetes::KubernetesStage,
    programs::said,
    stage::{Program, Stage},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_a_pod_are_as_they_were_again() {
    let Some(stage) = KubernetesStage::open("files of a pod").await else { return };
    let stage: &dyn Stage = &stage;
    let running = stage.run(Program::idle()).await;
    let backend = stage.backend().await;
    let sh = async |script: &str| {
        let (output, errors, code) = said(&backend, &running.instance, script, b"").await;
        assert_eq!(code, 0, "{script}: {errors}");
        String::from_utf8(output).expect("text")
    };
    sh("mkdir -p /srv/kept/deep; head -c 3000000 /dev/urandom >/srv/kept/deep/noise; ln -s deep/noise /srv/kept/link")
        .await;
    let looks = "cd /srv/kept && find . | sort && find . -type f -exec sha256sum {} +";
    let healthy = sh(looks).await;
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up_at(stage, &running, &place, (Method::Files, Some("/srv/kept"))).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    restic(&place, &["check", "--read-data"]);

    sh("rm -r /srv/kept/deep; echo damage >/srv/kept/other").await;
    let damaged = sh(looks).await;
    let (access, silent, order) = (access(&place), silent(), to_return(&snapshot, &running));
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    let kept = |looked: String| -> String { looked.lines().filter(|line| !line.contains(".midwatch-")).collect() };
    assert_eq!(kept(sh(looks).await), kept(healthy.clone()));
    take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(sh(looks).await, damaged);
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    settle(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(sh(looks).await, healthy);
}
