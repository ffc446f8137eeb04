//! The whole run in one HDF5 file of plain types: groups mouse, trial, condition.

use std::str::FromStr;

use hdf5::types::VarLenUnicode;
use hdf5::{Group, H5Type, Location};
use ndarray::{ArrayView, IxDyn};

use super::arrays::{Named, Values, facts, ground_truth, mask, of_movie, of_trial};
use super::plan::Plan;
use super::shown::{Shown, recorded};
use super::write::{ExportedFile, Out};
use crate::atomic;
use crate::error::{Error, Result};
use crate::hdf5_file;

/// Level of deflate; higher ones take longer for little.
const DEFLATE: u8 = 4;

/// Values of one chunk take about so many bytes: a frame or a neuron is one short read.
const CHUNK_BYTES: usize = 1 << 19;

/// Writes `NAME.h5`, named after the run.
pub(super) fn write(out: &Out, plan: &Plan) -> Result<Vec<ExportedFile>> {
    let path = out.folder.join(format!("{}.h5", plan.run.file_name()));
    atomic::write_file(&path, |temporary| {
        let failed = |e: hdf5::Error| Error::Failed(format!("{}: can't be written: {e}", path.display()));
        let file = hdf5_file::create(temporary).map_err(failed)?;
        describe(&file, plan).map_err(failed)?;
        let mut first: Option<Shown> = None;
        out.for_each(plan, |shown| {
            let is_first =
                first.as_ref().is_none_or(|first| (&first.mouse, first.trial) != (&shown.mouse, shown.trial));
            add(&file, plan, &shown, first.as_ref().filter(|_| !is_first)).map_err(failed)?;
            if is_first {
                first = Some(shown);
            }
            Ok(())
        })?;
        file.close().map_err(failed)
    })?;
    Ok(vec![out.listed(path, None, "run")])
}

/// Says at the root what the file is of.
fn describe(file: &hdf5::File, plan: &Plan) -> hdf5::Result<()> {
    let run = &plan.run;
    text(
        file,
        "about",
        "Movies reconstructed by v1reel; groups are mouse, trial, condition. Pixels are grey levels, 0 to \
        255. MATLAB lists axes in the reverse order: width, height, frame.",
    )?;
    text(file, "run", &run.name)?;
    text(file, "exported_by", concat!("v1reel ", env!("CARGO_PKG_VERSION")))?;
    text(file, "experiment", &run.settings)?;
    if let Some(manifest) = &run.manifest {
        text(file, "made_by", &format!("v1reel {}", manifest.version))?;
        text(file, "commit", manifest.commit.as_deref().unwrap_or("unknown"))?;
        text(file, "seed", &manifest.seed)?;
    }
    Ok(())
}

/// Adds a movie; what belongs to its trial goes in with the `first` movie of it.
fn add(file: &hdf5::File, plan: &Plan, shown: &Shown, first: Option<&Shown>) -> hdf5::Result<()> {
    let mouse = group(file, &shown.mouse.0)?;
    let trial = group(&mouse, &format!("trial_{}", shown.trial))?;
    if first.is_none() {
        number(&trial, "trial", i64::from(shown.trial.0))?;
        number(&trial, "frame_rate_hz", shown.result.frame_rate_hz)?;
        let recorded = recorded(&plan.run, &shown.mouse, shown.trial).ok();
        of_trial(shown, recorded.as_ref()).iter().try_for_each(|array| dataset(&trial, array))?;
    }
    let mut made = trial;
    for name in shown.condition.split('/') {
        made = group(&made, name)?;
    }
    of_movie(shown).iter().try_for_each(|array| dataset(&made, array))?;
    if first.is_some() && shown.new_truth(first).is_some() {
        dataset(&made, &ground_truth(shown))?;
    }
    if first.is_some() && shown.new_mask(first).is_some() {
        dataset(&made, &mask(shown))?;
    }
    facts(shown).iter().try_for_each(|fact| match fact.values {
        Values::Number(value) => number(&made, &fact.name, value),
        Values::Integer(value) => number(&made, &fact.name, value),
        Values::Text(value) => text(&made, &fact.name, value),
        _ => dataset(&made, fact),
    })
}

fn group(parent: &Group, name: &str) -> hdf5::Result<Group> {
    if parent.link_exists(name) { parent.group(name) } else { hdf5_file::create_group(parent, name) }
}

fn dataset(group: &Group, named: &Named<'_>) -> hdf5::Result<()> {
    let set = match &named.values {
        Values::F4(values) => array(group, &named.name, values.view()),
        Values::F8(values) => array(group, &named.name, values.view()),
        Values::U1(values) => array(group, &named.name, values.view()),
        Values::Number(value) => return number(group, &named.name, *value),
        Values::Integer(value) => return number(group, &named.name, *value),
        Values::Text(value) => return text(group, &named.name, value),
    }?;
    text(&set, "units", named.unit)?;
    text(&set, "axes", named.axes)?;
    text(&set, "about", named.about)
}

fn array<T: H5Type + Clone>(
    group: &Group,
    name: &str,
    values: ArrayView<'_, T, IxDyn>,
) -> hdf5::Result<hdf5::Dataset> {
    let builder = group.new_dataset_builder().obj_track_times(false);
    // A chunk of no values is none.
    let builder = if hdf5::filters::deflate_available() && !values.is_empty() {
        let mut chunk = values.shape().to_vec();
        let row = values.len() / chunk[0] * size_of::<T>();
        chunk[0] = (CHUNK_BYTES / row).clamp(1, chunk[0]);
        builder.chunk(chunk).shuffle().deflate(DEFLATE)
    } else {
        builder
    };
    builder.with_data(&values.as_standard_layout()).create(name)
}

fn number<T: H5Type>(at: &Location, name: &str, value: T) -> hdf5::Result<()> {
    at.new_attr::<T>().create(name)?.write_scalar(&value)
}

/// Writes an attribute of text. Of variable length, though files that v1reel reads again avoid that: Python then has
/// text and not bytes.
fn text(at: &Location, name: &str, text: &str) -> hdf5::Result<()> {
    // HDF5 ends a text at its first NUL.
    let text =
        VarLenUnicode::from_str(&text.replace('\0', "")).map_err(|e| hdf5::Error::from(e.to_string()))?;
    at.new_attr::<VarLenUnicode>().shape(()).create(name)?.write_scalar(&text)
}
