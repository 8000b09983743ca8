//! What log lines cost: taken in, dropped, filtered, searched, judged, made harmless, and shown.

use std::{collections::BTreeSet, hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use midwatch::{
    app::{
        Settings, World,
        logs::{LogView, Target},
    },
    domain::{
        Capabilities, Change, Cluster, Engine, Health, Image, Instance, InstanceId, InstanceState, Inventory, Level,
        Limits, Link, Output, ServiceId,
    },
    store::log::{Chunk, Filter, Harmless, Index, Line, Pattern, Selection, Source, Store, level},
};

const SECOND: i64 = 1_000_000_000;
const NOON: i64 = 1_795_176_000 * SECOND;
const MILLION: u64 = 1_000_000;

fn instance(number: usize) -> InstanceId {
    InstanceId::new(&"here".into(), format!("web-{number}"))
}

fn service() -> ServiceId {
    ServiceId::new(&"here".into(), &"shop".into(), "web")
}

/// So many instances of the service.
fn populate(inventory: &mut Inventory, instances: usize) {
    let cluster = Cluster {
        name: "here".into(),
        engine: Engine::Docker,
        endpoint: "".into(),
        link: Link::Live { since: Timestamp::UNIX_EPOCH },
        facts: None,
        capabilities: Capabilities::all(),
        protected: false,
        read_only: false,
        at_start: true,
        latency: None,
    };
    inventory.put_cluster(cluster);
    let running = |number: usize| Instance {
        id: instance(number),
        service: service(),
        name: format!("web-{number}").into(),
        state: InstanceState::Running,
        health: Health::Healthy,
        created: None,
        started: None,
        finished: None,
        restarts: 0,
        image: Image::default(),
        addresses: Vec::new(),
        ports: Arc::new([]),
        mounts: Arc::new([]),
        limits: Limits::default(),
        tty: false,
        has_health_check: false,
        stop_signal: None,
        stop_timeout: 10,
        node: None,
        parts: Arc::new([]),
        is_removed_when_stopped: false,
        command: "".into(),
    };
    let all = (0..instances).map(running).collect();
    inventory.apply(&"here".into(), Change::Instances(all), Timestamp::UNIX_EPOCH);
}

fn source(number: usize) -> Arc<Source> {
    Arc::new(Source { instance: instance(number), name: format!("web-{number}").into(), epoch: 0 })
}

/// Lines of about 100 bytes in chunks of 64 KiB, an error in every thousand.
fn chunks(source: &Arc<Source>, lines: u64) -> Vec<Arc<Chunk>> {
    let (mut chunks, mut text, mut of_chunk) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..lines {
        let word = if number % 1000 == 0 { "ERROR upstream timeout" } else { "INFO request served" };
        let line = format!(
            "{word} id={number:08x} method=GET path=/api/v1/carts/{number} status=200 took=17ms bytes=5120 peer=10.0.3.7\n"
        );
        text.extend_from_slice(line.as_bytes());
        let level = level::of(line.as_bytes());
        of_chunk.push(Line { end: text.len() as u32, level, output: Output::Stdout, at: NOON + number as i64 * 1000 });
        if text.len() >= 64 << 10 {
            let lines = std::mem::take(&mut of_chunk).into_boxed_slice();
            chunks.push(Arc::new(Chunk { source: source.clone(), text: std::mem::take(&mut text).into(), lines }));
        }
    }
    chunks
}

fn store(chunks: &[Arc<Chunk>], budget: usize) -> Store {
    let mut store = Store::new(budget);
    chunks.iter().for_each(|chunk| store.push(chunk.clone()));
    store
}

fn taking_in(criterion: &mut Criterion) {
    let chunks = chunks(&source(0), MILLION);
    let mut group = criterion.benchmark_group("a million lines");
    group.throughput(Throughput::Elements(MILLION)).sample_size(20);
    group.bench_function("pushed", |bench| {
        bench.iter_batched(|| (), |()| store(&chunks, usize::MAX), BatchSize::PerIteration);
    });
    group.bench_function("pushed and dropped again", |bench| {
        bench.iter_batched(|| (), |()| store(&chunks, 8 << 20), BatchSize::PerIteration);
    });
    let full = store(&chunks, usize::MAX);
    let instances = BTreeSet::from([instance(0)]);
    let selection = Selection { instances: &instances, epoch: 0 };
    let mut examine = |name: &str, filter: Filter| {
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut index = Index::new(filter.clone());
                index.work(&full, selection, usize::MAX);
                black_box(index.matches())
            });
        });
    };
    let include = |text: &str| Filter { include: vec![Pattern::new(text).expect("compiles")], ..Filter::default() };
    examine("searched for a word", include("timeout"));
    examine("searched for a word in its case", include("ERROR"));
    examine("searched for an expression", include(r"carts/\d*77 status=[45]\d\d"));
    examine("searched for what is nowhere", include("segmentation fault"));
    examine("filtered by level", Filter { at_least: Level::Warn, ..Filter::default() });
    examine(
        "filtered out by a word in every line",
        Filter { exclude: vec![Pattern::literal("took")], ..Filter::default() },
    );
    group.finish();
}

fn judging(criterion: &mut Criterion) {
    let lines = [
        (
            "json",
            r#"{"timestamp":"2026-11-21T02:00:00.123Z","service":"checkout","level":"info","message":"request served","id":"9c1f","status":200,"took":"17ms"}"#,
        ),
        (
            "json that says nothing",
            r#"{"timestamp":"2026-11-21T02:00:00.123Z","service":"checkout","message":"request served","id":"9c1f","status":200,"took":"17ms","bytes":5120}"#,
        ),
        (
            "logfmt",
            "time=2026-11-21T02:00:00.123Z service=checkout level=info msg=\"request served\" id=9c1f status=200 took=17ms",
        ),
        (
            "plain",
            "2026-11-21 02:00:00,123 [http-nio-8080-exec-1] INFO  com.shop.checkout.Cart - request served in 17 ms",
        ),
        (
            "access log",
            "10.0.0.1 - - [21/Nov/2026:02:00:00 +0000] \"GET /api/v1/carts/17 HTTP/1.1\" 200 5120 \"-\" \"curl/8.5.0\"",
        ),
    ];
    let mut group = criterion.benchmark_group("the level of a line");
    group.throughput(Throughput::Elements(1));
    for (name, line) in lines {
        group.bench_function(name, |bench| bench.iter(|| level::of(black_box(line.as_bytes()))));
    }
    group.finish();
    let mut group = criterion.benchmark_group("a line made harmless");
    let hostile = "\u{1b}[31mERROR\u{1b}[0m request \u{1b}]8;;http://x\u{1b}\\failed\t日本語 id=9c1f ".repeat(3);
    for (name, line) in [("plain", lines[3].1), ("hostile", hostile.as_str())] {
        group.bench_function(name, |bench| bench.iter(|| Harmless::new(black_box(line.as_bytes()), 160)));
    }
    group.finish();
}

fn showing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("the rows in sight of a million lines");
    for sources in [1, 20] {
        let settings = Settings { log_memory: usize::MAX, ..Settings::default() };
        let mut world = World::new(settings, Timestamp::from_second(NOON / SECOND).expect("in range"));
        for number in 0..sources {
            chunks(&source(number), MILLION / sources as u64).into_iter().for_each(|chunk| world.log.push(chunk));
        }
        populate(&mut world.inventory, sources);
        let mut view =
            LogView::new(if sources == 1 { Target::Instance(instance(0)) } else { Target::Service(service()) });
        group.bench_function(format!("of {sources} sources, following"), |bench| {
            bench.iter(|| black_box(view.window(&world, 140, 45)));
        });
        view.set_search(Some(Pattern::literal("timeout")), &world);
        while view.work(&world, 16 << 20) {}
        view.go_to_match(false, &world).expect("there are matches");
        group.bench_function(format!("of {sources} sources, to the match before"), |bench| {
            bench.iter(|| {
                view.go_to_match(false, &world).expect("there are matches");
                view.go_to_match(true, &world).expect("there are matches");
                black_box(view.window(&world, 140, 45))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, taking_in, judging, showing);
criterion_main!(benches);
