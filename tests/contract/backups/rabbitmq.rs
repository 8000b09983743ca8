//! RabbitMQ.

use midwatch::domain::{Method, Snapshot};
use serde_json::Value;

use super::scene::Scene;
use crate::docker::docker;

/// As its own user, since what root is given for it quotes badly. Two virtual hosts with users, two hundred queues each bound to an exchange, policies and parameters, in letters of two bytes, too.
const DEFINE: &str = r#"
  set -e
  rabbitmqctl -q import_definitions <<E
  {"vhosts": [
    {"name": "shop", "metadata": {"description": "d", "tags": ["production", "eu"]}},
    {"name": "lagér \\"2\\"", "metadata": {"description": "{[", "tags": []}}
  ]}
E
  rabbitmqctl -q add_user ann zebra-in-the-rain
  rabbitmqctl -q set_user_tags ann monitoring policymaker
  rabbitmqctl -q add_user bob hare-in-the-fog
  rabbitmqctl -q set_permissions -p shop ann '^a.*' '.*' '.*'
  rabbitmqctl -q set_permissions -p shop bob '' '' '.*'
  rabbitmqctl -q set_policy -p shop short '^q' '{"message-ttl": 60000, "max-length": 7}' --priority 3 --apply-to queues
  rabbitmqctl -q set_vhost_limits -p shop '{"max-queues": 1000}'
  rabbitmqctl -q eval '
    Named = fun (Kind, Name) -> rabbit_misc:r(<<"shop">>, Kind, Name) end,
    rabbit_exchange:declare(Named(exchange, <<"orders">>), topic, true, false, false, [], <<"ann">>),
    [begin
      Queue = iolist_to_binary([<<"q\"]}{[">>, integer_to_list(N)]),
      rabbit_amqqueue:declare(Named(queue, Queue), true, false, [{<<"x-max-priority">>, long, 3}], none, <<"ann">>),
      rabbit_binding:add({binding, Named(exchange, <<"orders">>), <<"k.#">>, Named(queue, Queue), []}, <<"ann">>)
    end || N <- lists:seq(1, 200)], ok.'
"#;

async fn rabbitmq(case: &str) -> Option<Scene> {
    let name = ["--hostname", "rabbit"];
    let scene = Scene::open(case, (Method::RabbitMq, None), &name, "exec rabbitmq-server").await?;
    scene.until("the broker to answer", "rabbitmqctl -q await_startup");
    Some(scene)
}

/// Everything that is defined, each kind in an order of its own.
fn definitions(scene: &Scene) -> Value {
    let exported = scene.sh("rabbitmqctl -q export_definitions -");
    let mut definitions: Value = serde_json::from_str(&exported).expect("JSON");
    for kind in definitions.as_object_mut().expect("an object").values_mut() {
        if let Value::Array(all) = kind {
            all.sort_by_key(ToString::to_string);
        }
    }
    definitions
}

async fn defined(scene: &Scene) -> Snapshot {
    docker(&["exec", "-u", "rabbitmq", &scene.name, "sh", "-c", DEFINE]);
    scene.backed_up().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_definitions_of_a_rabbitmq_are_as_they_were_again() {
    let Some(scene) = rabbitmq("the definitions of a rabbitmq").await else { return };
    let snapshot = defined(&scene).await;
    let healthy = definitions(&scene);
    assert_eq!(snapshot.version.as_deref(), Some("3.10.8"));
    let kinds = ["vhosts", "users", "queues", "exchanges", "bindings", "policies", "permissions", "parameters"];
    let counts = kinds.map(|kind| snapshot.counts.get(kind).map(|(least, _)| *least));
    let real = kinds.map(|kind| healthy[kind].as_array().map(|all| all.len() as u64));
    assert_eq!(counts, real.map(|count| count.filter(|&count| count > 0)), "{:?}", snapshot.counts);
    assert_eq!(snapshot.counts["queues"], (200, 200));
    let exported = scene.sh("rabbitmqctl -q export_definitions -");
    assert_eq!(String::from_utf8(scene.dumped(&snapshot)).expect("text"), exported);

    let damage = "rabbitmqctl -q delete_vhost shop; rabbitmqctl -q delete_user ann; \
                  rabbitmqctl -q change_password bob other; rabbitmqctl -q set_user_tags bob administrator; \
                  rabbitmqctl -q delete_user guest";
    scene.sh(damage);
    for _ in 0..2 {
        scene.restored(&snapshot).await;
        assert_eq!(definitions(&scene), healthy);
    }
    scene.sh("rabbitmqctl -q authenticate_user ann zebra-in-the-rain");
    scene.taken_back(&snapshot).await;

    // What came since stays.
    scene.sh("rabbitmqctl -q add_user eve x");
    scene.restored(&snapshot).await;
    assert!(scene.sh("rabbitmqctl -q list_users").contains("eve"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part_of_the_definitions_of_a_rabbitmq_overwrites_nothing() {
    let Some(scene) = rabbitmq("part of the definitions").await else { return };
    let snapshot = defined(&scene).await;
    scene.sh("rabbitmqctl -q delete_user bob");
    scene.overwrites_nothing_with_a_part(&snapshot, || definitions(&scene).to_string()).await;

    let whole = String::from_utf8(scene.dumped(&snapshot)).expect("text");
    let later = whole.replace("\"rabbit_version\":\"3.10.8\"", "\"rabbit_version\":\"3.11.2\"").into_bytes();
    let bytes = later.len() as u64;
    let later = scene.keeps(&snapshot, later, bytes).await;
    let trouble = scene.restore(&later).await.expect_err("it is of a later server");
    assert_eq!(&*trouble.why, "the server (3.10.8) is older than the dump (3.11.2)");
    assert!(!scene.sh("rabbitmqctl -q list_users").contains("bob"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rabbitmq_complains_of_shows_no_hash_of_a_password() {
    let Some(scene) = rabbitmq("what a rabbitmq complains of").await else { return };
    let snapshot = defined(&scene).await;
    let whole = String::from_utf8(scene.dumped(&snapshot)).expect("text");
    let (_, hash) = whole.split_once("\"password_hash\":\"").expect("there is one");
    let hash = &hash[..40];
    let bad = whole.replace(hash, &format!("!{hash}")).into_bytes();
    let bytes = bad.len() as u64;
    let bad = scene.keeps(&snapshot, bad, bytes).await;
    let trouble = scene.restore(&bad).await.expect_err("it is no hash").to_string();
    assert!(trouble.contains("not_base64") && !trouble.contains(hash), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rabbitmq_tool_that_is_missing_is_named() {
    let nothing = Scene::open("a rabbitmq tool", (Method::RabbitMq, None), &[], "sleep 10000").await;
    let Some(scene) = nothing else { return };
    scene.sh("rm /usr/sbin/rabbitmqctl");
    let trouble = scene.back_up().await.expect_err("there is no tool");
    assert_eq!(&*trouble.why, "there is no rabbitmqctl in the instance");
}
