//! Folding, finding and copying in what the engine knows.

use super::*;
use crate::{
    app::Go,
    testing::{instance_id, world},
};

const YAML: &str = "Name: web\nConfig:\n  Env:\n  - A=1\n  - B=2\n  Image: shop/web:v2\nState:\n  Pid: 12";

fn opened() -> (Configuration, World) {
    let screen = Configuration::of(instance_id("shop-web-1"), "shop-web-1".into());
    let answer = Ok(Answer::Configuration(YAML.into()));
    let world = world().service("shop/web", 1).answer(screen.question(), answer).build();
    (screen, world)
}

fn shown(screen: &Configuration, world: &World) -> Vec<usize> {
    let lines = screen.lines(world);
    screen.rows(&lines).into_iter().map(|row| row.line).collect()
}

fn search(screen: &mut Configuration, world: &World, text: &str) {
    screen.act(Action::Search, world);
    *screen.prompt_mut().unwrap() = Prompt::new("/", text);
    screen.typed(world);
    screen.act(Action::Open, world);
}

fn selected(screen: &Configuration, world: &World) -> usize {
    screen.selected_line(&screen.lines(world))
}

#[test]
fn it_is_asked_for_again_only_when_the_service_has_changed() {
    let (screen, world) = opened();
    let mut wanted = Subscriptions::default();
    screen.subscribe(&world, true, &mut wanted);
    assert_eq!(wanted.answers.get(&screen.question()), Some(&Refresh::WhenChanged(1)));
}

#[test]
fn left_shuts_the_block_then_goes_to_the_one_around_and_right_opens_it_again() {
    let (mut screen, world) = opened();
    (0..2).for_each(|_| drop(screen.act(Action::Down, &world)));
    screen.act(Action::Left, &world);
    assert_eq!(shown(&screen, &world), [0, 1, 2, 5, 6, 7]);
    screen.act(Action::Left, &world);
    assert_eq!(selected(&screen, &world), 1);
    screen.act(Action::Left, &world);
    assert_eq!(shown(&screen, &world), [0, 1, 6, 7]);
    screen.act(Action::Right, &world);
    assert_eq!(shown(&screen, &world), [0, 1, 2, 5, 6, 7]);
}

#[test]
fn a_match_that_is_folded_away_is_unfolded_and_n_goes_round() {
    let (mut screen, world) = opened();
    screen.act(Action::Down, &world);
    screen.act(Action::Open, &world);
    assert_eq!(shown(&screen, &world), [0, 1, 6, 7]);
    search(&mut screen, &world, "web");
    assert_eq!(selected(&screen, &world), 5);
    screen.act(Action::NextMatch, &world);
    assert_eq!(selected(&screen, &world), 0);
    screen.act(Action::PreviousMatch, &world);
    assert_eq!(selected(&screen, &world), 5);
}

#[test]
fn typing_on_searches_from_where_the_search_began() {
    let (mut screen, world) = opened();
    screen.act(Action::Search, &world);
    for text in ["e", "en", "env"] {
        *screen.prompt_mut().unwrap() = Prompt::new("/", text);
        screen.typed(&world);
    }
    assert_eq!(selected(&screen, &world), 2);
    *screen.prompt_mut().unwrap() = Prompt::new("/", "nowhere");
    screen.typed(&world);
    assert_eq!(screen.prompt().unwrap().error.as_deref(), Some("does not occur"));
}

#[test]
fn what_has_not_been_read_yet_is_not_said_to_lack_anything() {
    let (mut screen, mut world) = opened();
    world.answers.clear();
    search(&mut screen, &world, "web");
    let Go::Refuse(why) = screen.act(Action::NextMatch, &world).go else { panic!("there is nothing to find") };
    assert!(!why.contains("does not occur"), "{why}");
    screen.act(Action::Search, &world);
    *screen.prompt_mut().unwrap() = Prompt::new("/", "web");
    screen.typed(&world);
    assert_eq!(screen.prompt().unwrap().error, None);
}

#[test]
fn escape_ends_the_search_before_it_leaves_the_screen() {
    let (mut screen, world) = opened();
    search(&mut screen, &world, "web");
    assert!(matches!(screen.act(Action::Back, &world).go, Go::Stay));
    assert!(matches!(screen.act(Action::Back, &world).go, Go::Pass));
}

#[test]
fn a_wrapped_line_has_as_many_rows_as_it_needs() {
    let (mut screen, world) = opened();
    screen.act(Action::Wrap, &world);
    let lines = screen.lines(&world);
    let rows = screen.rows_in(&lines, 8);
    let of_image: Vec<_> = rows.into_iter().filter(|row| row.line == 5).map(|row| screen.column(row)).collect();
    assert_eq!(of_image, [0, 8, 16]);
}

#[test]
fn sideways_stops_where_the_longest_line_ends() {
    let (mut screen, world) = opened();
    screen.rows_in(&screen.lines(&world), 10);
    (0..5).for_each(|_| drop(screen.act(Action::Right, &world)));
    assert_eq!(screen.left, SIDEWAYS);
    screen.act(Action::Left, &world);
    assert_eq!(screen.left, 0);
}

#[test]
fn all_of_it_is_saved_under_a_name_that_is_safe() {
    let (mut screen, world) = opened();
    screen.name = "../evil/web 1".into();
    let reply = screen.act(Action::Save, &world);
    let path = "./___evil_web_1-configuration-20261121-024107.yaml".into();
    assert_eq!(reply.effects, [Effect::Save { path, text: YAML.into() }]);
}

#[test]
fn before_the_answer_there_is_nothing_to_copy_or_save() {
    let mut screen = Configuration::of(instance_id("shop-web-1"), "shop-web-1".into());
    let world = world().service("shop/web", 1).build();
    for action in [Action::Copy, Action::Save] {
        assert!(matches!(screen.act(action, &world).go, Go::Refuse(_)));
    }
}
