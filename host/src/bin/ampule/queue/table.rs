//! Tables for people: as wide as the terminal, and as wide as they are where there is none.

use comfy_table::{Column, ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::printable::printable_line;

/// What the last column has at the least: on a narrower terminal lines are too long, which is better than broken words.
const LAST_COLUMN_CHARS: u16 = 20;

/// The rows under their header. Cells may hold what strangers wrote. Only those of the last column are broken into
/// several lines where there is no room: the others hold what is compared and copied.
pub(super) fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| printable_line(&cell)));
    }
    for column in table.column_iter_mut() {
        Column::set_padding(column, (0, 2));
        column.set_constraint(match column.index + 1 {
            last if last == N => ColumnConstraint::LowerBoundary(Width::Fixed(LAST_COLUMN_CHARS)),
            _ => ColumnConstraint::ContentWidth,
        });
    }
    format!("{}\n", table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_stays_in_its_line() {
        let rows = vec![["1".to_owned(), "a\n\u{1b}[2Jb".to_owned()], ["22".to_owned(), String::new()]];
        assert_eq!(table(["ID", "TEXT"], rows), "ID  TEXT\n1   a\\n\\u{1b}[2Jb\n22\n");
    }
}
