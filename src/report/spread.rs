//! What belongs to a curve besides its line: a band of confidence, and measured points with their intervals.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::plot_page::PlotPage;
use super::plot_style::{COLORS, DrawingError};

/// Half the width of an interval's ends, in pixels.
const CAP: i32 = 5;

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// Where it is.
    pub at: (f64, f64),
    /// Limits of its interval on y, if it has one.
    pub interval: Option<[f64; 2]>,
}

/// Band and points of one curve.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// Which line of the panel it belongs to; it gets that line's colour.
    pub line: usize,
    /// `(x, low, high)`, by ascending x.
    pub band: Vec<(f64, f64, f64)>,
    /// The measured points.
    pub marks: Vec<Mark>,
}

impl Spread {
    /// All places that have to lie within the axes.
    pub(super) fn corners(&self) -> Vec<(f64, f64)> {
        let band = self.band.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]);
        let marks = self.marks.iter().flat_map(|mark| {
            let [low, high] = mark.interval.unwrap_or([mark.at.1; 2]);
            [mark.at, (mark.at.0, low), (mark.at.0, high)]
        });
        band.chain(marks).collect()
    }

    /// Draws it.
    pub(super) fn draw(
        &self,
        chart: &mut ChartContext<'_, PlotPage<'_>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    ) -> Result<(), DrawingError> {
        let color = COLORS[self.line % COLORS.len()];
        let outline: Vec<(f64, f64)> = self
            .band
            .iter()
            .map(|&(x, _, high)| (x, high))
            .chain(self.band.iter().rev().map(|&(x, low, _)| (x, low)))
            .collect();
        if outline.len() > 3 {
            chart.draw_series([Polygon::new(outline, color.mix(0.16))])?;
        }
        for mark in &self.marks {
            let (x, _) = mark.at;
            if let Some([low, high]) = mark.interval {
                chart.draw_series([PathElement::new([(x, low), (x, high)], color.stroke_width(2))])?;
                let cap = |y: f64| {
                    EmptyElement::at((x, y)) + PathElement::new([(-CAP, 0), (CAP, 0)], color.stroke_width(2))
                };
                chart.draw_series([cap(low), cap(high)])?;
            }
            chart.draw_series([Circle::new(mark.at, 4, color.filled())])?;
        }
        Ok(())
    }
}
