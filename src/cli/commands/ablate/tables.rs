//! What the ablations print.

use crate::ablate::Channel;
use crate::ablate::effect::{Effect, EffectOverMice};
use crate::ablate::summary::NeuronSummary;
use crate::cli::numbers::{decimals, interval, number, probability, small_interval};
use crate::cli::output;
use crate::cli::table::Table;
use crate::data::MouseId;
use crate::error::Result;

/// Prints curves, their fits and the comparisons of the neuron ablation.
pub fn print_neurons(summary: &NeuronSummary) -> Result<()> {
    output::line(points(summary))?;
    output::line("")?;
    output::line(fits(summary))?;
    if !summary.exclude_against_silence.is_empty() {
        output::line("\nExclude minus silence, paired:")?;
        output::line(methods(summary))?;
    }
    Ok(())
}

fn points(summary: &NeuronSummary) -> Table {
    let heading = ["mouse", "by", "method", "keep", "neurons", "pixel r", "95% interval", "n"];
    let mut table = Table::new(heading);
    for named in &summary.curves {
        for point in &named.curve.points {
            table.row([
                whose(named.mouse.as_ref()),
                named.by.to_string(),
                named.method.to_string(),
                point.keep.clone(),
                format!("{:.0}", point.neurons),
                number(point.mean),
                point.confidence_95.map(interval).unwrap_or_default(),
                format!("{} {}", named.curve.units, named.curve.unit),
            ]);
        }
    }
    table
}

fn fits(summary: &NeuronSummary) -> Table {
    let heading = [
        "mouse",
        "by",
        "method",
        "gain per doubling",
        "95% interval",
        "R2 of a + b ln n",
        "ANOVA over neurons kept",
        "p",
        "p (GG)",
        "partial eta2",
    ];
    let mut table = Table::new(heading);
    for named in &summary.curves {
        let (curve, anova) = (&named.curve, &named.curve.anova);
        let doubling = std::f64::consts::LN_2;
        let [of, error] = anova.degrees_of_freedom;
        table.row([
            whose(named.mouse.as_ref()),
            named.by.to_string(),
            named.method.to_string(),
            number(curve.fit.slope * doubling),
            curve.slope_confidence_95.map(|ci| interval(ci.map(|b| b * doubling))).unwrap_or_default(),
            number(curve.fit.r_squared),
            if anova.f.is_finite() { format!("F({of}, {error}) = {:.2}", anova.f) } else { String::new() },
            probability(anova.p),
            probability(anova.p_greenhouse_geisser),
            number(anova.partial_eta_squared),
        ]);
    }
    table
}

fn methods(summary: &NeuronSummary) -> Table {
    let heading =
        ["mouse", "by", "keep", "difference", "95% interval", "n", "t", "df", "p", "p (Bonferroni)", "dz"];
    let mut table = Table::new(heading);
    for found in &summary.exclude_against_silence {
        let (comparison, test) = (&found.comparison, &found.comparison.test);
        table.row([
            whose(found.mouse.as_ref()),
            found.by.to_string(),
            found.keep.clone(),
            number(test.mean_difference),
            interval(test.confidence_95),
            format!("{} {}", test.n, found.unit),
            decimals(test.t, 2),
            test.degrees_of_freedom.to_string(),
            probability(test.p),
            probability(comparison.p_bonferroni),
            decimals(test.cohens_dz, 2),
        ]);
    }
    table
}

/// Prints what altered behavior did.
pub fn print_behavior(effects: &[Effect], over_mice: &[EffectOverMice]) -> Result<()> {
    let shown: Vec<&Effect> = effects.iter().filter(|e| is_shown(e.channel, &e.group)).collect();
    for (unit, title) in [
        ("neurons", "Correlation of predicted with recorded responses, paired by neuron:"),
        ("trials", "Pixel correlation of the reconstruction, paired by trial:"),
    ] {
        let of_unit: Vec<&Effect> = shown.iter().copied().filter(|e| e.unit == unit).collect();
        if !of_unit.is_empty() {
            output::line(title)?;
            output::line(effect_table(&of_unit))?;
            output::line("")?;
        }
    }
    if !over_mice.is_empty() {
        output::line("Over mice, altered minus recorded:")?;
        output::line(mice_table(over_mice))?;
    }
    Ok(())
}

/// Of the groups that a simulation knows, shows those that the channel is about; the table has all.
fn is_shown(channel: Channel, group: &str) -> bool {
    match channel {
        _ if group == "all" => true,
        Channel::Running => group.ends_with("running_gain"),
        Channel::PupilDilation => group.ends_with("pupil_gain"),
        Channel::PupilCenter | Channel::All => false,
    }
}

fn effect_table(effects: &[&Effect]) -> Table {
    let heading = [
        "mouse",
        "channel",
        "alteration",
        "group",
        "recorded r",
        "altered r",
        "difference",
        "95% interval",
        "n",
        "t",
        "p (Bonferroni)",
        "sign-flip p",
        "dz",
    ];
    let mut table = Table::new(heading);
    for effect in effects {
        let test = &effect.t_test;
        table.row([
            effect.mouse.to_string(),
            effect.channel.to_string(),
            effect.alteration.to_string(),
            effect.group.clone(),
            number(effect.recorded),
            number(effect.altered),
            decimals(test.mean_difference, 4),
            small_interval(test.confidence_95),
            format!("{} {}", test.n, effect.unit),
            if test.t.is_finite() {
                format!("t({}) = {:.2}", test.degrees_of_freedom, test.t)
            } else {
                String::new()
            },
            probability(effect.p_bonferroni),
            probability(effect.sign_flip.p),
            decimals(test.cohens_dz, 2),
        ]);
    }
    table
}

fn mice_table(effects: &[EffectOverMice]) -> Table {
    let heading =
        ["channel", "alteration", "group", "of", "difference", "bootstrap over mice", "n", "t", "p", "dz"];
    let mut table = Table::new(heading);
    for effect in effects.iter().filter(|e| is_shown(e.channel, &e.group)) {
        let test = &effect.t_test;
        table.row([
            effect.channel.to_string(),
            effect.alteration.to_string(),
            effect.group.clone(),
            effect.of.to_string(),
            decimals(effect.difference.mean, 4),
            small_interval(effect.difference.confidence_95),
            format!("{} mice", effect.difference.clusters),
            if test.t.is_finite() {
                format!("t({}) = {:.2}", test.degrees_of_freedom, test.t)
            } else {
                String::new()
            },
            probability(test.p),
            decimals(test.cohens_dz, 2),
        ]);
    }
    table
}

fn whose(mouse: Option<&MouseId>) -> String {
    mouse.map_or_else(|| "mean".into(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_shown_beside_the_channel_they_are_about() {
        assert!(is_shown(Channel::Running, "with running_gain"));
        assert!(!is_shown(Channel::Running, "without pupil_gain"));
        assert!(is_shown(Channel::PupilCenter, "all"));
        assert!(!is_shown(Channel::All, "with pupil_gain"));
    }
}
