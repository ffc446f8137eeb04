//! What is answered to a request: a function of what is known, without a socket. No part of a request ever names
//! a file.

use super::board::Live;
use super::packet;
use super::token::Token;
use crate::error::Result;
use crate::report::page::html;

const PAGE: &str = include_str!("assets/live.html");
const SCRIPT: &str = include_str!("assets/live.js");

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// HTTP's number.
    pub status: u16,
    /// Media type.
    pub kind: &'static str,
    pub body: Vec<u8>,
}

/// The parts of a request that count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub method: &'a str,
    /// The header of that name.
    pub host: Option<&'a str>,
    pub path: &'a str,
}

impl Answer {
    fn plain(status: u16, text: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: format!("{text}\n").into_bytes() }
    }

    fn ok(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, kind, body: body.into() }
    }

    fn json(text: Result<String>) -> Self {
        match text {
            Ok(text) => Self::ok("application/json", text),
            Err(problem) => Self::plain(500, &problem.to_string()),
        }
    }
}

/// Answers.
pub(super) fn answer(live: &Live, token: &Token, question: Question) -> Answer {
    // A page from elsewhere whose name was made to lead here would say that name.
    if !question.host.is_some_and(is_this_machine) {
        return Answer::plain(403, "Open this page by the address that v1reel printed.");
    }
    if !["GET", "HEAD"].contains(&question.method) {
        return Answer::plain(405, "This page can only be looked at.");
    }
    let nothing = || Answer::plain(404, "There is nothing here.");
    let path = question.path.strip_prefix('/').unwrap_or(question.path);
    let (found, wanted) = path.split_once('/').unwrap_or((path, ""));
    if !token.is(found) {
        return nothing();
    }
    live.asked();
    let number = |text: &str| text.parse::<u64>().ok();
    match wanted.split_once('/').unwrap_or((wanted, "")) {
        ("", "") => {
            // Somebody looks: the next iteration will be shown.
            live.developed();
            Answer::ok("text/html; charset=utf-8", page(live, token))
        }
        ("live.js", "") => Answer::ok("text/javascript; charset=utf-8", html::live_script(SCRIPT)),
        ("state", "") => Answer::json(packet::json(&live.state())),
        ("movie", known) => match live.developed() {
            Some(shown) if number(known) == Some(shown.look) => empty(),
            Some(shown) => Answer::json(packet::movie(&shown)),
            None => empty(),
        },
        ("scene", wanted) => match live.developed() {
            Some(shown) if number(wanted) == Some(shown.scene_number) => Answer::json(packet::scene(&shown)),
            _ => nothing(),
        },
        ("done", id) => match id.parse().ok().and_then(|id| live.done(id)) {
            Some(text) => Answer::ok("application/json", text.as_bytes()),
            None => nothing(),
        },
        _ => nothing(),
    }
}

/// Nothing new.
fn empty() -> Answer {
    Answer { status: 204, kind: "application/json", body: Vec::new() }
}

fn page(live: &Live, token: &Token) -> String {
    // The report's scripts ask for the names of runs.
    let data = serde_json::json!({ "runs": [{ "name": live.name() }], "mice": [] });
    let data = html::json(&data).unwrap_or_default();
    // Cut at the marks, one by one: what is put in may hold anything.
    let parts = [("/*STYLE*/", html::STYLE), ("/*DATA*/", &data), ("/*TOKEN*/", token.text())];
    html::fill(PAGE, &parts).unwrap_or_default()
}

/// Says whether a `Host` names this machine by itself, at any port: a tunnel may begin at another one.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, host: Option<&str>, path: &str) -> u16 {
        let (live, token) = (Live::new("run", 3), Token::new().unwrap());
        let path = path.replace("TOKEN", token.text());
        answer(&live, &token, Question { method, host, path: &path }).status
    }

    #[test]
    fn only_who_knows_the_token_and_asks_this_machine_to_look_is_answered() {
        let here = Some("127.0.0.1:4000");
        for path in ["/TOKEN/", "/TOKEN", "/TOKEN/live.js", "/TOKEN/state"] {
            assert_eq!(ask("GET", here, path), 200, "{path}");
            assert_eq!(ask("HEAD", Some("localhost:1"), path), 200, "{path}");
            for host in
                [None, Some("evil.example"), Some("evil.example:4000"), Some("127.0.0.1.evil.example")]
            {
                assert_eq!(ask("GET", host, path), 403, "{host:?}");
            }
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
                assert_eq!(ask(method, here, path), 405, "{method}");
            }
        }
        for path in ["/", "", "/state", "/0123/state", "//TOKEN/", "/TOKEN/../state", "/TOKEN/etc/passwd"] {
            assert_eq!(ask("GET", here, path), 404, "{path}");
        }
        for path in ["/TOKEN/done/0", "/TOKEN/done/-1", "/TOKEN/done/", "/TOKEN/scene/0", "/TOKEN/scene/x"] {
            assert_eq!(ask("GET", here, path), 404, "{path}");
        }
        assert_eq!(ask("GET", here, "/TOKEN/movie/0"), 204, "no movie yet");
    }

    #[test]
    fn the_name_of_a_run_stays_text_and_the_page_loads_nothing_from_elsewhere() {
        let (live, token) = (Live::new("</script><b>/*TOKEN*/", 1), Token::new().unwrap());
        let page = page(&live, &token);
        assert!(page.contains("\\u003c/script>\\u003cb>/*TOKEN*/"), "{page}");
        assert_eq!(page.matches("</script>").count(), 2, "the data, and the script by its address");
        for text in [page, html::live_script(SCRIPT)] {
            for address in ["http:", "https:", "//fonts", "@import", "url("] {
                let elsewhere = |at: usize| !text[at..].starts_with("http://www.w3.org/2000/svg");
                assert!(!text.match_indices(address).any(|(at, _)| elsewhere(at)), "{address}");
            }
        }
    }
}
