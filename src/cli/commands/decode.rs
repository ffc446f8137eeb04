//! `v1reel decode`: still images from responses to them, by a linear map.

use ndarray::ArrayView2;

use crate::atomic;
use crate::cli::args::decode::{Centring, DecodeArgs};
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::data::Mouse;
use crate::data::format::npy_array::write_numbers;
use crate::decode::STRENGTHS;
use crate::decode::images::{DecodingScore, Fit, Images};
use crate::error::{Error, Result};

/// What is shown of a score: a name for people, one for programs, the value.
type Column = (&'static str, &'static str, fn(&DecodingScore) -> f64);

const COLUMNS: [Column; 2] = [
    ("pixel r", "pixel_correlation", |score| score.pixel_correlation),
    ("pixel r, less the mean image", "less_mean_image", |score| score.less_mean_image),
];

/// Decodes.
///
/// # Errors
/// When the mouse can't be read or saw no still images; see [`Images::decode`].
pub fn run(args: &DecodeArgs, session: &Session) -> Result<()> {
    let fit = fit(args)?;
    let mouse = Mouse::open(&args.mouse)?;
    let images = Images::read(&mouse, session.observer())?;
    let decoded = images.decode(&fit, args.shuffles, &args.seed, session.observer())?;
    if let Some(path) = &args.out {
        write(path, decoded.images.view(), mouse.frame_size)?;
    }
    let chance = |value| decoded.chance(value).map_or([f64::NAN; 2], |chance| chance);
    if args.json {
        let scores = COLUMNS.iter().map(|(_, name, value)| {
            let [mean, high] = chance(*value);
            let score = serde_json::json!({
                "value": value(&decoded.score), "shuffled_mean": mean, "shuffled_97.5": high, "p": decoded.p_value(*value),
            });
            (name.to_string(), score)
        });
        let scores: serde_json::Map<_, _> = scores.collect();
        return output::json(&serde_json::json!({
            "mouse": mouse.id, "neurons": mouse.neurons, "images": images.groups.len(), "shuffles": args.shuffles,
            "scores": scores,
        }));
    }
    let mut table = Table::new(["mean over images", "decoded", "shuffled", "97.5 % of shuffles below", "p"]);
    let cell = |value: f64| if value.is_finite() { format!("{value:.3}") } else { String::new() };
    for (heading, _, value) in COLUMNS {
        let [mean, high] = chance(value);
        let numbers = [value(&decoded.score), mean, high, decoded.p_value(value)].map(cell);
        table.row([heading.to_string()].into_iter().chain(numbers));
    }
    output::line(table)?;
    let [fewest, most] =
        [images.showings.iter().min(), images.showings.iter().max()].map(|n| n.copied().unwrap_or(0));
    output::line(format!(
        "{}: {} neurons, {} images shown {fewest} to {most} times each, {} shuffles",
        mouse.id,
        mouse.neurons,
        images.groups.len(),
        args.shuffles
    ))
}

fn fit(args: &DecodeArgs) -> Result<Fit> {
    if let Some(penalty) = args.penalty.filter(|penalty| !(penalty.is_finite() && *penalty > 0.0)) {
        return Err(Error::usage(format!("--penalty {penalty}; expected more than 0")));
    }
    match (args.centring, args.penalty) {
        (Centring::Training, None) => Ok(Fit::Best(STRENGTHS.to_vec())),
        (Centring::Training, Some(penalty)) => Ok(Fit::Fixed(penalty)),
        (Centring::All, Some(penalty)) => Ok(Fit::CentredOnAll(penalty)),
        (Centring::All, None) => Err(Error::usage("--centring all needs a --penalty")),
    }
}

fn write(path: &std::path::Path, images: ArrayView2<f64>, [height, width]: [usize; 2]) -> Result<()> {
    let shape = [images.nrows(), height, width];
    let values = images.iter().map(|&value| value as f32);
    atomic::write_file(path, |temporary| write_numbers(temporary, &shape, values))
}
