//! MongoDB: its server and its tools are in no registry at hand, so shell scripts of the same names stand in for them here. They take the
//! arguments that their documentation has, no other, and keep each collection in a file with one document a line.

use midwatch::domain::Method;

use super::{access, backed_up, bring_back, discard, put_program, restic, settle, shell, silent, to_return};
use crate::{
    docker::DockerStage,
    stage::{Running, Stage},
};

/// Who is let in: the user on the command line, the password by a file in YAML.
const SIGN_IN: &str = r#"#!/bin/sh
refuse() { echo "error parsing command line options: $*" >&2; exit 1; }
signed=
for each; do
  case $each in
    --username=ann | --authenticationDatabase=admin | --archive | --drop | --stopOnError | --nsExclude=* | --nsFrom=* | --nsTo=*) ;;
    --config=*) [ "$(cat "${each#--config=}")" = "password: 'it''s \"\$x'" ] && signed=yes ;;
    *) refuse "unknown option $each" ;;
  esac
done
[ -n "$signed" ] || { echo "Failed: can't create session: auth error" >&2; exit 1; }
"#;

const DUMP: &str = r#"
cd /db
find . -type f | sort | sed 's#^\./##' | while read -r file; do
  echo "2026-11-30T16:00:00.000+0000	writing $(echo "$file" | tr / .) to archive on stdout" >&2
  count=$(wc -l <"$file")
  [ "$count" = 1 ] && plural= || plural=s
  echo "2026-11-30T16:00:00.000+0000	done dumping $(echo "$file" | tr / .) ($count document$plural)" >&2
done
exec tar -c -f - .
"#;

const RESTORE: &str = r#"
to='$database$.$collection$'
excluded=
for each; do
  case $each in
    --nsTo=*) to=${each#--nsTo=} ;;
    --nsExclude=*) excluded="$excluded ${each#--nsExclude=}" ;;
  esac
done
rm -rf /tmp/in && mkdir /tmp/in && tar -x -f - -C /tmp/in || exit
cd /tmp/in
find . -type f | sort | sed 's#^\./##' | while read -r file; do
  database=${file%%/*} collection=${file#*/}
  case " $excluded " in *" $database.* "*) continue ;; esac
  database=$(echo "$to" | sed "s/[$]database[$]/$database/; s/\.[$]collection[$]//")
  mkdir -p "/db/$database"
  cp "$file" "/db/$database/$collection"
  echo "2026-11-30T16:00:00.000+0000	finished restoring $database.$collection ($(wc -l <"$file") documents, 0 failures)" >&2
done
"#;

const SHELL: &str = r#"#!/bin/sh
[ "$1 $2 $3" = '--quiet --norc --eval' ] && [ "$#" = 4 ] || exit 64
[ "$MIDWATCH_USER" = ann ] && [ "$MIDWATCH_PASSWORD" = "it's \"\$x" ] || { echo "MongoServerError: Authentication failed." >&2; exit 1; }
case $4 in
  *estimatedDocumentCount*)
    cd /db && find . -type f | sed 's#^\./##' | while read -r file; do
      echo "midwatch count $(wc -l <"$file") $(echo "$file" | tr / .)"
    done ;;
  *dropDatabase*) rm -rf /db/*"$MIDWATCH_SUFFIX" ;;
  *listDatabases*)
    echo "midwatch version 7.0.5"
    for each in /db/*; do echo "midwatch database 8192 ${each##*/}"; done ;;
  *) exit 64 ;;
esac
"#;

fn mongo(stage: &DockerStage) -> Running {
    let running = stage.start(
        &[
            "-e",
            "PATH=/usr/local/bin:/bin",
            "-e",
            "MONGO_INITDB_ROOT_USERNAME=ann",
            "-e",
            "MONGO_INITDB_ROOT_PASSWORD_FILE=/secret",
        ],
        "sleep 100000",
    );
    let name = &running.name;
    put_program(name, "mongodump", &format!("{SIGN_IN}{DUMP}"));
    put_program(name, "mongorestore", &format!("{SIGN_IN}{RESTORE}"));
    put_program(name, "mongosh", SHELL);
    let fill = "printf %s \"it's \\\"\\$x\" >/secret; mkdir -p /db/shop /db/admin /db/config
                printf '{}\\n{}\\n{}\\n' >/db/shop/orders; echo '{}' >'/db/shop/a b.c'; : >/db/shop/none
                echo '{}' >/db/admin/system.users; echo '{}' >/db/config/sessions";
    shell(name, fill);
    running
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mongo_is_restored_beside_and_then_in_its_place() {
    let Some(stage) = DockerStage::open("a mongo").await else { return };
    let running = mongo(&stage);
    let name = &running.name;
    let state = || shell(name, "cd /db && find . -type f -exec md5sum {} + | sort -k 2");
    let healthy = state();
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Mongo).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(snapshot.version.as_deref(), Some("7.0.5"));
    let counts: Vec<_> = snapshot.counts.iter().map(|(name, (least, _))| (&**name, *least)).collect();
    assert_eq!(counts, [("shop.a b.c", 1), ("shop.none", 0), ("shop.orders", 3)]);
    restic(&place, &["check", "--read-data"]);

    shell(name, "echo '{}' >/db/shop/orders; rm '/db/shop/a b.c'");
    let damaged = state();
    let backend = (&stage as &dyn Stage).backend().await;
    let (order, access, silent) = (to_return(&snapshot, &running), access(&place), silent());
    // Its tools fail over the live databases: what stands beside was let go before.
    shell(name, "mv /usr/local/bin/mongorestore /usr/local/bin/real");
    put_program(
        name,
        "mongorestore",
        "#!/bin/sh\ncase \" $* \" in *nsTo=*) exec real \"$@\" ;; esac\necho broken >&2; exit 3\n",
    );
    let trouble = bring_back(&*backend, &access, &order, &silent).await.expect_err("it fails");
    assert_eq!(&*trouble.why, "broken");
    discard(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(state(), damaged);
    shell(name, "mv /usr/local/bin/real /usr/local/bin/mongorestore");
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    settle(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(state(), healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mongo_that_lets_nobody_in_says_so_without_the_password() {
    let Some(stage) = DockerStage::open("a mongo that lets nobody in").await else { return };
    let running = mongo(&stage);
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let why = async || backed_up(&stage, &running, &place, Method::Mongo).await.expect_err("nothing comes of it").why;
    shell(&running.name, "echo another >/secret");
    assert_eq!(&*why().await, "MongoServerError: Authentication failed.");
    shell(&running.name, "rm /usr/local/bin/mongosh");
    assert_eq!(&*why().await, "there is no mongosh in the instance");
    shell(&running.name, "rm /usr/local/bin/mongodump");
    assert_eq!(&*why().await, "there is no mongodump in the instance");
}
