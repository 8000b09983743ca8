use midwatch::{
    action::Action,
    app::{App, Page, configuration::Configuration, prompt::Prompt},
    domain::Trouble,
    message::{Answer, Question},
    ui::configuration::draw,
};

use crate::{
    picture::{check, picture, survives_every_size},
    world::{instance_id, world},
};

const YAML: &str = r#"# 2 values are masked
Id: 9f2c41d07be8a3c5f1e6b2d4908a7c6e5d4f3b2a1908f7e6d5c4b3a29180f7e6
Created: "2026-11-12T02:41:07.123456789Z"
Path: /usr/bin/web
Args:
- --listen
- 0.0.0.0:8080
State:
  Status: running
  Running: true
  Pid: 4121
  ExitCode: 0
  Error: ""
Config:
  Hostname: 9f2c41d07be8
  Env:
  - PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/shop/bin:/opt/shop/sbin:/opt/shop/tools
  - DATABASE_PASSWORD=*** # masked
  - GREETING=größer als 漢字
  Labels: {}
HostConfig:
  Memory: 536870912
  NanoCpus: 500000000
  Binds: null
  LogConfig:
    Type: json-file
    Config:
      max-size: 10m
"#;

fn answered(answer: Result<Answer, Trouble>) -> App {
    let question = Question::Configuration(instance_id("shop-web-1"));
    world().service("shop/web", 1).answer(question, answer).app()
}

fn known() -> App {
    answered(Ok(Answer::Configuration(YAML.into())))
}

fn screen() -> Configuration {
    Configuration::of(instance_id("shop-web-1"), "shop-web-1".into())
}

fn at_60_columns(app: &App, screen: &Configuration) -> String {
    picture(app, 60, 20, false, |paint, area| draw(screen, paint, area))
}

fn searching(app: &App, text: &str) -> Configuration {
    let mut screen = screen();
    screen.act(Action::Search, &app.world);
    *screen.prompt_mut().unwrap() = Prompt::new("/", text);
    screen.typed(&app.world);
    screen
}

#[test]
fn all_that_is_known_with_a_block_folded() {
    let (mut screen, app) = (screen(), known());
    (0..7).for_each(|_| drop(screen.act(Action::Down, &app.world)));
    screen.act(Action::Open, &app.world);
    check("configuration_folded", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn a_search_while_it_is_typed() {
    let app = known();
    let screen = searching(&app, "config");
    check("configuration_searched", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn long_lines_wrapped() {
    let app = known();
    let mut screen = searching(&app, "sbin");
    screen.act(Action::Open, &app.world);
    screen.act(Action::Wrap, &app.world);
    check("configuration_wrapped", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn what_is_cut_on_either_side_is_marked() {
    let (mut screen, app) = (screen(), known());
    insta::assert_snapshot!("configuration_cut_60x20", at_60_columns(&app, &screen));
    screen.act(Action::Right, &app.world);
    insta::assert_snapshot!("configuration_moved_sideways_60x20", at_60_columns(&app, &screen));
}

#[test]
fn an_engine_that_will_not_say_is_quoted() {
    let trouble = Trouble::new("could not inspect shop-web-1", "permission denied").help("ask for the role 'reader'");
    let app = answered(Err(trouble));
    check("configuration_refused", &app, |paint, area| draw(&screen(), paint, area));
}

#[test]
fn no_size_is_too_small() {
    let app = known();
    for text in ["a", ""] {
        let mut screen = searching(&app, text);
        survives_every_size(&app, |paint, area| draw(&screen, paint, area));
        screen.act(Action::Wrap, &app.world);
        survives_every_size(&app, |paint, area| draw(&screen, paint, area));
    }
}
