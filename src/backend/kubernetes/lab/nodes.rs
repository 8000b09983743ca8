//! Machines that are taken out of use: ones that the test itself tells the server of, since the real one is everybody's.

use super::*;

struct Machine<'a> {
    lab: &'a Lab,
    name: String,
}

impl Machine<'_> {
    fn path(&self) -> String {
        format!("/api/v1/nodes/{}", self.name)
    }

    fn service(&self) -> ServiceId {
        ServiceId::of_node(&"lab".into(), &self.name.as_str().into())
    }

    /// A pod that runs on it, as far as the server knows, made by something of this kind.
    async fn pod(&self, name: &str, owner: Option<(&str, &Value)>) {
        let container = json!({"name": "main", "image": "lab/busybox", "imagePullPolicy": "Never"});
        let mut metadata = json!({"name": name, "labels": {"app": name}});
        if let Some((kind, owner)) = owner {
            metadata["ownerReferences"] = json!([{
                "apiVersion": "v1", "kind": kind, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": true,
            }]);
        }
        let spec = json!({"nodeName": self.name, "terminationGracePeriodSeconds": 0, "containers": [container],
            "tolerations": [{"operator": "Exists"}]});
        let pods = self.lab.core("pods");
        self.lab.make(&pods, json!({"metadata": metadata, "spec": spec})).await;
        let conditions = json!([{"type": "Ready", "status": "True"}]);
        let status = json!({"status": {"phase": "Running", "conditions": conditions}});
        self.lab.patch(&format!("{pods}/{name}/status"), "application/merge-patch+json", status).await;
    }

    async fn names(&self) -> Vec<String> {
        let pods = self.lab.get(&self.lab.core("pods")).await;
        let names = pods["items"].as_array().expect("pods").iter();
        names.map(|pod| pod["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    }
}

#[tokio::test]
async fn a_machine_is_drained_as_budgets_allow_and_what_they_forbid_is_named() {
    in_the_lab("kube-drain", |lab| async move {
        let machine = Machine { lab: &lab, name: lab.namespace.clone() };
        lab.make(
            "/api/v1/nodes",
            json!({"metadata": {"name": machine.name}, "spec": {"taints": [{"key": "test", "effect": "NoSchedule"}]}}),
        )
        .await;
        let played = AssertUnwindSafe(drained(&machine)).catch_unwind().await;
        let gone = lab.site.api.change::<Value>(Method::DELETE, &machine.path(), "application/json", &json!({})).await;
        if let Err(panic) = played {
            std::panic::resume_unwind(panic);
        }
        gone.expect("the machine is removed");
    })
    .await;
}

async fn drained(machine: &Machine<'_>) {
    let lab = machine.lab;
    // Whoever a pod belongs to has to be there, or the server sweeps it away.
    let maps = lab.core("configmaps");
    let owner = lab.make(&maps, json!({"metadata": {"name": "owner"}})).await;
    machine.pod("free", Some(("ConfigMap", &owner))).await;
    machine.pod("kept", Some(("ConfigMap", &owner))).await;
    machine.pod("lone", None).await;
    let budgets = format!("/apis/policy/v1beta1/namespaces/{}/poddisruptionbudgets", lab.namespace);
    let budget = json!({"metadata": {"name": "keeper"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "kept"}}}});
    lab.make(&budgets, budget).await;
    let path = format!("{budgets}/keeper");
    lab.until("the budget to count", || lab.get(&path), |budget| budget["status"]["currentHealthy"] == 1).await;

    let drain = |within| Step::Drain { node: machine.service(), within };
    assert!(failed(lab.execute(drain(5)).await).0.contains("not cordoned"));
    let cordon = |cordoned| Step::Cordon { node: machine.service(), cordoned };
    lab.execute(cordon(true)).await.expect("cordoned");
    assert_eq!(lab.execute(cordon(true)).await.expect("again"), ["it is so already"]);
    assert_eq!(lab.get(&machine.path()).await["spec"]["unschedulable"], true);

    let (line, help) = failed(lab.execute(drain(3)).await);
    assert!(line.contains("kept by a budget") && line.contains("/kept (disruption budget keeper needs 1"), "{line}");
    assert!(help.contains("scale up"), "{help}");
    assert_eq!(machine.names().await, ["kept", "lone"]);
    // The budget goes while the drain waits for it.
    let release = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        lab.site.api.change::<Value>(Method::DELETE, &path, "application/json", &json!({})).await.expect("it goes");
    };
    let (words, ()) = tokio::join!(lab.execute(drain(60)), release);
    let words = words.expect("drained");
    assert!(words.last().is_some_and(|word| word.starts_with("1 stay")), "{words:?}");
    assert_eq!(machine.names().await, ["lone"]);
    lab.execute(drain(5)).await.expect("it is drained already");

    lab.execute(cordon(false)).await.expect("uncordoned");
    assert_eq!(lab.get(&machine.path()).await["spec"]["unschedulable"], Value::Null);
}
