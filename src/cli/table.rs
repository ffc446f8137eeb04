//! Tables for the terminal: columns as wide as their widest cell, numbers to the right.

use std::fmt;

/// A table with a heading, to be filled row by row and then displayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table with these columns.
    pub fn new<S: Into<String>>(heading: impl IntoIterator<Item = S>) -> Self {
        Self { heading: heading.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row. Cells that are missing are empty; cells beyond the heading are left out.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.heading.len(), String::new());
        self.rows.push(row);
        self
    }

    /// Says whether every filled cell of a column is a number; such a column is set to the right.
    fn is_numeric(&self, column: usize) -> bool {
        let mut filled = self.rows.iter().map(|row| &row[column]).filter(|cell| !cell.is_empty()).peekable();
        filled.peek().is_some() && filled.all(|cell| cell.trim_end_matches('%').trim().parse::<f64>().is_ok())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.heading.len();
        let lines = || std::iter::once(&self.heading).chain(&self.rows);
        let width_of = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        let numeric: Vec<bool> = (0..columns).map(|column| self.is_numeric(column)).collect();
        for (index, line) in lines().enumerate() {
            let mut text = String::new();
            for (column, cell) in line.iter().enumerate() {
                let padding = " ".repeat(widths[column] - cell.chars().count());
                let gap = if column == 0 { "" } else { "  " };
                let cell = if numeric[column] { padding + cell } else { cell.clone() + &padding };
                text = text + gap + &cell;
            }
            let end = if index == self.rows.len() { "" } else { "\n" };
            write!(f, "{}{end}", text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stands_left_and_numbers_right() {
        let mut table = Table::new(["trial", "pixel r", "note"]);
        table.row(["mean movie", "0.1"]).row(["12", "-0.25", "µ"]);
        assert_eq!(
            table.to_string(),
            "trial       pixel r  note\nmean movie      0.1\n12            -0.25  µ"
        );
    }
}
