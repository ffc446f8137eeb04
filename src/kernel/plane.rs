//! The inner loops of the depthwise convolutions: one frame of one lane of channels.
//!
//! A plane is a frame with a zero border half a kernel wide, so that no loop asks where the frame ends.
//! One frame of 32 x 32 pixels is 128 KB: what one loop writes, the next finds in the level-2 cache, and
//! within a loop the rows that a kernel covers stay in the level-1 cache.

use multiversion::multiversion;
use multiversion::target::target_cfg_f;

use super::lane::{Lane, WIDTH};
use super::silu::{silu, silu_slope};

/// Height and width of a frame, and the zero border around it in its plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// Rows of the frame.
    pub height: usize,
    /// Columns of the frame.
    pub width: usize,
    /// Pixels of the border, on each side.
    pub border: usize,
}

impl Plane {
    /// Lanes of the plane, border included.
    pub fn size(&self) -> usize {
        (self.height + 2 * self.border) * self.stride()
    }

    /// Lanes of the frame.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Lanes from a row to the next.
    pub(super) fn stride(&self) -> usize {
        self.width + 2 * self.border
    }

    /// Where row `y` of the frame lies in the plane.
    pub(super) fn row(&self, y: usize) -> std::ops::Range<usize> {
        let start = (y + self.border) * self.stride() + self.border;
        start..start + self.width
    }

    /// The frame's plane after a convolution with this stride.
    pub fn strided(self, stride: usize) -> Self {
        Self { height: self.height.div_ceil(stride), width: self.width.div_ceil(stride), ..self }
    }
}

/// Writes `silu(x + shift)` into the middle of a plane.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate(x: &[Lane], shift: &Lane, plane: Plane, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for y in 0..plane.height {
        let row = &x[y * plane.width..(y + 1) * plane.width];
        for (out, x) in out[plane.row(y)].iter_mut().zip(row) {
            *out = x.zip(*shift, |x, s| silu::<FUSED>(x + s));
        }
    }
}

/// Convolves a plane: `out = shift + sum over taps`, of `[ceil(height / stride), ceil(width / stride)]`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn convolve(x: &[Lane], plane: Plane, taps: &[Lane], shift: &Lane, stride: usize, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    if let Ok(taps) = <&[Lane; 9]>::try_from(taps) {
        convolve_rows::<3, FUSED>(x, plane, taps, shift, stride, out);
    } else {
        convolve_rows::<0, FUSED>(x, plane, taps, shift, stride, out);
    }
}

/// See [`convolve`]; `SIDE` is the kernel's side, or 0 when it is only known at run time.
#[inline(always)]
fn convolve_rows<const SIDE: usize, const FUSED: bool>(
    x: &[Lane],
    plane: Plane,
    taps: &[Lane],
    shift: &Lane,
    stride: usize,
    out: &mut [Lane],
) {
    let side = if SIDE == 0 { 2 * plane.border + 1 } else { SIDE };
    let width = plane.width.div_ceil(stride);
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        let rows = &x[y * stride * plane.stride()..];
        for (column, out) in out.iter_mut().enumerate() {
            let mut sum = *shift;
            for dy in 0..side {
                let row = &rows[dy * plane.stride() + column * stride..][..side];
                for (x, tap) in row.iter().zip(&taps[dy * side..][..side]) {
                    sum.add_product::<FUSED>(x, tap);
                }
            }
            *out = sum;
        }
    }
}

/// Carries a gradient back through [`convolve`], to the frame that was convolved.
///
/// `gradient` is a plane of the output's size, with a border as wide as the input's.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn convolve_back(gradient: &[Lane], plane: Plane, taps: &[Lane], stride: usize, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    if stride == 1 {
        let flipped: Vec<Lane> = taps.iter().rev().copied().collect();
        if let Ok(flipped) = <&[Lane; 9]>::try_from(&flipped[..]) {
            convolve_rows::<3, FUSED>(gradient, plane, flipped, &Lane::ZERO, 1, out);
        } else {
            convolve_rows::<0, FUSED>(gradient, plane, &flipped, &Lane::ZERO, 1, out);
        }
        return;
    }
    let reached = plane.strided(stride);
    // Along an axis, the taps that reach position `i`: `o * stride + tap = i + border`, for outputs `o`
    // in the plane's own coordinates, border included.
    let border = plane.border;
    let reach = |i: usize| {
        let first = (i + border) % stride;
        (first..2 * border + 1)
            .step_by(stride)
            .map(move |tap| (((i + 2 * border * stride + border - tap) / stride) - border, tap))
    };
    for y in 0..plane.height {
        for column in 0..plane.width {
            let mut sum = Lane::ZERO;
            for (oy, dy) in reach(y) {
                for (ox, dx) in reach(column) {
                    let gradient = &gradient[oy * reached.stride() + ox];
                    sum.add_product::<FUSED>(gradient, &taps[dy * (2 * border + 1) + dx]);
                }
            }
            out[y * plane.width + column] = sum;
        }
    }
}

/// Mixes frames pixel by pixel: `out = shift + sum over taps`. `total` gains `silu` of every pixel.
///
/// `frames` and `taps` go together: those taps whose frames exist.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn mix(frames: &[&[Lane]], taps: &[Lane], shift: &Lane, out: &mut [Lane], total: &mut Lane) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let mut sum = *total;
    for (pixel, out) in out.iter_mut().enumerate() {
        *out = mixed::<FUSED>(frames, taps, *shift, pixel);
        sum = sum.zip(*out, |t, v| t + silu::<FUSED>(v));
    }
    *total = sum;
}

/// Carries gradients back through [`mix`] and the SiLU before it, into the middle of a plane:
/// `(sum over taps) * slope(s)`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn mix_back(frames: &[&[Lane]], taps: &[Lane], s: &[Lane], plane: Plane, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for y in 0..plane.height {
        for (column, out) in out[plane.row(y)].iter_mut().enumerate() {
            let pixel = y * plane.width + column;
            let gradient = mixed::<FUSED>(frames, taps, Lane::ZERO, pixel);
            *out = gradient.zip(s[pixel], |g, s| g * silu_slope::<FUSED>(s));
        }
    }
}

#[inline(always)]
fn mixed<const FUSED: bool>(frames: &[&[Lane]], taps: &[Lane], shift: Lane, pixel: usize) -> Lane {
    let mut value = shift;
    for (frame, tap) in frames.iter().zip(taps) {
        value.add_product::<FUSED>(&frame[pixel], tap);
    }
    value
}

/// Carries a gradient back through SiLU, in place of what went in: `x = gradient * slope(x + shift)`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate_back(gradient: &[Lane], shift: &Lane, x: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (x, g) in x.iter_mut().zip(gradient) {
        let slope = x.zip(*shift, |x, s| silu_slope::<FUSED>(x + s));
        *x = g.zip(slope, |g, slope| g * slope);
    }
}

/// Carries a gradient back through a scale after SiLU, and adds what came through the mean:
/// `gradient = (gradient * scale + offset) * slope(x)`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn scale_back(x: &[Lane], scale: &Lane, offset: &Lane, gradient: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (g, x) in gradient.iter_mut().zip(x) {
        let mut through = *offset;
        through.add_product::<FUSED>(g, scale);
        *g = through.zip(*x, |g, x| g * silu_slope::<FUSED>(x));
    }
}

/// Sums `gradient * silu(x)` over pixels: the gradient to a scale after SiLU.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn dot_activated(gradient: &[Lane], x: &[Lane]) -> Lane {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let mut sum = Lane::ZERO;
    for (g, x) in gradient.iter().zip(x) {
        sum.add_product::<FUSED>(g, &x.map(silu::<FUSED>));
    }
    sum
}

/// Applies SiLU.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activated(x: &[Lane], out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for (out, x) in out.iter_mut().zip(x) {
        *out = x.map(silu::<FUSED>);
    }
}

/// A frame of one varying channel, expanded: `pixel * slope + row + column`.
#[derive(Clone, Copy)]
pub struct Spread<'a> {
    /// `[height, width]`
    pub frame: &'a [f32],
    /// What a pixel is multiplied with.
    pub slope: &'a Lane,
    /// `[height]`
    pub rows: &'a [Lane],
    /// `[width]`
    pub columns: &'a [Lane],
}

impl Spread<'_> {
    #[inline(always)]
    fn at<const FUSED: bool>(&self, y: usize, x: usize) -> Lane {
        let pixel = self.frame[y * self.columns.len() + x];
        let mut value = self.rows[y].zip(self.columns[x], |r, c| r + c);
        value.add_product::<FUSED>(self.slope, &Lane([pixel; WIDTH]));
        value
    }
}

/// Writes `silu` of an expanded frame into the middle of a plane.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate_spread(spread: Spread, plane: Plane, out: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    for y in 0..plane.height {
        for (x, out) in out[plane.row(y)].iter_mut().enumerate() {
            *out = spread.at::<FUSED>(y, x).map(silu::<FUSED>);
        }
    }
}

/// Carries a gradient back through [`activate_spread`], in place, to what was expanded.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw+avx512dq+fma", "x86_64+avx2+fma"))]
pub fn activate_spread_back(spread: Spread, gradient: &mut [Lane]) {
    const FUSED: bool = target_cfg_f!(target_feature = "fma");
    let width = spread.columns.len();
    for (y, gradient) in gradient.chunks_exact_mut(width).enumerate() {
        for (x, gradient) in gradient.iter_mut().enumerate() {
            let before = spread.at::<FUSED>(y, x);
            *gradient = gradient.zip(before, |g, x| g * silu_slope::<FUSED>(x));
        }
    }
}

/// Copies a frame into the middle of its plane.
pub fn copy_to_plane(x: &[Lane], plane: Plane, out: &mut [Lane]) {
    for (y, row) in x.chunks_exact(plane.width).enumerate() {
        out[plane.row(y)].copy_from_slice(row);
    }
}
