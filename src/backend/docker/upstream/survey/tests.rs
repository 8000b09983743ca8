//! Which blocks of a configuration can be used, and why the others cannot.

use serde_json::json;

use super::*;

fn surveyed(configuration: &str) -> Survey {
    let proxy: Seen =
        serde_json::from_value(json!({"Id": "aa11", "Name": "/shop-proxy-1"})).expect("an inspect answer");
    let hosts = ["web", "shop-web-1", "10.1.0.2"].map(String::from).into();
    let service = ServiceId::new(&"lab".into(), &"shop".into(), "web");
    read(&format!("# configuration file /etc/nginx/nginx.conf:\n{configuration}"), &proxy, &service, &hosts)
}

fn hint_of(configuration: &str) -> String {
    let survey = surveyed(configuration);
    assert_eq!(survey.routes, [], "{configuration}");
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
        ("upstream a { server web; ", "/etc/nginx/nginx.conf in shop-proxy-1 is not understood, line 1"),
    ] {
        let hints = surveyed(configuration).hints;
        assert!(surveyed(configuration).routes.is_empty() && hints[0].contains(why), "{configuration}: {hints:?}");
    }
    assert!(!hint_of("upstream \"a\u{1b}[2J\" { server web; }").contains('\u{1b}'));
}

#[test]
fn that_a_reload_drops_connections_is_told_beside_the_route() {
    let survey = surveyed("server { listen 80 reuseport; } upstream a { server web; }");
    assert_eq!((survey.routes.len(), survey.hints.len()), (1, 1));
    assert!(survey.hints[0].contains("reuseport"));
}
