//! Pictures of what a trained ensemble says its neurons see: where they look, what they prefer, what they resolve.

use std::path::Path;

use image::{Rgb, RgbImage};
use ndarray::{Array2, ArrayView2};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::map_picture::{Bar, Colors, Map, draw_title};
use super::plot_page::PlotPage;
use super::plot_style::{DrawingError, FAMILY, PAGE_WIDTH, TEXT_SIZE, ready_font};
use super::write_png;
use crate::error::{Error, Result};
use crate::probe::mask::coverage;
use crate::probe::receptive_field::FieldSummary;
use crate::probe::resolution::{GridCell, rows};
use crate::probe::{ReceptiveFields, Tuning};

/// Fields that are shown as examples, across and down.
const EXAMPLES: (usize, usize) = (6, 4);
/// Least orientation selectivity of a neuron whose preferred direction is drawn: others have none to speak of.
const LEAST_SELECTIVITY: f64 = 0.2;
/// Height of titles, in pixels.
const TITLE_HEIGHT: u32 = 44;

/// Writes `centers.png` (the fields' centres over the number of neurons that look at each pixel) and `fields.png`
/// (examples, from the clearest to the faintest).
///
/// # Errors
/// When a file can't be written.
pub fn write_field_pictures(folder: &Path, mouse: &str, fields: &ReceptiveFields) -> Result<()> {
    let (neurons, _, height, width) = fields.fields.dim();
    let found: Vec<&FieldSummary> = fields.neurons.iter().filter(|field| field.is_found()).collect();
    let map = Map {
        title: format!("{mouse}: receptive fields of {} of {neurons} neurons", found.len()),
        under: coverage(&fields.neurons, [height, width]),
        dots: found.iter().map(|field| (field.center_px, 0.0)).collect(),
        bar: None,
    };
    write_png(&folder.join("centers.png"), &map.draw()?.into())?;
    write_png(&folder.join("fields.png"), &draw_fields(mouse, fields)?.into())
}

/// Writes `directions.png` and `spatial_frequencies.png`: what neurons prefer, where they look.
///
/// # Errors
/// When a file can't be written.
pub fn write_tuning_pictures(
    folder: &Path,
    mouse: &str,
    fields: &ReceptiveFields,
    tunings: &[Tuning],
) -> Result<()> {
    let (_, _, height, width) = fields.fields.dim();
    let pairs = || fields.neurons.iter().zip(tunings).filter(|(field, _)| field.is_found());
    let under = coverage(&fields.neurons, [height, width]);
    let selective = || pairs().filter(|(_, tuning)| tuning.orientation_selectivity >= LEAST_SELECTIVITY);
    let dots =
        selective().map(|(field, tuning)| (field.center_px, tuning.direction_rad / std::f64::consts::TAU));
    let ticks = ["right", "down", "left", "up", "right"];
    let ticks = ticks.iter().enumerate().map(|(k, name)| (k as f64 / 4.0, format!("{name} {}", 90 * k)));
    let directions = Map {
        title: format!(
            "{mouse}: preferred direction of {} orientation-selective neurons",
            selective().count()
        ),
        under: under.clone(),
        dots: dots.collect(),
        bar: Some(Bar {
            label: "direction (degrees)".into(),
            colors: Colors::Cyclic,
            ticks: ticks.collect(),
        }),
    };
    write_png(&folder.join("directions.png"), &directions.draw()?.into())?;
    let frequencies = pairs().map(|(_, tuning)| tuning.cycles_per_px).filter(|f| f.is_finite() && *f > 0.0);
    let (least, most) = frequencies.fold((f64::INFINITY, 0.0f64), |(a, b), f| (a.min(f), b.max(f)));
    let share = |f: f64| if most > least { (f / least).ln() / (most / least).ln() } else { 0.5 };
    let tick = |k: usize| {
        let share = k as f64 / 4.0;
        (
            share,
            if most > least { format!("{:.3}", least * (most / least).powf(share)) } else { String::new() },
        )
    };
    let spatial = Map {
        title: format!("{mouse}: preferred spatial frequency of {} neurons", pairs().count()),
        under,
        dots: pairs().map(|(field, tuning)| (field.center_px, share(tuning.cycles_per_px))).collect(),
        bar: Some(Bar {
            label: "cycles per pixel".into(),
            colors: Colors::Sequential,
            ticks: (0..5).map(tick).collect(),
        }),
    };
    write_png(&folder.join("spatial_frequencies.png"), &spatial.draw()?.into())
}

/// Draws fields, each to its own greatest; a ring is what was fitted.
fn draw_fields(mouse: &str, fields: &ReceptiveFields) -> Result<RgbImage> {
    let (_, _, height, width) = fields.fields.dim();
    let mut order: Vec<usize> = (0..fields.neurons.len()).collect();
    let clarity = |n: usize| fields.neurons[n].signal_to_noise;
    order.sort_by(|&a, &b| clarity(b).total_cmp(&clarity(a)));
    let shown = (EXAMPLES.0 * EXAMPLES.1).min(order.len());
    let cell = PAGE_WIDTH / EXAMPLES.0 as u32;
    let scale = f64::from(cell - 16) / width as f64;
    let drawn = ((height as f64 * scale) as u32).clamp(4, 1200);
    let rows = shown.div_ceil(EXAMPLES.0).max(1) as u32;
    ready_font()?;
    let mut picture = RgbImage::from_pixel(PAGE_WIDTH, TITLE_HEIGHT + rows * (drawn + 32), Rgb([255; 3]));
    let draw = |picture: &mut RgbImage| -> std::result::Result<(), DrawingError> {
        let page = PlotPage::new(picture).into_drawing_area();
        let (above, below) = page.split_vertically(TITLE_HEIGHT);
        draw_title(&above, &format!("{mouse}: fields; red: more active (- bright less dark, + both)"))?;
        for place in 0..shown {
            let neuron = order[place * (order.len() - 1) / shown.max(2).saturating_sub(1)];
            let (left, top) = (
                (place % EXAMPLES.0) as i32 * cell as i32 + 8,
                (place / EXAMPLES.0) as i32 * (drawn as i32 + 32) + 20,
            );
            let field = &fields.fields.index_axis(ndarray::Axis(0), neuron);
            let (field, sign) =
                shown_field(field.index_axis(ndarray::Axis(0), 0), field.index_axis(ndarray::Axis(0), 1));
            let most = field.iter().fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
            let at = |x: f64, y: f64| (left + (x * scale).round() as i32, top + (y * scale).round() as i32);
            for ((row, column), &value) in field.indexed_iter() {
                let color = Colors::Diverging.at(0.5 + 0.5 * f64::from(value / most)).filled();
                let [from, to] = [0.0, 1.0].map(|more| at(column as f64 + more, row as f64 + more));
                below.draw(&Rectangle::new([from, to], color))?;
            }
            let summary = &fields.neurons[neuron];
            let ([x, y], [sx, sy]) = (summary.center_px, summary.sigma_px);
            if summary.is_found() {
                let turn = |k: usize| std::f64::consts::TAU * k as f64 / 40.0;
                let inside = |x: f64, y: f64| (x.clamp(0.0, width as f64), y.clamp(0.0, height as f64));
                let ring =
                    (0..=40).map(|k| inside(x + 0.5 + sx * turn(k).cos(), y + 0.5 + sy * turn(k).sin()));
                let ring: Vec<(i32, i32)> = ring.map(|(x, y)| at(x, y)).collect();
                for ends in ring.windows(2) {
                    below.draw(&PathElement::new(ends.to_vec(), BLACK.stroke_width(1)))?;
                }
            }
            let style = TextStyle::from((FAMILY, 13)).pos(Pos::new(HPos::Left, VPos::Bottom));
            let label = format!("{neuron} {sign} s/n {:.1}", summary.signal_to_noise);
            below.draw_text(&label, &style, (left, top - 3))?;
        }
        page.present()
    };
    draw(&mut picture).map_err(|e| Error::Failed(format!("fields of {mouse} can't be drawn: {e}")))?;
    Ok(picture)
}

/// The difference of the fields for bright and dark, or their sum where that is stronger: a complex cell answers to both
/// alike, and nothing but noise is left of the difference.
fn shown_field(bright: ArrayView2<f32>, dark: ArrayView2<f32>) -> (Array2<f32>, char) {
    let energy = |field: &Array2<f32>| field.iter().map(|v| v * v).sum::<f32>();
    let (difference, sum) = (&bright - &dark, &bright + &dark);
    if energy(&sum) > energy(&difference) { (sum, '+') } else { (difference, '-') }
}

/// A grid of reconstructed movies and what its axes are.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    /// What is reconstructed.
    pub title: &'a str,
    /// Unit of the rows.
    pub space: &'a str,
    /// What the columns are, with their unit.
    pub time: &'a str,
    /// The cells, row by row.
    pub cells: &'a [GridCell],
}

/// Writes a grid: pixel correlation of the reconstructions of movies of every fineness in space and time.
///
/// # Errors
/// When there is nothing to draw or the file can't be written.
pub fn write_grid_picture(path: &Path, grid: Grid<'_>) -> Result<()> {
    write_png(path, &draw_grid(grid)?.into())
}

fn draw_grid(grid: Grid<'_>) -> Result<RgbImage> {
    let rows = rows(grid.cells);
    let columns = rows.first().map_or(0, |row| row.len());
    if columns == 0 || rows.iter().any(|row| row.len() != columns) {
        return Err(Error::usage(format!("{}: there is no grid to draw", grid.title)));
    }
    ready_font()?;
    let (left, cell) = (130i32, ((PAGE_WIDTH as i32 - 160) / columns as i32, 52i32));
    let height = TITLE_HEIGHT + 52 * rows.len() as u32 + 70;
    let mut picture = RgbImage::from_pixel(PAGE_WIDTH, height, Rgb([255; 3]));
    let draw = |picture: &mut RgbImage| -> std::result::Result<(), DrawingError> {
        let page = PlotPage::new(picture).into_drawing_area();
        let (above, below) = page.split_vertically(TITLE_HEIGHT);
        draw_title(&above, grid.title)?;
        let style = |h: HPos, v: VPos| TextStyle::from((FAMILY, TEXT_SIZE)).pos(Pos::new(h, v));
        for (y, row) in rows.iter().enumerate() {
            let top = y as i32 * cell.1;
            let label = format!("{} {}", short(row[0].place[0]), grid.space);
            below.draw_text(&label, &style(HPos::Right, VPos::Center), (left - 8, top + cell.1 / 2))?;
            for (x, found) in row.iter().enumerate() {
                let from = (left + x as i32 * cell.0, top);
                let value = found.pixel_correlation;
                let area = Rectangle::new(
                    [from, (from.0 + cell.0, from.1 + cell.1)],
                    Colors::Sequential.at(value).filled(),
                );
                below.draw(&area)?;
                let ink = if value > 0.6 { BLACK } else { WHITE };
                let text = style(HPos::Center, VPos::Center).color(&ink);
                let middle = (from.0 + cell.0 / 2, from.1 + cell.1 / 2);
                below.draw_text(&format!("{value:.2}"), &text, middle)?;
            }
        }
        let bottom = rows.len() as i32 * cell.1;
        for (x, found) in rows[0].iter().enumerate() {
            let middle = left + x as i32 * cell.0 + cell.0 / 2;
            let label = short(found.place[1]);
            below.draw_text(&label, &style(HPos::Center, VPos::Top), (middle, bottom + 6))?;
        }
        let below_all = (left + columns as i32 * cell.0 / 2, bottom + 32);
        below.draw_text(grid.time, &style(HPos::Center, VPos::Top), below_all)?;
        page.present()
    };
    draw(&mut picture).map_err(|e| Error::Failed(format!("{} can't be drawn: {e}", grid.title)))?;
    Ok(picture)
}

/// Writes a number with as many digits as it needs, at most three after the point.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;

    #[test]
    fn pictures_are_drawn_of_any_shape_and_of_neurons_without_fields() {
        let folder = tempfile::tempdir().unwrap();
        for (neurons, height, width) in [(1, 3, 20), (40, 36, 64), (2, 30, 5)] {
            let summary = |n: usize| FieldSummary {
                center_px: if n == 1 { [f64::NAN; 2] } else { [n as f64, 1.5] },
                sigma_px: [2.0, 900.0],
                lag_frames: 2,
                signal_to_noise: if n == 1 { 0.0 } else { 9.0 },
                reliability: f64::NAN,
            };
            let fields = ReceptiveFields {
                fields: Array4::from_elem((neurons, 2, height, width), f32::NAN),
                neurons: (0..neurons).map(summary).collect(),
            };
            let tuning = Tuning {
                direction_rad: 1.0,
                direction_selectivity: 0.1,
                orientation_selectivity: 0.4,
                cycles_per_px: 0.1,
                cycles_per_second: 2.0,
                best_response: 1.0,
            };
            write_field_pictures(folder.path(), "mouse m", &fields).unwrap();
            write_tuning_pictures(folder.path(), "mouse m", &fields, &vec![tuning; neurons]).unwrap();
            for name in ["centers", "fields", "directions", "spatial_frequencies"] {
                let picture = image::open(folder.path().join(format!("{name}.png"))).unwrap();
                assert!(picture.width() == PAGE_WIDTH && picture.height() > 60, "{name}");
            }
        }
    }

    #[test]
    fn a_cell_of_the_grid_is_as_bright_as_its_correlation() {
        let cells: Vec<GridCell> = (0..6)
            .map(|k| GridCell {
                place: [f64::from(1 + k / 3), f64::from(1 + k % 3)],
                pixel_correlation: if k == 4 { 1.0 } else { 0.0 },
                another_movie: 0.0,
                response_sd: 1.0,
            })
            .collect();
        let draw = |cells| draw_grid(Grid { title: "m", space: "px", time: "frames", cells });
        let picture = draw(&cells).unwrap();
        let RGBColor(red, green, blue) = Colors::Sequential.at(1.0);
        let lit: Vec<(u32, u32)> = picture
            .enumerate_pixels()
            .filter(|(_, _, pixel)| pixel.0 == [red, green, blue])
            .map(|(x, y, _)| (x, y))
            .collect();
        let middle = lit[lit.len() / 2];
        // The second row, the second column.
        assert!((396..663).contains(&middle.0) && (96..148).contains(&middle.1), "{middle:?}");
        assert!(draw(&cells[..5]).is_err() && draw(&[]).is_err());
    }
}
