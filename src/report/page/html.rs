//! Puts the page together: its skeleton, style and scripts, which are files of their own, and the data.

use serde::Serialize;

use crate::error::{Error, Result};

/// Name of the page.
pub(super) const INDEX: &str = "index.html";

const SKELETON: &str = include_str!("../assets/page.html");
/// Style of the report and of the live view.
pub(crate) const STYLE: &str = include_str!("../assets/style.css");
/// By their order: each uses those before it.
const SCRIPTS: [&str; 15] = [
    include_str!("../assets/base.js"),
    include_str!("../assets/clock.js"),
    include_str!("../assets/movie.js"),
    include_str!("../assets/screens.js"),
    include_str!("../assets/strips.js"),
    include_str!("../assets/chart.js"),
    include_str!("../assets/table.js"),
    include_str!("../assets/scores.js"),
    include_str!("../assets/dots.js"),
    include_str!("../assets/overview.js"),
    include_str!("../assets/ablation.js"),
    include_str!("../assets/made.js"),
    include_str!("../assets/panels.js"),
    include_str!("../assets/viewer.js"),
    include_str!("../assets/page.js"),
];
/// Those that the live view shares, by their order.
const SHARED: [&str; 7] = [
    include_str!("../assets/base.js"),
    include_str!("../assets/clock.js"),
    include_str!("../assets/movie.js"),
    include_str!("../assets/screens.js"),
    include_str!("../assets/strips.js"),
    include_str!("../assets/chart.js"),
    include_str!("../assets/panels.js"),
];
/// By this a report is known for one; older versions wrote the others.
const MARKS: [&str; 2] = ["<meta name=\"generator\" content=\"v1reel\">", "<title>v1reel</title>"];

/// Says whether a text is the page of a report.
pub(super) fn is_report(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark))
}

/// Writes the page.
///
/// # Errors
/// [`Error::Failed`] when the data can't be put as JSON.
pub(super) fn page(data: &impl Serialize) -> Result<String> {
    let (data, script) = (json(data)?, SCRIPTS.concat());
    fill(SKELETON, &[("/*STYLE*/", STYLE), ("/*DATA*/", &data), ("/*SCRIPT*/", &script)])
}

/// Puts texts where a skeleton has marks, each mark once and in this order.
///
/// # Errors
/// [`Error::Failed`] when the skeleton lacks a mark.
pub(crate) fn fill(skeleton: &str, parts: &[(&str, &str)]) -> Result<String> {
    // Cut at the marks, rather than replaced one by one: what is put in may hold anything.
    let (mut page, mut rest) = (String::new(), skeleton);
    for (mark, text) in parts {
        let (before, after) = rest
            .split_once(mark)
            .ok_or_else(|| Error::Failed(format!("the page's skeleton has no {mark}")))?;
        page.push_str(before);
        page.push_str(text);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

/// The script of the live view: what it shares with the report, and its own.
pub(crate) fn live_script(own: &str) -> String {
    SHARED.concat() + own
}

/// Puts a value as JSON that may stand within a script, whatever texts are in it.
///
/// # Errors
/// [`Error::Failed`] when it can't be put as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    let text =
        serde_json::to_string(value).map_err(|e| Error::Failed(format!("can't be put as JSON: {e}")))?;
    // `</script>` in the name of a mouse would end the script; outside texts there is no `<`. The line
    // separators end a line in old scripts.
    Ok(text.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_it_stands_in_and_the_page_knows_itself() {
        let page = page(&["</script><b>/*SCRIPT*/ <!--"]).unwrap();
        assert!(page.contains("\\u003c/script>\\u003cb>/*SCRIPT*/ \\u003c!--"));
        assert_eq!(page.matches("</script>").count(), 2, "the data and the scripts");
        assert!(is_report(&page) && !is_report("<title>something</title>"));
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let page = page(&["data"]).unwrap();
        for address in ["http:", "https:", "//fonts", "@import", "url("] {
            let found = page
                .match_indices(address)
                .find(|(at, _)| !page[*at..].starts_with("http://www.w3.org/2000/svg"));
            assert_eq!(found, None, "{address}");
        }
    }
}
