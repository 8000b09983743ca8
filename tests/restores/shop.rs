//! A database on the real engine, and a service that depends on it.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::home::{Home, said, until};

const SOCKET: &str = "unix:///var/run/docker.sock";
const DEMANDED: &str = "MIDWATCH_TEST_DOCKER";
pub const PASSWORD: &str = "hunter2";

/// In lab/stack, where the server asks nobody for a password but wants its own user.
const POSTGRES: &str = "exec /usr/lib/postgresql/*/bin/postgres -D /var/lib/postgresql/*/main \
                        -c config_file=$(echo /etc/postgresql/*/main/postgresql.conf)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Postgres,
    Redis,
}

pub struct Shop {
    name: String,
    database: Database,
    pub home: Home,
}

impl Shop {
    /// `None`, loudly, where no engine with the images answers and none was demanded. Backed up once, with "kept" in it.
    pub fn open(case: &str, database: Database) -> Option<Self> {
        if !try_docker(&["image", "inspect", "lab/busybox", "lab/stack"]).0 {
            assert!(std::env::var_os(DEMANDED).is_none(), "{DEMANDED} demands a real engine with the lab's images");
            eprintln!("SKIPPED {case}: no real Docker Engine with the lab's images here");
            return None;
        }
        static SHOPS: AtomicU32 = AtomicU32::new(0);
        let name = format!("mwrest-{}-{}", std::process::id(), SHOPS.fetch_add(1, Ordering::Relaxed));
        let home = Home::new(vec![("DOCKER_HOST", SOCKET.into())]);
        let shop = Self { name, database, home };
        shop.has_password(PASSWORD);
        match database {
            Database::Postgres => {
                shop.start("db", &["-l", "midwatch.backup=postgres"], &["su", "postgres", "-c", POSTGRES])
            }
            Database::Redis => {
                let server = "exec redis-server --bind 127.0.0.1 --save '' --appendonly no";
                shop.start("db", &["-l", "midwatch.backup=redis"], &["sh", "-c", server]);
            }
        }
        let depends = ["-l", "com.docker.compose.depends_on=db:service_started:false", "--stop-timeout", "1"];
        shop.start("web", &depends, &["sleep", "2147483647"]);
        until("the database to answer", || shop.ask("probe").map(drop));
        shop.make("kept");
        let (code, told) = said(&shop.home.run(&["backup", &shop.address(), "--yes"]));
        assert_eq!(code, 0, "{told}");
        Some(shop)
    }

    /// From now on this is what the program has for the repository.
    pub fn has_password(&self, password: &str) {
        let config = self.home.path().join(".config/midwatch");
        std::fs::create_dir_all(&config).expect("made");
        std::fs::write(config.join("password"), password).expect("written");
        let repository = self.repository();
        let text = format!("[backup]\nrepository = \"{repository}\"\npassword_file = \"password\"\n");
        std::fs::write(config.join("config.toml"), text).expect("written");
    }

    fn start(&self, service: &str, options: &[&str], command: &[&str]) {
        let name = format!("{}-{service}-1", self.name);
        let (project, service) =
            (format!("com.docker.compose.project={}", self.name), format!("com.docker.compose.service={service}"));
        let labels = ["run", "-d", "--name", &name, "-l", &project, "-l", &service];
        docker(&[&labels[..], options, &["lab/stack"], command].concat());
    }

    pub fn address(&self) -> String {
        format!("{}/db", self.name)
    }

    pub fn scope(&self) -> &str {
        &self.name
    }

    /// Instances by themselves that are left of its rehearsals.
    pub fn scratches(&self) -> Vec<String> {
        let label = format!("label=midwatch.scope={}", self.name);
        let left = docker(&["ps", "-aq", "--filter", "label=midwatch.role=scratch", "--filter", &label]);
        left.lines().map(str::to_owned).collect()
    }

    pub fn repository(&self) -> String {
        self.home.path().join("repository").display().to_string()
    }

    fn ask(&self, what: &str) -> Option<String> {
        let container = format!("{}-db-1", self.name);
        let (database, sql) = match what {
            "probe" => ("postgres", "select 1"),
            "databases" => ("postgres", "select string_agg(datname, ' ' order by datname) from pg_database"),
            _ => ("postgres", "select what from state"),
        };
        let redis = match what {
            "probe" => "ping",
            "databases" => "info keyspace",
            _ => "get state",
        };
        let output = match self.database {
            Database::Postgres => {
                try_docker(&["exec", "-u", "postgres", &container, "psql", "-XAtqw", "-c", sql, database])
            }
            Database::Redis => try_docker(&["exec", &container, "sh", "-c", &format!("redis-cli {redis}")]),
        };
        output.0.then_some(output.1)
    }

    /// This is all that is in it now.
    pub fn make(&self, state: &str) {
        let container = format!("{}-db-1", self.name);
        match self.database {
            Database::Postgres => {
                let sql = format!(
                    "begin; drop table if exists state, ballast; create table state as select '{state}'::text as what; \
                     create table ballast as select id, md5(id::text) as text from generate_series(1, 20000) id; commit"
                );
                docker(&["exec", "-u", "postgres", &container, "psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-c", &sql]);
            }
            Database::Redis => {
                let script =
                    format!("redis-cli flushall && redis-cli debug populate 20000 && redis-cli set state {state}");
                docker(&["exec", &container, "sh", "-c", &script]);
            }
        }
    }

    /// What is in another database of it.
    pub fn state_in(&self, database: &str) -> String {
        let container = format!("{}-db-1", self.name);
        docker(&["exec", "-u", "postgres", &container, "psql", "-XAtqw", "-c", "select what from state", database])
    }

    /// What is in it, once it answers.
    pub fn state(&self) -> String {
        until("the database to tell its state", || self.ask("state").filter(|state| !state.is_empty()))
    }

    /// What a restore may have left in it.
    pub fn leftovers(&self) -> Vec<String> {
        match self.database {
            Database::Postgres => {
                let databases = until("the databases", || self.ask("databases"));
                databases.split(' ').filter(|name| name.contains("midwatch")).map(str::to_owned).collect()
            }
            Database::Redis => {
                let container = format!("{}-db-1", self.name);
                let script = "ps -eo args | grep -v grep | grep -c '^redis-server'; ls -d /tmp/tmp.* 2>/dev/null; \
                              redis-cli info replication | grep -o 'role:slave'; true";
                let told = docker(&["exec", &container, "sh", "-c", script]);
                told.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "1").map(str::to_owned).collect()
            }
        }
    }

    pub fn web_runs(&self) -> bool {
        docker(&["inspect", "-f", "{{.State.Running}}", &format!("{}-web-1", self.name)]) == "true"
    }

    /// What the restic program says of the repository.
    pub fn is_sound(&self) -> Result<(), String> {
        let mut restic = Command::new("restic");
        restic.args(["--no-cache", "--repo", &self.repository(), "check", "--read-data"]);
        let output = restic.env("RESTIC_PASSWORD", PASSWORD).output().expect("restic runs");
        output.status.success().then_some(()).ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let (_, containers) = try_docker(&["ps", "-aq", "--filter", &label]);
        for container in containers.lines() {
            try_docker(&["rm", "-fv", container]);
        }
    }
}

fn docker(arguments: &[&str]) -> String {
    let (succeeded, told) = try_docker(arguments);
    assert!(succeeded, "{arguments:?}: {told}");
    told
}

fn try_docker(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("docker").args(arguments).output().expect("docker is installed");
    let told = if output.status.success() { &output.stdout } else { &output.stderr };
    (output.status.success(), String::from_utf8_lossy(told).trim().to_owned())
}
