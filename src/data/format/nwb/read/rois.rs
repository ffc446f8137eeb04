//! The cells of a RoiResponseSeries: their ids, and where they lie.

use hdf5::H5Type;
use ndarray::{Array2, Axis, concatenate};

use super::object::{Field, Node};
use crate::error::Result;

/// The cells behind responses, in the responses' order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rois {
    /// One a cell.
    pub(super) ids: Vec<i64>,
    /// `[cell, (x, y, z)]`
    pub(super) places: Option<Array2<f32>>,
    /// What is to be said about them.
    pub(super) notes: Vec<String>,
}

/// Names of three columns that together say where a cell lies.
const TRIPLES: [[&str; 3]; 4] = [
    ["x", "y", "z"],
    ["x_um", "y_um", "z_um"],
    ["centroid_x", "centroid_y", "centroid_z"],
    ["x_pos", "y_pos", "z_pos"],
];

/// Names of one column of two or three coordinates.
const CENTERS: [&str; 8] = [
    "cell_motor_coordinates",
    "coordinates",
    "centroid",
    "centroids",
    "roi_centroid",
    "roi_centroids",
    "center",
    "location",
];

/// The centers of masks, and the name of the column that they are in.
type Centers = (Vec<[f64; 3]>, &'static str);

/// A pixel of a mask.
#[derive(Debug, Clone, Copy, H5Type)]
#[repr(C)]
struct Pixel {
    x: u32,
    y: u32,
    weight: f32,
}

/// A voxel of a mask.
#[derive(Debug, Clone, Copy, H5Type)]
#[repr(C)]
struct Voxel {
    x: u32,
    y: u32,
    z: u32,
    weight: f32,
}

/// Reads the cells of a series of so many.
pub(super) fn read_rois(series: &Node, count: usize) -> Result<Rois> {
    let field = series.require("rois")?;
    let rows = field.indices()?;
    if rows.len() != count {
        return Err(field.problem(format!(
            "{} ROIs, but the responses are of {count}; is time the first axis of the data?",
            rows.len()
        )));
    }
    let Some(table) = field.referred("table") else {
        return Err(field.problem("its attribute table refers to no PlaneSegmentation"));
    };
    let ids = table.require("id")?.integers()?;
    if let Some(row) = rows.iter().find(|&&row| row >= ids.len()) {
        return Err(field.problem(format!("ROI {row}, but {} has {} rows", table.at, ids.len())));
    }
    let found = find_places(&table, &rows, ids.len())?;
    let (places, note) = match found {
        Some((places, how)) => (Some(places), format!("cells: {}, places from {how}", table.at)),
        None => {
            (None, format!("cells: {} does not say where they lie: it has no masks and no centers", table.at))
        }
    };
    Ok(Rois { ids: rows.iter().map(|&row| ids[row]).collect(), places, notes: vec![note] })
}

impl Rois {
    /// Puts the cells of several planes one after the other.
    pub(super) fn join(planes: Vec<Self>) -> Self {
        let mut notes: Vec<String> = planes.iter().flat_map(|plane| plane.notes.clone()).collect();
        let places: Option<Vec<_>> = planes.iter().map(|plane| Some(plane.places.as_ref()?.view())).collect();
        let places = places.and_then(|views| concatenate(Axis(0), &views).ok());
        if places.is_none() && planes.iter().any(|plane| plane.places.is_some()) {
            notes.push("cells: their places are left out, for some planes don't say them".into());
        }
        let mut ids: Vec<i64> = planes.into_iter().flat_map(|plane| plane.ids).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            notes.push("cells: ids stand for several cells; they are numbered from 0 instead".into());
            ids = (0i64..).take(ids.len()).collect();
        }
        Self { ids, places, notes }
    }
}

/// Looks for the places of cells in all the ways that files have of saying them, and says which it was.
fn find_places(table: &Node, rows: &[usize], cells: usize) -> Result<Option<(Array2<f32>, String)>> {
    for names in TRIPLES {
        let [Some(x), Some(y), z] = names.map(|name| table.field(name).filter(Field::is_numeric)) else {
            continue;
        };
        let columns: Vec<Vec<f64>> = [Some(x), Some(y), z]
            .into_iter()
            .flatten()
            .map(|field| column(&field, cells))
            .collect::<Result<_>>()?;
        let value = |row: usize, axis: usize| columns.get(axis).map_or(0.0, |values| values[row]);
        let how = format!("its columns {}, taken as micrometres", names[..columns.len()].join(", "));
        return Ok(Some((gather(rows, value), how)));
    }
    for name in CENTERS {
        let Some(field) = table.field(name).filter(Field::is_numeric) else { continue };
        let shape = field.shape();
        if shape.len() == 2 && shape[0] == cells && (2..=3).contains(&shape[1]) {
            let centers = field.rows(0, cells)?;
            let value = |row: usize, axis: usize| centers.get([row, axis]).copied().unwrap_or(0.0);
            return Ok(Some((gather(rows, value), format!("its column {name}, taken as micrometres"))));
        }
    }
    let Some((centers, what)) = mask_centers(table, rows, cells)? else { return Ok(None) };
    // Some writers leave masks empty where there are none.
    if centers.iter().flatten().all(|value| value.is_nan()) {
        return Ok(None);
    }
    let (spacing, origin, unit) = pixel_size(table);
    let places = gather(&(0..rows.len()).collect::<Vec<_>>(), |row, axis| {
        origin[axis] + spacing[axis] * centers[row][axis]
    });
    Ok(Some((places, format!("the centers of its {what}, in {unit}"))))
}

fn column(field: &Field, cells: usize) -> Result<Vec<f64>> {
    let values = field.numbers()?;
    if values.len() != cells {
        return Err(field.problem(format!("{} values for {cells} cells", values.len())));
    }
    Ok(values)
}

fn gather(rows: &[usize], value: impl Fn(usize, usize) -> f64) -> Array2<f32> {
    Array2::from_shape_fn((rows.len(), 3), |(cell, axis)| value(rows[cell], axis) as f32)
}

/// Averages the pixels of each cell's mask, by weight; NaN of an empty mask.
fn mask_centers(table: &Node, rows: &[usize], cells: usize) -> Result<Option<Centers>> {
    for what in ["pixel_mask", "voxel_mask"] {
        let (Some(mask), Some(index)) = (table.field(what), table.field(&format!("{what}_index"))) else {
            continue;
        };
        let ends = index.indices()?;
        let length = mask.shape().first().copied().unwrap_or(0);
        if ends.len() != cells || ends.windows(2).any(|pair| pair[1] < pair[0]) || ends.last() > Some(&length)
        {
            return Err(index.problem(format!(
                "expected the ends of {cells} masks, ascending, in a {what} of {length} elements"
            )));
        }
        let center = |&row: &usize| {
            let from = row.checked_sub(1).map_or(0, |before| ends[before]);
            let points: Vec<([f64; 3], f64)> = if what == "pixel_mask" {
                let pixels = mask.records::<Pixel>(from, ends[row])?;
                pixels.iter().map(|p| ([p.x.into(), p.y.into(), 0.0], p.weight.into())).collect()
            } else {
                let voxels = mask.records::<Voxel>(from, ends[row])?;
                voxels.iter().map(|v| ([v.x.into(), v.y.into(), v.z.into()], v.weight.into())).collect()
            };
            Ok(center_of(points))
        };
        return Ok(Some((rows.iter().map(center).collect::<Result<_>>()?, what)));
    }
    let Some(masks) = table.field("image_mask").filter(|masks| masks.shape().len() == 3) else {
        return Ok(None);
    };
    if masks.shape()[0] != cells {
        return Err(masks.problem(format!("{} masks for {cells} cells", masks.shape()[0])));
    }
    let center = |&row: &usize| {
        // One mask at a time: those of all cells together are gigabytes.
        let mask = masks.frames(row, row + 1)?;
        let points = mask.indexed_iter().filter(|(_, weight)| **weight != 0.0);
        Ok(center_of(points.map(|((_, x, y), &weight)| ([x as f64, y as f64, 0.0], f64::from(weight)))))
    };
    Ok(Some((rows.iter().map(center).collect::<Result<_>>()?, "image_mask")))
}

fn center_of(points: impl IntoIterator<Item = ([f64; 3], f64)>) -> [f64; 3] {
    let (mut sum, mut total) = ([0.0; 3], 0.0);
    for (place, weight) in points {
        total += weight;
        (0..3).for_each(|axis| sum[axis] += weight * place[axis]);
    }
    sum.map(|sum| sum / total)
}

/// Reads spacing and origin of the plane's pixels, in micrometres; 1 and 0 when the plane does not say.
fn pixel_size(table: &Node) -> ([f64; 3], [f64; 3], &'static str) {
    let plane = table.group("imaging_plane");
    let read = |name: &str| {
        let field = plane.as_ref()?.field(name)?;
        let per_unit = match field.text("unit").unwrap_or_else(|| "meters".into()).to_lowercase().as_str() {
            "meters" | "meter" | "m" => 1e6,
            "millimeters" | "millimeter" | "mm" => 1e3,
            "micrometers" | "micrometer" | "microns" | "micron" | "um" | "µm" | "μm" => 1.0,
            _ => return None,
        };
        let values = field.numbers().ok().filter(|values| (2..=3).contains(&values.len()))?;
        let value = |axis: usize| values.get(axis).map(|value| value * per_unit);
        Some([value(0), value(1), value(2)])
    };
    match read("grid_spacing") {
        Some(spacing) => {
            let origin = read("origin_coords").unwrap_or_default();
            (spacing.map(|s| s.unwrap_or(1.0)), origin.map(|o| o.unwrap_or(0.0)), "micrometres")
        }
        None => ([1.0; 3], [0.0; 3], "pixels: its imaging plane does not say their size"),
    }
}
