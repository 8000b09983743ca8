//! Programs in instances of real engines, by which dumps come and go.

use std::sync::Arc;

use futures::StreamExt;
use midwatch::{
    backend::{Backend, Piped, Said},
    domain::InstanceId,
};
use tokio::io::AsyncWriteExt;

use crate::{
    docker::DockerStage,
    kubernetes::KubernetesStage,
    observer::PATIENCE,
    stage::{Program, Stage},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_in_a_container_is_heard_to_its_end() {
    if let Some(stage) = DockerStage::open("a program in a container").await {
        a_program_reads_and_prints_and_ends_with_its_code(&stage).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_in_a_pod_is_heard_to_its_end() {
    if let Some(stage) = KubernetesStage::open("a program in a pod").await {
        a_program_reads_and_prints_and_ends_with_its_code(&stage).await;
    }
}

/// What a program says, outputs apart, and its code.
pub async fn said(
    backend: &Arc<dyn Backend>,
    instance: &InstanceId,
    script: &str,
    input: &[u8],
) -> (Vec<u8>, String, i64) {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let Piped { input: mut stdin, mut said } = backend.run(instance.clone(), command).await.expect("it runs");
    let input = input.to_vec();
    // It may end without reading all.
    let writing = tokio::spawn(async move { stdin.write_all(&input).await.and(stdin.flush().await).map(|()| stdin) });
    let (mut output, mut errors) = (Vec::new(), String::new());
    let reading = async {
        loop {
            match said.next().await.expect("it ends with its code").expect("it goes on") {
                Said::Output(bytes) => output.extend_from_slice(&bytes),
                Said::Errors(bytes) => errors.push_str(&String::from_utf8_lossy(&bytes)),
                Said::Ended(code) => return code,
            }
        }
    };
    let code = tokio::time::timeout(PATIENCE, reading).await.expect("in time");
    writing.abort();
    (output, errors, code)
}

async fn a_program_reads_and_prints_and_ends_with_its_code(stage: &dyn Stage) {
    let running = stage.run(Program::idle().env("SUM", "42")).await;
    let backend = stage.backend().await;
    let said = async |script: &str, input: &[u8]| said(&backend, &running.instance, script, input).await;
    let (output, errors, code) = said("echo sum $SUM; echo wrong >&2; exit 3", b"").await;
    assert_eq!((&*output, errors.trim(), code), (&b"sum 42\n"[..], "wrong", 3));
    // All bytes there are, more than any buffer holds, both ways.
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (output, _, code) = said(&format!("head -c {}", bytes.len()), &bytes).await;
    assert_eq!((output.len(), code), (bytes.len(), 0));
    assert!(output == bytes, "other bytes came back");
    let (output, errors, code) = said("no-such-tool", b"").await;
    assert_eq!((output.len(), code), (0, 127), "{errors}");
    let command = vec!["/no/such/program".to_owned()];
    let refused = match backend.run(running.instance.clone(), command).await {
        Err(trouble) => trouble.line(),
        Ok(piped) => format!("{:?}", piped.said.collect::<Vec<_>>().await),
    };
    assert!(refused.contains("/no/such/program") || refused.contains("Ended(12"), "{refused}");
}
