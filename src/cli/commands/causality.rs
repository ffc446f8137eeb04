//! `v1reel causality`: shows how far into the future and the past a model's responses look.

use serde::Serialize;

use crate::cli::args::model::CausalityArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::error::{Error, Result};
use crate::model::causality::{Reach, reach};
use crate::model::checkpoint::Checkpoint;
use crate::model::{Encoder, Runtime};
use crate::seed;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// What the model's settings say.
    causal: bool,
    /// Most frames that any response looks ahead, and back.
    future: usize,
    past: usize,
    responses: Vec<Reach>,
}

/// Measures.
///
/// # Errors
/// When the file is no model, or has no such mouse.
pub fn run(args: &CausalityArgs, session: &Session) -> Result<()> {
    let checkpoint = Checkpoint::read(&args.model)?;
    let config = checkpoint.config.clone();
    let mice = config.readout_outputs.len();
    if args.mouse >= mice {
        return Err(Error::usage(format!("--mouse {} of a model of {mice} mice, from 0", args.mouse)));
    }
    let encoder = Encoder::load(checkpoint, &Runtime::new(session.device()?, session.memory()))?;
    let size = [args.frames.get(), args.height.get(), args.width.get()];
    let mut rng = seed::stream("causality", "clip", &[]);
    let responses = reach(&encoder, args.mouse, size, config.in_channels, &mut rng);
    let most = |count: fn(&Reach) -> usize| responses.iter().map(count).max().unwrap_or(0);
    let report = Report {
        causal: config.causal,
        future: most(Reach::future),
        past: most(Reach::past),
        responses: responses.clone(),
    };
    if args.json {
        return output::json(&report);
    }
    let mut table = Table::new(["response to frame", "looks at", "frames back", "frames ahead", "% ahead"]);
    for reach in &responses {
        table.row([
            reach.frame.to_string(),
            format!("{}..{}", reach.first, reach.last),
            reach.past().to_string(),
            reach.future().to_string(),
            format!("{:.2}", 100.0 * reach.ahead),
        ]);
    }
    output::line(table)?;
    output::line(format!(
        "causal = {}: responses look up to {} frames of the clip ahead and {} back",
        report.causal, report.future, report.past
    ))
}
