//! Draws a frame of the movie as a map: what lies under it in grey, neurons as coloured dots on it, a bar of colours below.

use image::{Rgb, RgbImage};
use ndarray::Array2;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::plot_page::PlotPage;
use super::plot_style::{Area, DrawingError, FAMILY, PAGE_WIDTH, TEXT_SIZE, TITLE_SIZE, ready_font};
use crate::error::{Error, Result};

/// Heights in pixels.
const TITLE_HEIGHT: u32 = 44;
const BAR_HEIGHT: u32 = 84;
/// Space that axes and their labels take, in pixels.
const AXES: (u32, u32) = (120, 80);
/// Darkest grey of what lies under the dots, as a share of white.
const DARKEST: f64 = 0.45;
/// Radius of a dot in pixels.
const DOT: i32 = 4;
/// Pieces of a bar of colours.
const PIECES: usize = 120;

/// How numbers from 0 to 1 are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colors {
    /// Once around the circle of hues.
    Cyclic,
    /// From dark blue to yellow.
    Sequential,
    /// From blue over white, at one half, to red.
    Diverging,
}

impl Colors {
    pub(super) fn at(self, value: f64) -> RGBColor {
        // Anchors of viridis (van der Walt & Smith 2015) and of ColorBrewer's RdBu (Brewer 2002).
        const SEQUENTIAL: [[f64; 3]; 5] = [
            [68.0, 1.0, 84.0],
            [59.0, 82.0, 139.0],
            [33.0, 145.0, 140.0],
            [94.0, 201.0, 98.0],
            [253.0, 231.0, 37.0],
        ];
        const DIVERGING: [[f64; 3]; 5] = [
            [5.0, 48.0, 97.0],
            [67.0, 147.0, 195.0],
            [255.0, 255.0, 255.0],
            [214.0, 96.0, 77.0],
            [103.0, 0.0, 31.0],
        ];
        let value = if value.is_finite() { value } else { 0.0 };
        match self {
            Self::Cyclic => {
                let (red, green, blue) = HSLColor(value.rem_euclid(1.0), 0.75, 0.45).rgb();
                RGBColor(red, green, blue)
            }
            Self::Sequential => between(&SEQUENTIAL, value),
            Self::Diverging => between(&DIVERGING, value),
        }
    }
}

fn between(anchors: &[[f64; 3]], value: f64) -> RGBColor {
    let place = value.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
    let low = (place as usize).min(anchors.len() - 2);
    let [red, green, blue] = [0, 1, 2].map(|channel| {
        let (a, b) = (anchors[low][channel], anchors[low + 1][channel]);
        (a + (b - a) * (place - low as f64)).round() as u8
    });
    RGBColor(red, green, blue)
}

/// A bar that says what colours mean.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) colors: Colors,
    /// Where, from 0 to 1, and what stands there.
    pub(super) ticks: Vec<(f64, String)>,
}

/// A map of a frame.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) title: String,
    /// `[height, width]`: darker where it is more.
    pub(super) under: Array2<f32>,
    /// x, y in pixels of the movie; colour from 0 to 1, black without a bar.
    pub(super) dots: Vec<([f64; 2], f64)>,
    pub(super) bar: Option<Bar>,
}

impl Map {
    /// Draws it as wide as every plot.
    ///
    /// # Errors
    /// When the frame has no pixels.
    pub(super) fn draw(&self) -> Result<RgbImage> {
        let (height, width) = self.under.dim();
        if height * width == 0 {
            return Err(Error::usage(format!("\"{}\": a frame without pixels can't be drawn", self.title)));
        }
        ready_font()?;
        let inner =
            (f64::from(PAGE_WIDTH - AXES.0) * height as f64 / width as f64).clamp(60.0, 2000.0) as u32;
        let bar = if self.bar.is_some() { BAR_HEIGHT } else { 0 };
        let mut picture =
            RgbImage::from_pixel(PAGE_WIDTH, TITLE_HEIGHT + inner + AXES.1 + bar, Rgb([255; 3]));
        {
            let page = PlotPage::new(&mut picture).into_drawing_area();
            let failed = |e: DrawingError| Error::Failed(format!("\"{}\" can't be drawn: {e}", self.title));
            let (above, below) = page.split_vertically(TITLE_HEIGHT);
            draw_title(&above, &self.title).map_err(failed)?;
            let (map, legend) = below.split_vertically(inner + AXES.1);
            self.draw_frame(&map).map_err(failed)?;
            if let Some(bar) = &self.bar {
                bar.draw(&legend).map_err(failed)?;
            }
            page.present().map_err(failed)?;
        }
        Ok(picture)
    }

    fn draw_frame(&self, area: &Area) -> std::result::Result<(), DrawingError> {
        let (height, width) = self.under.dim();
        let most = self.under.iter().copied().filter(|v| v.is_finite()).fold(0.0f32, f32::max);
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(28)
            .x_label_area_size(50)
            .y_label_area_size(70)
            // Rows are counted downward.
            .build_cartesian_2d(-0.5..width as f64 - 0.5, height as f64 - 0.5..-0.5)?;
        chart.draw_series(self.under.indexed_iter().map(|((row, column), &value)| {
            let share = if most > 0.0 { f64::from(value / most).clamp(0.0, 1.0) } else { 0.0 };
            let level = (255.0 * (1.0 - (1.0 - DARKEST) * share)) as u8;
            let (x, y) = (column as f64, row as f64);
            Rectangle::new([(x - 0.5, y - 0.5), (x + 0.5, y + 0.5)], RGBColor(level, level, level).filled())
        }))?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(9)
            .y_labels(6)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .x_desc("x (px)")
            .y_desc("y (px)")
            .label_style((FAMILY, TEXT_SIZE))
            .axis_desc_style((FAMILY, TEXT_SIZE))
            .draw()?;
        let color = |value: f64| self.bar.as_ref().map_or(BLACK, |bar| bar.colors.at(value));
        let inside = |&&([x, y], _): &&([f64; 2], f64)| {
            (-0.5..=width as f64 - 0.5).contains(&x) && (-0.5..=height as f64 - 0.5).contains(&y)
        };
        let dots = self.dots.iter().filter(inside);
        chart.draw_series(dots.map(|&([x, y], value)| Circle::new((x, y), DOT, color(value).filled())))?;
        Ok(())
    }
}

impl Bar {
    fn draw(&self, area: &Area) -> std::result::Result<(), DrawingError> {
        let (left, right, top, bottom) = (82i32, PAGE_WIDTH as i32 - 28, 26, 46);
        let at = |share: f64| left + (f64::from(right - left) * share).round() as i32;
        for piece in 0..PIECES {
            let [from, to] = [piece, piece + 1].map(|k| k as f64 / PIECES as f64);
            let color = self.colors.at(0.5 * (from + to)).filled();
            area.draw(&Rectangle::new([(at(from), top), (at(to), bottom)], color))?;
        }
        let style = TextStyle::from((FAMILY, TEXT_SIZE));
        area.draw_text(&self.label, &style.clone().pos(Pos::new(HPos::Left, VPos::Top)), (left, 2))?;
        for (share, tick) in &self.ticks {
            let anchor = match share {
                s if *s < 0.03 => HPos::Left,
                s if *s > 0.97 => HPos::Right,
                _ => HPos::Center,
            };
            area.draw_text(tick, &style.clone().pos(Pos::new(anchor, VPos::Top)), (at(*share), bottom + 6))?;
        }
        Ok(())
    }
}

/// Writes a title in the middle of an area above.
pub(super) fn draw_title(area: &Area, title: &str) -> std::result::Result<(), DrawingError> {
    let style = TextStyle::from((FAMILY, TITLE_SIZE)).pos(Pos::new(HPos::Center, VPos::Center));
    area.draw_text(title, &style, (PAGE_WIDTH as i32 / 2, TITLE_HEIGHT as i32 / 2 + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_lie_where_they_belong_and_rows_run_downward() {
        let bar = Bar { label: "value".into(), colors: Colors::Diverging, ticks: vec![(0.0, "0".into())] };
        let dots = vec![([0.0, 0.0], 0.0), ([19.0, 11.0], 1.0), ([400.0, 3.0], 1.0), ([f64::NAN, 3.0], 1.0)];
        let map = Map { title: "t".into(), under: Array2::zeros((12, 20)), dots, bar: Some(bar.clone()) };
        let picture = map.draw().unwrap();
        let place = |color: RGBColor| {
            // Above the bar.
            let found = picture.enumerate_pixels().filter(|(_, y, pixel)| {
                *y < picture.height() - BAR_HEIGHT && pixel.0 == [color.0, color.1, color.2]
            });
            let places: Vec<(u32, u32)> = found.map(|(x, y, _)| (x, y)).collect();
            assert!((30..120).contains(&places.len()), "{} pixels", places.len());
            places[places.len() / 2]
        };
        let (first, last) = (place(Colors::Diverging.at(0.0)), place(Colors::Diverging.at(1.0)));
        assert!(
            first.0 < 140 && last.0 > 850 && first.1 < 100 && last.1 > first.1 + 300,
            "{first:?} {last:?}"
        );
        let none = Map { under: Array2::zeros((0, 4)), ..map };
        assert_eq!(none.draw().unwrap_err().exit_code(), 2);
    }
}
