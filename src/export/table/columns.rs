//! A table: columns of one length, each of one type.

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::export) struct Table {
    /// Name of its file.
    pub name: &'static str,
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::export) struct Column {
    pub name: &'static str,
    /// Empty where there is none.
    pub unit: &'static str,
    pub cells: Cells,
}

/// Its values.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::export) enum Cells {
    Text(Vec<String>),
    Integer(Vec<i64>),
    /// NaN where a number is not defined: an empty cell, a null.
    Number(Vec<f64>),
}

/// One value of a row.
pub(super) enum Cell {
    Text(String),
    Integer(i64),
    Number(f64),
}

impl Table {
    /// Starts a table without rows.
    pub(super) fn new(name: &'static str, columns: impl IntoIterator<Item = Column>) -> Self {
        Self { name, columns: columns.into_iter().collect() }
    }

    /// Adds a row: a value of its type for each column, in order.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        let mut row = row.into_iter();
        for column in &mut self.columns {
            match (&mut column.cells, row.next()) {
                (Cells::Text(cells), Some(Cell::Text(value))) => cells.push(value),
                (Cells::Integer(cells), Some(Cell::Integer(value))) => cells.push(value),
                (Cells::Number(cells), Some(Cell::Number(value))) => cells.push(value),
                _ => unreachable!("rows are written beside their columns: {}", column.name),
            }
        }
    }

    /// Counts the rows.
    pub(in crate::export) fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.cells.len())
    }
}

impl Column {
    /// Names things.
    pub(super) fn text(name: &'static str) -> Self {
        Self { name, unit: "", cells: Cells::Text(Vec::new()) }
    }

    /// Counts things.
    pub(super) fn integer(name: &'static str) -> Self {
        Self { name, unit: "", cells: Cells::Integer(Vec::new()) }
    }

    /// Measures things.
    pub(super) fn number(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, cells: Cells::Number(Vec::new()) }
    }
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Number(values) => values.len(),
        }
    }
}
