//! Encodes grey pictures as H.264 in an MP4 file, through the FFmpeg that video-rs is linked with.
//!
//! video-rs' own encoder gives packets no duration, and by the edit list that results players and
//! decoders drop the last frame; this one gives every frame its time.

use std::path::Path;
use std::sync::OnceLock;

use image::GrayImage;
use video_rs::ffmpeg::{self, Dictionary, Packet, Rational, codec, encoder, format};
use video_rs::frame::{PixelFormat, RawFrame};

/// Ticks in a second, the custom of MPEG: whole for every usual frame rate.
const TICKS: i32 = 90_000;

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
/// What FFmpeg says, in words that stand for themselves; and a hint when it knows no H.264.
pub(super) fn encode(
    file: &Path,
    film: Film,
    pictures: impl Iterator<Item = GrayImage>,
) -> Result<(), String> {
    init()?;
    let codec = encoder::find_by_name("libx264")
        .or_else(|| encoder::find(codec::Id::H264))
        .ok_or("this FFmpeg has no H.264 encoder; install one built with libx264, or write a GIF")?;
    let name = file.to_str().ok_or("FFmpeg takes only paths in UTF-8")?;
    encode_with(codec, name, film, pictures).map_err(|e| format!("H.264 encoding: {e}"))
}

fn encode_with(
    codec: ffmpeg::Codec,
    file: &str,
    film: Film,
    pictures: impl Iterator<Item = GrayImage>,
) -> Result<(), ffmpeg::Error> {
    // Named as a file, lest FFmpeg read a colon in the path as the end of a protocol.
    let mut output = format::output_as(&format!("file:{file}"), "mp4")?;
    let mut encoder = open_encoder(codec, film)?;
    let mut stream = output.add_stream(codec)?;
    stream.set_parameters(&encoder);
    stream.set_time_base(Rational(1, TICKS));
    stream.set_avg_frame_rate(Rational::from(film.frame_rate_hz));
    output.write_header()?;
    let tick = |frame: usize| (frame as f64 / film.frame_rate_hz * f64::from(TICKS)).round() as i64;
    for (index, picture) in pictures.enumerate() {
        encoder.send_frame(&yuv_frame(&picture, tick(index)))?;
        write_packets(&mut encoder, &mut output, tick(1))?;
    }
    encoder.send_eof()?;
    write_packets(&mut encoder, &mut output, tick(1))?;
    output.write_trailer()
}

fn open_encoder(codec: ffmpeg::Codec, film: Film) -> Result<encoder::Video, ffmpeg::Error> {
    let mut context = codec::Context::new_with_codec(codec);
    // MP4 keeps the stream's header with the file's.
    context.set_flags(codec::Flags::GLOBAL_HEADER);
    let mut video = context.encoder().video()?;
    video.set_width(film.width);
    video.set_height(film.height);
    video.set_format(PixelFormat::YUV420P);
    video.set_time_base(Rational(1, TICKS));
    video.set_frame_rate(Some(Rational::from(film.frame_rate_hz)));
    // Near lossless. No frames out of order: programs that count frames then find them where they are.
    let options = [("preset", "medium"), ("crf", "16"), ("bf", "0")];
    video.open_with(Dictionary::from_iter(options))
}

/// Hands on what the encoder has ready.
fn write_packets(
    encoder: &mut encoder::Video,
    output: &mut format::context::Output,
    duration: i64,
) -> Result<(), ffmpeg::Error> {
    let mut packet = Packet::empty();
    loop {
        match encoder.receive_packet(&mut packet) {
            Ok(()) => {
                packet.set_stream(0);
                packet.set_duration(duration);
                let target = output.stream(0).ok_or(ffmpeg::Error::StreamNotFound)?.time_base();
                packet.rescale_ts(Rational(1, TICKS), target);
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
