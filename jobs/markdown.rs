//! Lesson: a job that is a pure function needs no grant at all, whoever wrote the text.
//!
//! It does not make HTML safe for a page: tags in the text are shown as text, but links are kept
//! as they are written.

use ampule_guest::job;
use pulldown_cmark::{Event, Options, Parser, html};

/// Turns Markdown into HTML.
#[job]
fn markdown(
    /// CommonMark, with tables, footnotes and strikethrough.
    text: &str,
) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(text, options).map(|event| match event {
        Event::Html(tag) | Event::InlineHtml(tag) => Event::Text(tag),
        other => other,
    });
    let mut page = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut page, events);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_emphasis_become_tags() {
        assert_eq!(markdown("# A *b*"), "<h1>A <em>b</em></h1>\n");
    }

    #[test]
    fn tags_in_the_text_are_shown_as_text() {
        assert_eq!(markdown("a <b>c</b>"), "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n");
    }

    #[test]
    fn the_letter_has_its_table() {
        assert!(markdown(include_str!("input/lighthouse.md")).contains("<table>"));
    }
}
