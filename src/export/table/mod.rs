//! Tables of a run: trials with their scores, frames, behavior, losses; as CSV and as Parquet.

mod columns;
mod csv;
mod fill;
mod parquet;

pub(super) use columns::{Cells, Column, Table};

use super::format::Format;
use super::plan::Plan;
use super::write::{ExportedFile, Out};
use crate::error::Result;

/// Writes the tables that have rows.
pub(super) fn write(out: &Out, plan: &Plan) -> Result<Vec<ExportedFile>> {
    let mut files = Vec::new();
    for table in fill::tables(out, plan)?.iter().filter(|table| table.rows() > 0) {
        let path = out.folder.join(format!("{}.{}", table.name, out.format));
        match out.format {
            Format::Parquet => parquet::write(&path, table, &plan.run.name)?,
            _ => csv::write(&path, table)?,
        }
        files.push(out.listed(path, None, table.name));
    }
    Ok(files)
}
