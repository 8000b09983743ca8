use super::*;

fn wanted(kind: ScratchKind) -> Scratch {
    let service = crate::domain::ServiceId::new(&"lab".into(), &"shop".into(), "db");
    let like = crate::domain::InstanceId::new(&"lab".into(), "shop/db-0/u-1");
    Scratch { like, service, kind, within: 600 }
}

fn like() -> Value {
    let mount = |name: &str, path: &str, more: Value| {
        let mut mount = json!({"name": name, "mountPath": path});
        mount.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        mount
    };
    json!({
        "metadata": {
            "name": "db-0", "labels": {"app": "db"}, "annotations": {"vault.example/inject": "true"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}],
        },
        "spec": {
            "hostNetwork": true, "hostPID": true, "priorityClassName": "critical", "affinity": {}, "nodeName": "node-1",
            "hostname": "db-0", "subdomain": "db", "serviceAccountName": "db", "dnsPolicy": "ClusterFirst",
            "nodeSelector": {"disk": "fast"}, "securityContext": {"fsGroup": 999}, "imagePullSecrets": [{"name": "registry"}],
            "initContainers": [{"name": "prepare", "image": "tools"}],
            "containers": [
                {
                    "name": "db", "image": "db:v2", "args": ["serve"], "env": [{"name": "A", "value": "1"}],
                    "ports": [{"containerPort": 5432}], "readinessProbe": {}, "lifecycle": {},
                    "securityContext": {"privileged": true, "runAsUser": 999},
                    "resources": {"limits": {"memory": "1Gi", "ephemeral-storage": "1Gi"}, "claims": [{"name": "gpu"}]},
                    "volumeMounts": [
                        mount("data", "/data", json!({"subPath": "db"})),
                        mount("data", "/wal", json!({"subPath": "wal", "mountPropagation": "HostToContainer"})),
                        mount("password", "/run/password", json!({"readOnly": true})),
                        mount("vault", "/run/vault", json!({"readOnly": true})),
                        mount("zone", "/etc/localtime", json!({"readOnly": true})),
                        mount("socket", "/run/node.sock", Value::Null),
                        mount("disk", "/disk", Value::Null),
                        mount("kube-api-access-x", ACCOUNT, json!({"readOnly": true})),
                    ],
                },
                {"name": "metrics", "image": "metrics", "volumeMounts": [mount("other", "/x", Value::Null)]},
            ],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}},
                {"name": "password", "secret": {"secretName": "db"}},
                {"name": "vault", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": true}},
                {"name": "zone", "hostPath": {"path": "/etc/localtime", "type": ""}},
                {"name": "socket", "hostPath": {"path": "/run/node.sock", "type": "Socket"}},
                {"name": "disk", "hostPath": {"path": "/mnt/disk", "type": "Directory"}},
                {"name": "kube-api-access-x", "projected": {"sources": []}},
                {"name": "other", "emptyDir": {}},
            ],
        },
    })
}

fn made(kind: ScratchKind) -> Value {
    let mut policy = policy("midwatch-scratch-1");
    policy["metadata"]["uid"] = json!("u-9");
    let like = like();
    pod(&like, container(&like, "db").expect("it has one"), &wanted(kind), (&policy, None))
}

#[test]
fn a_scratch_pod_has_what_its_container_needs_and_nothing_by_which_it_reaches_or_is_reached() {
    let made = made(ScratchKind::Server);
    let container = &made["spec"]["containers"][0];
    let expected = json!({
        "name": "db", "image": "db:v2", "args": ["serve"], "env": [{"name": "A", "value": "1"}],
        "securityContext": {"runAsUser": 999}, "resources": {"limits": {"memory": "1Gi"}},
        "volumeMounts": container["volumeMounts"], "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    assert_eq!(made["spec"]["containers"], json!([expected]));
    let expected = json!({
        "hostname": "db-0", "serviceAccountName": "db", "nodeSelector": {"disk": "fast"},
        "securityContext": {"fsGroup": 999}, "imagePullSecrets": [{"name": "registry"}],
        "activeDeadlineSeconds": 600, "automountServiceAccountToken": false, "restartPolicy": "Never",
        "dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]}, "terminationGracePeriodSeconds": 1,
        "containers": made["spec"]["containers"], "volumes": made["spec"]["volumes"],
    });
    assert_eq!(made["spec"], expected);
    assert_eq!(made["metadata"]["labels"], json!({LABEL: "midwatch-scratch-1"}));
    let owner = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "name": "midwatch-scratch-1", "uid": "u-9",
    });
    assert_eq!(made["metadata"]["ownerReferences"], json!([owner]));
}

#[test]
fn data_is_empty_there_and_configuration_and_secrets_are_not() {
    let made = made(ScratchKind::Server);
    let volumes = json!([
        {"name": "data", "emptyDir": {}},
        {"name": "password", "secret": {"secretName": "db"}},
        {"name": "vault", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": true}},
        {"name": "disk", "emptyDir": {}},
    ]);
    assert_eq!(made["spec"]["volumes"], volumes);
    let mounts = made["spec"]["containers"][0]["volumeMounts"].as_array().expect("some");
    let paths: Vec<_> = mounts.iter().filter_map(|mount| mount["mountPath"].as_str()).collect();
    assert_eq!(paths, ["/data", "/wal", "/run/password", "/run/vault", "/disk"]);
    assert_eq!(mounts[1], json!({"name": "data", "mountPath": "/wal", "subPath": "wal"}));
}

#[test]
fn one_that_waits_runs_nothing_of_its_image() {
    let container = &made(ScratchKind::Empty)["spec"]["containers"][0];
    assert_eq!((&container["command"], &container["args"]), (&json!(["sh", "-c", "exec sleep 600"]), &Value::Null));
}

#[test]
fn only_a_container_that_the_pod_has_can_be_the_like() {
    let of = |name: &str| container(&like(), name).is_some();
    assert_eq!((of("metrics"), of("prepare"), of("gone")), (true, true, false));
}

#[test]
fn one_with_its_data_has_what_outlives_a_pod_and_is_where_that_is() {
    let (like, policy) = (like(), policy("midwatch-scratch-1"));
    let db = container(&like, "db").expect("it has one");
    let made = pod(&like, db, &wanted(ScratchKind::WithData("/data".into())), (&policy, Some("node-1")));
    let volumes = made["spec"]["volumes"].as_array().expect("some");
    assert_eq!(volumes[0], json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}));
    assert_eq!(volumes.last(), Some(&json!({"name": "disk", "emptyDir": {}})));
    assert_eq!(made["spec"]["containers"][0]["command"], json!(["sh", "-c", "exec sleep 600"]));
    let terms = &made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let field = json!({"key": "metadata.name", "operator": "In", "values": ["node-1"]});
    assert_eq!(terms["nodeSelectorTerms"], json!([{"matchFields": [field]}]));
    assert_eq!(claims(&made).collect::<Vec<_>>(), ["data-db-0"]);
    let paths = ["/data", "/data/app.db", "/disk/x", "/run/password/x", "/x"];
    assert_eq!(paths.map(|path| keeps(&like, db, path)), [true, true, false, false, false]);
}
