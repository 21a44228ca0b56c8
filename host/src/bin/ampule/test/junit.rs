//! The report as JUnit's XML, in the form that its common schema (`JUnit.xsd` of windyroad/JUnit-Schema) asks for and
//! other readers take too.
//!
//! Names and output may be hostile: what XML cannot hold is written as an escape, and no text can end its element.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use ampule::suite::{CaseReport, Ended, Suite};

use super::{Report, describe};

/// The document.
pub(super) fn document(report: &Report) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    let with_cases = report.suites.iter().enumerate().filter(|(index, _)| report.of_suite(*index).next().is_some());
    for (id, (index, suite)) in with_cases.enumerate() {
        write_suite(&mut xml, report, (id, index), suite);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn write_suite(xml: &mut String, report: &Report, (id, index): (usize, usize), suite: &Suite) {
    let counts = report.counts(|case| case.suite == index);
    let tests = counts.passed + counts.failed + counts.skipped;
    let seconds: f64 = report.of_suite(index).map(|case| wall(case).as_secs_f64()).sum();
    let package = suite.file.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
    let _ = write!(
        xml,
        "  <testsuite id=\"{id}\" package=\"{}\" name=\"{}\" timestamp=\"{}\" hostname=\"localhost\" tests=\"{tests}\" \
         failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{seconds:.6}\">\n    <properties>\n",
        token(&package),
        token(&suite.name),
        timestamp(report.started),
        counts.failed,
        counts.skipped,
    );
    for case_report in report.of_suite(index) {
        if let Ended::Judged { judgement, .. } = &case_report.ended
            && let Some(units) = judgement.spent.exact()
        {
            let name = token(&format!("fuel: {}", suite.cases[case_report.case].name));
            let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{units}\"/>");
        }
    }
    xml.push_str("    </properties>\n");
    report.of_suite(index).for_each(|case_report| write_case(xml, report, case_report));
    for (element, of) in [("system-out", stdout as fn(&CaseReport) -> &[u8]), ("system-err", stderr)] {
        let _ = write!(xml, "    <{element}>");
        for case_report in report.of_suite(index).filter(|case| case.failed() && !of(case).is_empty()) {
            let text = String::from_utf8_lossy(of(case_report)).into_owned();
            let name = &suite.cases[case_report.case].name;
            let _ = write!(xml, "{}", escaped(&format!("== {name}\n{text}\n")));
        }
        let _ = writeln!(xml, "</{element}>");
    }
    xml.push_str("  </testsuite>\n");
}

fn write_case(xml: &mut String, report: &Report, case_report: &CaseReport) {
    let (suite, case) = report.case(case_report);
    let class = suite.file.with_file_name(&suite.name).display().to_string().replace('/', ".");
    let seconds = wall(case_report).as_secs_f64();
    let (name, class) = (token(&case.name), token(&class));
    let _ = write!(xml, "    <testcase name=\"{name}\" classname=\"{class}\" time=\"{seconds:.6}\"");
    let _ = match &case_report.ended {
        Ended::Judged { passed: true, .. } => writeln!(xml, "/>"),
        Ended::Skipped(reason) => writeln!(xml, "><skipped message=\"{}\"/></testcase>", attribute(reason)),
        Ended::Judged { judgement, .. } => {
            let first = judgement.problems.first();
            let kind = first.map_or("failure", |problem| problem.what.as_str());
            let message = first.map(|problem| format!("{kind}: {}", problem.message)).unwrap_or_default();
            let place = format!("{}:{}", suite.file.display(), case.line);
            let text = describe::failed_plainly(report, case_report);
            let (message, text) = (attribute(&message), escaped(&format!("{place}\n{text}\n")));
            writeln!(xml, ">\n      <failure message=\"{message}\" type=\"{kind}\">{text}</failure>\n    </testcase>")
        }
    };
}

fn wall(report: &CaseReport) -> Duration {
    match &report.ended {
        Ended::Judged { observed, .. } => observed.outcome.usage.wall,
        Ended::Skipped(_) => Duration::ZERO,
    }
}

fn stdout(report: &CaseReport) -> &[u8] {
    match &report.ended {
        Ended::Judged { observed, .. } => &observed.outcome.output.stdout,
        Ended::Skipped(_) => &[],
    }
}

fn stderr(report: &CaseReport) -> &[u8] {
    match &report.ended {
        Ended::Judged { observed, .. } => &observed.outcome.output.stderr,
        Ended::Skipped(_) => &[],
    }
}

/// Text inside an element or an attribute. Every `>` is escaped, so that `]]>` cannot stand anywhere, and what XML 1.0
/// cannot hold, even as a reference, is written as Rust would.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            // A carriage return would be read as a line end; the other ranges are not in XML's `Char`.
            _ if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.extend(c.escape_default()),
            _ => safe.push(c),
        }
    }
    safe
}

/// Text of an attribute, whose line ends a reader would take for blanks.
fn attribute(text: &str) -> String {
    escaped(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// A name: single blanks between words, and at least one character.
fn token(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() { ".".to_owned() } else { escaped(&words) }
}

/// The time in UTC, without a zone, as the schema asks for.
fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date of the Gregorian calendar, counted in eras of 400 years that begin on 1 March:
    // <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>, for dates from 1970 on.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (date, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_element_or_holds_what_xml_cannot() {
        assert_eq!(
            escaped("a]]>b <&\"> \u{0}\u{1b}\r\n\u{ffff}ö"),
            "a]]&gt;b &lt;&amp;&quot;&gt; \\u{0}\\u{1b}\\r\n\\u{ffff}ö"
        );
        assert_eq!(attribute("a\n\tb"), "a&#10;&#9;b");
        assert_eq!(token(" a \n b "), "a b");
        assert_eq!(token(""), ".");
    }

    #[test]
    fn a_time_is_a_date_in_utc() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_709_251_199, "2024-02-29T23:59:59"),
            (4_102_444_800, "2100-01-01T00:00:00"),
        ] {
            assert_eq!(timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), shown);
        }
    }
}
