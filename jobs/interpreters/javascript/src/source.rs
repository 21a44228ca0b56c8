//! What a source is: one expression, whose value is the job's result, or a script.
//!
//! Nothing runs here: QuickJS is asked whether the text compiles as an expression. It is one expression if it does so
//! both in parentheses and in brackets; a text that closes one early cannot close the other, and only parentheses
//! refuse `a, ...b`. So `{a: 1}` is an object, as at a prompt, and what only declares (`function f() {}`) is a script.

use std::ffi::CStr;

use rquickjs::{Ctx, Result};

use crate::quickjs::{self, Compile, Compiled};
use crate::text::Text;

/// How often a text without its last semicolons is tried. Each try costs up to a reading of the text.
const MAX_TRIES: usize = 3;

/// A compiled source.
pub(crate) struct Source<'js> {
    pub(crate) compiled: Compiled<'js>,
    /// Whether its value is the result.
    pub(crate) expression: bool,
    /// Whether running it gives a promise.
    pub(crate) awaits: bool,
}

/// Compiles a source. What is thrown is what is wrong with it as a script.
pub(crate) fn compile<'js>(ctx: &Ctx<'js>, text: &Text, name: &CStr) -> Result<Source<'js>> {
    // Awaiting costs a promise and a round of microtasks, and is not possible without the word.
    let awaits = contains(text, b"await");
    let first_failure = match expression(ctx, text, name, awaits) {
        Some(compiled) => return Ok(Source { compiled, expression: true, awaits }),
        None => quickjs::compile(ctx, text, name, Compile { first_line: 1, awaits, module: false }),
    };
    if first_failure.is_err() && (contains(text, b"import") || contains(text, b"export")) {
        // As a module, it says which module it wants instead of what it may not say.
        let failure = ctx.catch();
        let wants = quickjs::compile(ctx, text, name, Compile { first_line: 1, awaits: false, module: true });
        if wants.is_err() {
            let missing = ctx.catch();
            let module_fault = missing.as_object().is_some_and(crate::modules::is_missing);
            return Err(ctx.throw(if module_fault { missing } else { failure }));
        }
        return Err(ctx.throw(failure));
    }
    first_failure.map(|compiled| Source { compiled, expression: false, awaits })
}

/// The source as one expression, if it is one.
fn expression<'js>(ctx: &Ctx<'js>, text: &[u8], name: &CStr, awaits: bool) -> Option<Compiled<'js>> {
    if is_statement(text) {
        return None;
    }
    let mut cut = Semicolons::at_end_of(text);
    for _ in 0..MAX_TRIES {
        let candidate = cut.blanked(text);
        if let Some(compiled) = enclosed(ctx, &candidate, name, awaits) {
            return Some(compiled);
        }
        cut = cut.earlier(text)?;
    }
    None
}

fn enclosed<'js>(ctx: &Ctx<'js>, text: &[u8], name: &CStr, awaits: bool) -> Option<Compiled<'js>> {
    // The two lines before it make its own first line the first.
    let compile = |open: &[u8], close: &[u8]| {
        let whole = Text::of(&[open, b"\n\n", text, b"\n", close]);
        let compiled = quickjs::compile(ctx, &whole, name, Compile { first_line: -1, awaits, module: false });
        compiled.map_err(|_| ctx.catch()).ok()
    };
    let in_parentheses = compile(b"(", b")")?;
    (is_balanced(text) || compile(b"[", b"]").is_some()).then_some(in_parentheses)
}

/// Whether it is plain that no parenthesis of a text closes one before it. Strings, patterns and comments could hold
/// parentheses that are none, so a text with any of those is not plain.
fn is_balanced(text: &[u8]) -> bool {
    let mut depth = 0;
    for byte in text {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return false,
            b')' => depth -= 1,
            b'"' | b'\'' | b'`' | b'/' => return false,
            _ => {}
        }
    }
    true
}

/// The words that no expression begins with, and those that begin a declaration though they could begin one.
const STATEMENTS: [&[u8]; 16] = [
    b"break",
    b"class",
    b"const",
    b"continue",
    b"debugger",
    b"do",
    b"export",
    b"for",
    b"function",
    b"if",
    b"let",
    b"switch",
    b"throw",
    b"try",
    b"var",
    b"while",
];

/// Whether the first word of a text makes it a statement.
fn is_statement(text: &[u8]) -> bool {
    let text = &text[skip_trivia(text, 0)..];
    match first_word(text) {
        b"async" => {
            let rest = &text[b"async".len()..];
            first_word(&rest[skip_trivia(rest, 0)..]) == b"function"
        }
        word => STATEMENTS.contains(&word),
    }
}

fn first_word(text: &[u8]) -> &[u8] {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii();
    &text[..text.iter().position(|byte| !in_word(byte)).unwrap_or(text.len())]
}

/// A semicolon after which there are only more of them, space and comments: the end of a statement, unless it stands in
/// a string or comment itself, which then does not compile any better without it.
struct Semicolons(Option<usize>);

impl Semicolons {
    /// The last one, if the text ends with it.
    fn at_end_of(text: &[u8]) -> Self {
        let last = text.iter().rposition(|byte| !byte.is_ascii_whitespace());
        Semicolons(last.filter(|at| text[*at] == b';'))
    }

    /// The next one towards the front.
    fn earlier(&self, text: &[u8]) -> Option<Self> {
        let mut end = self.0.unwrap_or(text.len());
        while let Some(at) = text[..end].iter().rposition(|byte| *byte == b';') {
            if only_trivia_from(text, at) {
                return Some(Semicolons(Some(at)));
            }
            end = at;
        }
        None
    }

    /// The text with spaces in the place of these.
    fn blanked(&self, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        let Some(mut at) = self.0 else { return text };
        while at < text.len() {
            text[at] = b' ';
            at = skip_trivia(&text, at);
        }
        text
    }
}

fn only_trivia_from(text: &[u8], mut at: usize) -> bool {
    while text.get(at) == Some(&b';') {
        at = skip_trivia(text, at + 1);
    }
    at == text.len()
}

/// Where the first thing is that is neither space nor comment.
fn skip_trivia(text: &[u8], mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let skipped = match rest {
            [byte, ..] if byte.is_ascii_whitespace() => 1,
            [b'/', b'/', ..] => line_end(rest),
            [b'/', b'*', ..] => match find(&rest[2..], b"*/") {
                Some(end) => end + 4,
                None => return at,
            },
            _ => return at,
        };
        at += skipped;
    }
}

/// Where a line ends, by any of the four signs that end one in JavaScript.
fn line_end(text: &[u8]) -> usize {
    let ends = |at: &usize| {
        let rest = &text[*at..];
        matches!(rest, [b'\n' | b'\r', ..] | [0xe2, 0x80, 0xa8 | 0xa9, ..])
    };
    (0..text.len()).find(ends).unwrap_or(text.len())
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    find(text, word).is_some()
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}
