//! The command that repeats a case by itself, as a line for a shell.

use std::path::PathBuf;

use ampule::suite::{Case, Stdin, Subject};

/// The line, with names looked up in these catalogs.
pub(super) fn command(case: &Case, catalogs: &[PathBuf]) -> String {
    let mut words = vec!["ampule".to_owned()];
    let mut add = |words_of: &[&str]| words.extend(words_of.iter().map(|word| quoted(word)));
    match &case.subject {
        Subject::Name(name) => add(&["run", name]),
        Subject::File(path) => add(&["run", &path.to_string_lossy()]),
        Subject::Source { language, text, file } => {
            add(&["eval"]);
            if let Some(language) = language {
                add(&["-l", language]);
            }
            match file {
                Some(file) => add(&["-f", &file.to_string_lossy()]),
                // A line end in front keeps a source from being taken for an option.
                None if text.starts_with('-') => add(&[&format!("\n{text}")]),
                None => add(&[text]),
            }
        }
    }
    if !matches!(case.subject, Subject::Source { .. }) {
        catalogs.iter().for_each(|catalog| add(&["--catalog", &catalog.to_string_lossy()]));
    }
    let inputs = &case.inputs;
    if !inputs.kwargs.is_empty() {
        add(&["--kwargs", &inputs.kwargs.to_json()]);
    }
    for directory in &inputs.grants.directories {
        add(&["--dir", &format!("{}::{}", directory.host.display(), directory.guest)]);
    }
    for (name, value) in &inputs.grants.env {
        add(&["--env", &format!("{name}={value}")]);
    }
    if let Some(seed) = inputs.seed {
        add(&["--seed", &seed.to_string()]);
    }
    if let Some(timeout) = case.limits.timeout {
        add(&["--timeout", &format!("{}ms", timeout.as_millis())]);
    }
    if let Some(fuel) = case.limits.fuel {
        add(&["--fuel", &fuel.to_string()]);
    }
    if let Some(bytes) = case.limits.memory_bytes {
        add(&["--memory", &bytes.to_string()]);
    }
    match &inputs.stdin {
        Stdin::Kwargs => {}
        Stdin::Text(_) => add(&["--stdin", "-"]),
        Stdin::File(path, _) => add(&["--stdin", &path.to_string_lossy()]),
    }
    // What a shell is to expand may not be quoted.
    words.extend(
        inputs.scratch.iter().map(|guest| format!("--dir \"$(mktemp -d)\"{}", quoted(&format!("::{guest}:rw")))),
    );
    if !inputs.grants.args.is_empty() {
        words.push("--".to_owned());
        words.extend(inputs.grants.args.iter().map(|word| quoted(word)));
    }
    let line = words.join(" ");
    match &inputs.stdin {
        Stdin::Text(text) => format!("printf %s {} | {line}", quoted(text)),
        Stdin::Kwargs | Stdin::File(..) => line,
    }
}

/// A word as a shell takes it for what it is.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_itself_to_a_shell() {
        for (word, line) in [("a-b", "a-b"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")] {
            assert_eq!(quoted(word), line);
        }
    }
}
