//! Whom a name means, to which nginx: another project's `web` is none of ours, and what nginx looks up only when it is told is told.

use midwatch::{
    domain::Route,
    plan::{Step, Traffic},
};

use super::{BODY, FILE, Load, PROXY, SERVES, Shop, configuration, failed};
use crate::docker::{IMAGE, docker};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_of_another_project_that_has_a_like_name_is_nobodys_business() {
    let Some(shop) = Shop::open("other-project").await else { return };
    // Ours is on a network with its own name only; theirs has that network, and another where a `web` of theirs is.
    let (edge, theirs) = (shop.name("edge"), shop.name("theirs"));
    for network in [&edge, &theirs] {
        docker(&["network", "create", "--label", &format!("{}=1", shop.stage.prefix), network]);
    }
    docker(&["network", "connect", &edge, &shop.name("web-1")]);
    let mark = format!("{}=1", shop.stage.prefix);
    let beside = |name: &str, arguments: &[&str], command: &[&str]| {
        let name = shop.name(name);
        let mut all = vec!["run", "-d", "--name", &name, "--label", &mark, "--network", &theirs, "--stop-timeout", "1"];
        all.extend(arguments);
        all.extend(command);
        docker(&all);
        name
    };
    beside("their-web", &["--network-alias", "web"], &[IMAGE, "sleep", "1000"]);
    let file = shop.files.path().join("theirs.conf");
    std::fs::write(&file, configuration("\n    server web:8080;\n")).expect("it is written");
    let mount = format!("{}:{FILE}", file.display());
    let proxy = beside("their-proxy", &["-v", &mount], &[PROXY, "nginx", "-g", "daemon off;"]);
    docker(&["network", "connect", &edge, &proxy]);
    let means = shop.means().await;
    assert_eq!((means.routes, means.hints), (vec![], vec![]), "theirs");

    // With the same alias on both, nobody can say whom it means.
    docker(&["network", "disconnect", &edge, &shop.name("web-1")]);
    docker(&["network", "connect", "--alias", "web", &edge, &shop.name("web-1")]);
    let means = shop.means().await;
    let hint = format!("nginx upstream back in {proxy} is not used: web is {}, too", shop.name("their-web"));
    assert_eq!((means.routes, means.hints.first().map(|hint| &**hint)), (vec![], Some(&*hint)));
    docker(&["rm", "-f", &proxy, &shop.name("their-web")]);
    docker(&["network", "disconnect", "-f", &edge, &shop.name("web-1")]);
    docker(&["network", "rm", &edge, &theirs]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_after_a_rollout_that_was_left_finds_what_stood_there_before_it() {
    let Some(shop) = Shop::open("left").await else { return };
    let original = configuration(BODY);
    shop.proxy(&original, "");
    shop.shift(&shop.route().await, shop.weights([1, 0])).await.expect("it is shifted");
    assert!(shop.file().contains("by midwatch"), "{}", shop.file());
    // The laptop is lost here. Another one plans anew.
    let route = shop.route().await;
    let Route::Upstream { body, port, .. } = &route else { panic!("{route:?}") };
    assert_eq!((&**body, *port), (BODY, 8080));
    shop.shift(&route, shop.weights([1, 1])).await.expect("it is shifted");
    shop.shift(&route, Traffic::Body(body.clone())).await.expect("it is put back");
    assert_eq!(shop.file(), original);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_in_a_file_of_their_own_are_looked_up_and_an_upstream_in_one_is_rewritten_there() {
    let Some(shop) = Shop::open("include").await else { return };
    let server = "server { listen 8000; location / { proxy_pass http://back; } }";
    let (main, servers) = ("/etc/nginx/conf.d/shop.conf", "/etc/nginx/shop/back.inc");
    let start = |included: &str, says: &str| {
        let script = format!(
            "mkdir -p /etc/nginx/shop; printf '%s' '{included}' > {servers}; printf '%s' '{says}' > {main}; exec nginx -g 'daemon off;'"
        );
        shop.run("proxy", "proxy", &[], &[PROXY, "sh", "-c", &script]);
        let address =
            docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &shop.name("proxy")]);
        shop.answers(format!("{address}:8000"))
    };
    start("upstream back { server web:8080; }", &format!("include {servers}; {server}"));
    let route = shop.route().await;
    assert!(matches!(&route, Route::Upstream { file, .. } if &**file == servers), "{route:?}");
    shop.shift(&route, shop.weights([1, 0])).await.expect("it is shifted");
    assert!(docker(&["exec", &shop.name("proxy"), "cat", servers]).contains("by midwatch"));

    docker(&["rm", "-f", &shop.name("proxy")]);
    start("server web:8080;", &format!("upstream back {{ include {servers}; }} {server}"));
    let route = shop.route().await;
    assert!(matches!(route, Route::Lookup { .. }), "{route:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_with_a_plain_name_is_told_who_is_there_and_no_request_is_lost() {
    let Some(shop) = Shop::open("lookup").await else { return };
    // The commonest form, in a file that cannot be written to.
    let plain = "server {\n    listen 8000;\n    location / {\n        proxy_pass http://web:8080;\n    }\n}\n";
    let address = shop.proxy(plain, ":ro");
    let route = shop.route().await;
    assert_eq!(route.title(), format!("nginx in {}", shop.name("proxy")));
    let [one, two] = shop.hostnames();
    let load = Load::on(&address);
    let look_up = async |since: &str| {
        shop.shift(&route, Traffic::LookUp { since: since.into() }).await.expect("it is told");
    };
    let three = shop.run("web-3", "web", &["--network-alias", "web"], &[IMAGE, "sh", "-c", SERVES]);
    shop.ready("web-3");
    look_up("web-3 has come").await;
    for (name, gone) in [("web-1", &one), ("web-2", &two)] {
        let stop =
            Step::Stop { instance: shop.instances[usize::from(name == "web-2")].clone(), name: name.into(), grace: 1 };
        shop.execute(stop).await.expect("it is stopped");
        look_up(&format!("{name} has gone")).await;
        let answered = load.next(20).await;
        assert!(!answered.contains(gone), "{name}: {answered:?}");
    }
    let answered = load.next(20).await;
    assert!(answered.iter().all(|by| *by == three[..12]), "{answered:?}");
    let (asked, lost) = load.end();
    assert_eq!(lost, [""; 0], "of {asked}");
    docker(&["stop", "-t", "0", &shop.name("web-3")]);
    let trouble = failed(shop.shift(&route, Traffic::LookUp { since: "all have gone".into() }).await);
    assert!(trouble.why.contains("host not found in upstream"), "{trouble}");
}
