//! Draws the movie as it forms in a terminal, beside what the mouse watched: two pixels in every character.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ndarray::{Array2, ArrayView2, Axis};

use crate::live::{Developed, Live};

/// Frames are drawn so far apart: fast enough to see motion, slow enough for a thin line.
const TICK: Duration = Duration::from_millis(200);
/// Small movies are enlarged up to this.
const MOST_ENLARGED: f64 = 4.0;
/// Lines that the preview leaves to others: its title, its caption, bars, a prompt.
const OTHER_LINES: usize = 6;
/// Columns between the movies.
const GAP: usize = 2;
/// From dark to bright, where there are no greys.
const RAMP: &[u8; 10] = b" .:-=+*#%@";

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Half blocks, in any grey.
    TrueColor,
    /// Half blocks, in the 24 greys of 256 colours.
    Greys,
    /// Letters of different weight.
    Letters,
}

impl Ink {
    /// Chooses by what the environment says of the terminal; who wants no colours (`NO_COLOR`) gets letters.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name)).unwrap_or_default();
        let utf8 = locale.to_lowercase().replace('-', "").contains("utf8");
        if !utf8 || set("NO_COLOR").is_some() {
            return Self::Letters;
        }
        if set("COLORTERM").is_some_and(|value| ["truecolor", "24bit"].contains(&value.as_str())) {
            return Self::TrueColor;
        }
        let many = set("TERM").is_some_and(|term| term.contains("256color") || term.contains("direct"));
        if many { Self::Greys } else { Self::Letters }
    }
}

/// A preview that is being drawn.
pub struct Preview {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Preview {
    /// Draws above the bars what `live` sees, until it is closed.
    pub fn start(live: Arc<Live>, bars: &MultiProgress) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        // Lines are overwritten in place: cleared first, they would flicker.
        bars.set_move_cursor(true);
        let bar = bars.insert(0, ProgressBar::new_spinner().with_style(style()));
        let (stopped, ink) = (Arc::clone(&stop), Ink::from_environment(|name| std::env::var(name).ok()));
        let draw = move || {
            let mut frame = 0;
            while !stopped.load(Ordering::Relaxed) {
                if let Some(shown) = live.developed() {
                    let (rows, columns) = Term::stderr().size();
                    bar.set_message(picture(&shown, frame, (rows.into(), columns.into()), ink));
                    let skipped = (shown.scene.frame_rate_hz * TICK.as_secs_f64()).round().max(1.0);
                    frame = frame.wrapping_add(skipped as usize);
                }
                std::thread::sleep(TICK);
            }
            bar.finish_and_clear();
        };
        // Where the system gives no thread there is no preview, and the work goes on.
        let thread = std::thread::Builder::new().name("preview".into()).spawn(draw).ok();
        Self { stop, thread }
    }

    /// Takes the picture away.
    pub fn close(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It holds nothing that a panic could have spoiled.
            let _ = thread.join();
        }
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        self.halt();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").expect("the template is a constant")
}

/// Draws one frame with its title and its caption.
fn picture(shown: &Developed, frame: usize, room: (usize, usize), ink: Ink) -> String {
    let scene = &shown.scene;
    let frame = frame % shown.movie.len_of(Axis(0)).max(1);
    let movies = [&scene.ground_truth, &shown.movie];
    // A trial that is shorter than what is skipped has no frames.
    let frames =
        movies.map(|movie| (frame < movie.len_of(Axis(0))).then(|| movie.index_axis(Axis(0), frame)));
    let [Some(truth), Some(movie)] = frames else { return String::new() };
    let r = shown.pixel_correlation.map_or("-".into(), |r| format!("{r:.3}"));
    let member = if scene.movies > 1 {
        format!(", member {} of {}", scene.movie + 1, scene.movies)
    } else {
        String::new()
    };
    let seconds = (scene.first_frame + frame) as f64 / scene.frame_rate_hz;
    let caption = format!(
        "mouse {}, trial {}{member}: iteration {} of {}, r {r}, at {seconds:.1} s",
        scene.mouse, scene.trial, shown.step, scene.steps
    );
    let caption: String = caption.chars().take(room.1.saturating_sub(1)).collect();
    format!("{}\n{caption}", side_by_side(truth, movie, room, ink))
}

/// Draws the truth and the reconstruction beside each other, with a line of titles, as large as `room` (rows and
/// columns of the terminal) allows.
///
/// # Shapes
/// - `truth`, `movie`: `[height, width]`, 0..255
pub fn side_by_side(
    truth: ArrayView2<f32>,
    movie: ArrayView2<f32>,
    (rows, columns): (usize, usize),
    ink: Ink,
) -> String {
    let (height, width) = truth.dim();
    // Each character is two pixels high.
    let room = (2 * rows.saturating_sub(OTHER_LINES), columns.saturating_sub(GAP + 1) / 2);
    let scale = (room.0 as f64 / height.max(1) as f64).min(room.1 as f64 / width.max(1) as f64);
    let scale = scale.min(MOST_ENLARGED);
    let [high, wide] = [height, width].map(|size| ((size as f64 * scale) as usize).max(1));
    let size = (high.next_multiple_of(2), wide);
    let [truth, movie] = [truth, movie].map(|image| lines(resized(image, size).view(), ink));
    let title = |text: &str| format!("{:wide$.wide$}", text);
    let gap = " ".repeat(GAP);
    let mut text = format!("{}{gap}{}", title("ground truth"), title("reconstruction").trim_end());
    for (left, right) in truth.iter().zip(&movie) {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{left}{gap}{right}");
    }
    text
}

/// Averages or repeats pixels to another size.
fn resized(image: ArrayView2<f32>, (high, wide): (usize, usize)) -> Array2<f32> {
    let (height, width) = image.dim();
    let span = |at: usize, new: usize, old: usize| {
        let from = at * old / new;
        from..((at + 1) * old).div_ceil(new).clamp(from + 1, old.max(from + 1))
    };
    Array2::from_shape_fn((high, wide), |(y, x)| {
        let (rows, columns) = (span(y, high, height), span(x, wide, width));
        image.slice(ndarray::s![rows, columns]).mean().unwrap_or(0.0)
    })
}

/// Draws an image of an even height, two rows to a line.
fn lines(image: ArrayView2<f32>, ink: Ink) -> Vec<String> {
    let level = |value: f32| value.clamp(0.0, 255.0).round() as u8;
    let pairs = image.axis_chunks_iter(Axis(0), 2);
    pairs
        .map(|pair| {
            let columns =
                pair.axis_iter(Axis(1)).map(|column| (level(column[0]), level(column[column.len() - 1])));
            line(columns, ink)
        })
        .collect()
}

/// Draws one line of pixels, each the upper above the lower.
fn line(columns: impl Iterator<Item = (u8, u8)>, ink: Ink) -> String {
    let color = match ink {
        Ink::TrueColor => rgb,
        Ink::Greys => grey,
        Ink::Letters => return columns.map(letter).collect(),
    };
    let (mut text, mut before) = (String::new(), [None, None]);
    for (upper, lower) in columns {
        // Said once for all pixels that follow: ssh carries every byte.
        let now = [(38, upper), (48, lower)].map(|(part, level)| Some(format!("{part};{}", color(level))));
        let new = now.iter().zip(&before).filter(|(now, before)| now != before);
        let codes: Vec<&str> = new.filter_map(|(now, _)| now.as_deref()).collect();
        if !codes.is_empty() {
            // Writing to a string does not fail.
            let _ = write!(text, "\x1b[{}m", codes.join(";"));
        }
        text.push('▀');
        before = now;
    }
    text + "\x1b[0m"
}

/// The letter that is about as bright as two pixels.
fn letter((upper, lower): (u8, u8)) -> char {
    let mean = (usize::from(upper) + usize::from(lower)) / 2;
    char::from(RAMP[mean * RAMP.len() / 256])
}

fn rgb(level: u8) -> String {
    format!("2;{level};{level};{level}")
}

/// The nearest of black, white and the 24 greys between, which are 8, 18, .. 238.
fn grey(level: u8) -> String {
    let color = match level {
        0..4 => 16,
        247.. => 231,
        _ => 232 + (u32::from(level).saturating_sub(3) / 10).min(23),
    };
    format!("5;{color}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn a_gradient_is_drawn_as_letters_from_dark_to_bright_beside_its_negative() {
        let truth = Array2::from_shape_fn((4, 20), |(_, x)| 255.0 * x as f32 / 19.0);
        let movie = truth.mapv(|level| 255.0 - level);
        // Room for the movies at their own size.
        let text =
            side_by_side(truth.view(), movie.view(), (OTHER_LINES + 2, 2 * 20 + GAP + 1), Ink::Letters);
        let line = "  ..::--==++**##%%@@  @@%%##**++==--::..  ";
        assert_eq!(text, format!("ground truth          reconstruction\n{line}\n{line}"));
    }

    #[test]
    fn half_blocks_show_the_upper_pixel_before_the_lower_and_say_a_colour_once() {
        let image = array![[0.0, 0.0, 255.0, 255.0], [255.0, 255.0, 100.0, 0.0]];
        assert_eq!(
            lines(image.view(), Ink::TrueColor),
            [
                "\x1b[38;2;0;0;0;48;2;255;255;255m▀▀\x1b[38;2;255;255;255;48;2;100;100;100m▀\x1b[48;2;0;0;0m▀\x1b[0m"
            ],
        );
        assert_eq!(
            lines(image.view(), Ink::Greys),
            ["\x1b[38;5;16;48;5;231m▀▀\x1b[38;5;231;48;5;241m▀\x1b[48;5;16m▀\x1b[0m"]
        );
    }

    #[test]
    fn the_24_greys_are_within_half_a_step_of_the_level() {
        for level in 0..=255u8 {
            let code: i32 = grey(level)[2..].parse().unwrap();
            let shown = match code {
                16 => 0,
                231 => 255,
                code => 8 + 10 * (code - 232),
            };
            // Between the brightest grey (238) and white lie 17 levels.
            assert!((shown - i32::from(level)).abs() <= 8, "{level}: {shown}");
        }
    }

    #[test]
    fn a_picture_fits_the_terminal_whatever_its_size() {
        for (height, width) in [(36, 64), (12, 20), (1, 1), (500, 3)] {
            let image = Array2::from_elem((height, width), 200.0);
            for (rows, columns) in [(24, 80), (50, 200), (10, 20), (1, 1)] {
                let text = side_by_side(image.view(), image.view(), (rows, columns), Ink::Letters);
                let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
                let fits = text.lines().count() <= rows.max(OTHER_LINES + 1) - OTHER_LINES + 1;
                assert!(fits && widest <= columns.max(GAP + 2), "{height} x {width}: {text}");
            }
        }
    }

    #[test]
    fn colours_are_used_where_the_terminal_has_them_and_nobody_minds() {
        let ink = |pairs: &[(&str, &str)]| {
            Ink::from_environment(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
            })
        };
        let utf8 = ("LANG", "en_US.UTF-8");
        assert_eq!(ink(&[utf8, ("COLORTERM", "truecolor")]), Ink::TrueColor);
        assert_eq!(ink(&[utf8, ("TERM", "xterm-256color")]), Ink::Greys);
        assert_eq!(ink(&[utf8, ("TERM", "vt100")]), Ink::Letters);
        assert_eq!(ink(&[("LC_ALL", "C"), utf8, ("COLORTERM", "truecolor")]), Ink::Letters);
        assert_eq!(ink(&[utf8, ("COLORTERM", "24bit"), ("NO_COLOR", "1")]), Ink::Letters);
        assert_eq!(ink(&[]), Ink::Letters);
    }
}
