//! Where a place between pixels lies: the four pixels around it, and what each counts for bilinear reading.

/// The four pixels around a place.
pub struct Corners {
    /// Their numbers, row by row.
    pub pixels: [usize; 4],
    /// What each counts.
    pub shares: [f32; 4],
    /// How that changes with x and with y.
    pub slopes: [[f32; 4]; 2],
}

impl Corners {
    /// Finds them; -1 and 1 are the centres of the outermost pixels.
    pub fn at(position: &[f32], [height, width]: [usize; 2]) -> Self {
        let ([x, next_x], fx) = along(position[0], width);
        let ([y, next_y], fy) = along(position[1], height);
        let (per_x, per_y) = ((width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0);
        Self {
            pixels: [y * width + x, y * width + next_x, next_y * width + x, next_y * width + next_x],
            shares: [(1.0 - fy) * (1.0 - fx), (1.0 - fy) * fx, fy * (1.0 - fx), fy * fx],
            slopes: [
                [fy - 1.0, 1.0 - fy, -fy, fy].map(|slope| slope * per_x),
                [fx - 1.0, -fx, 1.0 - fx, fx].map(|slope| slope * per_y),
            ],
        }
    }

    /// The rows of the four pixels.
    #[inline(always)]
    pub fn rows<'a>(&self, frame: &'a [f32], channels: usize) -> [&'a [f32]; 4] {
        let [a, b, c, d] = self.pixels;
        [
            &frame[a * channels..][..channels],
            &frame[b * channels..][..channels],
            &frame[c * channels..][..channels],
            &frame[d * channels..][..channels],
        ]
    }
}

/// Finds the pixels before and behind a coordinate, and how far behind the first it lies, in pixels.
fn along(coordinate: f32, length: usize) -> ([usize; 2], f32) {
    let place = (coordinate + 1.0) * 0.5 * (length - 1) as f32;
    let before = place.floor().clamp(0.0, length.saturating_sub(2) as f32);
    ([before as usize, (before as usize + 1).min(length - 1)], place - before)
}
