use super::*;

/// A container of this image, as an engine tells of it: what the image says is merged into its configuration.
fn inspected(config: Value) -> Value {
    let mut config = config;
    config["Hostname"] = json!("0123456789ab");
    json!({
        "Id": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "Name": "/shop-web-1",
        "Config": config, "HostConfig": {"NetworkMode": "shop_default"},
        "NetworkSettings": {"Networks": {
            "shop_default": {"Aliases": ["web", "shop-web-1", "0123456789ab"], "NetworkID": "77aa", "IPAddress": "172.18.0.2"},
            "shop_back": {"Aliases": ["web-back"], "IPAMConfig": {"IPv4Address": "10.0.0.9"}, "DriverOpts": {"a": "b"}},
        }},
    })
}

fn image() -> Value {
    json!({"Config": {
        "Env": ["PATH=/bin", "MODE=slow"], "Cmd": ["serve"], "Entrypoint": ["/run.sh"], "WorkingDir": "/app", "User": "app",
        "Labels": {"version": "1"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "StopSignal": "SIGQUIT",
        "Healthcheck": {"Test": ["CMD", "old"], "Interval": 1},
    }})
}

#[test]
fn what_came_from_the_image_is_left_to_the_next_image() {
    let blueprint = Blueprint::of(&inspected(image()["Config"].clone()), &image());
    for key in ["Cmd", "Entrypoint", "WorkingDir", "User", "StopSignal", "Healthcheck", "Hostname"] {
        assert_eq!(blueprint.body.get(key), None, "{key}");
    }
    for key in ["Env", "Labels", "ExposedPorts", "Volumes"] {
        assert!(blueprint.body.get(key).is_none_or(is_nothing), "{key}: {:?}", blueprint.body.get(key));
    }
}

#[test]
fn what_a_person_said_is_kept() {
    let mut config = image()["Config"].clone();
    config["Env"] = json!(["MODE=fast", "PATH=/bin"]);
    config["Cmd"] = json!(["work"]);
    config["User"] = json!("root");
    config["Healthcheck"] = json!({"Test": ["CMD", "old"], "Interval": 5});
    config["SomethingNew"] = json!({"deep": 1});
    let blueprint = Blueprint::of(&inspected(config), &image());
    assert_eq!(blueprint.body["Env"], json!(["MODE=fast"]));
    assert_eq!(blueprint.body["Cmd"], json!(["work"]));
    assert_eq!(blueprint.body.get("Entrypoint"), None, "the next image's own goes before it");
    assert_eq!(blueprint.body["User"], "root");
    assert_eq!(blueprint.body["Healthcheck"], json!({"Interval": 5}), "what it runs is the next image's");
    assert_eq!(blueprint.body["SomethingNew"], json!({"deep": 1}), "what is not known is not lost");
}

#[test]
fn an_entrypoint_of_ones_own_keeps_its_command_or_that_there_is_none() {
    let with = |entrypoint: Value, cmd: Value| {
        let mut config = image()["Config"].clone();
        config["Entrypoint"] = entrypoint;
        config["Cmd"] = cmd;
        let body = Blueprint::of(&inspected(config), &image()).body;
        (body.get("Entrypoint").cloned(), body.get("Cmd").cloned())
    };
    assert_eq!(with(json!(["sh"]), Value::Null), (Some(json!(["sh"])), Some(Value::Null)));
    assert_eq!(with(json!(["/run.sh"]), Value::Null), (Some(json!(["/run.sh"])), Some(Value::Null)));
    assert_eq!(with(Value::Null, json!(["ls"])), (Some(json!([""])), Some(json!(["ls"]))));
}

#[test]
fn a_container_goes_to_all_its_networks_without_the_names_by_which_others_find_it() {
    let blueprint = Blueprint::of(&inspected(json!({})), &Value::Null);
    assert_eq!(blueprint.networks.keys().collect::<Vec<_>>(), ["shop_back", "shop_default"]);
    assert_eq!(blueprint.networks["shop_default"]["Aliases"], json!(["web"]), "neither its id's nor its own name");
    let request = blueprint.request("shop/web:v2");
    assert_eq!(request["NetworkingConfig"], json!({"EndpointsConfig": {"shop_default": {}}}));
    assert_eq!(request["Image"], "shop/web:v2");
    let back = json!({"DriverOpts": {"a": "b"}, "IPAMConfig": {"IPv4Address": "10.0.0.9"}});
    assert_eq!(unnamed(&blueprint.networks["shop_back"]), back, "with the address that a person gave it");
    assert_eq!(fixed(&inspected(json!({}))), ["its fixed address 10.0.0.9 in shop_back"]);
}

#[test]
fn what_has_its_name_only_for_now_is_the_same_as_when_it_has_its_own() {
    let own = inspected(json!({"Labels": {"midwatch.release": "7"}}));
    let mut now = own.clone();
    now["Name"] = json!("/shop-web-1-r7");
    assert!(Blueprint::of(&own, &Value::Null).is_like(&Blueprint::of(&now, &Value::Null)));
}

#[test]
fn a_network_mode_that_is_an_id_is_told_by_its_name() {
    let mut one = inspected(json!({}));
    one["HostConfig"]["NetworkMode"] = json!("77aa");
    assert_eq!(Blueprint::of(&one, &Value::Null).host("NetworkMode"), "shop_default");
    one["HostConfig"]["NetworkMode"] = json!("bridge");
    assert_eq!(Blueprint::of(&one, &Value::Null).host("NetworkMode"), "shop_back", "it was taken off that one");
}

#[test]
fn a_volume_without_a_name_goes_to_the_one_that_takes_its_place_and_is_no_part_of_the_release() {
    let name = "ab".repeat(32);
    let mut one = inspected(json!({"Volumes": {"/data": {}, "/cache": {}}}));
    one["HostConfig"]["Binds"] = json!([format!("{name}:/old"), "named:/var:ro"]);
    one["HostConfig"]["Mounts"] = json!([{"Type": "volume", "Target": "/cache"}]);
    one["Mounts"] = json!([
        {"Type": "volume", "Name": name, "Destination": "/data", "RW": true},
        {"Type": "volume", "Name": name, "Destination": "/cache", "RW": true},
        {"Type": "volume", "Name": name, "Destination": "/old", "RW": false},
        {"Type": "volume", "Name": "named", "Destination": "/var", "RW": false},
    ]);
    let mut blueprint = Blueprint::of(&one, &Value::Null);
    assert_eq!(blueprint.host("Binds"), &json!(["named:/var:ro"]));
    let alone = blueprint.clone();
    blueprint.keep_volumes_of(&one);
    assert_eq!(blueprint.host("Binds"), &json!(["named:/var:ro", format!("{name}:/data"), format!("{name}:/old:ro")]));
    assert_eq!(blueprint.host("Mounts"), &json!([{"Type": "volume", "Target": "/cache", "Source": name}]));
    // What is made so is told to be the same release again.
    one["HostConfig"] = blueprint.body["HostConfig"].clone();
    assert!(Blueprint::of(&one, &Value::Null).is_like(&alone), "{one:#}");
}

#[test]
fn of_several_each_keeps_its_own_number_and_ports() {
    let with = |number: &str, port: &str| {
        let mut one = inspected(json!({"Labels": {"com.docker.compose.container-number": number, "team": "shop"}}));
        one["HostConfig"]["PortBindings"] = json!({"80/tcp": [{"HostPort": port}]});
        Blueprint::of(&one, &Value::Null)
    };
    let (mut kept, second) = (with("1", "8080"), with("2", "8081"));
    assert!(kept.is_like(&second));
    kept.keep_place_of(&second);
    assert_eq!(kept.label(marks::NUMBER), Some("2"));
    assert_eq!(kept.host("PortBindings")["80/tcp"][0]["HostPort"], "8081");
}

#[test]
fn of_several_each_keeps_its_own_addresses_and_one_more_has_none() {
    let with = |address: &str, mac: &str| {
        let mut one = inspected(json!({"MacAddress": mac}));
        one["NetworkSettings"]["Networks"]["shop_default"]["IPAMConfig"] = json!({"IPv4Address": address});
        Blueprint::of(&one, &Value::Null)
    };
    let (mut kept, second) = (with("10.1.0.7", "02:00:00:00:00:01"), with("10.1.0.8", "02:00:00:00:00:02"));
    assert!(kept.is_like(&second), "it is the same release");
    kept.keep_place_of(&second);
    assert_eq!(kept.networks["shop_default"]["IPAMConfig"], json!({"IPv4Address": "10.1.0.8"}));
    assert_eq!(kept.body["MacAddress"], "02:00:00:00:00:02");
    kept.without_addresses();
    assert!(!kept.body.contains_key("MacAddress") && !kept.networks["shop_back"].contains_key("IPAMConfig"));
}

#[test]
fn what_a_plan_stopped_for_good_is_still_of_its_release() {
    let with = |policy: &str| {
        let mut one = inspected(json!({}));
        one["HostConfig"]["RestartPolicy"] = json!({"Name": policy, "MaximumRetryCount": 0});
        Blueprint::of(&one, &Value::Null)
    };
    assert!(with("always").is_like(&with("no")));
    assert!(!with("always").is_like(&with("on-failure")));
}

#[test]
fn what_looks_like_a_secret_is_not_written_down_and_comes_back_from_the_one_that_has_it() {
    let secrets = ["DB_PASSWORD=hunter2", "URL=postgres://shop:hunter2@db/shop", "MODE=fast"];
    let whole = Blueprint::of(&inspected(json!({"Env": secrets})), &Value::Null);
    let mut kept = whole.clone();
    let withheld = kept.withhold();
    assert_eq!(withheld, ["DB_PASSWORD", "URL"]);
    let text = serde_json::to_string(&kept).expect("JSON");
    assert!(!text.contains("hunter2") && text.contains("MODE=fast"), "{text}");
    assert!(kept.is_like(&whole), "it is the same release");
    let mut again = kept.clone();
    assert_eq!(again.fill_in(&withheld, &json!(["A=1", "DB_PASSWORD=hunter3", "URL=x"])), Ok(()));
    assert_eq!(again.body["Env"], json!(["DB_PASSWORD=hunter3", "URL=x", "MODE=fast"]));
    assert_eq!(kept.fill_in(&withheld, &json!(["URL=x"])), Err("DB_PASSWORD".to_owned()));
}

#[test]
fn a_variable_is_set_replaced_and_taken_away_also_from_the_image() {
    let mut blueprint = Blueprint::of(&inspected(json!({"Env": ["A=1", "B=2"]})), &Value::Null);
    blueprint.put_env("A", Some("x=y"), &image());
    blueprint.put_env("B", None, &image());
    blueprint.put_env("MODE", None, &image());
    assert_eq!(blueprint.body["Env"], json!(["A=x=y", "MODE"]));
}

#[test]
fn old_links_are_asked_for_as_a_person_would() {
    let mut one = inspected(json!({}));
    one["HostConfig"]["Links"] = json!(["/db:/shop-web-1/database"]);
    assert_eq!(Blueprint::of(&one, &Value::Null).host("Links"), &json!(["db:database"]));
}

#[test]
fn what_shares_anothers_network_has_no_name_of_its_own_there() {
    let mut one = inspected(json!({"Domainname": "x"}));
    one["Config"]["Hostname"] = json!("other");
    one["HostConfig"]["NetworkMode"] = json!("container:77aa");
    let blueprint = Blueprint::of(&one, &Value::Null);
    assert!(!blueprint.body.contains_key("Hostname") && !blueprint.body.contains_key("Domainname"));
    assert!(blueprint.networks.is_empty());
}
