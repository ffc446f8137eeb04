//! `v1reel demo`: the whole way once, small, on a simulated mouse.

use std::time::Instant;

use crate::cli::args::DemoArgs;
use crate::cli::commands::train::Choice;
use crate::cli::session::Session;
use crate::cli::workspace::Workspace;
use crate::cli::{commands, output, shipped};
use crate::error::{Error, Result};
use crate::evaluate::summary::summaries;
use crate::evaluate::table::mean;
use crate::event::{Event, Observer};
use crate::experiment::Layer;
use crate::reconstruct::Condition;
use crate::report::page::{ReportOptions, write_report};
use crate::simulate::{SimulationConfig, simulate};

/// Simulates; trains, or takes the ensemble that was trained ahead; reconstructs; scores.
///
/// # Errors
/// Whatever the stages return.
pub fn run(args: &DemoArgs, session: &Session) -> Result<()> {
    let start = Instant::now();
    let folder = std::path::absolute(&args.run).map_err(Error::io(&args.run))?;
    let mouse = folder.join("mice").join("simulated");
    if !mouse.exists() {
        let recipe: SimulationConfig =
            toml::from_str(shipped::MOUSE).map_err(|e| Error::Failed(format!("the demo's recipe: {e}")))?;
        simulate(&recipe, &mouse, session.observer())?;
    }
    let text = format!("name = \"demo\"\nrun = {folder:?}\n[data]\nmice = [{mouse:?}]\n");
    let layers = vec![Layer::preset("demo")?, Layer::text("the demo", &text, &folder)?];
    let workspace = Workspace::open(session.resolve(layers, "demo")?, session)?;
    let mut run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    if args.train {
        commands::train::train(&workspace, &run, &Choice::all(&workspace)?)?;
    } else {
        shipped::install(&workspace.folder)?;
        let message =
            "the ensemble comes with v1reel: trained ahead on other trials of this simulated mouse; \
                       `v1reel demo --train` trains it anew"
                .into();
        run.observer.emit(Event::Note { message });
    }
    if let Some(to) = &args.ship {
        shipped::ship(&workspace.folder, to)?;
    }
    let ensemble = workspace.ensemble()?;
    commands::mask::train(&workspace, &ensemble, &run)?;
    let conditions = [Condition::Recorded, Condition::ShuffledNeurons];
    commands::reconstruct::before_an_audience(
        &workspace,
        &ensemble,
        &conditions,
        &args.watch,
        &mut run,
        session,
    )?;
    run.stop.check()?;
    let rows = commands::evaluate::evaluate(&workspace, true, &run.observer, &run.stop)?;
    let runs = std::slice::from_ref(&folder);
    let page = write_report(&folder.join("report"), runs, ReportOptions::default(), &run.observer)?;
    let controls = serde_json::json!({
        "mean_movie": mean(&rows, |row| row.controls.mean_movie),
        "another_trial": mean(&rows, |row| row.controls.another_trial),
        "shuffled_neurons": mean(&rows, |row| row.controls.shuffled_neurons),
        "linear_decoder": mean(&rows, |row| row.controls.linear_decoder),
    });
    if !args.json {
        output::line(
            "Simulated mouse, movies that no member was trained on; pixel correlation and its controls:",
        )?;
        output::line(commands::evaluate::table(&rows))?;
        let summaries = summaries(&rows, &workspace.experiment.seed);
        output::line(commands::evaluate::summary_table(&summaries))?;
        output::line(format!("Took {:.0} s. Open {}", start.elapsed().as_secs_f64(), page.display()))?;
        return run.close();
    }
    run.close()?;
    output::json(&serde_json::json!({
        "pixel_correlation": mean(&rows, |row| row.scores.pixel_correlation),
        "controls": controls,
        "members": workspace.experiment.members,
        "trials": rows.len(),
        "seconds": start.elapsed().as_secs_f64(),
        "run": folder,
    }))
}
