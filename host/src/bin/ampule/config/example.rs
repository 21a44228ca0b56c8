//! Holds the example file: it has every key, says what each is for, and gives its default.

use std::path::{Path, PathBuf};

use super::given::Given;
use super::layers::{self, Wrong};
use super::service::Service;
use super::{file, show};

/// A machine for the example: some defaults go by its processors.
const PROCESSORS: usize = 4;

const HEAD: &str = "\
# Ampule's configuration: `ampule serve --config FILE`, or $AMPULE_CONFIG. Every key stands here with its default.
#
# Flags go before variables, variables before this file. The variable of `server.listen` is AMPULE_SERVER_LISTEN, and so
# on for every key. `ampule config` prints what is in force and where each value comes from.
#
# Servers and workers read the same file: `[webhooks]` and `runner.allow_dir` count on a server, which takes jobs in, and
# on every worker, which delivers and runs them.

";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/ampule.toml")
}

fn defaults() -> Service {
    Service::new(Some("/var/cache/ampule".into()), PROCESSORS)
}

fn expected() -> String {
    let defaults = defaults();
    let lines = show::lines(|field, name| format!("# {}\n#{name} = {}", field.about, (field.show)(&defaults)));
    format!("{HEAD}{lines}")
}

#[test]
fn the_example_file_has_every_key_with_its_default() {
    let found = std::fs::read_to_string(path()).expect("the example file");
    assert!(found == expected(), "expected in packaging/ampule.toml:\n{}", expected());
}

#[test]
fn the_example_file_read_without_its_signs_of_comments_gives_the_defaults() {
    let text: Vec<String> = expected().lines().filter(|line| !line.starts_with("# ")).map(uncommented).collect();
    let mut wrong: Vec<Wrong> = Vec::new();
    let said = file::parse(Path::new("ampule.toml"), &text.join("\n"), &mut wrong);
    assert!(said.iter().all(|said| !matches!(said.value, Given::Other(_))), "{said:?}");
    let count = said.len();
    let read = layers::merge(Service::new(None, 1), said, &mut wrong);
    assert_eq!(wrong, []);
    assert_eq!(read.places.len(), count, "each is a key");
    assert_eq!(format!("{:?}", read.service), format!("{:?}", defaults()));
}

fn uncommented(line: &str) -> String {
    line.strip_prefix('#').unwrap_or(line).to_owned()
}
