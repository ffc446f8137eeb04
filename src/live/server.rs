//! Serves the page: on 127.0.0.1 and nowhere else, from a thread of its own that ends with the run.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use super::answer::{Answer, Question, answer};
use super::board::Live;
use super::token::Token;
use crate::error::{Error, Result};

/// Connections at once; a browser opens six.
const CONNECTIONS: usize = 32;
/// A connection that says nothing is closed after this.
const SILENCE: Duration = Duration::from_secs(30);
/// Who asked within this is there to hear how the run ended.
const PRESENT: Duration = Duration::from_secs(6);
/// And fetches what is left; when nothing was asked for so long, all was fetched.
const SETTLED: Duration = Duration::from_millis(700);
/// No run waits longer for its audience.
const LONGEST_GOODBYE: Duration = Duration::from_secs(10);

/// What the page may do: run its own script and ask its own server.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page that is being served.
pub struct Server {
    live: Arc<Live>,
    url: String,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on `port`, or on one that the system chooses.
    ///
    /// # Errors
    /// [`Error::Usage`] when the port is taken or not allowed; [`Error::Failed`] when the system refuses.
    pub fn start(live: Arc<Live>, port: Option<u16>) -> Result<Self> {
        let token = Token::new()?;
        let asked = port.unwrap_or(0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, asked)).map_err(|e| {
            let free = "leave the port out, and the system chooses a free one";
            Error::usage(format!("can't serve the live view on port {asked} of 127.0.0.1: {e}; {free}"))
        })?;
        let refused = |e: std::io::Error| Error::Failed(format!("can't serve the live view: {e}"));
        listener.set_nonblocking(true).map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let url = format!("http://127.0.0.1:{port}/{}/", token.text());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("live view")
            .max_blocking_threads(2)
            .build()
            .map_err(refused)?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new((Arc::clone(&live), token));
        let serve = move || {
            runtime.spawn(accept(listener, shared));
            // Either it is told to stop, or nobody is left who could.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("live view".into()).spawn(serve).map_err(refused)?;
        Ok(Self { live, url, port, stop: Some(stop), thread: Some(thread) })
    }

    /// Address of the page, with its secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops serving. A page that is open is first told how the run ended ([`Live::end`]) and given what it lacks.
    pub fn close(mut self) {
        let start = Instant::now();
        while start.elapsed() < LONGEST_GOODBYE {
            let (last, told) = self.live.audience();
            let silent = last.map_or(Duration::MAX, |last| last.elapsed());
            if silent > PRESENT || (told && silent > SETTLED) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.halt();
    }

    fn halt(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It is gone already when it can't be told.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.halt();
    }
}

async fn accept(listener: TcpListener, shared: Arc<(Arc<Live>, Token)>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, say: it may pass.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(Arc::clone(&shared), request));
            // A browser that left is no failure.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(SILENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

async fn respond(
    shared: Arc<(Arc<Live>, Token)>,
    request: Request<Incoming>,
) -> hyper::Result<Response<Full<Bytes>>> {
    // Filtering and packing a movie takes a while: off the thread that listens.
    let answered = tokio::task::spawn_blocking(move || {
        let (live, token) = &*shared;
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let (method, path) = (request.method().as_str(), request.uri().path());
        answer(live, token, Question { method, host, path })
    });
    let failed = Answer { status: 500, kind: "text/plain", body: Vec::new() };
    Ok(response(answered.await.unwrap_or(failed)))
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, answer.kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        // The address holds the secret.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    if answer.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
