//! TIFF stacks as ImageJ writes them: time is time, and the frame rate is known.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use ndarray::{Array3, ArrayView3, Axis};
use tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKindStandard};
use tiff::tags::{PhotometricInterpretation, SampleFormat, Tag};
use tiff::{TiffError, TiffResult};

use super::shown::Shown;
use super::write::{Out, Written};
use crate::atomic;
use crate::error::{Error, Result};

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Whole grey levels, rounded and clipped to 0..255.
    Eight,
    /// Grey levels as they are, 32-bit floats.
    #[default]
    ThirtyTwo,
}

/// Writes the movies of one condition; ground truth and mask only with the first one that has them so.
pub(super) fn write(out: &Out, shown: &Shown, first: Option<&Shown>) -> Result<Vec<Written>> {
    let (result, rate_hz) = (&shown.result, shown.result.frame_rate_hz);
    let mut written = Vec::new();
    let mut stack = |what: String, movie: ArrayView3<f32>, depth: Depth| -> Result<()> {
        let path = out.path(shown, &what, "tif");
        write_stack(&path, movie, rate_hz, depth)?;
        written.push(Written { path, what });
        Ok(())
    };
    if let Some(name) = shown.new_truth(first) {
        stack(name, result.ground_truth.view(), out.options.depth)?;
    }
    stack(shown.what(), result.movie.view(), out.options.depth)?;
    for raw in &shown.raw {
        stack(shown.raw_name(raw), raw.movie.view(), out.options.depth)?;
    }
    if let Some(name) = shown.new_mask(first) {
        // 255 where pixels are scored: what ImageJ calls a mask.
        let mask: Array3<f32> = result.mask.mapv(|m| if m != 0 { 255.0 } else { 0.0 }).insert_axis(Axis(0));
        stack(name, mask.view(), Depth::Eight)?;
    }
    Ok(written)
}

/// Writes a movie, `[frame, height, width]`, whole or not at all.
///
/// # Errors
/// When it can't be written, or has no pixels.
pub(super) fn write_stack(
    path: &Path,
    movie: ArrayView3<f32>,
    frame_rate_hz: f64,
    depth: Depth,
) -> Result<()> {
    if movie.is_empty() {
        return Err(Error::Failed(format!("{}: a movie without pixels: {:?}", path.display(), movie.dim())));
    }
    let description = description(movie.dim().0, frame_rate_hz);
    atomic::write_file(path, |temporary| {
        let file = File::create(temporary).map_err(Error::io(path))?;
        encode(BufWriter::new(file), movie, depth, &description).map_err(|error| match error {
            TiffError::IoError(source) => Error::io(path)(source),
            other => Error::Failed(format!("{}: TIFF encoding: {other}", path.display())),
        })
    })
}

/// Says in ImageJ's words what the frames are.
fn description(frames: usize, frame_rate_hz: f64) -> String {
    // Any version since 2009 writes these keys.
    let stack = if frames > 1 {
        format!("images={frames}\nframes={frames}\nslices=1\nchannels=1\nhyperstack=true\nmode=grayscale\n")
    } else {
        "images=1\n".into()
    };
    let mut text = format!(
        "ImageJ=1.53t\n{stack}unit=pixel\nfinterval={}\nfps={frame_rate_hz}\nloop=true\nmin=0.0\nmax=255.0\n",
        1.0 / frame_rate_hz
    );
    // With the zero at its end of even length, so that what follows lies as TIFF wants it.
    if text.len().is_multiple_of(2) {
        text.push('\n');
    }
    text
}

/// ImageJ takes the frames of a stack to lie end to end behind the first one's start, so all are written before the
/// first directory; the other directories are for everybody else.
fn encode(file: BufWriter<File>, movie: ArrayView3<f32>, depth: Depth, description: &str) -> TiffResult<()> {
    let (frames, height, width) = movie.dim();
    let mut encoder = TiffEncoder::new(file)?;
    let bytes = pixels(movie, depth);
    let (bytes_per_pixel, format) = match depth {
        Depth::Eight => (1, SampleFormat::Uint),
        Depth::ThirtyTwo => (4, SampleFormat::IEEEFP),
    };
    let frame_bytes = height * width * bytes_per_pixel;
    let mut start = 0;
    for frame in 0..frames {
        let mut directory = encoder.image_directory()?;
        if frame == 0 {
            start = directory.write_data(&bytes[..])?;
            directory.write_tag(Tag::ImageDescription, description)?;
        }
        let at = u32::try_from(start as usize + frame * frame_bytes)?;
        write_tags(
            &mut directory,
            [width, height],
            bytes_per_pixel,
            format,
            [at, u32::try_from(frame_bytes)?],
        )?;
        directory.finish()?;
    }
    Ok(())
}

type Directory<'a> = DirectoryEncoder<'a, BufWriter<File>, TiffKindStandard>;

fn write_tags(
    directory: &mut Directory<'_>,
    [width, height]: [usize; 2],
    bytes_per_pixel: usize,
    format: SampleFormat,
    [start, length]: [u32; 2],
) -> TiffResult<()> {
    const UNCOMPRESSED: u16 = 1;
    directory.write_tag(Tag::ImageWidth, u32::try_from(width)?)?;
    directory.write_tag(Tag::ImageLength, u32::try_from(height)?)?;
    directory.write_tag(Tag::BitsPerSample, 8 * bytes_per_pixel as u16)?;
    directory.write_tag(Tag::Compression, UNCOMPRESSED)?;
    directory.write_tag(Tag::PhotometricInterpretation, PhotometricInterpretation::BlackIsZero)?;
    directory.write_tag(Tag::StripOffsets, start)?;
    directory.write_tag(Tag::SamplesPerPixel, 1u16)?;
    directory.write_tag(Tag::RowsPerStrip, u32::try_from(height)?)?;
    directory.write_tag(Tag::StripByteCounts, length)?;
    directory.write_tag(Tag::SampleFormat, format.to_u16())
}

/// All frames' pixels, in the machine's byte order as the encoder writes the rest; of even length.
fn pixels(movie: ArrayView3<f32>, depth: Depth) -> Vec<u8> {
    let mut bytes: Vec<u8> = match depth {
        Depth::Eight => movie.iter().map(|&pixel| level(pixel)).collect(),
        Depth::ThirtyTwo => movie.iter().flat_map(|pixel| pixel.to_ne_bytes()).collect(),
    };
    if !bytes.len().is_multiple_of(2) {
        bytes.push(0);
    }
    bytes
}

/// Rounds to a whole grey level; NaN is black.
fn level(pixel: f32) -> u8 {
    pixel.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_stack(path: &Path) -> Array3<f32> {
        use tiff::decoder::{Decoder, DecodingResult};
        let mut decoder = Decoder::new(File::open(path).unwrap()).unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        let mut values = Vec::new();
        loop {
            match decoder.read_image().unwrap() {
                DecodingResult::F32(frame) => values.extend(frame),
                DecodingResult::U8(frame) => values.extend(frame.into_iter().map(f32::from)),
                _ => panic!("another type"),
            }
            if !decoder.more_images() {
                break;
            }
            decoder.next_image().unwrap();
        }
        let frames = values.len() / (width * height) as usize;
        Array3::from_shape_vec((frames, height as usize, width as usize), values).unwrap()
    }

    fn movie() -> Array3<f32> {
        // Of an odd number of pixels, some beyond what a byte holds.
        Array3::from_shape_fn((7, 5, 9), |(t, y, x)| t as f32 * 40.3 + y as f32 - x as f32)
    }

    #[test]
    fn frames_come_back_and_lie_end_to_end_as_imagej_expects() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        for depth in [Depth::Eight, Depth::ThirtyTwo] {
            write_stack(&path, movie().view(), 30.0, depth).unwrap();
            let whole = |pixel: f32| f32::from(level(pixel));
            let expected = if depth == Depth::Eight { movie().mapv(whole) } else { movie() };
            assert_eq!(read_stack(&path), expected);
            let mut decoder = tiff::decoder::Decoder::new(File::open(&path).unwrap()).unwrap();
            let mut starts = Vec::new();
            for frame in 0..7 {
                starts.push(decoder.get_tag_u32(Tag::StripOffsets).unwrap());
                assert_eq!(decoder.find_tag(Tag::ImageDescription).unwrap().is_some(), frame == 0);
                if decoder.more_images() {
                    decoder.next_image().unwrap();
                }
            }
            let bytes = if depth == Depth::Eight { 45 } else { 180 };
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == bytes), "{starts:?}");
        }
    }

    #[test]
    fn imagej_is_told_of_frames_and_their_rate() {
        let said = description(300, 30.0);
        for line in ["images=300", "frames=300", "slices=1", "fps=30", "loop=true", "max=255.0"] {
            assert!(said.lines().any(|found| found == line), "{line}: {said}");
        }
        assert!(said.starts_with("ImageJ=1.") && said.contains("\nfinterval=0.0333"));
        assert!(!said.len().is_multiple_of(2));
    }

    #[test]
    fn a_movie_without_pixels_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let none = Array3::<f32>::zeros((0, 5, 9));
        let said = write_stack(&path, none.view(), 30.0, Depth::Eight).unwrap_err().to_string();
        assert!(said.contains("a.tif"), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
