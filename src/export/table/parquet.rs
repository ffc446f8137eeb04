//! Tables as Parquet, for pandas, polars, R and DuckDB: typed, small, with units.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Cells, Column, Table};
use crate::atomic;
use crate::error::{Error, Result};

/// Writes a table; a number that is not defined is a null.
pub(super) fn write(path: &Path, table: &Table, run: &str) -> Result<()> {
    atomic::write_file(path, |temporary| {
        let file = File::create(temporary).map_err(Error::io(path))?;
        fill(BufWriter::new(file), table, run)
            .map_err(|e| Error::Failed(format!("{}: can't be written: {e}", path.display())))
    })
}

fn fill(file: BufWriter<File>, table: &Table, run: &str) -> ParquetResult<()> {
    let fields = table.columns.iter().map(field).collect::<ParquetResult<Vec<_>>>()?;
    let schema = Type::group_type_builder(table.name).with_fields(fields).build()?;
    let units: serde_json::Map<String, serde_json::Value> =
        table.columns.iter().map(|column| (column.name.to_string(), column.unit.into())).collect();
    let said = [
        ("run", run.to_string()),
        ("exported_by", concat!("v1reel ", env!("CARGO_PKG_VERSION")).to_string()),
        ("units", serde_json::Value::Object(units).to_string()),
    ];
    let said = said.map(|(key, value)| KeyValue::new(key.to_string(), value)).to_vec();
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_key_value_metadata(Some(said));
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()))?;
    let mut rows = writer.next_row_group()?;
    for column in &table.columns {
        let Some(mut to) = rows.next_column()? else { break };
        write_cells(&mut to, &column.cells)?;
        to.close()?;
    }
    rows.close()?;
    writer.close().map(drop)
}

/// Numbers may be null; names and counts are always there.
fn field(column: &Column) -> ParquetResult<Arc<Type>> {
    let (physical, logical, repetition) = match column.cells {
        Cells::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED),
        Cells::Integer(_) => (Physical::INT64, None, Repetition::REQUIRED),
        Cells::Number(_) => (Physical::DOUBLE, None, Repetition::OPTIONAL),
    };
    let field = Type::primitive_type_builder(column.name, physical);
    field.with_logical_type(logical).with_repetition(repetition).build().map(Arc::new)
}

fn write_cells(to: &mut SerializedColumnWriter<'_>, cells: &Cells) -> ParquetResult<()> {
    match cells {
        Cells::Text(values) => {
            let values: Vec<ByteArray> = values.iter().map(|value| value.as_str().into()).collect();
            to.typed::<ByteArrayType>().write_batch(&values, None, None)
        }
        Cells::Integer(values) => to.typed::<Int64Type>().write_batch(values, None, None),
        Cells::Number(values) => {
            let there: Vec<i16> = values.iter().map(|value| value.is_finite().into()).collect();
            let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            to.typed::<DoubleType>().write_batch(&values, Some(&there), None)
        }
    }
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn a_table_reads_back_with_its_types_and_nulls() {
        let column = |name, unit, cells| Column { name, unit, cells };
        let table = Table {
            name: "trials",
            columns: vec![
                column("mouse", "", Cells::Text(vec!["ä".into(), "b".into(), "b".into()])),
                column("trial", "", Cells::Integer(vec![3, -1, 1 << 40])),
                column("time_s", "s", Cells::Number(vec![0.1, f64::NAN, f64::INFINITY])),
            ],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.parquet");
        write(&path, &table, "first").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let rows: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        let expected = [
            "{mouse: \"ä\", trial: 3, time_s: 0.1}",
            "{mouse: \"b\", trial: -1, time_s: null}",
            "{mouse: \"b\", trial: 1099511627776, time_s: null}",
        ];
        assert_eq!(rows, expected);
        let said = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let units = said.iter().find(|pair| pair.key == "units").unwrap().value.clone().unwrap();
        assert!(units.contains(r#""time_s":"s""#), "{units}");
        write(&path, &table, "first").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "the same table is the same file");
    }
}
