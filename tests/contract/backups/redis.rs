//! Redis.

use midwatch::domain::{Method, Snapshot};

use super::scene::Scene;

const PASSWORD: &str = "zebra-in-the-rain";
/// Its own files are where a restore puts its own, too. The password comes in by a file, so that nothing but what is tested can show it.
const SERVER: &str = "mkdir -p /data && cd /data && exec redis-server - --appendonly yes --enable-debug-command yes <<E
requirepass \"$REDIS_PASSWORD\"
E";
/// Six types, three databases, and keys that expire in an hour and in a moment.
const FILL: &str = "
  for i = 1, 18000 do
    redis.call('set', 'string:' .. i, string.rep('v', i % 100), 'ex', 3600 + i)
    redis.call('rpush', 'list:' .. i, i, i + 1)
    redis.call('hset', 'hash:' .. i, 'a', i, 'b', 'x')
    redis.call('sadd', 'set:' .. i, i, 'm')
    redis.call('zadd', 'zset:' .. i, i, 'm', 0.5, 'n')
  end
  redis.call('select', 3)
  for i = 1, 10000 do redis.call('xadd', 'stream:' .. i, '1-' .. i, 'field', i) end
  redis.call('select', 9)
  for i = 1, 1000 do redis.call('set', 'passing:' .. i, i, 'px', 1) end
";

async fn redis(case: &str) -> Option<Scene> {
    let environment = ["-e", &format!("REDIS_PASSWORD={PASSWORD}")];
    let scene = Scene::open(case, (Method::Redis, None), &environment, SERVER).await?;
    scene.until("the server to answer", &cli("ping | grep -q PONG"));
    Some(scene)
}

fn cli(arguments: &str) -> String {
    format!("REDISCLI_AUTH=$REDIS_PASSWORD redis-cli {arguments}")
}

/// Of all keys in all databases, their values, and which of them expire.
fn digest(scene: &Scene) -> String {
    let digest = scene.sh(&cli("debug digest"));
    assert_eq!(digest.len(), 40, "{digest}");
    digest
}

/// It is alone, nobody's replica, and takes writes.
fn is_tidy(scene: &Scene) {
    assert_eq!(scene.sh(&cli("role | head -n 1")), "master");
    assert_eq!(scene.sh(&cli("set tidy 1")), "OK");
    scene.sh(&cli("del tidy"));
    assert_eq!(scene.sh("ls -A /data /tmp | grep midwatch || true"), "");
    assert_eq!(scene.sh("pgrep -c -r R,S,D redis-server"), "1");
}

/// Those that expire in a moment have gone by then: while they go, what is counted has a range, and the digest is another one.
async fn filled(scene: &Scene) -> Snapshot {
    scene.sh(&cli(&format!("eval \"{FILL}\" 0")));
    scene.until("the keys that expire to be gone", &format!("! {}", cli("info keyspace | grep -q db9")));
    scene.backed_up().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_redis_is_as_it_was_again_also_after_a_restart() {
    let Some(scene) = redis("a damaged redis").await else { return };
    let snapshot = filled(&scene).await;
    assert_eq!(snapshot.version.as_deref(), Some("7.0.15"));
    // What expires may be gone when it is restored.
    assert_eq!(snapshot.counts["db0"], (72_000, 90_000), "{:?}", snapshot.counts);
    assert_eq!(snapshot.counts["db3"], (10_000, 10_000), "{:?}", snapshot.counts);
    assert!(scene.dumped(&snapshot).starts_with(b"REDIS0010"));
    let expires = cli("pexpiretime string:7");
    let healthy = (digest(&scene), scene.sh(&expires));

    scene.sh(&cli("-n 3 flushdb"));
    scene.sh(&cli("set string:7 damaged"));
    scene.sh(&cli("-n 5 set new 1"));
    for _ in 0..2 {
        scene.restored(&snapshot).await;
        assert_eq!((digest(&scene), scene.sh(&expires)), healthy);
        is_tidy(&scene);
    }
    crate::docker::docker(&["restart", &scene.name]);
    scene.until("the server to answer", &cli("ping | grep -q PONG"));
    assert_eq!((digest(&scene), scene.sh(&expires)), healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_keys_that_have_all_expired_since_is_no_loss() {
    let Some(scene) = redis("a redis whose keys expire").await else { return };
    scene.sh(&cli("debug set-active-expire 0"));
    scene.sh(&cli(&format!("eval \"{FILL}\" 0")));
    let snapshot = scene.backed_up().await;
    assert_eq!(snapshot.counts["db9"], (0, 1000), "{:?}", snapshot.counts);
    scene.sh(&cli("flushall"));
    scene.restored(&snapshot).await;
    assert_eq!(scene.sh(&cli("-n 3 dbsize")), "10000");
    assert_eq!(scene.sh(&cli("info keyspace | grep -c db9 || true")), "0");
    is_tidy(&scene);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_under_writes_is_backed_up_as_it_was_in_one_moment() {
    let Some(scene) = redis("a redis under writes").await else { return };
    // Each writes two keys at once, and there are more and fewer of them all the time.
    let pair = "local i = redis.call('incr', 'written'); redis.call('set', 'left:' .. i % 977, i); \
                redis.call('set', 'right:' .. i % 977, i); if i % 977 == 0 then redis.call('flushdb'); end \
                redis.call('set', 'written', i)";
    scene.goes_on(&cli(&format!("-r -1 eval \"{pair}\" 0 >/dev/null")));
    scene.until("the writer to write", &cli("get written | grep -q ..."));
    let snapshot = scene.backed_up().await;
    scene.sh("pkill -f '[r]edis-cli -r -1'");
    scene.sh(&cli("flushall"));
    scene.restored(&snapshot).await;
    let differ = "local n = 0; for i = 0, 976 do \
                  if redis.call('get', 'left:' .. i) ~= redis.call('get', 'right:' .. i) then n = n + 1 end end return n";
    assert_eq!(scene.sh(&cli(&format!("eval \"{differ}\" 0"))), "0");
    assert_eq!(scene.sh(&cli("exists written")), "1");
    is_tidy(&scene);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part_of_a_redis_dump_overwrites_nothing() {
    let Some(scene) = redis("part of a redis dump").await else { return };
    let snapshot = filled(&scene).await;
    scene.sh(&cli("set since 1"));
    scene.overwrites_nothing_with_a_part(&snapshot, || digest(&scene)).await;
    let mut later = scene.dumped(&snapshot);
    later[5..9].copy_from_slice(b"0099");
    let bytes = later.len() as u64;
    let later = scene.keeps(&snapshot, later, bytes).await;
    let trouble = scene.restore(&later).await.expect_err("it is of a later server");
    assert_eq!(&*trouble.why, "the server is older than the dump: it cannot read RDB of version 99");
    assert_eq!(scene.sh(&cli("exists since")), "1");
    is_tidy(&scene);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_was_killed_is_tidied_up_by_the_next() {
    let Some(scene) = redis("a restore that was killed").await else { return };
    let snapshot = filled(&scene).await;
    let healthy = digest(&scene);
    let killed = "mkdir /data/.midwatch-restore && cd /data/.midwatch-restore && \
                  redis-server --port 6690 --bind 127.0.0.1 --save '' --repl-diskless-sync-delay 0 --daemonize yes --pidfile $PWD/pids >/dev/null";
    for kill in ["true", "pkill -9 -f 127.0.0.1:669[0]"] {
        for take_back in [true, false] {
            scene.sh(killed);
            scene.sh(&cli("replicaof 127.0.0.1 6690"));
            scene.until("the replica to follow", &cli("role | grep -q connected"));
            scene.sh(kill);
            if take_back {
                scene.taken_back(&snapshot).await;
                is_tidy(&scene);
                scene.taken_back(&snapshot).await;
            } else {
                scene.restored(&snapshot).await;
                assert_eq!(digest(&scene), healthy);
            }
            is_tidy(&scene);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_nobody_hears_any_more_comes_to_its_end() {
    let Some(scene) = redis("a restore that nobody hears").await else { return };
    let snapshot = filled(&scene).await;
    let healthy = digest(&scene);
    scene.sh(&cli("flushall"));
    let follows = cli("role | grep -q slave");
    tokio::select! {
        restored = scene.restore(&snapshot) => panic!("it was not seen at it: {restored:?}"),
        () = scene.sees(&follows) => {}
    }
    scene.until("it to be a master again", &format!("! pgrep -f 127.0.0.1:669[0] && {}", cli("role | grep -q master")));
    scene.until("nothing to be beside", "! [ -e /data/.midwatch-restore ]");
    assert_eq!(digest(&scene), healthy);
    is_tidy(&scene);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_nobody_takes_any_more_ends() {
    let Some(scene) = redis("a dump that nobody takes").await else { return };
    scene.sh(&cli(&format!("eval \"{FILL}\" 0")));
    tokio::select! {
        snapshot = scene.back_up() => panic!("it was not seen at it: {snapshot:?}"),
        () = scene.sees("pgrep -f 'redis-cli.*--[r]db' >/dev/null") => {}
    }
    scene.until("the dump to end", "! pgrep redis-cli && ! pgrep -f [m]idwatch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_of_a_redis_is_shown_to_nobody() {
    let Some(scene) = redis("the password of a redis").await else { return };
    scene.goes_on("until [ -e /tmp/enough ]; do cat /proc/[0-9]*/cmdline; done >/tmp/seen 2>/dev/null");
    let snapshot = filled(&scene).await;
    scene.restored(&snapshot).await;
    // Of each program that ran, the one that lived longest has surely been seen.
    scene.sh("touch /tmp/enough && grep -q -a -e --rdb /tmp/seen");
    assert_eq!(scene.sh(&format!("grep -c -a {PASSWORD} /tmp/seen || true")), "0");

    scene.sh(&cli("config set requirepass another"));
    let trouble = scene.back_up().await.expect_err("the password is another").to_string();
    assert!(trouble.contains("it wants a password") && !trouble.contains(PASSWORD), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_follows_another_is_not_restored() {
    let Some(scene) = redis("a redis that follows").await else { return };
    let snapshot = filled(&scene).await;
    scene.sh(&cli("replicaof 127.0.0.1 7000"));
    let trouble = scene.restore(&snapshot).await.expect_err("it is a replica");
    assert_eq!(&*trouble.why, "it is a replica: what its master has would replace what is restored");
    assert_eq!(scene.sh(&cli("role | sed -n 3p")), "7000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_tool_that_is_missing_is_named() {
    let Some(scene) = redis("a redis tool that is missing").await else { return };
    let snapshot = filled(&scene).await;
    scene.sh("rm /usr/bin/redis-server");
    let trouble = scene.restore(&snapshot).await.expect_err("there is no server to load it");
    assert_eq!(&*trouble.why, "there is no redis-server in the instance");
    scene.sh("rm /usr/bin/redis-cli");
    let trouble = scene.back_up().await.expect_err("there is no client");
    assert_eq!(&*trouble.why, "there is no redis-cli in the instance");
}
