//! Occluding objects of the generated movies: textured shapes with soft edges that move by themselves
//! and with the camera.

use std::f32::consts::TAU;

use rand::Rng;

use super::drift::{Drift, normal};

/// Outline of an object, in units of its radius.
#[derive(Debug, Clone)]
enum Outline {
    /// Radius over direction: `1 + sum of a * cos(k * direction + phase)`, `k` from 2.
    Blob([(f32, f32); 4]),
    /// A rectangle with these half sides.
    Box([f32; 2]),
}

/// One object; lengths in pixels.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    outline: Outline,
    /// Radius of a disc of about this size.
    pub(super) radius: f32,
    /// Where its middle is.
    pub(super) position: [f32; 2],
    angle: f32,
    spin: f32,
    velocity: [Drift; 2],
    mean_velocity: [f32; 2],
    /// How much faster than the background it moves when the camera pans.
    pub(super) parallax: f32,
    /// Mean of its luminance, in standard deviations.
    pub(super) luminance: f32,
    /// Brightness gained from its bottom to its top: light comes from above.
    pub(super) shading: f32,
    /// Place of its texture.
    pub(super) texture_offset: [f32; 2],
}

impl Shape {
    /// Draws an object for a screen of `size` (width, height) pixels.
    ///
    /// Radii follow the `r^-3` law of dead leaves, which gives natural images their scaling
    /// (Lee, Mumford & Huang 2001), cut at both ends.
    pub(super) fn draw(rng: &mut impl Rng, size: [f32; 2], frame_rate_hz: f32) -> Self {
        let (smallest, largest) = (size[0] / 18.0, size[0] / 3.0);
        let u: f32 = rng.random();
        let radius = (smallest.powi(-2) + u * (largest.powi(-2) - smallest.powi(-2))).powf(-0.5);
        let outline = if rng.random_bool(0.4) {
            let aspect = (0.5 * normal(rng)).exp();
            Outline::Box([aspect.sqrt() * 0.9, 0.9 / aspect.sqrt()])
        } else {
            Outline::Blob(std::array::from_fn(|k| {
                (0.3 * normal(rng) / (k as f32 + 1.5), TAU * rng.random::<f32>())
            }))
        };
        // Of what is seen, some stands still and some moves by itself, at up to some tens of degrees a second.
        let speed = if rng.random_bool(0.45) { 0.0 } else { size[0] * 0.09 * (0.7 * normal(rng)).exp() };
        let speed = speed / frame_rate_hz;
        let direction = TAU * rng.random::<f32>();
        Self {
            outline,
            radius,
            position: std::array::from_fn(|axis| size[axis] * rng.random_range(-0.2..1.2)),
            angle: if rng.random_bool(0.5) { 0.0 } else { TAU * rng.random::<f32>() },
            spin: if speed > 0.0 { 0.25 * normal(rng) / frame_rate_hz } else { 0.0 },
            velocity: std::array::from_fn(|_| Drift::start(rng, 0.6 * speed, 0.8 * frame_rate_hz)),
            // Things move sideways more than up and down.
            mean_velocity: [speed * direction.cos(), 0.5 * speed * direction.sin()],
            parallax: rng.random_range(1.0..1.7),
            luminance: normal(rng),
            shading: 0.3 * normal(rng).abs(),
            texture_offset: std::array::from_fn(|_| rng.random_range(0.0..4096.0)),
        }
    }

    /// Moves one frame on, with the background displaced by `camera` pixels; what leaves comes back
    /// at the other side.
    pub(super) fn advance(&mut self, rng: &mut impl Rng, camera: [f32; 2], size: [f32; 2]) {
        for axis in 0..2 {
            let own = self.mean_velocity[axis] + self.velocity[axis].step(rng);
            let margin = 1.5 * self.radius;
            let moved = self.position[axis] + own + self.parallax * camera[axis];
            self.position[axis] = (moved + margin).rem_euclid(size[axis] + 2.0 * margin) - margin;
        }
        self.angle = (self.angle + self.spin).rem_euclid(TAU);
    }

    /// Returns sine and cosine of the object's angle, for [`Self::cover`].
    pub(super) fn rotation(&self) -> (f32, f32) {
        self.angle.sin_cos()
    }

    /// Returns how much of a pixel at (`x`, `y`) from the middle is covered, 0 to 1, and the place on
    /// the object, turned with it.
    #[inline]
    pub(super) fn cover(&self, x: f32, y: f32, (sin, cos): (f32, f32)) -> (f32, [f32; 2]) {
        let (u, v) = (cos * x + sin * y, cos * y - sin * x);
        let inside = match &self.outline {
            Outline::Box([half_width, half_height]) => {
                (half_width * self.radius - u.abs()).min(half_height * self.radius - v.abs())
            }
            Outline::Blob(waves) => {
                let distance = u.hypot(v);
                if distance < 0.3 * self.radius {
                    self.radius
                } else {
                    let direction = v.atan2(u);
                    let outline: f32 = waves
                        .iter()
                        .enumerate()
                        .map(|(k, (amplitude, phase))| amplitude * ((k + 2) as f32 * direction + phase).cos())
                        .sum();
                    self.radius * (1.0 + outline).max(0.3) - distance
                }
            }
        };
        // An edge is a pixel wide, as after the area scaling of a camera's picture.
        ((inside + 0.5).clamp(0.0, 1.0), [u, v])
    }

    /// Returns a radius beyond which nothing is covered.
    pub(super) fn reach(&self) -> f32 {
        let furthest = match &self.outline {
            Outline::Box([half_width, half_height]) => half_width.hypot(*half_height),
            Outline::Blob(waves) => 1.0 + waves.iter().map(|(amplitude, _)| amplitude.abs()).sum::<f32>(),
        };
        self.radius * furthest + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn nothing_is_covered_beyond_reach_and_the_middle_is() {
        let mut rng = seed::stream("test", "shape", &[]);
        for _ in 0..50 {
            let shape = Shape::draw(&mut rng, [64.0, 36.0], 30.0);
            let rotation = shape.rotation();
            assert_eq!(shape.cover(0.0, 0.0, rotation).0, 1.0);
            for step in 0..32 {
                let (sin, cos) = (step as f32 * TAU / 32.0).sin_cos();
                let reach = shape.reach();
                assert_eq!(shape.cover(reach * cos, reach * sin, rotation).0, 0.0);
            }
        }
    }
}
