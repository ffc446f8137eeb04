//! The unit the fused loops work in: 32 neighbouring channels of one pixel.

use bytemuck::{Pod, Zeroable};

/// Channels of a lane: two AVX-512 registers, four AVX2 ones. With fewer, matrix products that write
/// lanes run at half speed; with more, a plane of them would leave the level-2 cache.
pub const WIDTH: usize = 32;

/// 32 channels of one pixel, on cache lines of their own.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Lane(pub [f32; WIDTH]);

impl Lane {
    /// All zeros.
    pub const ZERO: Self = Self([0.0; WIDTH]);

    /// Applies `f` channel by channel.
    #[inline(always)]
    pub fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut out = self;
        for v in &mut out.0 {
            *v = f(*v);
        }
        out
    }

    /// Combines two lanes channel by channel.
    #[inline(always)]
    pub fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for (v, w) in out.0.iter_mut().zip(&other.0) {
            *v = f(*v, *w);
        }
        out
    }

    /// Adds `x * w` channel by channel.
    #[inline(always)]
    pub fn add_product<const FUSED: bool>(&mut self, x: &Self, w: &Self) {
        for ((o, x), w) in self.0.iter_mut().zip(&x.0).zip(&w.0) {
            *o = multiply_add::<FUSED>(*x, *w, *o);
        }
    }
}

/// Computes `a * b + c`, in one instruction where the processor has it: without, `mul_add` would call
/// a function that emulates it.
#[inline(always)]
pub fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Counts the lanes that `channels` channels take; the last one is filled up with zeros.
pub fn count(channels: usize) -> usize {
    channels.div_ceil(WIDTH)
}

/// Packs values by channel into lanes.
pub fn pack(channels: usize, value: impl Fn(usize) -> f32) -> Vec<Lane> {
    let lane = |l: usize| {
        Lane(std::array::from_fn(|i| match l * WIDTH + i {
            channel if channel < channels => value(channel),
            _ => 0.0,
        }))
    };
    (0..count(channels)).map(lane).collect()
}

/// The way back of [`pack`].
pub fn unpack(lanes: &[Lane], channels: usize) -> &[f32] {
    &bytemuck::cast_slice::<Lane, f32>(lanes)[..channels]
}
