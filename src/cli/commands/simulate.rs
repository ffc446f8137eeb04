//! `v1reel simulate`: makes a simulated mouse.

use crate::cli::args::simulate::SimulateArgs;
use crate::cli::output;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::simulate::{MovieSource, SimulationConfig, simulate};

/// Simulates.
///
/// # Errors
/// Whatever the stage returns.
pub fn run(args: &SimulateArgs, session: &Session) -> Result<()> {
    let config = config(args)?;
    simulate(&config, &args.out, session.observer())?;
    output::line(format!(
        "{}: a simulated mouse of {} neurons and {} trials; what its neurons compute is in truth.h5",
        args.out.display(),
        config.neurons,
        config.trials
    ))
}

fn config(args: &SimulateArgs) -> Result<SimulationConfig> {
    let mut config = match &args.config {
        None => SimulationConfig::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
            toml::from_str(&text).map_err(|e| {
                let message = e.message().replace('\n', " ");
                Error::usage(format!("{}: {message}", path.display()))
            })?
        }
    };
    if !args.movies.is_empty() {
        config.movie_source = MovieSource::Files(args.movies.clone());
    }
    config.neurons = args.neurons.map_or(config.neurons, usize::from);
    config.trials = args.trials.map_or(config.trials, usize::from);
    config.seed = args.seed.clone().unwrap_or(config.seed);
    Ok(config)
}
