//! Films: MP4 and GIF.

use std::process::Command;

use image::AnimationDecoder;
use image::codecs::gif::GifDecoder;

use super::made::{FIRST, FRAMES, RATE_HZ, SIZE, result};
use super::*;

/// Smallest whole number that makes 9 pixels 256 wide, and an odd number of them even.
const SCALE: usize = 30;

#[test]
fn films_show_each_movie_by_itself_and_truth_beside_reconstruction() {
    let run = MadeRun::new();
    for (format, ending) in [(Format::Mp4, "mp4"), (Format::Gif, "gif")] {
        let files = exported(&run, &[format], &["recorded", "shuffled_neurons"], false);
        let names: Vec<String> = files.iter().map(|file| file.what.clone()).collect();
        let expected = ["reconstruction_side_by_side", "ground_truth", "reconstruction"];
        let control = ["shuffled_neurons_side_by_side", "shuffled_neurons"];
        assert_eq!(names, [&expected[..], &expected[..], &control[..]].concat());
        for file in files {
            assert!(file.path.to_string_lossy().ends_with(&format!("{}.{ending}", file.what)));
        }
    }
}

#[test]
fn a_film_has_the_frames_of_its_movie_at_its_rate_and_size() {
    let run = MadeRun::new();
    exported(&run, &[Format::Mp4], &[], false);
    let path = run.file("mp4/anna_trial_0_reconstruction.mp4");
    let mut decoder = video_rs::Decoder::new(path.as_path()).unwrap();
    assert_eq!(decoder.size(), ((SIZE[1] * SCALE) as u32, (SIZE[0] * SCALE) as u32));
    let time_base = f64::from(decoder.time_base());
    let movie = result(0, 1.0).movie;
    let mut frames = 0;
    while let Ok(frame) = decoder.decode_raw() {
        let seconds = frame.pts().unwrap() as f64 * time_base;
        assert!((seconds - frames as f64 / RATE_HZ).abs() < 1e-3, "frame {frames} at {seconds} s");
        for (at, &pixel) in movie.index_axis(ndarray::Axis(0), frames).indexed_iter() {
            // The middle of the square that a pixel became: near lossless, a few grey levels.
            let (y, x) = (at.0 * SCALE + SCALE / 2, at.1 * SCALE + SCALE / 2);
            let found = f32::from(frame.data(0)[y * frame.stride(0) + 3 * x]);
            assert!((found - pixel).abs() < 12.0, "frame {frames}, {at:?}: {found}, not {pixel}");
        }
        frames += 1;
    }
    assert_eq!(frames, FRAMES - FIRST);
}

#[test]
fn ffprobe_finds_what_players_want() {
    let run = MadeRun::new();
    exported(&run, &[Format::Mp4], &[], false);
    for name in ["reconstruction", "ground_truth", "reconstruction_side_by_side"] {
        let mut command = Command::new("ffprobe");
        command.args(["-v", "error", "-count_frames", "-of", "json", "-show_entries"]);
        command.arg("stream=codec_name,pix_fmt,nb_read_frames,r_frame_rate,width,height");
        let Ok(output) = command.arg(run.file(&format!("mp4/anna_trial_0_{name}.mp4"))).output() else {
            println!("skipped: no ffprobe");
            return;
        };
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let stream = &found["streams"][0];
        let codec = stream["codec_name"].as_str().unwrap();
        assert!(["h264", "mpeg4"].contains(&codec), "{codec}");
        assert_eq!(
            (stream["pix_fmt"].as_str(), stream["r_frame_rate"].as_str()),
            (Some("yuv420p"), Some("25/1"))
        );
        assert_eq!(stream["nb_read_frames"], (FRAMES - FIRST).to_string());
        assert!(["width", "height"].iter().all(|side| stream[side].as_u64().unwrap().is_multiple_of(2)));
    }
}

#[test]
fn a_gif_by_itself_has_no_page_around_it_and_loses_no_grey_level() {
    let run = MadeRun::new();
    exported(&run, &[Format::Gif], &[], false);
    let file = fs::File::open(run.file("gif/anna_trial_0_reconstruction.gif")).unwrap();
    let frames =
        GifDecoder::new(std::io::BufReader::new(file)).unwrap().into_frames().collect_frames().unwrap();
    let movie = result(0, 1.0).movie;
    assert_eq!(frames.len(), movie.dim().0 / 2, "every second frame");
    for (index, frame) in frames.iter().enumerate() {
        // Two frames of 25 a second.
        assert_eq!(frame.delay().numer_denom_ms(), (80, 1));
        for (x, y, pixel) in frame.buffer().enumerate_pixels() {
            let expected = movie[[2 * index, y as usize / SCALE, x as usize / SCALE]].round() as u8;
            assert_eq!(pixel.0[0], expected);
        }
    }
}
