//! What a ring keeps, and what a gap is.

use super::*;

const NOON: i64 = 1_795_176_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOON + second).expect("in range")
}

fn sample(second: i64, cpu: u64) -> Sample {
    Sample {
        at: at(second),
        cpu,
        memory: 325_058_560,
        received: 1000,
        sent: 3,
        read: 0,
        written: 12_345_678,
        pids: 17,
        seconds: 1,
    }
}

fn web() -> InstanceId {
    InstanceId::new(&"here".into(), "web")
}

fn with(samples: impl IntoIterator<Item = (i64, u64)>) -> Store {
    let mut store = Store::default();
    samples.into_iter().for_each(|(second, cpu)| store.push(&web(), sample(second, cpu)));
    store
}

fn recent(store: &Store, seconds: usize, now: i64) -> Vec<Option<f64>> {
    store.recent(&web(), Metric::Cpu, seconds, at(now)).collect()
}

#[test]
fn a_second_without_a_sample_is_a_gap_and_not_a_zero() {
    let store = with([(0, 10), (1, 20), (4, 50)]);
    assert_eq!(recent(&store, 6, 5), [Some(10.0), Some(20.0), None, None, Some(50.0), None]);
}

#[test]
fn what_is_older_than_the_ring_is_gone_also_after_a_long_silence() {
    let store = with([(0, 10), (10_000, 20)]);
    let values = recent(&store, 600, 10_000);
    assert_eq!(values.iter().flatten().count(), 1);
    assert_eq!(values.last(), Some(&Some(20.0)));
    assert_eq!(recent(&store, 600, 99_999).iter().flatten().count(), 0);
}

#[test]
fn longer_spans_are_means_of_ten_seconds() {
    let store = with(
        (0..25).map(|second| (second, 10 * (second as u64 / 10))).filter(|(second, _)| *second < 10 || *second >= 20),
    );
    let values = recent(&store, 7200, 25);
    assert_eq!(values.len(), 720);
    assert_eq!(values[716..], [None, Some(0.0), None, Some(20.0)]);
    let sparkline: Vec<_> = store.tens(&web(), Metric::Cpu, 3, at(25)).collect();
    assert_eq!(sparkline, [None, Some(0.0), None]);
}

#[test]
fn every_metric_comes_back_as_near_as_a_chart_needs() {
    let store = with([(0, 210)]);
    let value = |metric| store.recent(&web(), metric, 1, at(0)).next().flatten().expect("measured");
    assert_eq!((value(Metric::Cpu), value(Metric::Memory), value(Metric::Pids)), (210.0, 325_058_560.0, 17.0));
    for (metric, expected) in
        [(Metric::Received, 1000.0), (Metric::Sent, 3.0), (Metric::Read, 0.0), (Metric::Written, 12_345_678.0)]
    {
        assert!((value(metric) - expected).abs() <= expected / 200.0, "{metric:?}: {}", value(metric));
    }
}

#[test]
fn the_latest_is_exact_and_grows_stale() {
    let store = with([(5, 50), (3, 30)]);
    assert_eq!(store.latest(&web()), Some(sample(5, 50)));
    assert!(!store.is_stale(&web(), at(10)));
    assert!(store.is_stale(&web(), at(11)));
    assert!(!store.is_stale(&InstanceId::new(&"here".into(), "unknown"), at(11)));
}

#[test]
fn a_sum_is_a_gap_only_where_nobody_was_measured() {
    let db = InstanceId::new(&"here".into(), "db");
    let mut store = with([(0, 10), (1, 20)]);
    store.push(&db, sample(1, 5));
    store.push(&db, sample(2, 7));
    assert_eq!(store.sum([&web(), &db], Metric::Cpu, 4, at(3)), [Some(10.0), Some(25.0), Some(7.0), None]);
    assert_eq!(store.sum_of_tens([&web(), &db], Metric::Cpu, 1, at(10)), [Some(21.0)]);
}

#[test]
fn an_instance_that_is_gone_is_forgotten_after_a_while() {
    let mut store = with([(0, 10)]);
    let other = InstanceId::new(&"here".into(), "other");
    store.push(&other, sample(800, 1));
    assert!(store.latest(&web()).is_some());
    store.push(&other, sample(1000, 1));
    assert!(store.latest(&web()).is_none());
}

#[test]
fn a_mean_of_many_seconds_stands_for_all_of_them_and_grows_stale_later() {
    let mut store = Store::default();
    for second in [15, 30, 60] {
        store.push(&web(), Sample { seconds: 15, ..sample(second, second as u64) });
    }
    let values = recent(&store, 60, 60);
    assert_eq!(values[..15], [Some(15.0); 15]);
    assert_eq!(values[30..45], [None; 15], "a measurement that did not come is a gap");
    assert_eq!(values[59], Some(60.0));
    let tens: Vec<_> = store.tens(&web(), Metric::Cpu, 5, at(60)).collect();
    assert_eq!(tens, [Some(22.5), Some(30.0), Some(30.0), Some(60.0), Some(60.0)]);
    assert!(!store.is_stale(&web(), at(100)) && store.is_stale(&web(), at(106)));
}

#[test]
fn an_instance_costs_less_than_forty_kibibytes() {
    assert!((SECONDS + TENS) * size_of::<Entry>() + size_of::<Rings>() < 40 << 10);
}
