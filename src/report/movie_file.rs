//! Writes movies side by side as GIF, which every browser and slide shows, and as MP4 (H.264 where FFmpeg has an
//! encoder for it), which plays at the right speed.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

pub use super::h264::FilmCodec;
use super::h264::{self, Film};
use super::panel::{LabelledMovie, SideBySide};
use crate::atomic;
use crate::error::{Error, Result};

/// How movies are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MovieStyle {
    /// Each pixel becomes a square of this many pixels.
    pub scale: u32,
    /// Frame rate of the movies.
    pub frame_rate_hz: f64,
    /// Shows every n-th frame, each n times as long: smaller files, same duration.
    pub frame_step: usize,
}

impl Default for MovieStyle {
    /// Every frame at 30 Hz, four times enlarged.
    fn default() -> Self {
        Self { scale: 4, frame_rate_hz: 30.0, frame_step: 1 }
    }
}

/// Writes the movies side by side as an endless GIF.
///
/// GIF counts time in hundredths of a second, so that 30 Hz becomes 33 Hz (3 hundredths a frame) and
/// nothing runs faster than 50 Hz; grey levels are exact.
///
/// # Errors
/// [`Error::Usage`] when the movies can't be shown together or the style makes no sense,
/// [`Error::Io`] when the file can't be written. Nothing is left behind.
pub fn write_gif(path: &Path, movies: &[LabelledMovie], style: MovieStyle) -> Result<()> {
    let pictures = plan(movies, style)?;
    let (width, height) = pictures.size();
    // Browsers slow frames of less than 2 hundredths down to 10.
    let delay = (100.0 * style.frame_step as f64 / style.frame_rate_hz).round().clamp(2.0, 65535.0) as u16;
    let grays: Vec<u8> = (0..=255).flat_map(|level| [level; 3]).collect();
    atomic::write_file(path, |temporary| {
        let file = BufWriter::new(File::create(temporary).map_err(Error::io(path))?);
        let failed = gif_error(path);
        let mut encoder = gif::Encoder::new(file, width as u16, height as u16, &grays).map_err(&failed)?;
        encoder.set_repeat(gif::Repeat::Infinite).map_err(&failed)?;
        for frame in (0..pictures.frames()).step_by(style.frame_step) {
            let picture = pictures.draw(frame, (width, height));
            let frame = gif::Frame {
                width: width as u16,
                height: height as u16,
                delay,
                buffer: Cow::Owned(picture.into_raw()),
                ..gif::Frame::default()
            };
            encoder.write_frame(&frame).map_err(&failed)?;
        }
        encoder.into_inner().map_err(&failed)?.flush().map_err(Error::io(path))
    })
}

/// Says what [`write_mp4`] encodes: H.264 where the FFmpeg that v1reel was linked with has an encoder for it.
///
/// # Errors
/// [`Error::Failed`] when it has no encoder.
pub fn mp4_codec() -> Result<FilmCodec> {
    h264::film_codec().map_err(Error::Failed)
}

/// Writes the movies side by side as MP4 (see [`mp4_codec`]; near lossless), at the movies' own frame rate.
///
/// # Errors
/// As [`write_gif`]; and [`Error::Failed`] when the FFmpeg that v1reel was linked with has no encoder or refuses.
/// Nothing is left behind.
pub fn write_mp4(path: &Path, movies: &[LabelledMovie], style: MovieStyle) -> Result<()> {
    let pictures = plan(movies, style)?;
    // Chroma is stored at half the size, so H.264 takes even sides only.
    let (width, height) = pictures.size();
    let size = (width.next_multiple_of(2), height.next_multiple_of(2));
    let film =
        Film { width: size.0, height: size.1, frame_rate_hz: style.frame_rate_hz / style.frame_step as f64 };
    atomic::write_file(path, |temporary| {
        // Made here first, for a clear message when the folder can't be written.
        File::create(temporary).map_err(Error::io(path))?;
        let frames = (0..pictures.frames()).step_by(style.frame_step);
        h264::encode(temporary, film, frames.map(|frame| pictures.draw(frame, size)))
            .map(drop)
            .map_err(|problem| Error::Failed(format!("{}: {problem}", path.display())))
    })
}

/// Checks the style and plans the pictures.
fn plan<'a, 'm>(movies: &'a [LabelledMovie<'m>], style: MovieStyle) -> Result<SideBySide<'a, 'm>> {
    if !(style.frame_rate_hz.is_finite() && style.frame_rate_hz > 0.0) {
        return Err(Error::usage(format!("a frame rate of {} Hz can't be shown", style.frame_rate_hz)));
    }
    if style.frame_step == 0 {
        return Err(Error::usage("every 0th frame can't be shown; the least frame step is 1"));
    }
    SideBySide::new(movies, style.scale)
}

/// Tells disk errors from encoder errors.
fn gif_error(path: &Path) -> impl Fn(gif::EncodingError) -> Error + '_ {
    move |error| match error {
        gif::EncodingError::Io(source) => Error::io(path)(source),
        other => Error::Failed(format!("{}: GIF encoding: {other}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    use super::super::panel::{LABEL_GAP, MARGIN};
    use super::super::text;

    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;
    use ndarray::Array3;

    const STYLE: MovieStyle = MovieStyle { scale: 2, frame_rate_hz: 30.0, frame_step: 1 };

    /// A drifting grating of odd size, and its negative.
    fn movies(frames: usize) -> (Array3<f32>, Array3<f32>) {
        let drift = Array3::from_shape_fn((frames, 13, 21), |(t, y, x)| {
            127.5 + 120.0 * ((x as f32 * 0.5 + y as f32 * 0.3) - t as f32 * 0.4).sin()
        });
        let negative = drift.mapv(|v| 255.0 - v);
        (drift, negative)
    }

    fn labelled<'a>(drift: &'a Array3<f32>, negative: &'a Array3<f32>) -> [LabelledMovie<'a>; 2] {
        [
            LabelledMovie { label: "ground truth", movie: drift.view() },
            LabelledMovie { label: "reconstruction", movie: negative.view() },
        ]
    }

    fn correlation(a: &[u8], b: &[u8]) -> f64 {
        assert_eq!(a.len(), b.len());
        let mean = |v: &[u8]| v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
        let (ma, mb) = (mean(a), mean(b));
        let sum = |f: &dyn Fn(f64, f64) -> f64| {
            a.iter().zip(b).map(|(&x, &y)| f(f64::from(x) - ma, f64::from(y) - mb)).sum::<f64>()
        };
        sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
    }

    #[test]
    fn a_gif_holds_every_frame_exactly_at_3_hundredths_of_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movie.gif");
        let (drift, negative) = movies(7);
        let movies = labelled(&drift, &negative);
        write_gif(&path, &movies, STYLE).unwrap();
        let decoder = GifDecoder::new(BufReader::new(File::open(&path).unwrap())).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 7);
        let planned = SideBySide::new(&movies, STYLE.scale).unwrap();
        for (index, frame) in frames.iter().enumerate() {
            assert_eq!(frame.delay().numer_denom_ms(), (30, 1));
            let expected = planned.draw(index, planned.size());
            assert_eq!(frame.buffer().dimensions(), expected.dimensions());
            let found: Vec<u8> = frame.buffer().pixels().map(|p| p.0[0]).collect();
            assert!(found == expected.into_raw(), "frame {index} changed");
        }
    }

    #[test]
    fn an_mp4_holds_every_frame_at_its_time_and_looks_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a:b.mp4");
        let (drift, negative) = movies(70); // more than the encoder looks ahead
        let movies = labelled(&drift, &negative);
        write_mp4(&path, &movies, STYLE).unwrap();
        let planned = SideBySide::new(&movies, STYLE.scale).unwrap();
        let (width, height) = planned.size();
        let size = (width.next_multiple_of(2), height.next_multiple_of(2));
        assert_ne!((width, height), size, "an odd size is part of the claim");
        let source = format!("file:{}", path.display());
        let mut decoder = video_rs::Decoder::new(Path::new(&source)).unwrap();
        assert_eq!(decoder.size(), size);
        let time_base = f64::from(decoder.time_base());
        let mut count = 0;
        while let Ok(frame) = decoder.decode_raw() {
            // The first movie's pixels: the white page around it would raise any correlation.
            let (left, top) = (MARGIN, MARGIN + text::LINE_HEIGHT + LABEL_GAP);
            let expected = planned.draw(count, size);
            let (mut found, mut sent) = (Vec::new(), Vec::new());
            for (x, y) in (top..top + 26).flat_map(|y| (left..left + 42).map(move |x| (x, y))) {
                found.push(frame.data(0)[y as usize * frame.stride(0) + 3 * x as usize]);
                sent.push(expected.get_pixel(x, y).0[0]);
            }
            assert!(correlation(&found, &sent) > 0.95, "frame {count}"); // H.264 is lossy
            let seconds = frame.pts().unwrap() as f64 * time_base;
            assert!((seconds - count as f64 / 30.0).abs() < 1e-3, "frame {count} at {seconds} s");
            count += 1;
        }
        assert_eq!(count, 70);
    }

    #[test]
    fn a_frame_step_thins_the_movie_and_keeps_its_pace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movie.gif");
        let (drift, negative) = movies(10);
        write_gif(&path, &labelled(&drift, &negative), MovieStyle { frame_step: 3, ..STYLE }).unwrap();
        let decoder = GifDecoder::new(BufReader::new(File::open(&path).unwrap())).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 4);
        assert_eq!(frames[0].delay().numer_denom_ms(), (100, 1));
    }

    #[test]
    fn what_cannot_be_shown_is_refused_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (drift, negative) = movies(4);
        let (short, _) = movies(3);
        let good = labelled(&drift, &negative);
        let out = folder.path().join("new/movie");
        for write in [write_gif, write_mp4] {
            for (movies, style) in [
                (&good[..0], STYLE),
                (&labelled(&drift, &short)[..], STYLE),
                (&good[..], MovieStyle { scale: 0, ..STYLE }),
                (&good[..], MovieStyle { scale: u32::MAX, ..STYLE }),
                (&good[..], MovieStyle { frame_step: 0, ..STYLE }),
                (&good[..], MovieStyle { frame_rate_hz: f64::NAN, ..STYLE }),
            ] {
                assert_eq!(write(&out, movies, style).unwrap_err().exit_code(), 2);
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("not_a_folder");
        std::fs::write(&file, "x").unwrap();
        let (drift, negative) = movies(4);
        let movies = labelled(&drift, &negative);
        for write in [write_gif, write_mp4] {
            let error = write(&file.join("movie"), &movies, STYLE).unwrap_err();
            assert!(error.to_string().contains("not_a_folder"), "{error}");
            // A folder in the way of the file itself: written in full, then can't be renamed.
            std::fs::create_dir_all(folder.path().join("taken/inside")).unwrap();
            write(&folder.path().join("taken"), &movies, STYLE).unwrap_err();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
