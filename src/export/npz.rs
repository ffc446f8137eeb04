//! All arrays of a movie in one compressed file that numpy opens without pickles.

use std::fs::File;
use std::io::{BufWriter, Write};

use ndarray::{ArrayView, IxDyn};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::arrays::{Named, Values, facts, of_movie, of_trial};
use super::plan::Plan;
use super::shown::{Shown, recorded};
use super::write::{Out, Written};
use crate::atomic;
use crate::data::format::npy_header::{Element, Header};
use crate::error::{Error, Result};

/// Writes one movie's arrays.
pub(super) fn write(out: &Out, plan: &Plan, shown: &Shown) -> Result<Vec<Written>> {
    let what = shown.what();
    let path = out.path(shown, &what, "npz");
    let trial = recorded(&plan.run, &shown.mouse, shown.trial).ok();
    let arrays = of_movie(shown).into_iter().chain(of_trial(shown, trial.as_ref())).chain(facts(shown));
    atomic::write_file(&path, |temporary| {
        let file = File::create(temporary).map_err(Error::io(&path))?;
        archive(BufWriter::new(file), arrays)
            .map_err(|e| Error::Failed(format!("{}: can't be written: {e}", path.display())))
    })?;
    Ok(vec![Written { path, what }])
}

fn archive<'a>(file: BufWriter<File>, arrays: impl Iterator<Item = Named<'a>>) -> ZipResult<()> {
    let mut zip = ZipWriter::new(file);
    // Not the time of day: equal arrays are equal files.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .large_file(true);
    for Named { name, values, .. } in arrays {
        zip.start_file(format!("{name}.npy"), options)?;
        match values {
            Values::F4(values) => array(&mut zip, Element::F4, values.view(), f32::to_le_bytes),
            Values::F8(values) => array(&mut zip, Element::F8, values.view(), f64::to_le_bytes),
            Values::U1(values) => array(&mut zip, Element::Unsigned(1), values.view(), u8::to_le_bytes),
            Values::Number(value) => single(&mut zip, Element::F8, &value.to_le_bytes()),
            Values::Integer(value) => single(&mut zip, Element::Signed(8), &value.to_le_bytes()),
            Values::Text(text) => {
                // An empty text is a character that is none: numpy knows no text of length 0.
                let text = if text.is_empty() { "\0" } else { text };
                let codes: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
                single(&mut zip, Element::Text(text.chars().count()), &codes)
            }
        }?;
    }
    zip.finish()?.flush().map_err(Into::into)
}

fn array<T: Copy, const N: usize>(
    to: &mut impl Write,
    element: Element,
    values: ArrayView<T, IxDyn>,
    bytes: fn(T) -> [u8; N],
) -> ZipResult<()> {
    to.write_all(&Header::format(element, values.shape()))?;
    let all: Vec<u8> = values.iter().flat_map(|&value| bytes(value)).collect();
    to.write_all(&all).map_err(Into::into)
}

fn single(to: &mut impl Write, element: Element, bytes: &[u8]) -> ZipResult<()> {
    to.write_all(&Header::format(element, &[]))?;
    to.write_all(bytes).map_err(Into::into)
}
