//! Holds what `packaging/` calls the command with: flags that exist.

use std::path::Path;

use clap::Parser as _;

use super::Cli;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn parses(words: &[String]) {
    let line = std::iter::once("ampule".to_owned()).chain(words.iter().cloned());
    Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{words:?}: {error}"));
}

/// What follows these words on a line that begins with them, as a list of JSON.
fn lists(text: &str, before: &str) -> Vec<Vec<String>> {
    let lists = text.lines().filter_map(|line| line.trim().strip_prefix(before));
    lists.map(|list| serde_json::from_str(list).unwrap_or_else(|error| panic!("{list}: {error}"))).collect()
}

#[test]
fn the_unit_starts_what_there_is() {
    let unit = read("ampule.service");
    let starts: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("ExecStart=")).collect();
    assert_eq!(starts.len(), 1, "{starts:?}");
    let words: Vec<String> = starts[0].split(' ').skip(1).map(str::to_owned).collect();
    parses(&words);
}

#[test]
fn containers_start_what_there_is() {
    let commands = lists(&read("compose.yaml"), "command: ");
    assert_eq!(commands.len(), 3, "a server, a worker, a token");
    commands.iter().for_each(|words| parses(words));
    let commands = lists(&read("Dockerfile"), "CMD ");
    assert_eq!(commands.len(), 1);
    commands.iter().for_each(|words| parses(words));
}

#[test]
fn the_recipe_calls_what_there_is() {
    let recipe = read("README.md");
    let lines = recipe.lines().filter_map(|line| line.strip_prefix("ampule "));
    let lines: Vec<&str> = lines.map(|line| line.split(['#', '&']).next().unwrap_or_default().trim()).collect();
    assert!(lines.len() >= 4, "{lines:?}");
    for line in lines {
        parses(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    }
}
