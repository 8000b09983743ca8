//! Backing up a PostgreSQL of a gigabyte: midwatch against `pg_dump -Fc` into `restic backup --stdin`, in turns, on the Docker Engine of this
//! machine. Then a hundredth of its rows, the newest, are changed, and it is backed up once more. Needs the lab's images and restic.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const ROUNDS: usize = 3;
/// Of about 105 bytes each, as the server keeps them.
const ROWS: u64 = 10_000_000;
const PASSWORD: &str = "hunter2";
const NAME: &str = "midwatch-bench-backup";
const POSTGRES: &str = "exec /usr/lib/postgresql/*/bin/postgres -D /var/lib/postgresql/*/main \
                        -c config_file=$(echo /etc/postgresql/*/main/postgresql.conf)";

fn main() {
    let files = tempfile::tempdir().expect("a directory");
    let image = Command::new("docker").args(["image", "inspect", "lab/stack"]).stdout(Stdio::null()).status();
    if !image.is_ok_and(|status| status.success()) {
        println!("there is no Docker Engine with lab/stack here: nothing is measured");
        return;
    }
    run(Command::new("docker").args(["run", "-d", "--name", NAME, "-l", "midwatch.backup=postgres"]).args([
        "lab/stack",
        "su",
        "postgres",
        "-c",
        POSTGRES,
    ]));
    while !psql("postgres", "select 1").status().expect("docker runs").success() {
        sleep(Duration::from_millis(200));
    }
    run(&mut psql("postgres", "create database shop"));
    let make = format!(
        "create table orders as select id, md5(id::text) || md5((id + 1)::text) as text, now() as at from generate_series(1, {ROWS}) id"
    );
    run(&mut psql("shop", &make));
    run(&mut psql("shop", "vacuum analyze orders"));

    let (theirs, ours) = (files.path().join("restic"), files.path().join("midwatch"));
    let config = files.path().join("config.toml");
    let text = format!("[backup]\nrepository = \"{}\"\npassword_command = \"echo {PASSWORD}\"\n", ours.display());
    std::fs::write(&config, text).expect("written");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        for repository in [&theirs, &ours] {
            _ = std::fs::remove_dir_all(repository);
        }
        run(Command::new("restic").args(["-q", "init", "--repo"]).arg(&theirs).env("RESTIC_PASSWORD", PASSWORD));
        let pipe = format!(
            "docker exec -u postgres {NAME} pg_dump -Fc shop | restic -q --no-cache backup --stdin --repo \"$0\""
        );
        let mut restic = Command::new("sh");
        restic.args(["-c", &pipe]).arg(&theirs).env("RESTIC_PASSWORD", PASSWORD);
        let began = Instant::now();
        run(&mut restic);
        let theirs = began.elapsed();
        let (ours, memory) = midwatch(&config, files.path());
        println!("pg_dump and restic {theirs:.1?}, midwatch {ours:.1?} with {memory} MiB");
        rounds.push((theirs, ours));
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let [theirs, ours_took] = [|round: &(Duration, Duration)| round.0, |round: &(Duration, Duration)| round.1]
        .map(|of: fn(&(Duration, Duration)) -> Duration| median(rounds.iter().map(of).collect()));
    println!("medians: {theirs:.1} s, {ours_took:.1} s, ratio {:.2}", ours_took / theirs);

    let change =
        format!("update orders set text = md5(random()::text) || md5(random()::text) where id > {}", ROWS * 99 / 100);
    run(&mut psql("shop", &change));
    let before = size(&ours);
    let (took, _) = midwatch(&config, files.path());
    let added = size(&ours) - before;
    println!("after 1 %: {took:.1?}, {:.1} % added", 100.0 * added as f64 / before as f64);
    run(Command::new("docker").args(["rm", "-fv", NAME]));
}

/// How long it took, and how much memory in MiB at the most.
fn midwatch(config: &Path, home: &Path) -> (Duration, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midwatch"));
    command.arg("--config").arg(config).args(["backup", &format!("containers/{NAME}"), "--yes"]).env("HOME", home);
    let began = Instant::now();
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut most = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(peak.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("its state") {
            assert!(status.success(), "midwatch backup");
            return (began.elapsed(), most >> 10);
        }
        sleep(Duration::from_millis(20));
    }
}

fn psql(database: &str, sql: &str) -> Command {
    let mut command = Command::new("docker");
    command.args(["exec", "-u", "postgres", NAME, "psql", "-XAtqw", "-c", sql, database]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(command: &mut Command) {
    assert!(command.stdout(Stdio::null()).status().expect("it runs").success(), "{command:?}");
}

/// In bytes, of all files below.
fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    let sizes = entries.map(|entry| match entry.metadata().expect("it is there") {
        metadata if metadata.is_dir() => size(&entry.path()),
        metadata => metadata.len(),
    });
    sizes.sum()
}
