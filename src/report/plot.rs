//! Draws curves as PNG: learning curves, loss per iteration. Quantities of different units get panels
//! of their own, one above the other, rather than two axes in one.

use std::path::Path;

use image::{Rgb, RgbImage};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{XScale, is_finite, range, tick};
use super::plot_page::PlotPage;
use super::plot_style::{
    AXES_MARGIN, AXES_MARGIN_RIGHT, Area, COLORS, DrawingError, FAMILY, PAGE_WIDTH, TEXT_SIZE, TITLE_SIZE,
    Y_LABEL_WIDTH, ready_font,
};
use super::spread::Spread;
use super::write_png;
use crate::error::{Error, Result};

/// Height of one panel, in pixels.
const PANEL_HEIGHT: u32 = 360;
/// Height of the title, in pixels.
const TITLE_HEIGHT: u32 = 44;

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend; empty for none.
    pub label: String,
    /// `(x, y)`, by ascending x. The curve has a gap where a value is not finite.
    pub points: Vec<(f64, f64)>,
}

/// Curves that share both axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What x is, with its unit.
    pub x_label: String,
    /// What y is, with its unit.
    pub y_label: String,
    /// The curves, in the order of the legend.
    pub lines: Vec<Line>,
}

/// Writes a PNG with the panels one above the other; all have the same range of x.
///
/// # Errors
/// [`Error::Usage`] when there is no panel or no finite point at all, [`Error::Io`] when the file can't
/// be written. Nothing is left behind.
pub fn write_plot(path: &Path, title: &str, panels: &[Panel]) -> Result<()> {
    let panels: Vec<(Panel, Vec<Spread>)> = panels.iter().map(|panel| (panel.clone(), Vec::new())).collect();
    write_plot_with_spreads(path, title, &panels)
}

/// Writes panels whose curves have bands and measured points.
///
/// # Errors
/// See [`write_plot`].
pub fn write_plot_with_spreads(path: &Path, title: &str, panels: &[(Panel, Vec<Spread>)]) -> Result<()> {
    write_png(path, &draw_plot(title, panels)?.into())
}

/// Writes panels with bands and measured points, x as `scale` lays it out.
///
/// # Errors
/// See [`write_plot`].
pub fn write_plot_scaled(
    path: &Path,
    title: &str,
    panels: &[(Panel, Vec<Spread>)],
    scale: XScale,
) -> Result<()> {
    write_png(path, &draw_plot_scaled(title, panels, PANEL_HEIGHT, scale)?.into())
}

fn draw_plot(title: &str, panels: &[(Panel, Vec<Spread>)]) -> Result<RgbImage> {
    draw_plot_of(title, panels, PANEL_HEIGHT)
}

/// Draws the panels one above the other, each `panel_height` pixels high.
///
/// # Errors
/// [`Error::Usage`] when there is no panel or no finite point at all.
pub(super) fn draw_plot_of(
    title: &str,
    panels: &[(Panel, Vec<Spread>)],
    panel_height: u32,
) -> Result<RgbImage> {
    draw_plot_scaled(title, panels, panel_height, XScale::Linear)
}

fn draw_plot_scaled(
    title: &str,
    panels: &[(Panel, Vec<Spread>)],
    panel_height: u32,
    scale: XScale,
) -> Result<RgbImage> {
    let panels: Vec<(Panel, Vec<Spread>)> = panels.iter().map(|panel| placed(panel, scale)).collect();
    let panels = panels.as_slice();
    let measured = panels.iter().any(|(_, spreads)| !spreads.is_empty());
    let all = panels.iter().flat_map(|(panel, spreads)| points(panel, spreads));
    // Marks at the ends keep off the frame.
    let x_range = range(all.map(|p| p.0), if measured { 0.03 } else { 0.0 });
    let x_range = x_range.ok_or_else(|| Error::usage(format!("\"{title}\": there is nothing to plot")))?;
    ready_font()?;
    let size = (PAGE_WIDTH, TITLE_HEIGHT + panel_height * panels.len() as u32);
    let mut picture = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    {
        let page = PlotPage::new(&mut picture).into_drawing_area();
        let failed = |e: DrawingError| Error::Failed(format!("\"{title}\" can't be plotted: {e}"));
        let (above, below) = page.split_vertically(TITLE_HEIGHT);
        let style = TextStyle::from((FAMILY, TITLE_SIZE)).pos(Pos::new(HPos::Center, VPos::Center));
        above
            .draw_text(title, &style, (PAGE_WIDTH as i32 / 2, TITLE_HEIGHT as i32 / 2 + 4))
            .map_err(failed)?;
        for ((panel, spreads), area) in panels.iter().zip(below.split_evenly((panels.len(), 1))) {
            draw_panel(&area, panel, spreads, x_range, scale).map_err(failed)?;
        }
        page.present().map_err(failed)?;
    }
    Ok(picture)
}

/// Puts a panel's points where they stand on the axis of x.
fn placed((panel, spreads): &(Panel, Vec<Spread>), scale: XScale) -> (Panel, Vec<Spread>) {
    let (mut panel, mut spreads) = (panel.clone(), spreads.clone());
    let xs = panel.lines.iter_mut().flat_map(|line| line.points.iter_mut().map(|point| &mut point.0));
    xs.for_each(|x| *x = scale.place(*x));
    for spread in &mut spreads {
        spread.band.iter_mut().for_each(|point| point.0 = scale.place(point.0));
        spread.marks.iter_mut().for_each(|mark| mark.at.0 = scale.place(mark.at.0));
    }
    (panel, spreads)
}

fn draw_panel(
    area: &Area,
    panel: &Panel,
    spreads: &[Spread],
    (x_min, x_max): (f64, f64),
    scale: XScale,
) -> Result<(), DrawingError> {
    let shown = points(panel, spreads);
    let (y_min, y_max) = range(shown.iter().map(|p| p.1), 0.05).unwrap_or((0.0, 1.0));
    let mut chart = ChartBuilder::on(area)
        .margin(AXES_MARGIN)
        .margin_right(AXES_MARGIN_RIGHT)
        .x_label_area_size(50)
        .y_label_area_size(Y_LABEL_WIDTH)
        .build_cartesian_2d(x_min..x_max, y_min..y_max)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&|x| scale.tick(*x, x_max - x_min))
        .y_label_formatter(&|y| tick(*y, y_max - y_min))
        .x_desc(panel.x_label.as_str())
        .y_desc(panel.y_label.as_str())
        .label_style((FAMILY, TEXT_SIZE))
        .axis_desc_style((FAMILY, TEXT_SIZE))
        .draw()?;
    for spread in spreads {
        spread.draw(&mut chart)?;
    }
    for (line, &color) in panel.lines.iter().zip(COLORS.iter().cycle()) {
        for piece in line.points.split(|p| !is_finite(p)).filter(|piece| !piece.is_empty()) {
            // Piece by piece: plotters lets the corners of a thick line run out to spikes far beyond the panel.
            let pieces = piece.windows(2).map(|ends| PathElement::new(ends.to_vec(), color.stroke_width(2)));
            chart.draw_series(pieces)?;
            if piece.len() == 1 {
                chart.draw_series([Circle::new(piece[0], 3, color.filled())])?;
            }
        }
        if !line.label.is_empty() {
            // An empty series that only carries the legend's entry.
            chart
                .draw_series(LineSeries::new([], color))?
                .label(line.label.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(3)));
        }
    }
    if panel.lines.iter().any(|line| !line.label.is_empty()) {
        chart
            .configure_series_labels()
            .position(quietest_corner(&shown, &panel.lines, (x_min, x_max), (y_min, y_max)))
            .legend_area_size(34)
            .margin(10)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.25))
            .label_font((FAMILY, TEXT_SIZE))
            .draw()?;
    }
    Ok(())
}

/// The corner with the fewest points, so that the legend hides little.
fn quietest_corner(
    shown: &[(f64, f64)],
    lines: &[Line],
    x_range: (f64, f64),
    y_range: (f64, f64),
) -> SeriesLabelPosition {
    let place = |value: f64, (min, max): (f64, f64)| (value - min) / (max - min);
    let points: Vec<(f64, f64)> =
        shown.iter().map(|&(x, y)| (place(x, x_range), place(y, y_range))).collect();
    // The legend's share of the panel, roughly.
    let longest = lines.iter().map(|line| line.label.chars().count()).max().unwrap_or(0);
    let (width, height) = ((0.08 + 0.011 * longest as f64).max(0.3), 0.12 + 0.09 * lines.len() as f64);
    let hidden = |right: bool, upper: bool| {
        let within = |x: f64, y: f64| {
            (if right { 1.0 - x } else { x }) < width && (if upper { 1.0 - y } else { y }) < height
        };
        points.iter().filter(|&&(x, y)| within(x, y)).count()
    };
    let corners = [
        (hidden(true, true), SeriesLabelPosition::UpperRight),
        (hidden(true, false), SeriesLabelPosition::LowerRight),
        (hidden(false, true), SeriesLabelPosition::UpperLeft),
        (hidden(false, false), SeriesLabelPosition::LowerLeft),
    ];
    // The first of equals: upper right, where readers look.
    let quietest = corners.into_iter().min_by_key(|(hidden, _)| *hidden);
    quietest.map_or(SeriesLabelPosition::UpperRight, |(_, position)| position)
}

/// All points of a panel that can be shown.
fn points(panel: &Panel, spreads: &[Spread]) -> Vec<(f64, f64)> {
    let lines = panel.lines.iter().flat_map(|line| line.points.iter().copied());
    lines.chain(spreads.iter().flat_map(Spread::corners)).filter(is_finite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(points: Vec<(f64, f64)>) -> Panel {
        let line = Line { label: "training loss".into(), points };
        Panel { x_label: "step".into(), y_label: "loss".into(), lines: vec![line] }
    }

    fn count(picture: &RgbImage, color: RGBColor) -> usize {
        picture.pixels().filter(|p| p.0 == [color.0, color.1, color.2]).count()
    }

    #[test]
    fn a_curve_of_sharp_turns_stays_in_its_panel() {
        let sharp = panel((0..600).map(|k| (f64::from(k), f64::from((k % 2) * (k % 7)))).collect());
        let picture = draw_plot("sharp", &[(sharp, Vec::new())]).unwrap();
        let RGBColor(red, green, blue) = COLORS[0];
        let drawn = picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 == [red, green, blue]);
        let rows: Vec<u32> = drawn.map(|(_, y, _)| y).collect();
        assert!(rows.len() > 1000, "{}", rows.len());
        assert!(rows.iter().all(|&y| y >= TITLE_HEIGHT + AXES_MARGIN), "{:?}", rows.iter().min());
    }

    #[test]
    fn a_plot_decodes_to_panels_with_their_curves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curve.png");
        let falling = panel((0..50).map(|i| (f64::from(i), 10.0 / f64::from(i + 1))).collect());
        write_plot(&path, "Learning curve", &[falling.clone(), falling]).unwrap();
        let picture = image::open(&path).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (PAGE_WIDTH, TITLE_HEIGHT + 2 * PANEL_HEIGHT));
        // A curve across the panel, twice, is more than a thousand pixels of its colour.
        assert!(count(&picture, COLORS[0]) > 1000);
        assert_eq!(count(&picture, COLORS[1]), 0);
    }

    #[test]
    fn odd_data_is_drawn_without_harm() {
        for points in [
            vec![(0.0, 3.0)],
            vec![(0.0, 3.0), (1.0, 3.0)],
            vec![
                (0.0, 0.0),
                (1.0, f64::NAN),
                (2.0, f64::INFINITY),
                (3.0, f64::MAX),
                (4.0, 9e299),
                (5.0, -9e299),
            ],
            vec![(5.0, 1e-300), (5.0, 2e-300)],
        ] {
            let panels = [panel(points.clone()), panel(vec![])].map(|panel| (panel, Vec::new()));
            let picture = draw_plot("t", &panels).unwrap();
            assert!(count(&picture, COLORS[0]) > 0, "{points:?}");
        }
    }

    #[test]
    fn nothing_to_plot_is_refused_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/curve.png");
        for panels in [vec![], vec![panel(vec![])], vec![panel(vec![(0.0, f64::NAN)])]] {
            assert_eq!(write_plot(&path, "t", &panels).unwrap_err().exit_code(), 2);
        }
        let file = folder.path().join("not_a_folder");
        std::fs::write(&file, "x").unwrap();
        let error = write_plot(&file.join("curve.png"), "t", &[panel(vec![(0.0, 1.0)])]).unwrap_err();
        assert!(error.to_string().contains("not_a_folder"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn on_a_logarithmic_axis_equal_factors_are_equally_far_apart() {
        let spread = Spread {
            line: 0,
            band: vec![(10.0, 0.0, 1.0)],
            marks: vec![crate::report::spread::Mark { at: (1000.0, 0.5), interval: None }],
        };
        let original = (panel(vec![(1.0, 3.0), (100.0, 4.0), (0.0, 5.0)]), vec![spread]);
        let (panel, spreads) = placed(&original, XScale::Log);
        assert_eq!(panel.lines[0].points, [(0.0, 3.0), (2.0, 4.0), (f64::NEG_INFINITY, 5.0)]);
        assert_eq!((spreads[0].band[0].0, spreads[0].marks[0].at), (1.0, (3.0, 0.5)));
        assert_eq!(placed(&original, XScale::Linear), original);
    }
}
