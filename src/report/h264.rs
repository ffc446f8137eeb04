//! Encodes grey pictures as H.264 in an MP4 file, through the FFmpeg that video-rs is linked with; where that has no
//! encoder for it, as MPEG-4 Part 2, which every FFmpeg has.
//!
//! video-rs' own encoder gives packets no duration, and by the edit list that results players and
//! decoders drop the last frame; this one gives every frame its time.

use std::path::Path;
use std::sync::OnceLock;

use image::GrayImage;
use video_rs::ffmpeg::{self, Dictionary, Packet, Rational, codec, encoder, format};
use video_rs::frame::{PixelFormat, RawFrame};

/// What a film is encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilmCodec {
    /// What browsers and slides play.
    H264,
    /// MPEG-4 Part 2, where there is nothing better.
    Mpeg4,
}

impl FilmCodec {
    /// Ticks in a second, whole for every usual frame rate: the custom of MPEG, and the like below 65,536, more than
    /// which MPEG-4 Part 2 can't have.
    const fn ticks(self) -> i32 {
        match self {
            Self::H264 => 90_000,
            Self::Mpeg4 => 60_000,
        }
    }

    /// Finds the encoders that this FFmpeg has for it, the best first.
    fn encoders(self) -> impl Iterator<Item = ffmpeg::Codec> {
        let (names, id): (&[&str], _) = match self {
            Self::H264 => (&["libx264", "libopenh264"], codec::Id::H264),
            Self::Mpeg4 => (&[], codec::Id::MPEG4),
        };
        names.iter().filter_map(|name| encoder::find_by_name(name)).chain(encoder::find(id))
    }
}

/// Size in pixels and frame rate of a film.
#[derive(Debug, Clone, Copy)]
pub(super) struct Film {
    /// Even: chroma is stored at half the size.
    pub width: u32,
    /// Even, too.
    pub height: u32,
    pub frame_rate_hz: f64,
}

/// Writes `pictures`, all of the film's size, to `file`, whatever its extension.
///
/// # Errors
/// What FFmpeg says, in words that stand for themselves; and a hint when it knows no encoder.
pub(super) fn encode(
    file: &Path,
    film: Film,
    pictures: impl Iterator<Item = GrayImage>,
) -> Result<FilmCodec, String> {
    let (kind, codec) = find_encoder(film)?;
    let name = file.to_str().ok_or("FFmpeg takes only paths in UTF-8")?;
    encode_with((kind, codec), name, film, pictures).map_err(|e| format!("{kind:?} encoding: {e}"))?;
    Ok(kind)
}

/// Says what films will be encoded as.
///
/// # Errors
/// As [`encode`].
pub(super) fn film_codec() -> Result<FilmCodec, String> {
    // Of a usual size; some encoders are there and find no hardware.
    find_encoder(Film { width: 256, height: 144, frame_rate_hz: 30.0 }).map(|(kind, _)| kind)
}

fn find_encoder(film: Film) -> Result<(FilmCodec, ffmpeg::Codec), String> {
    init()?;
    for kind in [FilmCodec::H264, FilmCodec::Mpeg4] {
        if let Some(codec) = kind.encoders().find(|&codec| open_encoder((kind, codec), film).is_ok()) {
            return Ok((kind, codec));
        }
    }
    Err("this FFmpeg has no encoder for H.264 or MPEG-4; install one built with libx264, or write a GIF"
        .into())
}

fn encode_with(
    (kind, codec): (FilmCodec, ffmpeg::Codec),
    file: &str,
    film: Film,
    pictures: impl Iterator<Item = GrayImage>,
) -> Result<(), ffmpeg::Error> {
    // Named as a file, lest FFmpeg read a colon in the path as the end of a protocol.
    let mut output = format::output_as(&format!("file:{file}"), "mp4")?;
    let mut encoder = open_encoder((kind, codec), film)?;
    let mut stream = output.add_stream(codec)?;
    stream.set_parameters(&encoder);
    stream.set_time_base(Rational(1, kind.ticks()));
    stream.set_avg_frame_rate(Rational::from(film.frame_rate_hz));
    output.write_header()?;
    let tick = |frame: usize| (frame as f64 / film.frame_rate_hz * f64::from(kind.ticks())).round() as i64;
    for (index, picture) in pictures.enumerate() {
        encoder.send_frame(&yuv_frame(&picture, tick(index)))?;
        write_packets(&mut encoder, &mut output, kind, tick(1))?;
    }
    encoder.send_eof()?;
    write_packets(&mut encoder, &mut output, kind, tick(1))?;
    output.write_trailer()
}

fn open_encoder(
    (kind, codec): (FilmCodec, ffmpeg::Codec),
    film: Film,
) -> Result<encoder::Video, ffmpeg::Error> {
    let mut context = codec::Context::new_with_codec(codec);
    // MP4 keeps the stream's header with the file's.
    context.set_flags(codec::Flags::GLOBAL_HEADER);
    let mut video = context.encoder().video()?;
    video.set_width(film.width);
    video.set_height(film.height);
    video.set_format(PixelFormat::YUV420P);
    video.set_time_base(Rational(1, kind.ticks()));
    video.set_frame_rate(Some(Rational::from(film.frame_rate_hz)));
    if kind == FilmCodec::Mpeg4 {
        // Its best constant quality: a quantiser of 2, in FFmpeg's unit of 118.
        return video.open_with(Dictionary::from_iter([("flags", "+qscale"), ("global_quality", "236")]));
    }
    if codec.name() != "libx264" {
        // Others know no constant quality by that name: bits enough for near lossless.
        video.set_bit_rate((f64::from(film.width * film.height) * film.frame_rate_hz) as usize);
    }
    // Near lossless; slower presets take twice as long for a twelfth fewer bytes. No frames out of order: programs that count frames then find them where they are.
    // One thread: how many there are would change the bytes.
    let options = [("preset", "veryfast"), ("crf", "16"), ("bf", "0"), ("threads", "1")];
    video.open_with(Dictionary::from_iter(options))
}

/// Hands on what the encoder has ready.
fn write_packets(
    encoder: &mut encoder::Video,
    output: &mut format::context::Output,
    kind: FilmCodec,
    duration: i64,
) -> Result<(), ffmpeg::Error> {
    let mut packet = Packet::empty();
    loop {
        match encoder.receive_packet(&mut packet) {
            Ok(()) => {
                packet.set_stream(0);
                packet.set_duration(duration);
                let target = output.stream(0).ok_or(ffmpeg::Error::StreamNotFound)?.time_base();
                packet.rescale_ts(Rational(1, kind.ticks()), target);
                packet.write_interleaved(output)?;
            }
            Err(ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN } | ffmpeg::Error::Eof) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Turns a grey picture into a frame without colour, in the range 16..235 that players expect.
fn yuv_frame(picture: &GrayImage, tick: i64) -> RawFrame {
    let (width, height) = picture.dimensions();
    let mut frame = RawFrame::new(PixelFormat::YUV420P, width, height);
    let stride = frame.stride(0);
    for (to, from) in frame.data_mut(0).chunks_mut(stride).zip(picture.chunks(width as usize)) {
        for (luma, &level) in to.iter_mut().zip(from) {
            *luma = (16.0 + f32::from(level) * (219.0 / 255.0)).round() as u8;
        }
        // Nothing of it is shown, but encoders look at what lies beside a picture of no whole blocks.
        if let Some(last) = to.get(from.len() - 1).copied() {
            to.iter_mut().skip(from.len()).for_each(|luma| *luma = last);
        }
    }
    for plane in [1, 2] {
        frame.data_mut(plane).fill(128);
    }
    frame.set_pts(Some(tick));
    frame
}

/// Readies FFmpeg once; its messages go to `tracing`, not to the screen.
fn init() -> Result<(), String> {
    static PROBLEM: OnceLock<Option<String>> = OnceLock::new();
    match PROBLEM.get_or_init(|| video_rs::init().err().map(|e| e.to_string())) {
        None => Ok(()),
        Some(problem) => Err(format!("FFmpeg can't be started: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_h264_the_film_is_mpeg4_with_every_frame_at_its_time() {
        init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let codec = FilmCodec::Mpeg4.encoders().next().expect("FFmpeg's own encoder");
        let film = Film { width: 42, height: 26, frame_rate_hz: 30.0 };
        let pictures = (0..50u8).map(|frame| GrayImage::from_pixel(42, 26, image::Luma([4 * frame + 20])));
        encode_with((FilmCodec::Mpeg4, codec), path.to_str().unwrap(), film, pictures).unwrap();
        let mut decoder = video_rs::Decoder::new(path.as_path()).unwrap();
        let time_base = f64::from(decoder.time_base());
        let mut frames = 0u8;
        while let Ok(frame) = decoder.decode_raw() {
            let seconds = frame.pts().unwrap() as f64 * time_base;
            assert!((seconds - f64::from(frames) / 30.0).abs() < 1e-3, "frame {frames} at {seconds} s");
            // A plain picture loses a grey level or two to the narrower range and the encoder.
            assert!(frame.data(0)[0].abs_diff(4 * frames + 20) <= 3, "frame {frames}: {}", frame.data(0)[0]);
            frames += 1;
        }
        assert_eq!(frames, 50);
    }
}
