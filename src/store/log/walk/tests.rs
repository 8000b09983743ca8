//! Walks over small stores whose order is plain to see.

use std::sync::Arc;

use super::{
    super::{
        Filter, Pattern, Source,
        tests::{chunk, source},
    },
    *,
};

fn instances(names: &[&str]) -> BTreeSet<InstanceId> {
    names.iter().map(|&name| InstanceId::new(&"here".into(), name)).collect()
}

type Said<'a> = (&'a Arc<Source>, &'a [(i64, &'a str)]);

fn store(chunks: &[Said<'_>]) -> Store {
    let mut store = Store::new(1 << 20);
    for (source, lines) in chunks {
        store.push(chunk(source, lines));
    }
    store
}

fn text(store: &Store, number: u64) -> String {
    match store.get(number).expect("held") {
        super::super::Entry::Line { text, .. } => String::from_utf8_lossy(text).into(),
        super::super::Entry::Gap(gap) => format!("gap of {}", gap.lines),
    }
}

fn forwards(store: &Store, mut walk: Walk<'_>) -> Vec<String> {
    std::iter::from_fn(|| walk.next()).map(|number| text(store, number)).collect()
}

fn backwards(store: &Store, mut walk: Walk<'_>) -> Vec<String> {
    std::iter::from_fn(|| walk.previous()).map(|number| text(store, number)).collect()
}

#[test]
fn sources_are_merged_by_time_both_ways() {
    let (a, b) = (source("a"), source("b"));
    let store = store(&[(&a, &[(1, "a1"), (4, "a4")]), (&b, &[(2, "b2"), (3, "b3"), (4, "b4")]), (&a, &[(5, "a5")])]);
    let both = instances(&["a", "b"]);
    let selection = Selection { instances: &both, epoch: 0 };
    let mut expected = ["a1", "b2", "b3", "a4", "b4", "a5"];
    assert_eq!(forwards(&store, Walk::from_start(&store, selection, Lens::default())), expected);
    expected.reverse();
    assert_eq!(backwards(&store, Walk::from_end(&store, selection, Lens::default())), expected);
    let only_b = instances(&["b"]);
    let selection = Selection { instances: &only_b, epoch: 0 };
    assert_eq!(forwards(&store, Walk::from_start(&store, selection, Lens::default())), ["b2", "b3", "b4"]);
    assert_eq!(
        forwards(&store, Walk::from_start(&store, Selection { epoch: 1, ..selection }, Lens::default())),
        [] as [&str; 0]
    );
}

#[test]
fn lines_that_come_late_stand_where_they_belong_and_move_no_number() {
    let (a, b) = (source("a"), source("b"));
    let mut store = store(&[(&a, &[(1, "a1"), (9, "a9")])]);
    store.push(chunk(&b, &[(5, "b5")]));
    let both = instances(&["a", "b"]);
    let selection = Selection { instances: &both, epoch: 0 };
    let mut walk = Walk::before(&store, selection, Lens::default(), 1).expect("held");
    assert_eq!(walk.previous(), Some(2));
    assert_eq!(walk.previous(), Some(0));
    assert_eq!(forwards(&store, Walk::after(&store, selection, Lens::default(), 2).expect("held")), ["a9"]);
}

#[test]
fn a_clock_that_went_back_leaves_a_source_in_its_order() {
    let (a, b) = (source("a"), source("b"));
    let store = store(&[(&a, &[(10, "1st"), (3, "2nd"), (4, "3rd"), (11, "5th")]), (&b, &[(10, "4th")])]);
    let both = instances(&["a", "b"]);
    let walk = Walk::from_start(&store, Selection { instances: &both, epoch: 0 }, Lens::default());
    assert_eq!(forwards(&store, walk), ["1st", "2nd", "3rd", "4th", "5th"]);
}

#[test]
fn a_walk_can_turn_round_at_any_line() {
    let (a, b) = (source("a"), source("b"));
    let store = store(&[(&a, &[(1, "1"), (3, "3"), (5, "5")]), (&b, &[(2, "2"), (4, "4")])]);
    let both = instances(&["a", "b"]);
    let mut walk = Walk::from_start(&store, Selection { instances: &both, epoch: 0 }, Lens::default());
    let steps = [
        walk.next(),
        walk.next(),
        walk.next(),
        walk.previous(),
        walk.previous(),
        walk.next(),
        walk.next(),
        walk.next(),
    ];
    let steps: Vec<_> = steps.into_iter().flatten().map(|number| text(&store, number)).collect();
    assert_eq!(steps, ["1", "2", "3", "3", "2", "2", "3", "4"]);
}

fn index(store: &Store, selection: Selection<'_>, pattern: &str) -> Index {
    let include = vec![Pattern::new(pattern).expect("compiles")];
    let mut index = Index::new(Filter { include, ..Filter::default() });
    assert!(!index.work(store, selection, usize::MAX));
    index
}

#[test]
fn a_filter_is_kept_up_to_date_as_lines_come_and_go() {
    let a = source("a");
    let mut store = Store::new(6 * chunk(&a, &[(1, "odd 1")]).bytes());
    let only = instances(&["a"]);
    let selection = Selection { instances: &only, epoch: 0 };
    let mut index = index(&store, selection, "odd");
    for number in 0..20 {
        let text = if number % 2 == 0 { "even!" } else { "odd 1" };
        store.push(chunk(&a, &[(number, text)]));
        index.work(&store, selection, usize::MAX);
    }
    let lens = Lens { index: Some(&index), ..Lens::default() };
    assert_eq!(index.matches(), 3);
    assert_eq!(forwards(&store, Walk::from_start(&store, selection, lens)).len(), 3);
    assert_eq!(Walk::from_end(&store, selection, lens).count_behind(), 3);
    assert_eq!(Walk::before(&store, selection, lens, 17).expect("held").count_behind(), 1);
    store.push(chunk(&source("a"), &[(1, "odd again")]));
    index.work(&store, selection, usize::MAX);
    assert_eq!(index.matches(), 1);
}

#[test]
fn a_filter_that_is_worked_out_in_slices_comes_to_the_same() {
    let (a, b) = (source("a"), source("b"));
    let mut store = Store::new(1 << 20);
    for number in 0..50 {
        store.push(chunk(if number % 3 == 0 { &a } else { &b }, &[(number, "yes"), (number, "no")]));
    }
    let both = instances(&["a", "b"]);
    let selection = Selection { instances: &both, epoch: 0 };
    let mut sliced = Index::new(Filter { include: vec![Pattern::literal("yes")], ..Filter::default() });
    let mut slices = 1;
    while sliced.work(&store, selection, 1) {
        store.push(chunk(&a, &[(100 + slices, "yes")]));
        slices += 1;
        assert!(slices < 1000, "it never ends");
        sliced.work(&store, selection, 1);
    }
    assert!(slices > 20);
    let whole = index(&store, selection, "yes");
    assert_eq!(sliced.matches(), whole.matches());
    let lens = |index| Lens { index: Some(index), ..Lens::default() };
    assert_eq!(
        forwards(&store, Walk::from_start(&store, selection, lens(&sliced))),
        forwards(&store, Walk::from_start(&store, selection, lens(&whole)))
    );
}

#[test]
fn the_next_error_is_found_among_many_lines_and_gaps_are_none() {
    let a = source("a");
    let mut store = store(&[(&a, &[(1, "ERROR one"), (2, "fine")]), (&a, &[(3, "INFO fine"), (4, "WARN two")])]);
    let at = jiff::Timestamp::from_second(5).expect("in range");
    store.push_gap(super::super::Gap { source: a.clone(), lines: 7, from: at, to: at });
    let only = instances(&["a"]);
    let selection = Selection { instances: &only, epoch: 0 };
    let lens = Lens { at_least: Level::Warn, ..Lens::default() };
    assert_eq!(backwards(&store, Walk::from_end(&store, selection, lens)), ["WARN two", "ERROR one"]);
    assert_eq!(forwards(&store, Walk::after(&store, selection, Lens::default(), 3).expect("held")), ["gap of 7"]);
}

proptest::proptest! {
    #[test]
    fn a_walk_comes_to_the_same_as_sorting_everything(
        pushes in proptest::collection::vec((0_usize..4, proptest::collection::vec((0_i64..20, proptest::bool::ANY), 1..6)), 0..30),
        budget in 1_000_usize..20_000,
    ) {
        let names = ["a", "b", "c", "d"];
        let sources = names.map(source);
        let all = instances(&names);
        let selection = Selection { instances: &all, epoch: 0 };
        let mut store = Store::new(budget);
        let mut index = Index::new(Filter { include: vec![Pattern::literal("yes")], ..Filter::default() });
        for (source, lines) in &pushes {
            let lines: Vec<_> = lines.iter().map(|&(second, yes)| (second, if yes { "yes" } else { "no" })).collect();
            store.push(chunk(&sources[*source], &lines));
            index.work(&store, selection, 500);
        }
        while index.work(&store, selection, 500) {}

        // Each source by itself is in the order it came, its times never going back.
        let mut expected = Vec::new();
        for (ordinal, run) in store.runs.iter().enumerate() {
            for held in &run.held {
                expected.extend((0..held.len()).map(|line| (held.key(line), ordinal, held.first + line as u64)));
            }
        }
        expected.sort_unstable();
        let all: Vec<u64> = expected.into_iter().map(|(_, _, number)| number).collect();
        let yes: Vec<u64> = all.iter().copied().filter(|&number| text(&store, number) == "yes").collect();
        proptest::prop_assert_eq!(index.matches(), yes.len() as u64);
        for (lens, expected) in [(Lens::default(), &all), (Lens { index: Some(&index), ..Lens::default() }, &yes)] {
            let forwards: Vec<u64> = Walk::from_start(&store, selection, lens).collect();
            proptest::prop_assert_eq!(&forwards, expected);
            let mut walk = Walk::from_end(&store, selection, lens);
            let mut backwards: Vec<u64> = std::iter::from_fn(|| walk.previous()).collect();
            backwards.reverse();
            proptest::prop_assert_eq!(&backwards, expected);
            for (place, &number) in expected.iter().enumerate() {
                let rest: Vec<u64> = Walk::before(&store, selection, lens, number).expect("held").collect();
                proptest::prop_assert_eq!(&rest[..], &expected[place..]);
            }
        }
    }
}
