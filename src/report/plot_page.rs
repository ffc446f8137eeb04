//! The page that plotters draws on: an RGB picture with the text of `text.rs`.
//!
//! Plotters' own bitmaps set letters unevenly (they ignore a glyph's side bearing), and a learning
//! curve is read by its numbers.

use std::convert::Infallible;

use image::RgbImage;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind};

use super::text;

/// Height of the box that plotters plans for a line, as a share of the font's size.
const BOX_HEIGHT: f64 = 1.0 / 1.24;
/// Height of the font's capitals, as a share of its size.
const CAPITAL_HEIGHT: f64 = 0.63;

type Outcome = Result<(), DrawingErrorKind<Infallible>>;

/// A picture that plotters can draw on.
pub(super) struct PlotPage<'a> {
    picture: &'a mut RgbImage,
}

impl<'a> PlotPage<'a> {
    pub(super) fn new(picture: &'a mut RgbImage) -> Self {
        Self { picture }
    }

    /// Covers a share of a pixel; pixels outside the picture are ignored.
    fn cover(&mut self, (x, y): BackendCoord, (red, green, blue): (u8, u8, u8), coverage: f64) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if let Some(pixel) = self.picture.get_pixel_mut_checked(x, y) {
            for (channel, ink) in pixel.0.iter_mut().zip([red, green, blue]) {
                *channel = text::blend(*channel, ink, coverage.clamp(0.0, 1.0) as f32);
            }
        }
    }
}

impl DrawingBackend for PlotPage<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.picture.dimensions()
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Outcome {
        self.cover(point, color.rgb, color.alpha);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, line: &str, style: &S, (x, y): BackendCoord) -> Outcome {
        let size = style.size();
        let (width, height) = (text::width_at(line, size as f32) as i32, (size * BOX_HEIGHT) as i32);
        let left = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Right => -width,
            HPos::Center => -width / 2,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        // Capitals in the middle of the box: that is where plotters puts ticks and legend marks.
        let baseline = top + ((f64::from(height) + size * CAPITAL_HEIGHT) / 2.0).round() as i32;
        let (transform, color) = (style.transform(), style.color());
        text::rasterize(line, size as f32, |column, row, coverage| {
            let (dx, dy) = transform.transform(left + column, baseline + row);
            self.cover((x + dx, y + dy), color.rgb, color.alpha * f64::from(coverage));
        });
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        line: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size();
        Ok((text::width_at(line, size as f32), (size * BOX_HEIGHT) as u32))
    }
}
