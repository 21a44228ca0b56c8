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

/// The values of a unit's key.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// The commands of a text, each on one line, with what continues it.
fn commands(text: &str) -> Vec<String> {
    text.replace("\\\n", "").lines().map(str::to_owned).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_unit_starts_what_there_is() {
    let unit = read("ampule.service");
    let starts = values(&unit, "ExecStart");
    assert_eq!(starts.len(), 1, "{starts:?}");
    parses(&words(starts[0])[1..]);
}

#[test]
fn the_unit_leaves_it_to_the_file_what_the_file_can_say() {
    let unit = read("ampule.service");
    let start = "/usr/local/bin/ampule serve --config ${CREDENTIALS_DIRECTORY}/ampule.toml";
    assert_eq!(values(&unit, "ExecStart"), [start], "flags go before the file");
    let variables = values(&unit, "Environment");
    assert!(variables.iter().all(|variable| !variable.starts_with("AMPULE_")), "{variables:?} go before the file");
    // The service's user cannot read what root installed: it is handed over.
    assert_eq!(values(&unit, "LoadCredential"), ["ampule.toml:/etc/ampule/ampule.toml"]);
    for text in [unit, read("README.md")] {
        assert!(
            text.contains("ampule.toml /etc/ampule/ampule.toml\n"),
            "it is installed where it is looked for: {text}"
        );
    }
}

#[test]
fn the_first_token_is_made_as_the_units_user_on_the_units_queue() {
    let unit = read("ampule.service");
    let commands = commands(&read("README.md"));
    let command = commands.iter().find(|line| line.starts_with("systemd-run ")).expect("a command");
    let (settings, call) = command.split_once("/usr/local/bin/ampule ").expect("a call");
    parses(&words(call));
    let properties: Vec<&str> = settings.split("--property ").skip(1).map(str::trim).collect();
    for property in &properties {
        assert!(unit.lines().any(|line| line == *property), "{property}");
    }
    for key in ["DynamicUser", "User", "StateDirectory", "StateDirectoryMode", "WorkingDirectory", "UMask"] {
        assert!(properties.iter().any(|property| property.split('=').next() == Some(key)), "{key}");
    }
}

#[test]
fn what_was_made_here_goes_into_no_image() {
    let ignored = read("../.dockerignore");
    let made = read("../.gitignore");
    let made = made.lines().map(|line| line.trim_matches('/').rsplit('/').next().unwrap_or_default());
    for name in made.chain([".git", "*.db"]) {
        let patterns = [name.to_owned(), format!("**/{name}")];
        assert!(ignored.lines().any(|line| patterns.iter().any(|pattern| pattern == line)), "{name}");
    }
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
fn the_server_and_its_workers_read_one_file_in_containers() {
    let compose = read("compose.yaml");
    let file = "/etc/ampule/ampule.toml";
    assert!(
        compose.contains(&format!("AMPULE_CONFIG: {file}\n")) && compose.contains(&format!("./ampule.toml:{file}:ro"))
    );
    let services = compose.matches("<<: *ampule").count();
    assert_eq!(services, 3, "a server, a worker, a token: all take over where the file is");
    assert_eq!(compose.matches("volumes: [").count(), 2, "none has volumes of its own but PostgreSQL");
}

#[test]
fn the_recipe_calls_what_there_is() {
    let recipe = read("README.md");
    let lines = recipe.lines().filter_map(|line| line.strip_prefix("ampule "));
    let lines: Vec<&str> = lines.map(|line| line.split(['#', '&']).next().unwrap_or_default().trim()).collect();
    assert!(lines.len() >= 4, "{lines:?}");
    for line in lines {
        parses(&words(line));
    }
}
