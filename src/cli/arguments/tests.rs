//! What is typed, and what it means.

use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_grammar_of_the_command_line_has_no_contradictions() {
    Arguments::command().debug_assert();
}

#[test]
fn without_a_command_or_with_demo_the_console_opens() {
    assert!(parse("midwatch").expect("parses").opens_console());
    let demo = parse("midwatch demo --scenario bad-release --seed 7").expect("parses");
    assert!(demo.opens_console() && demo.opens_demo());
    assert_eq!(demo.options.check(demo.opens_demo()), Ok(()));
    let listing = parse("midwatch --demo services").expect("parses");
    assert!(!listing.opens_console() && listing.opens_demo());
}

#[test]
fn common_options_are_understood_before_and_after_the_command() {
    for line in ["midwatch --cluster a --cluster b services", "midwatch services --cluster a --cluster b"] {
        assert_eq!(parse(line).expect("parses").options.clusters, ["a", "b"], "{line}");
    }
}

#[test]
fn a_seed_without_the_simulator_is_a_mistake() {
    let arguments = parse("midwatch services --seed 7").expect("parses");
    assert!(arguments.options.check(arguments.opens_demo()).is_err_and(|why| why.contains("--demo")));
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    for line in [
        "midwatch frobnicate",
        "midwatch services shop//web",
        "midwatch logs",
        "midwatch diff web --with 3",
        "midwatch logs web --since soon",
        "midwatch logs web --since 5m --tail 10",
        "midwatch logs web --level loud",
        "midwatch logs web --include (",
        "midwatch restart web --yes --dry-run",
        "midwatch scale web",
        "midwatch scale web -1",
        "midwatch scale web many",
        "midwatch rollout",
        "midwatch rollout web app=",
        "midwatch rollout web =web:v2",
        "midwatch rollout web Web:v2",
        "midwatch rollout web web:v2@sha256:12",
        "midwatch rollout web web:v2 --strategy big-bang",
        "midwatch rollout web web:v2 --gate helth",
        "midwatch rollout web web:v2 --weight lots",
        "midwatch rollout web web:v2 --env MODE",
        "midwatch rollout web web:v2 --env API_TOKEN=hunter2hunter2",
        "midwatch rollout web web:v2 --within soon",
        "midwatch rollout web web:v2 --on-failure pray",
        "midwatch delete web",
        "midwatch drain",
        "midwatch forward web",
        "midwatch forward web 9000:http",
        "midwatch --max-bytes-per-second fast",
    ] {
        assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
    }
}

#[test]
fn the_image_of_one_container_of_several_is_told_by_its_name() {
    let arguments = parse("midwatch rollout web app=web:v2 registry:5000/proxy:7 --env OLD-").expect("parses");
    let Some(Command::Rollout(asked)) = arguments.command else { panic!("not a rollout") };
    let images: Vec<_> = asked.images.iter().map(|(container, image)| (&**container, &**image)).collect();
    assert_eq!(images, [("app", "web:v2"), ("", "registry:5000/proxy:7")]);
    assert_eq!((&*asked.env[0].name, &asked.env[0].value), ("OLD", &None));
}

#[test]
fn every_command_and_option_says_in_one_line_what_it_is_for() {
    for command in Arguments::command().get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments().filter(|argument| !argument.is_positional()) {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
    }
}
