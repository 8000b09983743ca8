use super::{
    super::scripted::{Reply, Server},
    *,
};

const OLD: &str = r#"{"groups":[
    {"name":"apps","versions":[{"version":"v1"}]},
    {"name":"batch","versions":[{"version":"v1"},{"version":"v1beta1"}]},
    {"name":"autoscaling","versions":[{"version":"v1"},{"version":"v2beta1"},{"version":"v2beta2"}]},
    {"name":"policy","versions":[{"version":"v1beta1"}]}]}"#;
const NEW: &str = r#"{"groups":[
    {"name":"apps","versions":[{"version":"v1"}]},
    {"name":"batch","versions":[{"version":"v1"}]},
    {"name":"autoscaling","versions":[{"version":"v2"},{"version":"v1"}]},
    {"name":"policy","versions":[{"version":"v1"}]},
    {"name":"argoproj.io","versions":[{"version":"v1alpha1"}]},
    {"name":"metrics.k8s.io","versions":[{"version":"v1beta1"}]}]}"#;

fn server(groups: &'static str, more: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::new(move |path| match path {
        "/version" => Reply::json(r#"{"gitVersion":"v1.20.5"}"#),
        "/apis" => Reply::json(groups),
        _ => more(path).unwrap_or_else(|| Reply::refusal(404, "NotFound")),
    })
}

#[tokio::test]
async fn an_old_server_is_asked_in_its_own_versions() {
    let jobs = |path: &str| {
        (path == "/apis/batch/v1").then(|| Reply::json(r#"{"resources":[{"name":"jobs"},{"name":"jobs/status"}]}"#))
    };
    let server = server(OLD, jobs);
    let served = Served::find(&server.api()).await.expect("found");
    let path = |resource| served.path(resource, None).unwrap_or_default();
    assert_eq!(served.version(), "v1.20.5");
    assert_eq!(path(Resource::CronJob), "/apis/batch/v1beta1/cronjobs");
    assert_eq!(path(Resource::Job), "/apis/batch/v1/jobs");
    assert_eq!(path(Resource::Autoscaler), "/apis/autoscaling/v2beta2/horizontalpodautoscalers");
    assert_eq!(path(Resource::Budget), "/apis/policy/v1beta1/poddisruptionbudgets");
    assert_eq!(served.path(Resource::Rollout, None), None);
    assert_eq!(served.path(Resource::PodMetrics, None), None);
}

#[tokio::test]
async fn a_new_server_is_asked_for_nothing_that_its_groups_tell() {
    let server = server(NEW, |path| {
        (path == "/apis/argoproj.io/v1alpha1").then(|| Reply::json(r#"{"resources":[{"name":"rollouts"}]}"#))
    });
    let served = Served::find(&server.api()).await.expect("found");
    assert_eq!(served.path(Resource::CronJob, None).as_deref(), Some("/apis/batch/v1/cronjobs"));
    assert_eq!(served.path(Resource::Pod, Some("shop")).as_deref(), Some("/api/v1/namespaces/shop/pods"));
    assert_eq!(served.path(Resource::Node, Some("shop")).as_deref(), Some("/api/v1/nodes"));
    assert!(served.has(Resource::Rollout) && served.has(Resource::NodeMetrics));
    let mut asked = server.asked();
    asked.sort();
    assert_eq!(asked, ["/apis", "/apis/argoproj.io/v1alpha1", "/version"]);
}

#[tokio::test]
async fn an_added_api_whose_server_is_broken_hides_only_itself() {
    let server =
        server(NEW, |path| (path == "/apis/argoproj.io/v1alpha1").then(|| Reply::refusal(503, "ServiceUnavailable")));
    let served = Served::find(&server.api()).await.expect("found");
    assert!(!served.has(Resource::Rollout));
    assert!(served.has(Resource::Deployment));
}

#[tokio::test]
async fn where_nothing_may_be_asked_what_is_always_there_is_assumed() {
    let server = Server::new(|_| Reply::refusal(403, "Forbidden"));
    let served = Served::find(&server.api()).await.expect("found");
    assert_eq!(served.version(), "");
    assert_eq!(served.path(Resource::Deployment, None).as_deref(), Some("/apis/apps/v1/deployments"));
    assert!(!served.has(Resource::Rollout));
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_no_server_without_groups() {
    let server = Server::new(|_| Reply::refusal(401, "Unauthorized"));
    let fault = Served::find(&server.api()).await.expect_err("refused");
    assert!(matches!(fault, Fault::Refused { code: 401, .. }), "{fault:?}");
}
