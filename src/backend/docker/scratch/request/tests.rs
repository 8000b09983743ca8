use super::*;

fn image() -> Value {
    json!({"Id": "sha256:1b", "Config": {"Labels": {"com.docker.compose.project": "shop"}}})
}

fn made(like: &Value, instead: Option<&str>) -> Value {
    made_with(like, instead, false)
}

fn made_with(like: &Value, instead: Option<&str>, with_data: bool) -> Value {
    let bound = [
        ("/etc/secret", Bound::File),
        ("/etc/db.conf", Bound::File),
        ("/etc/conf.d", Bound::Directory),
        ("/data", Bound::Directory),
    ];
    let bound = bound.map(|(place, kind)| (place.to_owned(), kind)).into();
    let labels = json!({"midwatch.role": "scratch"});
    request(Wanted { like, image: &image(), bound: &bound, labels, instead: instead.map(str::to_owned), with_data })
}

fn like(mounts: Value) -> Value {
    json!({
        "Id": "ab",
        "Config": {
            "Image": "shop/db:v2", "Env": ["PASSWORD_FILE=/etc/secret"], "Cmd": ["serve"], "Entrypoint": ["/start"],
            "User": "db", "Labels": {"com.docker.compose.service": "db"}, "ExposedPorts": {"5432/tcp": {}},
            "Healthcheck": {"Test": ["CMD", "check"]}, "Volumes": {"/data": {}},
        },
        "HostConfig": {
            "NetworkMode": "shop_default", "Binds": ["shop_data:/data"], "Memory": 1 << 30, "ShmSize": 1 << 26,
            "PortBindings": {"5432/tcp": [{"HostPort": "5432"}]}, "RestartPolicy": {"Name": "always"}, "Links": ["/x:/y"],
            "Privileged": true, "PidMode": "host", "IpcMode": "host", "Devices": [{"PathOnHost": "/dev/sda"}],
            "VolumesFrom": ["other"], "ExtraHosts": ["queue:10.0.0.2"], "AutoRemove": true, "CapAdd": ["SYS_NICE"],
            "LogConfig": {"Type": "gelf"}, "Mounts": [{"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"SizeBytes": 9}}],
        },
        "NetworkSettings": {"Networks": {"shop_default": {"Aliases": ["db"]}}},
        "Mounts": mounts,
    })
}

#[test]
fn a_scratch_instance_has_the_program_and_the_limits_and_nothing_by_which_it_reaches_or_is_reached() {
    let made = made(&like(json!([])), None);
    assert_eq!((&made["Image"], &made["User"]), (&json!("sha256:1b"), &json!("db")));
    assert_eq!((&made["Entrypoint"], &made["Cmd"]), (&json!(["/start"]), &json!(["serve"])));
    assert_eq!(made["Env"], json!(["PASSWORD_FILE=/etc/secret"]));
    assert_eq!(made["Labels"], json!({"midwatch.role": "scratch", "com.docker.compose.project": ""}));
    assert_eq!(made["Healthcheck"], json!({"Test": ["NONE"]}));
    let expected = json!({
        "NetworkMode": "none", "Mounts": [], "Memory": 1 << 30, "ShmSize": 1 << 26, "CapAdd": ["SYS_NICE"],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
    });
    assert_eq!(made["HostConfig"], expected);
    assert!(made["ExposedPorts"].is_null() && made["Volumes"].is_null() && made["NetworkingConfig"].is_null());
}

#[test]
fn what_may_be_written_to_is_new_and_empty_and_what_may_only_be_read_stays() {
    let mounts = json!([
        {"Type": "volume", "Name": "shop_data", "Source": "/v/shop_data", "Destination": "/data", "RW": true},
        {"Type": "volume", "Name": "shop_tls", "Source": "/v/shop_tls", "Destination": "/tls", "RW": false},
        {"Type": "bind", "Source": "/srv/secret", "Destination": "/etc/secret", "RW": false},
        {"Type": "bind", "Source": "/srv/conf.d", "Destination": "/etc/conf.d", "RW": false},
        {"Type": "tmpfs", "Destination": "/tmp", "RW": true},
        {"Type": "cluster", "Name": "far", "Destination": "/far", "RW": true},
    ]);
    let own = |target: &str| json!({"Type": "volume", "Target": target, "VolumeOptions": {"Labels": {"midwatch.role": "scratch"}}});
    let expected = json!([
        own("/data"),
        {"Type": "volume", "Source": "shop_tls", "Target": "/tls", "ReadOnly": true},
        {"Type": "bind", "Source": "/srv/secret", "Target": "/etc/secret", "ReadOnly": true},
        {"Type": "bind", "Source": "/srv/conf.d", "Target": "/etc/conf.d", "ReadOnly": true},
        {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"SizeBytes": 9}},
        own("/far"),
    ]);
    assert_eq!(made(&like(mounts), None)["HostConfig"]["Mounts"], expected);
}

#[test]
fn a_file_is_never_written_to_and_a_socket_never_there() {
    let mounts = json!([
        {"Type": "bind", "Source": "/srv/db.conf", "Destination": "/etc/db.conf", "RW": true},
        {"Type": "bind", "Source": "/srv/data", "Destination": "/data", "RW": true},
        {"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/var/run/docker.sock", "RW": false},
    ]);
    let made = made(&like(mounts), None);
    let mounts = made["HostConfig"]["Mounts"].as_array().expect("some");
    let told: Vec<_> = mounts.iter().map(|mount| (&mount["Target"], &mount["ReadOnly"])).collect();
    assert_eq!(told, [(&json!("/etc/db.conf"), &json!(true)), (&json!("/data"), &Value::Null)]);
    let modes = [0o644, 1 << 31 | 0o755, 1 << 24 | 0o660, 1 << 26 | 0o660];
    assert_eq!(modes.map(Bound::of), [Some(Bound::File), Some(Bound::Directory), None, None]);
}

#[test]
fn one_that_waits_runs_nothing_of_its_image_and_one_without_an_entrypoint_gets_none() {
    let waits = made(&like(json!([])), Some("exec sleep 60"));
    assert_eq!((&waits["Entrypoint"], &waits["Cmd"]), (&json!(["sh", "-c", "exec sleep 60"]), &Value::Null));
    let mut plain = like(json!([]));
    plain["Config"]["Entrypoint"] = Value::Null;
    let plain = made(&plain, None);
    assert_eq!((&plain["Entrypoint"], &plain["Cmd"]), (&json!([]), &json!(["serve"])));
}

#[test]
fn one_with_its_data_has_what_may_be_written_to_as_it_is_there() {
    let mounts = json!([
        {"Type": "volume", "Name": "shop_data", "Source": "/v/shop_data", "Destination": "/srv", "RW": true},
        {"Type": "volume", "Name": "shop_tls", "Source": "/v/shop_tls", "Destination": "/srv/tls", "RW": false},
        {"Type": "bind", "Source": "/srv/db.conf", "Destination": "/etc/db.conf", "RW": true},
        {"Type": "bind", "Source": "/srv/data", "Destination": "/data", "RW": true},
        {"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/var/run/docker.sock", "RW": true},
        {"Type": "tmpfs", "Destination": "/tmp", "RW": true},
    ]);
    let like = like(mounts);
    let expected = json!([
        {"Type": "volume", "Source": "shop_data", "Target": "/srv", "VolumeOptions": {"NoCopy": true}},
        {"Type": "volume", "Source": "shop_tls", "Target": "/srv/tls", "ReadOnly": true},
        {"Type": "bind", "Source": "/srv/db.conf", "Target": "/etc/db.conf"},
        {"Type": "bind", "Source": "/srv/data", "Target": "/data"},
        {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"SizeBytes": 9}},
    ]);
    assert_eq!(made_with(&like, None, true)["HostConfig"]["Mounts"], expected);
    let kept = ["/srv", "/srv/app.db", "/srv/tls/key", "/tmp/x", "/srv2/x", "/etc/db.conf"];
    assert_eq!(kept.map(|path| keeps(&like, path)), [true, true, false, false, false, true]);
}
