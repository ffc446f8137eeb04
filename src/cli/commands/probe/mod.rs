//! `v1reel probe`: asks the trained ensemble what its neurons see and what they resolve together.

mod agreement;
mod movies;

use movies::Movies;
use serde_json::{Value, json};

use crate::cli::args::probe::{ProbeArgs, Question};
use crate::cli::output;
use crate::cli::session::{Run, Session};
use crate::cli::table::Table;
use crate::cli::workspace::Workspace;
use crate::data::{MouseId, Typical};
use crate::ensemble::Ensemble;
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::probe::agreement::Agreement;
use crate::probe::receptive_field::FieldSummary;
use crate::probe::resolution::GridCell;
use crate::probe::table::write_neurons;
use crate::probe::{GratingResponses, Light, Presentation, ReceptiveFields, Tuning};
use crate::report::probe_picture::{write_field_pictures, write_tuning_pictures};

/// Probes.
///
/// # Errors
/// Whatever the stages return.
pub fn run(args: &ProbeArgs, session: &Session) -> Result<()> {
    let workspace = Workspace::open(session.experiment(&args.experiment)?, session)?;
    let ensemble = workspace.ensemble()?;
    let run = session.open_run(&workspace.experiment)?;
    run.heed_signals()?;
    let members: Vec<usize> = (0..workspace.experiment.members).collect();
    let mut probes = Vec::new();
    for index in 0..workspace.mice.len() {
        let typical = Typical::of(&workspace.mice[index].mouse, &workspace.mice[index].training)?;
        probes.push((index, typical));
    }
    let probes: Vec<Probe> = probes
        .iter()
        .map(|(index, typical)| Probe {
            workspace: &workspace,
            ensemble: &ensemble,
            run: &run,
            members: &members,
            index: *index,
            typical,
        })
        .collect();
    announce(args, &probes)?;
    let mut found = Vec::new();
    for probe in &probes {
        found.push(probe.ask(args)?);
    }
    run.close()?;
    if args.json {
        return output::json(&json!({ "mice": found.iter().map(Found::json).collect::<Vec<_>>() }));
    }
    print(&found)?;
    output::line(format!("All of it is in {}", workspace.folder.path().join("probe").display()))
}

/// Says what the probes will cost, and checks that they can be made, before they start.
fn announce(args: &ProbeArgs, probes: &[Probe<'_>]) -> Result<()> {
    let Some(first) = probes.first() else { return Ok(()) };
    let config = &first.workspace.experiment.probe;
    let frame_rate_hz = first.workspace.experiment.data.frame_rate_hz;
    let mut clips = 0;
    for probe in probes {
        let presentation = probe.presentation()?;
        if args.asks(Question::ReceptiveFields) {
            ReceptiveFields::check(&presentation, config, frame_rate_hz)?;
            clips += presentation.clips(config.sparse_movies, config.sparse_frames);
        }
        if args.asks(Question::Gratings) {
            GratingResponses::check(&presentation, config, frame_rate_hz)?;
            let axes = config.directions * config.cycles_per_width.len() * config.cycles_per_second.len();
            clips += presentation.clips(2 * axes + 1, config.grating_frames);
        }
    }
    if clips > 0 {
        let message = format!("receptive fields and gratings: at most {clips} clips are predicted");
        first.run.observer.emit(Event::Note { message });
    }
    for (question, kind) in MOVIES {
        if args.asks(question) {
            movies::announce(kind, probes)?;
        }
    }
    Ok(())
}

/// What is reconstructed for which question.
const MOVIES: [(Question, Movies); 2] =
    [(Question::Noise, Movies::Noise), (Question::GratingMovies, Movies::Gratings)];

/// One mouse of an experiment, and those that answer for it.
pub struct Probe<'a> {
    /// The experiment.
    pub workspace: &'a Workspace,
    /// The ensemble.
    pub ensemble: &'a Ensemble,
    /// Where events go and what ends the work.
    pub run: &'a Run,
    /// Members that are asked.
    pub members: &'a [usize],
    /// Place of the mouse, and of its readout.
    pub index: usize,
    /// What it usually does and sees.
    pub typical: &'a Typical,
}

/// What was found about one mouse.
struct Found {
    mouse: MouseId,
    fields: Option<ReceptiveFields>,
    tunings: Option<Vec<Tuning>>,
    /// Of each kind of movies.
    grids: [Vec<GridCell>; 2],
    agreements: Vec<Agreement>,
}

impl Probe<'_> {
    fn mouse(&self) -> &MouseId {
        &self.workspace.mice[self.index].mouse.id
    }

    fn light(&self) -> Light {
        Light::around(self.typical.grey, self.typical.contrast)
    }

    fn presentation(&self) -> Result<Presentation<'_>> {
        Ok(Presentation {
            ensemble: self.ensemble,
            members: self.members,
            mouse: self.mouse(),
            readout: self.index,
            typical: self.typical,
            geometry: self.workspace.geometry(self.index)?,
            clip: self.workspace.experiment.clip,
            observer: &self.run.observer,
            stop: &self.run.stop,
        })
    }

    /// Names everything that the answers depend on: equal text, equal answers.
    fn settings(&self, stimuli: Value) -> Result<String> {
        let mut facts = self.workspace.model_facts(self.index, self.members)?;
        let typical = self.typical;
        facts["stimuli"] = stimuli;
        facts["behavior"] = json!([typical.behavior, typical.pupil_center]);
        facts["light"] = json!([typical.grey, typical.contrast]);
        facts["frame_rate_hz"] = json!(self.workspace.experiment.data.frame_rate_hz);
        Ok(facts.to_string())
    }

    /// Takes the receptive fields that were found before, or finds and keeps them.
    ///
    /// # Errors
    /// Whatever the stage returns.
    pub fn receptive_fields(&self) -> Result<ReceptiveFields> {
        let (config, experiment) = (&self.workspace.experiment.probe, &self.workspace.experiment);
        let settings = self.settings(json!([
            config.sparse_movies,
            config.sparse_frames,
            config.square_px,
            config.square_frames,
            config.sparse_density
        ]))?;
        let path = self.workspace.folder.probe(self.mouse()).join("receptive_fields.h5");
        if let Some(found) = ReceptiveFields::read(&path, &settings)? {
            return Ok(found);
        }
        let rate = experiment.data.frame_rate_hz;
        let found =
            ReceptiveFields::probe(&self.presentation()?, config, self.light(), rate, &experiment.seed)?;
        found.write(&path, &settings)?;
        Ok(found)
    }

    fn gratings(&self) -> Result<GratingResponses> {
        let (config, experiment) = (&self.workspace.experiment.probe, &self.workspace.experiment);
        let settings = self.settings(json!([
            config.directions,
            config.cycles_per_width,
            config.cycles_per_second,
            config.grating_frames
        ]))?;
        let path = self.workspace.folder.probe(self.mouse()).join("gratings.h5");
        if let Some(found) = GratingResponses::read(&path, &settings)? {
            return Ok(found);
        }
        let rate = experiment.data.frame_rate_hz;
        let found = GratingResponses::probe(&self.presentation()?, config, self.light(), rate)?;
        found.write(&path, &settings)?;
        Ok(found)
    }

    /// Asks what was asked for and writes tables and pictures.
    fn ask(&self, args: &ProbeArgs) -> Result<Found> {
        let folder = self.workspace.folder.probe(self.mouse());
        let size = self.workspace.mice[self.index].mouse.frame_size;
        let fields = args.asks(Question::ReceptiveFields).then(|| self.receptive_fields()).transpose()?;
        let tunings = args.asks(Question::Gratings).then(|| self.gratings()).transpose()?;
        let tunings = tunings.map(|responses| responses.tunings());
        let title = format!("mouse {}", self.mouse());
        if let Some(fields) = &fields {
            write_field_pictures(&folder, &title, fields)?;
        }
        if let (Some(fields), Some(tunings)) = (&fields, &tunings) {
            write_tuning_pictures(&folder, &title, fields, tunings)?;
        }
        if fields.is_some() || tunings.is_some() {
            let screen = self.workspace.experiment.probe.screen_width_deg;
            let px_per_deg = screen.map(|degrees| size[1] as f64 / degrees);
            write_neurons(&folder.join("neurons.csv"), fields.as_ref(), tunings.as_deref(), px_per_deg)?;
        }
        let mut grids = [Vec::new(), Vec::new()];
        for (grid, (question, kind)) in grids.iter_mut().zip(MOVIES) {
            if args.asks(question) {
                *grid = movies::ask(kind, self)?;
            }
        }
        let agreements = agreement::with_truth(self, fields.as_ref(), tunings.as_deref())?;
        Ok(Found { mouse: self.mouse().clone(), fields, tunings, grids, agreements })
    }
}

impl Found {
    fn json(&self) -> Value {
        let found = self.fields.as_ref().map(|fields| fields.neurons.iter().filter(|f| f.is_found()).count());
        json!({
            "mouse": self.mouse,
            "neurons": self.neurons(),
            "fields_found": found,
            "noise": self.grids[0],
            "grating_movies": self.grids[1],
            "agreement_with_truth": self.agreements,
        })
    }

    fn neurons(&self) -> usize {
        let fields = self.fields.as_ref().map(|fields| fields.neurons.len());
        fields.or(self.tunings.as_ref().map(Vec::len)).unwrap_or(0)
    }
}

fn print(found: &[Found]) -> Result<()> {
    let mut table = Table::new([
        "mouse",
        "neurons",
        "with a field",
        "signal to noise",
        "field sigma (px)",
        "orientation selectivity",
        "direction selectivity",
        "cycles/px",
    ]);
    let median = |values: Vec<f64>| -> String {
        let mut values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).map_or_else(String::new, |value| format!("{value:.3}"))
    };
    for mouse in found.iter().filter(|mouse| mouse.neurons() > 0) {
        let fields: Vec<FieldSummary> = mouse.fields.iter().flat_map(|f| f.neurons.clone()).collect();
        let seen: Vec<&FieldSummary> = fields.iter().filter(|field| field.is_found()).collect();
        let with = if mouse.fields.is_some() { seen.len().to_string() } else { String::new() };
        let of = |value: fn(&Tuning) -> f64| median(mouse.tunings.iter().flatten().map(value).collect());
        table.row([
            mouse.mouse.to_string(),
            mouse.neurons().to_string(),
            with,
            median(fields.iter().map(|field| field.signal_to_noise).collect()),
            median(seen.iter().map(|field| (field.sigma_px[0] * field.sigma_px[1]).sqrt()).collect()),
            of(|tuning| tuning.orientation_selectivity),
            of(|tuning| tuning.direction_selectivity),
            of(|tuning| tuning.cycles_per_px),
        ]);
    }
    if found.iter().any(|mouse| mouse.neurons() > 0) {
        output::line("Medians over neurons:")?;
        output::line(table)?;
    }
    agreement::print(found.iter().map(|mouse| (&mouse.mouse, mouse.agreements.as_slice())))?;
    for (index, (_, kind)) in MOVIES.into_iter().enumerate() {
        movies::print(kind, found.iter().map(|mouse| (&mouse.mouse, mouse.grids[index].as_slice())))?;
    }
    Ok(())
}
