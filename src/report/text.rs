//! Draws text into grey images with an embedded font, because a cluster node has none.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, ScaleFont, point};
use image::GrayImage;

/// Hack, a typeface made to be read at small sizes; its outlines are part of the binary.
pub(super) const FONT: &[u8] = epaint_default_fonts::HACK_REGULAR;

/// Height of a line of text in pixels, from the highest ascender to the lowest descender.
pub const LINE_HEIGHT: u32 = 17;

static PARSED: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(FONT).expect("the embedded font is a whole TrueType file"));

/// Width in pixels that [`draw`] needs for one line of text.
pub fn width(text: &str) -> u32 {
    width_at(text, LINE_HEIGHT as f32)
}

/// Draws one line of text whose box has its top left corner at `(x, y)`, in the grey level `ink`.
/// What falls outside the image is cut off.
pub fn draw(image: &mut GrayImage, text: &str, (x, y): (u32, u32), ink: u8) {
    let ascent = PARSED.as_scaled(LINE_HEIGHT as f32).ascent().round() as i64;
    rasterize(text, LINE_HEIGHT as f32, |column, row, coverage| {
        let column = u32::try_from(i64::from(x) + i64::from(column));
        let row = u32::try_from(i64::from(y) + ascent + i64::from(row));
        let (Ok(column), Ok(row)) = (column, row) else { return };
        if let Some(pixel) = image.get_pixel_mut_checked(column, row) {
            pixel.0[0] = blend(pixel.0[0], ink, coverage);
        }
    });
}

/// Width in pixels of one line of text, `size` pixels high.
pub(super) fn width_at(text: &str, size: f32) -> u32 {
    let font = PARSED.as_scaled(size);
    text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum::<f32>().ceil() as u32
}

/// Calls `ink(x, y, coverage)` for every pixel that a line of text `size` pixels high touches; the text
/// begins at x = 0 and stands on y = 0 (upwards is negative).
pub(super) fn rasterize(text: &str, size: f32, mut ink: impl FnMut(i32, i32, f32)) {
    let font = PARSED.as_scaled(size);
    let mut pen = 0.0;
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        let placed = glyph.with_scale_and_position(size, point(pen, 0.0));
        pen += font.h_advance(glyph);
        let Some(outline) = PARSED.outline_glyph(placed) else { continue };
        let (left, top) = (outline.px_bounds().min.x as i32, outline.px_bounds().min.y as i32);
        outline.draw(|x, y, coverage| ink(left + x as i32, top + y as i32, coverage.clamp(0.0, 1.0)));
    }
}

/// One channel of a pixel after `ink` covered a share of it.
pub(super) fn blend(paper: u8, ink: u8, coverage: f32) -> u8 {
    let paper = f32::from(paper);
    (paper + (f32::from(ink) - paper) * coverage).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Luma;

    fn inked(image: &GrayImage) -> Vec<(u32, u32)> {
        image.enumerate_pixels().filter(|(_, _, p)| p.0[0] < 128).map(|(x, y, _)| (x, y)).collect()
    }

    #[test]
    fn text_fills_the_box_it_announces_and_no_more() {
        let text = "Reconstruction, gy|";
        let mut image = GrayImage::from_pixel(width(text) + 20, LINE_HEIGHT + 20, Luma([255]));
        draw(&mut image, text, (10, 10), 0);
        let dark = inked(&image);
        assert!(dark.len() > 200, "only {} dark pixels", dark.len());
        assert!(
            dark.iter()
                .all(|&(x, y)| (10..10 + width(text)).contains(&x) && (10..10 + LINE_HEIGHT).contains(&y))
        );
    }

    #[test]
    fn text_that_does_not_fit_is_cut_without_harm() {
        let mut image = GrayImage::from_pixel(10, 6, Luma([255]));
        draw(&mut image, "wide text \u{1F400}\u{0}", (4, 3), 0);
        draw(&mut image, "far away", (4000, 4000), 0);
        assert_eq!(width(""), 0);
    }
}
