//! What every backend must do, as cases that are written once (`cases`) and played on every stage there is (`stage`). On top of it what
//! only Docker has: its grouping (`compose`, `swarm`), the ways to it (`ssh`, `tls`), and engines that misbehave or go away (`faults`,
//! `restart`).

mod backups;
mod cases;
mod compose;
mod docker;
mod docker_gates;
mod docker_rollouts;
mod docker_traffic;
mod fake;
mod faults;
#[path = "../support/kubectl.rs"]
mod kubectl;
mod kubernetes;
mod kubernetes_days;
mod kubernetes_rollouts;
mod observer;
mod programs;
mod proxy;
mod restart;
mod scratch;
mod simulated;
mod ssh;
mod stage;
mod swarm;
mod tls;

macro_rules! on_docker {
    ($($case:ident),* $(,)?) => {
        mod on_docker {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(stage) = crate::docker::DockerStage::open(stringify!($case)).await {
                        crate::cases::$case(&stage).await;
                    }
                }
            )*
        }
    };
}

macro_rules! on_kubernetes {
    ($($case:ident),* $(,)?) => {
        mod on_kubernetes {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(stage) = crate::kubernetes::KubernetesStage::open(stringify!($case)).await {
                        crate::cases::$case(&stage).await;
                    }
                }
            )*
        }
    };
}

macro_rules! on_the_simulator {
    ($($case:ident),* $(,)?) => {
        mod on_the_simulator {
            $(
                #[tokio::test(start_paused = true)]
                async fn $case() {
                    crate::cases::$case(&crate::simulated::SimulatedStage::open().await).await;
                }
            )*
        }
    };
}

cases::every_case!(on_docker);
cases::every_case!(on_kubernetes);
cases::every_case!(on_the_simulator);
