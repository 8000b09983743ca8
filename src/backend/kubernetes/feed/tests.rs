//! What a feed tells of servers that behave, and of those that do not.

use super::{
    super::scripted::{Reply, Server},
    *,
};

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(1);

/// One that waits for nothing that a test does not mean to wait for.
fn feed(server: &Server) -> Feed {
    Feed {
        api: server.api(),
        source: Source { kind: Kind::Namespace, namespace: None },
        path: "/api/v1/things".into(),
        compressed: false,
        patience: Patience { silence: HOUR, bookmark: HOUR, denied: SOON, doubt: SOON, first: SOON, longest: SOON },
    }
}

/// What is told, in short, until `until` of it has been.
async fn told(feed: Feed, until: &str) -> Vec<String> {
    let (out, mut listener) = mpsc::channel(1);
    let run = tokio::spawn(feed.run(out));
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != until) {
        match tokio::time::timeout(Duration::from_secs(120), listener.recv()).await {
            Ok(Some((_, told))) => heard.push(words(told)),
            Ok(None) => {
                heard.push(format!("ended: {:?}", run.await.expect("no panic")));
                return heard;
            }
            Err(_) => panic!("nothing more after {heard:?}"),
        }
    }
    run.abort();
    heard
}

fn words(told: Told) -> String {
    let name = |row: &Row| match row {
        Row::Namespace(namespace) => namespace.name.to_string(),
        other => format!("{other:?}"),
    };
    match told {
        Told::Listing => "listing".into(),
        Told::Page(rows) => format!("page {}", rows.iter().map(name).collect::<Vec<_>>().join(" ")),
        Told::Listed => "listed".into(),
        Told::Put(row) => format!("put {}", name(&row)),
        Told::Gone(key) => format!("gone {}", key.name),
        Told::Denied(_) => "denied".into(),
        Told::Failing(_) => "failing".into(),
    }
}

fn page(version: u32, next: &str, names: &[&str]) -> Reply {
    let items: Vec<String> = names.iter().map(|name| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).collect();
    let head = format!(r#""metadata":{{"resourceVersion":"{version}","continue":"{next}"}}"#);
    Reply::json(format!(r#"{{"kind":"List",{head},"items":[{}]}}"#, items.join(",")))
}

fn event(kind: &str, version: u32, name: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}}}}}}"#)
}

fn bookmark(version: u32) -> String {
    format!(r#"{{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{version}"}}}}}}"#)
}

fn watch(lines: &[String]) -> Reply {
    Reply::lines(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

const EXPIRED: &str =
    r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#;

/// The versions that the watches began at.
fn versions(server: &Server) -> Vec<String> {
    let value = |path: String| path.split("resourceVersion=").nth(1)?.split('&').next().map(str::to_owned);
    server.asked().into_iter().filter_map(value).collect()
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_then_what_changes() {
    let server = Server::telling(vec![
        page(7, "next/1", &["a", "b"]),
        page(7, "", &["c"]),
        watch(&[event("ADDED", 8, "d"), event("DELETED", 9, "a")]).left_open(),
    ]);
    let heard = told(feed(&server), "gone a").await;
    assert_eq!(heard, ["listing", "page a b", "page c", "listed", "put d", "gone a"]);
    let asked = server.asked();
    assert_eq!(asked[..2], ["/api/v1/things?limit=500", "/api/v1/things?limit=500&continue=next%2F1"]);
    assert!(asked[2].contains("allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds="), "{asked:?}");
}

#[tokio::test]
async fn a_watch_that_is_cut_goes_on_from_its_last_bookmark_without_a_new_list() {
    let server = Server::telling(vec![
        page(7, "", &["a"]),
        watch(&[event("MODIFIED", 8, "a"), bookmark(20)]).cut(),
        watch(&[event("MODIFIED", 21, "a")]),
        watch(&[event("ADDED", 22, "b")]).left_open(),
    ]);
    let heard = told(feed(&server), "put b").await;
    assert_eq!(heard, ["listing", "page a", "listed", "put a", "put a", "put b"]);
    assert_eq!(versions(&server), ["7", "20", "21"]);
}

#[tokio::test]
async fn a_line_that_was_cut_in_its_middle_is_told_again_and_not_half() {
    let server = Server::telling(vec![
        page(7, "", &["a"]),
        Reply::json(&event("ADDED", 8, "b")[..40]).cut(),
        watch(&[event("ADDED", 8, "b")]).left_open(),
    ]);
    assert_eq!(told(feed(&server), "put b").await, ["listing", "page a", "listed", "put b"]);
    assert_eq!(versions(&server), ["7", "7"]);
}

#[tokio::test]
async fn when_a_watch_has_grown_too_old_everything_is_listed_anew_from_where_it_is_now() {
    let server = Server::telling(vec![
        page(7, "", &["a", "b"]),
        Reply::lines(&[EXPIRED]),
        page(30, "", &["b", "c"]),
        watch(&[event("ADDED", 31, "d")]).left_open(),
    ]);
    let heard = told(feed(&server), "put d").await;
    assert_eq!(heard, ["listing", "page a b", "listed", "listing", "page b c", "listed", "put d"]);
    assert_eq!(versions(&server), ["7", "30"]);
}

#[tokio::test]
async fn a_watch_that_is_refused_as_too_old_lists_again() {
    let server = Server::telling(vec![
        page(7, "", &["a"]),
        Reply::refusal(410, "Expired"),
        page(30, "", &["a"]),
        watch(&[event("ADDED", 31, "d")]).left_open(),
    ]);
    assert_eq!(
        told(feed(&server), "put d").await,
        ["listing", "page a", "listed", "listing", "page a", "listed", "put d"]
    );
}

#[tokio::test]
async fn a_list_that_grows_too_old_in_its_middle_goes_on_where_the_server_says_and_watches_from_its_beginning() {
    let expired = r#"{"kind":"Status","code":410,"reason":"Expired","metadata":{"continue":"later"}}"#;
    let server = Server::telling(vec![
        page(7, "next", &["a"]),
        Reply::json(expired).status(410),
        page(90, "", &["b"]),
        watch(&[event("ADDED", 91, "c")]).left_open(),
    ]);
    assert_eq!(told(feed(&server), "put c").await, ["listing", "page a", "page b", "listed", "put c"]);
    assert_eq!(server.asked()[2], "/api/v1/things?limit=500&continue=later");
    assert_eq!(versions(&server), ["7"]);
}

#[tokio::test]
async fn a_list_that_grows_too_old_in_its_middle_begins_anew_where_the_server_says_nothing() {
    let server = Server::telling(vec![
        page(7, "next", &["a"]),
        Reply::refusal(410, "Expired"),
        page(90, "", &["b"]),
        watch(&[event("ADDED", 91, "c")]).left_open(),
    ]);
    assert_eq!(told(feed(&server), "put c").await, ["listing", "page a", "listing", "page b", "listed", "put c"]);
    assert_eq!(server.asked()[2], "/api/v1/things?limit=500");
    assert_eq!(versions(&server), ["90"]);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_no_sooner_than_it_asks_for() {
    let server = Server::telling(vec![
        Reply::refusal(429, "TooManyRequests").header("Retry-After", "1"),
        Reply::refusal(503, "ServiceUnavailable"),
        page(7, "", &["a"]),
    ]);
    let began = Instant::now();
    assert_eq!(told(feed(&server), "listed").await, ["listing", "page a", "listed"]);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_keeps_failing_to_list_is_told_of_and_asked_on() {
    let mut answers: Vec<Reply> = (0..8).map(|_| Reply::refusal(503, "ServiceUnavailable")).collect();
    answers.push(page(7, "", &["a"]));
    assert_eq!(told(feed(&Server::telling(answers)), "listed").await, ["failing", "listing", "page a", "listed"]);
}

#[tokio::test]
async fn on_a_slow_line_lists_come_compressed_and_watches_do_not() {
    let server = Server::telling(vec![page(7, "", &["a"]).compressed(), watch(&[event("ADDED", 8, "b")]).left_open()]);
    let feed = Feed { compressed: true, ..feed(&server) };
    assert_eq!(told(feed, "put b").await, ["listing", "page a", "listed", "put b"]);
    assert_eq!(server.encodings(), ["gzip", "identity"]);
}

#[tokio::test]
async fn a_page_whose_connection_breaks_is_asked_for_again() {
    let server = Server::telling(vec![page(7, "next", &["a"]), page(7, "", &["b"]).cut(), page(7, "", &["b"])]);
    assert_eq!(told(feed(&server), "listed").await, ["listing", "page a", "page b", "listed"]);
    assert_eq!(
        server.asked()[1..3],
        ["/api/v1/things?limit=500&continue=next", "/api/v1/things?limit=500&continue=next"]
    );
}

#[tokio::test]
async fn after_a_line_that_is_none_everything_is_listed_again() {
    let server =
        Server::telling(vec![page(7, "", &["a"]), Reply::lines(&["<html>proxy</html>"]), page(8, "", &["a", "b"])]);
    let heard = told(feed(&server), "page a b").await;
    assert_eq!(heard, ["listing", "page a", "listed", "listing", "page a b"]);
}

#[tokio::test]
async fn what_may_not_be_listed_is_asked_for_again_and_told_when_it_may() {
    let server =
        Server::telling(vec![Reply::refusal(403, "Forbidden"), Reply::refusal(403, "Forbidden"), page(7, "", &["a"])]);
    assert_eq!(told(feed(&server), "listed").await, ["denied", "denied", "listing", "page a", "listed"]);
}

#[tokio::test]
async fn rights_that_are_taken_away_are_believed_the_second_time() {
    let server = Server::telling(vec![
        page(7, "", &["a"]),
        Reply::refusal(403, "Forbidden"),
        page(8, "", &["a", "b"]),
        Reply::refusal(403, "Forbidden"),
        Reply::refusal(403, "Forbidden"),
    ]);
    let heard = told(feed(&server), "denied").await;
    assert_eq!(heard, ["listing", "page a", "listed", "listing", "page a b", "listed", "denied"]);
}

#[tokio::test]
async fn credentials_that_are_refused_end_it() {
    let server = Server::telling(vec![page(7, "", &["a"]), Reply::refusal(401, "Unauthorized")]);
    let heard = told(feed(&server), "never").await;
    assert_eq!(heard[..3], ["listing", "page a", "listed"]);
    assert!(heard[3].starts_with("ended: Err(Refused { code: 401"), "{heard:?}");
}

#[tokio::test]
async fn a_kind_that_is_no_longer_served_is_empty() {
    let server = Server::telling(vec![page(7, "", &["a"]), Reply::refusal(404, "NotFound")]);
    assert_eq!(told(feed(&server), "listed").await, ["listing", "page a", "listed"]);
    let server = Server::telling(vec![Reply::refusal(404, "NotFound")]);
    assert_eq!(told(feed(&server), "listed").await, ["listing", "listed"]);
}

#[tokio::test]
async fn a_watch_that_falls_silent_after_its_bookmarks_is_not_waited_for() {
    let server = Server::telling(vec![
        page(7, "", &["a"]),
        watch(&[bookmark(9)]).left_open(),
        watch(&[event("ADDED", 10, "b")]).left_open(),
    ]);
    let mut feed = feed(&server);
    feed.patience.bookmark = SOON;
    assert_eq!(told(feed, "put b").await, ["listing", "page a", "listed", "put b"]);
    assert_eq!(versions(&server), ["7", "9"]);
}
