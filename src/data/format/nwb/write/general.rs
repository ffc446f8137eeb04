//! What a file says of session, animal and microscope; much of it is not known, and says so.

use ndarray::{Array3, arr1};

use super::ExportOptions;
use super::object::{Target, column};
use crate::data::mouse::Mouse;
use crate::error::Result;

/// Version of the schema that files keep to; later readers read it.
const NWB_VERSION: &str = "2.7.0";

/// Writes what every file has at its root.
pub(super) fn write_root(
    root: &Target,
    identifier: &str,
    mouse: &Mouse,
    options: &ExportOptions,
) -> Result<()> {
    root.mark_root()?;
    root.text_attribute("nwb_version", NWB_VERSION)?;
    root.text("identifier", identifier)?;
    let unknown = if options.session_start.is_none() {
        " The time of the session is not known: the Unix epoch stands for it."
    } else {
        ""
    };
    root.text(
        "session_description",
        &format!(
            "Two-photon recording of mouse {} watching movies. Trials are laid end to end in the order of their \
             numbers; the time that passed between them is not known.{unknown}",
            mouse.id
        ),
    )?;
    let start = options.session_start.as_deref().unwrap_or(super::date::UNKNOWN_TIME);
    root.text("session_start_time", start)?;
    root.text("timestamps_reference_time", start)?;
    root.texts("file_create_date", &[&options.created])?;
    for folder in ["acquisition", "analysis", "processing", "intervals"] {
        root.folder(folder)?;
    }
    let stimulus = root.folder("stimulus")?;
    stimulus.folder("presentation")?;
    stimulus.folder("templates")?;
    let general = root.folder("general")?;
    write_subject(&general, mouse, options)
}

fn write_subject(general: &Target, mouse: &Mouse, options: &ExportOptions) -> Result<()> {
    let subject = general.object("subject", "Subject")?;
    let id = options.subject_id.clone().unwrap_or_else(|| mouse.id.to_string());
    subject.text("subject_id", &id)?;
    subject.text("species", &options.species)?;
    subject.text("sex", &options.sex)?;
    // A range from 0 days without an end: any age.
    subject.text("age", options.age.as_deref().unwrap_or("P0D/"))?;
    let unknown: Vec<&str> = [
        (options.age.is_none(), "age unknown"),
        (options.sex == "U", "sex unknown"),
        (options.subject_id.is_none(), "subject_id is the name of the recording"),
    ]
    .into_iter()
    .filter_map(|(unknown, text)| unknown.then_some(text))
    .collect();
    let said = if unknown.is_empty() { "as given".to_string() } else { unknown.join("; ") };
    subject.text("description", &said).map(drop)
}

/// Writes microscope and plane, of which nothing is known but that there were some, and returns the plane.
pub(super) fn write_plane(root: &Target, options: &ExportOptions) -> Result<Target> {
    let general = root.folder("general")?;
    let device = general.folder("devices")?.object("Microscope", "Device")?;
    device.text_attribute("description", "Two-photon microscope; model and maker unknown")?;
    let plane = general.folder("optophysiology")?.object("ImagingPlane", "ImagingPlane")?;
    plane.text("description", "All imaged planes together; wavelengths are NaN: unknown")?;
    plane.number("excitation_lambda", f64::NAN)?;
    plane.text("indicator", &options.indicator)?;
    plane.text("location", &options.location)?;
    plane.link("device", &device)?;
    let channel = plane.object("OpticalChannel", "OpticalChannel")?;
    channel.text("description", "unknown")?;
    channel.number("emission_lambda", f64::NAN)?;
    Ok(plane)
}

/// Writes the table of cells and returns it.
pub(super) fn write_cells(ophys: &Target, plane: &Target, mouse: &Mouse) -> Result<Target> {
    let segmentation = ophys.object("ImageSegmentation", "ImageSegmentation")?;
    let table = segmentation.object("PlaneSegmentation", "PlaneSegmentation")?;
    let missing = if mouse.cell_motor_coordinates.is_none() { " nor their places" } else { "" };
    table.text_attribute("description", &format!("The cells; their masks{missing} are not known"))?;
    table.link("imaging_plane", plane)?;
    table.folder("reference_images")?;
    let mut columns = Vec::new();
    if let Some(places) = &mouse.cell_motor_coordinates {
        for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
            let values = places.column(axis).to_owned();
            let written = table.array(name, values.view())?;
            let description = format!("{name} of the cell in micrometres, in the microscope's own axes");
            table.mark_column(&written, "VectorData", &description)?;
            columns.push(name);
        }
    }
    let numbers: Vec<i64> = (0i64..).take(mouse.neurons).collect();
    let ids = mouse.unit_ids.as_deref().unwrap_or(&numbers);
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let unique = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    if !unique {
        let written = table.array("unit_id", column(ids))?;
        table.mark_column(&written, "VectorData", "the recording's own id of the cell; several share one")?;
        columns.push("unit_id");
    }
    // Readers want masks, of which a recording has none: one pixel, which is not the cell's.
    let masks = Array3::<f32>::zeros((mouse.neurons, 1, 1));
    let written = table.array("image_mask", masks.view())?;
    table.mark_column(&written, "VectorData", "empty: the cells' masks are not known")?;
    columns.push("image_mask");
    let written = table.array("id", column(if unique { ids } else { &numbers }))?;
    table.mark_column(&written, "ElementIdentifiers", "")?;
    table.texts_attribute("colnames", &columns)?;
    Ok(table)
}

/// Writes the rows of a series' cells: all of the table.
pub(super) fn write_region(series: &Target, table: &Target, neurons: usize) -> Result<()> {
    let rows: Vec<i64> = (0i64..).take(neurons).collect();
    let region = series.array("rois", arr1(&rows).view())?;
    series.mark_column(&region, "DynamicTableRegion", "all cells")?;
    series.refer(&region, "table", table)
}
