use serde_json::json;

use super::*;

fn archived(resource: &str, kind: &str, object: Value) -> Archived {
    let mut object = object;
    object["kind"] = json!(kind);
    Archived { resource: resource.into(), object }
}

fn config(namespace: &str, name: &str, mode: &str) -> Value {
    json!({"metadata": {"namespace": namespace, "name": name, "labels": {"app": name}}, "data": {"mode": mode}})
}

fn map(name: &str, mode: &str) -> Archived {
    archived("configmaps", "ConfigMap", config("shop", name, mode))
}

/// With a namespace `shop`.
fn live(objects: &[(&str, Value)]) -> Live {
    let mut live = Live { namespaces: [("shop".into(), false)].into(), ..Live::default() };
    objects.iter().for_each(|(resource, object)| live.put(resource, object.clone()));
    live
}

fn update() -> NewRestore {
    NewRestore { existing: Existing::Update, ..NewRestore::default() }
}

fn one(archived: &Archived, live: &Live, restore: &NewRestore) -> What {
    let [row] = dry_run(std::slice::from_ref(archived), live, restore).try_into().expect("one for one");
    row.what
}

fn why(what: &What) -> &str {
    match what {
        What::Conflict { why } | What::LeftOut { why } | What::Unknown { why } => why,
        What::Create | What::Skip { .. } | What::Update { .. } => panic!("no reason: {what:?}"),
    }
}

#[test]
fn what_is_there_is_left_as_it_is_or_updated_as_the_restore_says() {
    let there = live(&[("configmaps", config("shop", "web", "new"))]);
    let mode = Difference { path: "data.mode".into(), was: Some("new".into()), is: Some("old".into()) };
    let kept = one(&map("web", "old"), &there, &NewRestore::default());
    assert_eq!(kept, What::Skip { differs: vec![mode.clone()] });
    assert_eq!(one(&map("web", "old"), &there, &update()), What::Update { fields: vec![mode] });
    assert_eq!(one(&map("web", "new"), &there, &update()), What::Skip { differs: Vec::new() });
    assert_eq!(one(&map("api", "old"), &there, &NewRestore::default()), What::Create);
}

#[test]
fn a_mapping_leads_to_what_is_in_the_other_namespace() {
    let there = live(&[("configmaps", config("shop", "web", "new"))]);
    let restore = NewRestore { mapping: [("shop".into(), "trial".into())].into(), ..update() };
    let rows = dry_run(&[map("web", "old")], &there, &restore);
    assert_eq!((rows[0].namespace.as_deref(), &rows[0].what), (Some("trial"), &What::Create));
    let namespace = archived("namespaces", "Namespace", json!({"metadata": {"name": "shop"}}));
    let rows = dry_run(&[namespace], &there, &restore);
    assert_eq!((&*rows[0].name, &rows[0].what), ("trial", &What::Create));
}

#[test]
fn what_velero_never_restores_is_left_out_with_its_reason() {
    let plain = |resource: &str| archived(resource, "X", json!({"metadata": {"name": "x"}}));
    for resource in ["nodes", "events", "backups.velero.io", "csinodes.storage.k8s.io"] {
        assert!(matches!(one(&plain(resource), &live(&[]), &update()), What::LeftOut { .. }), "{resource}");
    }
    let pod = |status: Value, annotations: Value| {
        let metadata = json!({"namespace": "shop", "name": "x", "annotations": annotations});
        archived("pods", "Pod", json!({"metadata": metadata, "status": status}))
    };
    let done = one(&pod(json!({"phase": "Succeeded"}), json!({})), &live(&[]), &update());
    assert_eq!(why(&done), "it had come to its end");
    let mirror = one(&pod(json!({}), json!({"kubernetes.io/config.mirror": "h"})), &live(&[]), &update());
    assert_eq!(why(&mirror), "a machine runs it by itself");
    let job =
        json!({"metadata": {"namespace": "shop", "name": "x"}, "status": {"completionTime": "2026-11-21T12:00:00Z"}});
    assert_eq!(why(&one(&archived("jobs.batch", "Job", job), &live(&[]), &update())), "it had come to its end");
}

#[test]
fn only_what_was_chosen_is_restored() {
    let chosen = NewRestore { namespaces: vec!["shop".into()], ..update() };
    let other = archived("configmaps", "ConfigMap", config("other", "web", "a"));
    assert!(why(&one(&other, &live(&[]), &chosen)).starts_with("other is not among"));
    let role = archived("clusterroles.rbac.authorization.k8s.io", "ClusterRole", json!({"metadata": {"name": "x"}}));
    assert!(why(&one(&role, &live(&[]), &chosen)).starts_with("it is of the whole cluster"));
    assert_eq!(one(&role, &live(&[]), &update()), What::Create);
    let spec = json!({"claimRef": {"namespace": "shop", "name": "data"}, "persistentVolumeReclaimPolicy": "Retain"});
    let volume = archived("persistentvolumes", "PersistentVolume", json!({"metadata": {"name": "pv"}, "spec": spec}));
    assert_eq!(one(&volume, &live(&[]), &chosen), What::Create);
    let labelled = NewRestore { labels: [("app".into(), "web".into())].into(), ..update() };
    assert!(why(&one(&map("api", "a"), &live(&[]), &labelled)).contains("labels"));
    assert_eq!(one(&map("web", "a"), &live(&[]), &labelled), What::Create);
}

#[test]
fn what_cannot_be_changed_is_a_conflict_and_names_the_field() {
    let deployment = |app: &str, image: &str| {
        let template = json!({"spec": {"containers": [{"name": "web", "image": image}]}});
        json!({"metadata": {"namespace": "shop", "name": "web"},
            "spec": {"selector": {"matchLabels": {"app": app}}, "template": template}})
    };
    let there = live(&[("deployments.apps", deployment("web", "v2"))]);
    let wanted = |app| archived("deployments.apps", "Deployment", deployment(app, "v1"));
    let what = one(&wanted("shop"), &there, &update());
    assert!(why(&what).starts_with("spec.selector.matchLabels.app cannot be changed"), "{what:?}");
    assert!(matches!(one(&wanted("web"), &there, &update()), What::Update { fields } if fields.len() == 1));
    // Where nothing is changed, nothing is in the way.
    assert!(matches!(one(&wanted("shop"), &there, &NewRestore::default()), What::Skip { .. }));
}

#[test]
fn a_claim_whose_volume_another_one_has_is_a_conflict() {
    let claim = json!({"metadata": {"namespace": "shop", "name": "data"}, "spec": {"volumeName": "pv-1"}});
    let claim = archived("persistentvolumeclaims", "PersistentVolumeClaim", claim);
    let volume = |namespace: &str| json!({"metadata": {"name": "pv-1"}, "spec": {"claimRef": {"namespace": namespace, "name": "data"}}});
    let there = |namespace: &str| live(&[("persistentvolumes", volume(namespace))]);
    assert_eq!(why(&one(&claim, &there("other"), &update())), "its volume pv-1 is bound to other/data");
    assert_eq!(one(&claim, &there("shop"), &update()), What::Create);
    let backed_up = archived("persistentvolumes", "PersistentVolume", volume("shop"));
    assert_eq!(why(&one(&backed_up, &there("other"), &NewRestore::default())), "it is bound to other/data");
    assert!(matches!(one(&backed_up, &there("shop"), &NewRestore::default()), What::Skip { .. }));
}

#[test]
fn a_volume_that_goes_with_its_claim_is_not_restored_by_itself() {
    let spec = json!({"persistentVolumeReclaimPolicy": "Delete"});
    let volume = archived("persistentvolumes", "PersistentVolume", json!({"metadata": {"name": "pv"}, "spec": spec}));
    assert!(why(&one(&volume, &live(&[]), &update())).contains("a new volume of its class"));
}

#[test]
fn nothing_is_restored_into_a_namespace_that_is_ending() {
    let mut there = live(&[]);
    there.namespaces.insert("shop".into(), true);
    assert_eq!(why(&one(&map("web", "a"), &there, &update())), "its namespace is being removed");
    let namespace = archived("namespaces", "Namespace", json!({"metadata": {"name": "shop"}}));
    assert_eq!(why(&one(&namespace, &there, &update())), "it is being removed");
    let mut going = config("shop", "web", "a");
    going["metadata"]["deletionTimestamp"] = json!("2026-11-21T12:00:00Z");
    let there = live(&[("configmaps", going)]);
    assert_eq!(why(&one(&map("web", "a"), &there, &update())), "the one that is there is being removed");
}

#[test]
fn what_is_of_the_whole_cluster_and_somebody_elses_is_a_conflict() {
    let role = |verbs: &str, metadata: Value| {
        let mut metadata = metadata;
        metadata["name"] = json!("x");
        json!({"metadata": metadata, "rules": [{"verbs": [verbs]}]})
    };
    let resource = "clusterroles.rbac.authorization.k8s.io";
    let helm = json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "base"}});
    let wanted = archived(resource, "ClusterRole", role("get", helm.clone()));
    let there = live(&[(resource, role("list", helm))]);
    assert_eq!(why(&one(&wanted, &there, &update())), "it is of the whole cluster, and Helm release base's");
    let nobodys = live(&[(resource, role("list", json!({})))]);
    let wanted = archived(resource, "ClusterRole", role("get", json!({})));
    assert!(matches!(one(&wanted, &nobodys, &update()), What::Update { .. }));
}

#[test]
fn an_account_gets_what_it_lacks_whatever_the_restore_says() {
    let account = |labels: Value| json!({"metadata": {"namespace": "shop", "name": "web", "labels": labels}});
    let wanted = archived("serviceaccounts", "ServiceAccount", account(json!({"app": "web", "tier": "a"})));
    let there = live(&[("serviceaccounts", account(json!({"app": "other"})))]);
    let What::Update { fields } = one(&wanted, &there, &NewRestore::default()) else { panic!("it is updated") };
    assert_eq!(fields.iter().map(|field| &*field.path).collect::<Vec<_>>(), ["metadata.labels.tier"]);
}

#[test]
fn what_was_not_seen_is_not_guessed_and_an_unknown_kind_is_a_conflict() {
    let mut there = live(&[]);
    there.unseen.insert(("configmaps".into(), Some("shop".into())), "ann may not list configmaps in shop".into());
    assert_eq!(why(&one(&map("web", "a"), &there, &update())), "ann may not list configmaps in shop");
    let widget = archived("widgets.example.com", "Widget", json!({"metadata": {"namespace": "shop", "name": "w"}}));
    there.unserved.insert("widgets.example.com".into());
    assert_eq!(why(&one(&widget, &there, &update())), "this cluster does not know its kind");
}
