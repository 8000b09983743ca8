//! Configurations as they are, as nobody would write them, and as somebody did who meant harm.

use super::*;

/// Each block as `name: host:port host:port`.
fn blocks(text: &str) -> Vec<String> {
    let of = |block: &Block| {
        let servers = block.servers.iter().map(|server| match server.host_and_port() {
            Some((host, port)) => format!(" {host}:{port}"),
            None => format!(" ({})", server.address()),
        });
        format!("{}:{}", block.name, servers.collect::<String>())
    };
    read(text).expect("it is read").blocks.iter().map(of).collect()
}

#[test]
fn blocks_are_found_at_the_top_of_a_file_in_http_and_in_stream() {
    let text = "upstream a { server web:8080; }\nhttp { upstream b { server 10.0.0.1; } server { listen 80; } }\n\
                stream { upstream c { server [::1]:53; server unix:/run/x.sock; } }";
    assert_eq!(blocks(text), ["a: web:8080", "b: 10.0.0.1:80", "c: ::1:53 (unix:/run/x.sock)"]);
}

#[test]
fn what_only_looks_like_a_block_is_none() {
    for text in [
        "# upstream a { server web; }\n",
        "set $x 'upstream a { server web; }';",
        "set $x \"} upstream a { server web; \\\" }\";",
        "map $a $b { upstream c; }",
        "server { location / { proxy_pass http://upstream; } }",
        "events { upstream a { server web; } }",
        "upstream { server web; }",
        "upstream a b { server web; }",
    ] {
        assert_eq!(blocks(text), [""; 0], "{text}");
    }
}

#[test]
fn quotes_escapes_comments_and_variables_hide_no_braces_from_what_follows() {
    for odd in [
        "log_format x '{\"a\": \"}\"}';",
        "rewrite ^/a\\{2\\}$ /b;",
        "set $a x${b}y#z;",
        "location ~ \"^/[0-9]{3}$\" { return 404; }",
        "if ($x ~ 'a}') { return 403; }",
        "add_header X \"a\\\\\";",
        "# it's {\n",
        "content_by_lua_block { local t = { '}', \"{\", [[ }} ]] } -- }\n --[[ { ]] ngx.say('it\\'s') }",
        "types { text/html html htm; }",
        "return 200 ä\\ö;",
    ] {
        let text = format!("{odd}\nupstream a {{ server web:1; }}");
        assert_eq!(blocks(&text), ["a: web:1"], "{odd}");
    }
}

#[test]
fn a_broken_file_is_told_with_its_line_and_never_guessed_at() {
    for (text, line) in [
        ("http {\n upstream a { server web; }\n", 3),
        ("a;\n}", 2),
        ("a 'b", 1),
        ("upstream a { server web }", 1),
        ("\n;", 2),
        ("{", 1),
        ("a \"b\"c;", 1),
        ("x_by_lua_block { if {", 1),
        ("a", 1),
        ("a \\", 1),
    ] {
        let broken = read(text).expect_err(text);
        assert_eq!(broken.line, line, "{text}: {}", broken.why);
    }
}

#[test]
fn only_servers_of_the_block_itself_are_its_servers() {
    let text = "upstream a { server web:1 weight=2; balancer_by_lua_block { server = { x } } keepalive 8; }\nserver { listen 1; }";
    assert_eq!(blocks(text), ["a: web:1"]);
}

#[test]
fn a_dump_is_taken_apart_into_its_files() {
    let dump = "nginx: ok\n# configuration file /etc/nginx/nginx.conf:\nhttp {\n}\n\n# configuration file /etc/nginx/a b.conf:\nupstream a \
                {\n}\n # configuration file /x:\n";
    assert_eq!(
        files(dump),
        [
            ("/etc/nginx/nginx.conf", "http {\n}\n\n"),
            ("/etc/nginx/a b.conf", "upstream a {\n}\n # configuration file /x:\n")
        ]
    );
    assert_eq!(files(""), []);
    assert_eq!(files("# configuration file /x"), []);
}

#[test]
fn a_socket_for_each_worker_is_noticed() {
    assert!(read("server { listen 80 reuseport; }").expect("it is read").drops_at_reload);
    assert!(!read("server { listen 80; } # reuseport").expect("it is read").drops_at_reload);
}

fn rewritten(body: &str) -> String {
    with_servers(body, &[("c1:80".into(), 1), ("c2:80".into(), 3)]).expect("a body")
}

#[test]
fn other_directives_and_what_stands_by_stay_as_they_are() {
    let body = "\n    least_conn;\n    # the shop\n    server web:80 weight=5 max_fails=0 slow_start=3s;\n    server web2:80;\n    server \
                sorry:80 backup;\n    keepalive 16;\n";
    let written = rewritten(body);
    assert_eq!(original(&written), Original::Was(body.into()));
    assert_eq!(
        written.split_inclusive('\n').filter(|line| !line.contains(BEFORE)).collect::<String>(),
        "\n    least_conn;\n    # the shop\n    # by midwatch, while a rollout is under way\n    server c1:80 weight=1 max_fails=0;\n    \
         server c2:80 weight=3 max_fails=0;\n    server sorry:80 backup;\n    keepalive 16;\n"
    );
}

#[test]
fn a_body_on_one_line_and_one_without_servers_can_be_written_too() {
    for body in [
        " server web:80; server x:80; keepalive 2; ",
        " keepalive 2; ",
        "",
        " keepalive 2; # none left\n",
        "server web;",
    ] {
        let text = format!("upstream a {{{}}}", rewritten(body));
        let found = read(&text).expect("it is read");
        let addresses: Vec<_> = found.blocks[0].servers.iter().map(Server::address).collect();
        assert_eq!(addresses, ["c1:80", "c2:80"], "{text}");
        assert_eq!(text.contains("keepalive 2;"), body.contains("keepalive"), "{text}");
    }
}

#[test]
fn writing_it_again_changes_nothing_but_the_servers() {
    let once = rewritten("\n  server web:80;\n  zone a 64k;\n");
    assert_eq!(rewritten("\n  server web:80;\n  zone a 64k;\n"), once);
    assert!(once.contains(MARK));
}

#[test]
fn what_stood_there_before_is_kept_in_lines_that_nginx_can_read() {
    let body = format!("\n    server web:80;\n    # {}\n", "ä quote's \\ ".repeat(2000));
    let written = rewritten(&body);
    assert!(written.lines().filter(|line| line.contains(BEFORE)).all(|line| line.len() < 200));
    assert_eq!(original(&written), Original::Was(body));
    assert_eq!(original(" server web:80; "), Original::AsItIs);
    assert_eq!(original(&format!("{MARK}\nserver c1:80;")), Original::Lost);
    assert_eq!(original(&format!("{MARK}\n{BEFORE}!!\nserver c1:80;")), Original::Lost);
}

#[test]
fn whom_a_pass_names_is_told_apart_from_sockets_and_variables() {
    let hosts = [
        "http://web:80/a",
        "web:9000",
        "grpcs://Web",
        "https://[::1]:8443/x",
        "http://$x",
        "http://unix:/run/x:/a",
        "unix:/x",
    ];
    assert_eq!(hosts.map(host), [Some("web"), Some("web"), Some("Web"), Some("::1"), None, None, None]);
}
