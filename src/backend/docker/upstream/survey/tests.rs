//! Which blocks of a configuration can be used, and why the others cannot.

use serde_json::json;

use super::*;

fn surveyed(configuration: &str) -> Survey {
    let on = |id: &str, name: &str, aliases: &[&str], address: &str| -> Seen {
        let endpoint = json!({"Aliases": aliases, "IPAddress": address});
        let inspected = json!({"Id": id, "Name": name, "State": {"Running": true},
            "NetworkSettings": {"Networks": {"shop_default": endpoint}}});
        serde_json::from_value(inspected).expect("an inspect answer")
    };
    let proxy = on("aa11", "/shop-proxy-1", &["proxy"], "10.1.0.9");
    let ours = on("5f0c11223344556677", "/shop-web-1", &["web", "site"], "10.1.0.2");
    let other = on("bb22", "/old-site-1", &["site"], "10.1.0.3");
    let service = ServiceId::new(&"lab".into(), &"shop".into(), "web");
    let names = Names::of(&proxy, &[&ours], &[&proxy, &other]);
    read(&format!("# configuration file /etc/nginx/nginx.conf:\n{configuration}"), &proxy, &service, &names)
}

/// Told to look names up, and no more.
fn is_looked_up(survey: &Survey) -> bool {
    matches!(survey.routes.as_slice(), [Route::Lookup { .. }])
}

fn hint_of(configuration: &str) -> String {
    let survey = surveyed(configuration);
    assert!(is_looked_up(&survey), "{configuration}: {survey:?}");
    assert_eq!(survey.hints.len(), 1, "{configuration}: {:?}", survey.hints);
    survey.hints[0].to_string()
}

#[test]
fn a_block_that_sends_to_the_service_is_a_route_with_its_very_text() {
    let survey = surveyed("http { upstream back {\n  server WEB:8080; # here\n  server sorry:80 backup;\n} }");
    let [Route::Upstream { name, file, body, port, proxy_name, .. }] = survey.routes.as_slice() else {
        panic!("{survey:?}");
    };
    assert_eq!((&**name, &**file, *port, &**proxy_name), ("back", "/etc/nginx/nginx.conf", 8080, "shop-proxy-1"));
    assert_eq!(&**body, "\n  server WEB:8080; # here\n  server sorry:80 backup;\n");
    assert_eq!(survey.hints, []);
}

#[test]
fn blocks_of_others_are_passed_over_in_silence() {
    assert_eq!(surveyed("upstream db { server db:5432; } upstream x { server unix:/run/x; }"), Survey::default());
}

#[test]
fn why_a_block_cannot_be_used_is_told() {
    for (configuration, why) in [
        (
            "upstream a { server web:80; server db:80; }",
            "nginx upstream a in shop-proxy-1 is not used: it sends to db:80, too",
        ),
        ("upstream a { server web:80; server shop-web-1:81; }", "it sends to several ports"),
        ("upstream a { server web:80 backup; }", "web:80 of it only stands by"),
        ("http { upstream a { server web; } } stream { upstream a { server web; } }", "two of this name"),
        ("upstream a { server web; # \u{1b}]0;x\n}", "control characters"),
    ] {
        let survey = surveyed(configuration);
        assert!(is_looked_up(&survey) && survey.hints[0].contains(why), "{configuration}: {survey:?}");
    }
    let broken = surveyed("upstream a { server web; ");
    assert_eq!(broken.routes, []);
    assert!(broken.hints[0].contains("/etc/nginx/nginx.conf in shop-proxy-1 is not understood, line 1"), "{broken:?}");
    assert!(!hint_of("upstream \"a\u{1b}[2J\" { server web; }").contains('\u{1b}'));
}

#[test]
fn that_a_reload_drops_connections_is_told_beside_the_route() {
    let survey = surveyed("server { listen 80 reuseport; } upstream a { server web; }");
    assert_eq!((survey.routes.len(), survey.hints.len()), (1, 1));
    assert!(survey.hints[0].contains("reuseport"));
}

#[test]
fn a_name_that_means_another_service_too_is_left_alone_and_told() {
    for configuration in ["upstream a { server site:80; }", "server { location / { proxy_pass http://site:80/; } }"] {
        let survey = surveyed(configuration);
        assert_eq!(survey.routes, [], "{configuration}");
        assert!(survey.hints[0].contains("site") && survey.hints[0].ends_with("is old-site-1, too"), "{survey:?}");
    }
}

#[test]
fn whoever_sends_to_it_without_a_block_is_told_to_look_its_name_up() {
    for configuration in [
        "server { location / { proxy_pass http://web:8080; } }",
        "server { location / { proxy_pass https://shop-web-1/api/; } }",
        "server { location / { fastcgi_pass web:9000; } }",
        "stream { server { listen 53; proxy_pass web:53; } }",
        // What is included into a block elsewhere.
        "server web:8080;",
    ] {
        let survey = surveyed(configuration);
        assert!(is_looked_up(&survey) && survey.hints.is_empty(), "{configuration}: {survey:?}");
    }
    for others in [
        "server { location / { proxy_pass http://db:8080; } }",
        "server { location / { proxy_pass http://unix:/run/web.sock; } }",
        "server { set $up web; location / { proxy_pass http://$up:8080; } }",
        // That is a block's name, and the block sends elsewhere.
        "upstream web { server db:1; } server { location / { proxy_pass http://web; } }",
    ] {
        assert_eq!(surveyed(others), Survey::default(), "{others}");
    }
    let once = surveyed("server { location / { proxy_pass http://web; proxy_next_upstream off; } }");
    assert!(once.hints[0].contains("tries no other instance"), "{once:?}");
}

#[test]
fn what_a_rollout_left_behind_is_read_as_what_stood_there_before_it() {
    let original = "\n    server web:8080; # by name\n";
    let servers = [("5f0c11223344".to_owned() + ":8080", 1), ("0123456789ab:8080".to_owned(), 2)];
    let left = blocks::with_servers(original, &servers).expect("a body");
    let survey = surveyed(&format!("upstream a {{{left}}}"));
    let [Route::Upstream { body, port: 8080, .. }] = survey.routes.as_slice() else { panic!("{survey:?}") };
    assert_eq!(&**body, original);

    let older: String = left.lines().filter(|line| !line.contains("before")).map(|line| format!("{line}\n")).collect();
    let survey = surveyed(&format!("upstream a {{{older}}}"));
    assert!(survey.hints[0].contains("what stood there before is not known"), "{survey:?}");
}
