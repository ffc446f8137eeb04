//! Movies cut from real video files: decoded once, then random segments, crops and flips make many
//! clips from few files.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ndarray::{Array3, ArrayViewMut2, s};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use video_rs::decode::{Decoder, DecoderBuilder};
use video_rs::{Resize, frame::RawFrame};

use crate::error::{Error, Result};

/// Frames are kept this much larger than a movie, so that a crop loses nothing.
const CROP_RESERVE: f64 = 1.6;
/// Frames of a file that are kept; later ones are left out. 20 minutes at 30 frames a second.
const MAX_FRAMES: usize = 36_000;

/// Decoded files, from which clips are drawn.
#[derive(Debug, Clone)]
pub(super) struct VideoLibrary {
    height: usize,
    width: usize,
    frame_rate_hz: f64,
    videos: Vec<Video>,
}

/// One file, reduced to grey and to little more than the size of a movie.
#[derive(Debug, Clone)]
struct Video {
    height: usize,
    width: usize,
    /// `[frame][row][column]`, one after the other.
    pixels: Vec<u8>,
    /// The frame on screen at each tick of the movie's frame rate.
    shown: Vec<usize>,
}

impl VideoLibrary {
    /// Decodes `files` for movies of the given size.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the file which is no video or holds no frame.
    pub(super) fn open(files: &[PathBuf], [height, width]: [usize; 2], frame_rate_hz: f64) -> Result<Self> {
        start_ffmpeg()?;
        let videos =
            files.iter().map(|file| decode(file, [height, width], frame_rate_hz)).collect::<Result<_>>()?;
        Ok(Self { height, width, frame_rate_hz, videos })
    }

    /// Draws a movie, `[frame, height, width]`, grey levels 0 to 255, of one or more shots.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng, frames: usize) -> Array3<f32> {
        let mut movie = Array3::zeros((frames, self.height, self.width));
        let total: usize = self.videos.iter().map(|video| video.shown.len()).sum();
        let mut start = 0;
        while start < frames {
            // A longer file is drawn from more often.
            let mut place = rng.random_range(0..total);
            let video = self
                .videos
                .iter()
                .find(|video| {
                    let here = place < video.shown.len();
                    place -= if here { 0 } else { video.shown.len() };
                    here
                })
                .expect("the place is within the files' total");
            let wanted = (rng.random_range(3.0..10.0) * self.frame_rate_hz) as usize;
            let length = wanted.max(1).min(frames - start).min(video.shown.len());
            let first = rng.random_range(0..=video.shown.len() - length);
            let crop = Crop::draw(rng, [video.height, video.width], [self.height, self.width]);
            for offset in 0..length {
                crop.fill(video.frame(first + offset), movie.slice_mut(s![start + offset, .., ..]));
            }
            start += length;
        }
        movie
    }
}

impl Video {
    fn frame(&self, tick: usize) -> &[u8] {
        let size = self.height * self.width;
        &self.pixels[self.shown[tick] * size..][..size]
    }
}

/// Starts FFmpeg once a process.
fn start_ffmpeg() -> Result<()> {
    static STARTED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    STARTED
        .get_or_init(|| video_rs::init().map_err(|e| e.to_string()))
        .clone()
        .map_err(|e| Error::Failed(format!("FFmpeg could not be started: {e}")))
}

fn decode(path: &Path, [height, width]: [usize; 2], frame_rate_hz: f64) -> Result<Video> {
    // FFmpeg's own words for a missing file are about "input/output".
    std::fs::File::open(path).map_err(Error::io(path))?;
    let no_video =
        |e: video_rs::Error| Error::invalid(path, format!("not a video that FFmpeg can decode: {e}"));
    let (full_width, full_height) = Decoder::new(path).map_err(no_video)?.size();
    let needed =
        (width as f64 / f64::from(full_width)).max(height as f64 / f64::from(full_height)) * CROP_RESERVE;
    let reduced = |length: u32| ((f64::from(length) * needed.min(1.0)).ceil() as u32).max(1);
    let size = (reduced(full_width), reduced(full_height));
    let mut decoder =
        DecoderBuilder::new(path).with_resize(Resize::Exact(size.0, size.1)).build().map_err(no_video)?;
    let (unit, rate) = (decoder.time_base(), f64::from(decoder.frame_rate()));
    let seconds_per_unit = f64::from(unit.numerator()) / f64::from(unit.denominator().max(1));
    let mut pixels = Vec::new();
    let mut times = Vec::new();
    while times.len() < MAX_FRAMES {
        match decoder.decode_raw() {
            Ok(frame) => {
                times.push(frame.timestamp().map(|stamp| stamp as f64 * seconds_per_unit));
                append_luma(&mut pixels, &frame);
            }
            Err(video_rs::Error::DecodeExhausted | video_rs::Error::ReadExhausted) => break,
            Err(error) => return Err(no_video(error)),
        }
    }
    let shown = resample(&times, rate, frame_rate_hz);
    if shown.is_empty() {
        return Err(Error::invalid(path, "a video without frames"));
    }
    Ok(Video { height: size.1 as usize, width: size.0 as usize, pixels, shown })
}

/// Appends the luma (ITU-R BT.601) of an RGB frame.
fn append_luma(pixels: &mut Vec<u8>, frame: &RawFrame) {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let stride = frame.stride(0);
    for row in frame.data(0).chunks(stride).take(height) {
        pixels.extend(row[..3 * width].chunks_exact(3).map(|rgb| {
            let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(u32::from);
            ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
        }));
    }
}

/// Lists the frame on screen at each tick. Without usable time stamps frames are evenly spaced.
fn resample(times: &[Option<f64>], rate_hz: f64, frame_rate_hz: f64) -> Vec<usize> {
    let Some(last) = times.len().checked_sub(1) else { return Vec::new() };
    let stamped: Option<Vec<f64>> = times.iter().copied().collect();
    let rate_hz = if rate_hz > 0.0 { rate_hz } else { frame_rate_hz };
    let times = stamped
        .filter(|times| times.windows(2).all(|pair| pair[0] < pair[1]))
        .unwrap_or_else(|| (0..=last).map(|index| index as f64 / rate_hz).collect());
    // The last frame stays as long as the frames before it did, on average.
    let period = if last == 0 { 1.0 / rate_hz } else { (times[last] - times[0]) / last as f64 };
    let ticks = (((times[last] - times[0] + period) * frame_rate_hz).round() as usize).max(1);
    let mut index = 0;
    (0..ticks)
        .map(|tick| {
            let now = times[0] + (tick as f64 + 0.5) / frame_rate_hz;
            while index < last && times[index + 1] <= now {
                index += 1;
            }
            index
        })
        .collect()
}

/// A part of a video's frame, scaled to the movie's.
struct Crop {
    /// Weights of the source rows and columns of each row and column of the movie.
    rows: Vec<Vec<(usize, f32)>>,
    columns: Vec<Vec<(usize, f32)>>,
    source_width: usize,
}

impl Crop {
    /// Takes a random part, at least `1 / CROP_RESERVE` of it, of the centre of the movie's aspect.
    fn draw(rng: &mut ChaCha8Rng, source: [usize; 2], target: [usize; 2]) -> Self {
        let [source_height, source_width] = source.map(|n| n as f64);
        let [height, width] = target.map(|n| n as f64);
        let whole = (source_height / height).min(source_width / width);
        let zoom = whole * rng.random_range(1.0 / CROP_RESERVE..1.0);
        let offset = |rng: &mut ChaCha8Rng, source: f64, target: f64| {
            0.5 * (source - whole * target) + rng.random_range(0.0..=1.0) * (whole - zoom) * target
        };
        let top = offset(rng, source_height, height);
        let left = offset(rng, source_width, width);
        let mut columns = area_weights(target[1], left, zoom, source[1]);
        if rng.random_bool(0.5) {
            columns.reverse();
        }
        Self { rows: area_weights(target[0], top, zoom, source[0]), columns, source_width: source[1] }
    }

    fn fill(&self, source: &[u8], mut frame: ArrayViewMut2<f32>) {
        let mut line = vec![0.0; self.source_width];
        for (rows, mut out) in self.rows.iter().zip(frame.outer_iter_mut()) {
            line.fill(0.0);
            for &(row, weight) in rows {
                let pixels = &source[row * self.source_width..][..self.source_width];
                line.iter_mut().zip(pixels).for_each(|(sum, &grey)| *sum += weight * f32::from(grey));
            }
            for (columns, grey) in self.columns.iter().zip(&mut out) {
                *grey = columns
                    .iter()
                    .map(|&(column, weight)| weight * line[column])
                    .sum::<f32>()
                    .clamp(0.0, 255.0);
            }
        }
    }
}

/// Lists, for each target pixel, the source pixels under it and the part of it that each covers.
fn area_weights(target: usize, start: f64, zoom: f64, source: usize) -> Vec<Vec<(usize, f32)>> {
    (0..target)
        .map(|index| {
            let low = (start + index as f64 * zoom).clamp(0.0, source as f64);
            let high = (start + (index + 1) as f64 * zoom).clamp(0.0, source as f64);
            let first = (low as usize).min(source - 1);
            let last = (high.ceil() as usize).clamp(first + 1, source);
            let cover = |pixel: usize| (high.min(pixel as f64 + 1.0) - low.max(pixel as f64)).max(0.0);
            let total: f64 = (first..last).map(cover).sum();
            if total <= 0.0 {
                return vec![(first, 1.0)];
            }
            (first..last).map(|pixel| (pixel, (cover(pixel) / total) as f32)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    fn real_video(name: &str) -> Option<PathBuf> {
        let shared = std::env::var_os("V1REEL_SHARED")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
        let path = shared.join("data/natural-video").join(name);
        if !path.exists() {
            eprintln!("skipped: {} is not here", path.display());
            return None;
        }
        Some(path)
    }

    #[test]
    fn a_real_video_is_decoded_to_its_length_and_clips_differ() {
        let Some(path) = real_video("carphone_pristine.mp4") else { return };
        let library = VideoLibrary::open(&[path], [36, 64], 30.0).unwrap();
        // 120 frames at 29.97 frames a second last 120.12 ticks of 30 Hz.
        assert_eq!(library.videos[0].shown.len(), 120);
        let draw = |part: &str| library.draw(&mut seed::stream("test", "clip", &[part]), 150);
        let (a, b) = (draw("a"), draw("b"));
        assert_eq!(a.dim(), (150, 36, 64));
        assert_eq!(a, draw("a"));
        assert_ne!(a, b);
        let mean = a.mean().unwrap();
        let sd = a.mapv(|v| (v - mean).powi(2)).mean().unwrap().sqrt();
        assert!((30.0..220.0).contains(&mean) && sd > 20.0, "{mean} {sd}");
    }

    #[test]
    fn twenty_five_frames_a_second_become_thirty() {
        let times: Vec<_> = (0..250).map(|frame| Some(f64::from(frame) / 25.0)).collect();
        let shown = resample(&times, 25.0, 30.0);
        assert_eq!(shown.len(), 300);
        assert_eq!((shown[0], shown[299]), (0, 249));
        assert!(shown.windows(2).all(|pair| pair[1] - pair[0] <= 1));
        // Without stamps the stated rate tells the same.
        assert_eq!(shown, resample(&vec![None; 250], 25.0, 30.0));
    }

    #[test]
    fn area_scaling_keeps_the_mean() {
        let weights = area_weights(4, 0.0, 2.5, 10);
        let source: Vec<f32> = (0..10).map(|v| v as f32).collect();
        let scaled: Vec<f32> =
            weights.iter().map(|pixel| pixel.iter().map(|&(at, weight)| weight * source[at]).sum()).collect();
        // f32 rounding.
        assert!((scaled.iter().sum::<f32>() / 4.0 - 4.5).abs() < 1e-5, "{scaled:?}");
        assert!((scaled[0] - (0.0 + 1.0 + 0.5 * 2.0) / 2.5).abs() < 1e-5);
    }

    #[test]
    fn what_is_no_video_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.mp4");
        std::fs::write(&path, "not a video").unwrap();
        for path in [path, folder.path().join("missing.mp4")] {
            let error = VideoLibrary::open(std::slice::from_ref(&path), [36, 64], 30.0).unwrap_err();
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            assert_eq!(error.exit_code(), 1);
        }
    }
}
