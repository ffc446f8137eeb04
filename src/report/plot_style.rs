//! What all plots share: measures, colours, the font.

use std::convert::Infallible;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use super::plot_page::PlotPage;
use super::text;
use crate::error::{Error, Result};

/// Width of the picture, and where its axes begin and end, in pixels.
pub(super) const PAGE_WIDTH: u32 = 960;
pub(super) const LEFT_EDGE: u32 = AXES_MARGIN + Y_LABEL_WIDTH;
pub(super) const RIGHT_EDGE: u32 = PAGE_WIDTH - AXES_MARGIN_RIGHT;
/// Space around the axes, in pixels.
pub(super) const AXES_MARGIN: u32 = 12;
pub(super) const AXES_MARGIN_RIGHT: u32 = 28;
pub(super) const Y_LABEL_WIDTH: u32 = 92;
/// Name under which plotters knows the embedded font.
pub(super) const FAMILY: &str = "embedded";
/// Text sizes, in pixels.
pub(super) const TITLE_SIZE: u32 = 24;
pub(super) const TEXT_SIZE: u32 = 17;
/// Colours that stay apart for colour-blind readers (Okabe & Ito 2008), without their yellow.
pub(super) const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(60, 60, 60),
];

pub(super) type Area<'a> = DrawingArea<PlotPage<'a>, Shift>;
pub(super) type DrawingError = DrawingAreaErrorKind<Infallible>;

/// Tells plotters about the embedded font, once.
pub(super) fn ready_font() -> Result<()> {
    static READY: OnceLock<bool> = OnceLock::new();
    let ready = READY.get_or_init(|| register_font(FAMILY, FontStyle::Normal, text::FONT).is_ok());
    if *ready { Ok(()) } else { Err(Error::Failed("the embedded font can't be read".into())) }
}
