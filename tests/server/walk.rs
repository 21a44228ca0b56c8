//! A walk through the API: requests one after the other, what came of each as text that is the same each time, and
//! which operations of the document answered with which status and code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ampule::Value;
use ampule_tests::served::{Answered, Served};
use reqwest::Method;

/// One request.
pub(crate) struct Step {
    token: &'static str,
    ask: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Body,
    save: Option<(&'static str, &'static str)>,
    is_quiet: bool,
    is_of_short_run: bool,
}

enum Body {
    None,
    Json(Value),
    Bytes(&'static str, Vec<u8>),
}

/// What became of all requests so far.
pub(crate) struct Walk<'s> {
    served: &'s Served,
    /// Tokens by the names that steps say, and whatever was saved.
    known: BTreeMap<&'static str, String>,
    seen: &'s mut Seen,
}

/// Operations with statuses, and codes.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) statuses: BTreeSet<(String, u16)>,
    pub(crate) codes: BTreeSet<String>,
    operations: Vec<(String, String)>,
}

/// A request such as `GET /v1/jobs/{job}`, where words in braces were saved before, by whoever has the token of a name.
pub(crate) fn step(token: &'static str, ask: &'static str) -> Step {
    Step { token, ask, headers: Vec::new(), body: Body::None, save: None, is_quiet: false, is_of_short_run: false }
}

impl Step {
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    pub(crate) fn bytes(mut self, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(kind, body.into());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Leaves the body out, which is another each time.
    pub(crate) fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Hands a job in again, in its place, if its run was so long that it was reported on as it went.
    pub(crate) fn short_run(mut self) -> Self {
        self.is_of_short_run = true;
        self
    }

    /// Keeps a part of the answer, by its JSON pointer, under a name.
    pub(crate) fn save(mut self, name: &'static str, pointer: &'static str) -> Self {
        self.save = Some((name, pointer));
        self
    }
}

impl<'s> Walk<'s> {
    pub(crate) fn new(served: &'s Served, seen: &'s mut Seen) -> Self {
        Walk { served, known: BTreeMap::from([("nobody", String::new()), ("operator", served.admin.clone())]), seen }
    }

    /// Makes a token known under a name, or any other word.
    pub(crate) fn know(&mut self, name: &'static str, value: String) {
        self.known.insert(name, value);
    }

    /// Takes all steps, and tells what came of each.
    pub(crate) async fn take(&mut self, steps: Vec<Step>) -> String {
        let mut told = String::new();
        for step in steps {
            let path = self.filled(step.ask);
            let mut answered = self.ask(&step, &path).await;
            for _ in 0..20 {
                if !step.is_of_short_run || answered.body["events"].as_array().is_none_or(Vec::is_empty) {
                    break;
                }
                let id = answered.body["id"].as_str().expect("a job");
                self.served.delete(&format!("/v1/jobs/{id}")).await;
                answered = self.ask(&step, &path).await;
            }
            self.seen.note(step.ask, &answered);
            let kind = answered.headers.get("content-type").map_or("nothing", |kind| kind.to_str().expect("text"));
            // Writing to a string cannot fail.
            let _ = writeln!(told, "{} {} -> {} {kind}", step.token, step.ask, answered.status.as_u16());
            let _ = writeln!(told, "{}\n", if step.is_quiet { "…".to_owned() } else { text(&answered.body) });
            if let Some((name, pointer)) = step.save {
                let value = answered.body.pointer(pointer).and_then(Value::as_str);
                let value = value.unwrap_or_else(|| panic!("{}: expected {pointer} in {}", step.ask, answered.body));
                self.known.insert(name, value.to_owned());
            }
        }
        told
    }

    async fn ask(&self, step: &Step, path: &str) -> Answered {
        let (method, path) = path.split_once(' ').expect("a method and a path");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.served.client.request(method, format!("{}{path}", self.served.base));
        if step.token != "nobody" {
            request = request.bearer_auth(&self.known[step.token]);
        }
        for (name, value) in &step.headers {
            request = request.header(*name, *value);
        }
        Answered::of(match &step.body {
            Body::None => request,
            Body::Json(body) => request.json(body),
            Body::Bytes(kind, body) => request.header("content-type", *kind).body(body.clone()),
        })
        .await
    }

    fn filled(&self, ask: &str) -> String {
        self.known.iter().fold(ask.to_owned(), |ask, (name, value)| ask.replace(&format!("{{{name}}}"), value))
    }
}

impl Seen {
    /// Of the operations of this document.
    pub(crate) fn of(document: &Value) -> Self {
        let operations = super::openapi::operations(document).into_iter();
        let operations = operations.map(|(path, method, _)| (method.to_uppercase(), path)).collect();
        Seen { operations, ..Seen::default() }
    }

    /// Notes what became of a request.
    pub(crate) fn note(&mut self, ask: &str, answered: &Answered) {
        if let Some(code) = answered.body["code"].as_str() {
            self.codes.insert(code.to_owned());
        }
        let (method, path) = ask.split_once(' ').expect("a method and a path");
        let path = path.split('?').next().unwrap_or_default();
        let fits = |known: &&(String, String)| known.0 == method && is_of(&known.1, path);
        // Where two fit, the one with fewer words in braces is meant.
        let operation = self.operations.iter().filter(fits).min_by_key(|(_, path)| path.matches('{').count());
        if let Some((method, path)) = operation {
            self.statuses.insert((format!("{method} {path}"), answered.status.as_u16()));
        }
    }
}

/// Whether a path is one of those that a template stands for.
fn is_of(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(part, found)| part.starts_with('{') || *part == found)
}

/// A body without what differs from run to run.
fn text(body: &Value) -> String {
    let mut body = body.clone();
    settle("", &mut body);
    match body {
        Value::String(text) => text.lines().map(line).collect::<Vec<_>>().join("\n"),
        body => serde_json::to_string_pretty(&body).expect("JSON"),
    }
}

/// A line of text; of a stream's data the JSON.
fn line(line: &str) -> String {
    let data = line.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok());
    data.map_or_else(
        || settled_text(line),
        |mut data| {
            settle("", &mut data);
            format!("data: {data}")
        },
    )
}

fn settle(key: &str, value: &mut Value) {
    const MEASURED: [&str; 9] = [
        "running",
        "wall_ns",
        "fuel",
        "size_bytes",
        "memory_peak_bytes",
        "time_ms",
        "debug_bytes",
        "oldest_due_ms",
        "revision",
    ];
    match value {
        Value::Number(_) if MEASURED.contains(&key) => *value = 0.into(),
        Value::String(text) if key == "id" && text.len() == 12 => "ID".clone_into(text),
        Value::String(text) if key == "host" || key == "version" => *text = key.to_uppercase(),
        Value::String(text) => *text = settled_text(text),
        Value::Array(items) => items.iter_mut().for_each(|item| settle(key, item)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| settle(key, value)),
        _ => {}
    }
}

fn settled_text(text: &str) -> String {
    let words: Vec<String> =
        text.split_inclusive(|sign: char| " \"`,()&?=\n".contains(sign)).map(settled_word).collect();
    words.concat()
}

fn settled_word(word: &str) -> String {
    let plain = word.trim_end_matches(|sign: char| " \"`,()&?=\n".contains(sign));
    let rest = &word[plain.len()..];
    let is_id = plain.len() == 36 && plain.parse::<ampule::JobId>().is_ok();
    let is_moment = plain.len() >= 20 && plain.starts_with("20") && plain.ends_with('Z') && plain.contains('T');
    let is_digest = plain.starts_with("sha256:") && plain.len() == 71;
    match plain {
        _ if is_id => format!("ID{rest}"),
        _ if is_moment => format!("MOMENT{rest}"),
        _ if is_digest => format!("DIGEST{rest}"),
        _ if plain.starts_with("amp_") && plain.len() > 20 => format!("TOKEN{rest}"),
        _ if plain.starts_with("whsec_") => format!("SECRET{rest}"),
        _ => word.to_owned(),
    }
}
