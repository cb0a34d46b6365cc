//! The pages for machines: `/metrics`, `/healthz`, `/readyz`, over plain HTTP on an address that is not for the outside.
//!
//! What comes in: GET and HEAD requests. What goes out: text, and a status code that a load balancer or Prometheus understands.
//! A thread that stands still is named on all of them: `/readyz` says no at once, `/healthz` when it is lost.
//! Deliberately absent: anything that changes something; the control socket does that.

use std::convert::Infallible;
use std::time::Duration;

use edge_door::Clock;
use edge_io::SystemClock;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::control::Ask;
use crate::metrics::{Format, Snapshot};
use crate::pulse::{LOST_AFTER, Pulses, Silent};

/// Connections served at a time; more wait.
const CONNECTIONS_MAX: usize = 32;
/// From a request's first byte to the end of its head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait after a connection could not be accepted: no descriptor is left, most likely.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How long the control thread may take to answer. It does nothing that takes longer, unless it stands still.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// What a scraper expects that speaks OpenMetrics, and what one that does not.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until the control thread is gone.
pub(crate) async fn serve(listener: TcpListener, asks: mpsc::Sender<Ask>, pulses: Pulses) {
    let permits = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(why) => {
                tracing::warn!(%why, "a connection to the pages was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (asks, pulses) = (asks.clone(), pulses.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(|request| answer(request, asks.clone(), pulses.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_DEADLINE)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(why) = connection.await {
                tracing::debug!(%why, "a page was not served");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    asks: mpsc::Sender<Ask>,
    pulses: Pulses,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET and HEAD only\n".into());
        refused.headers_mut().insert(hyper::header::ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return Ok(refused);
    }
    Ok(match request.uri().path() {
        "/metrics" => metrics(asks, &pulses, format_for(request.headers())).await,
        "/healthz" => health(&pulses.silent(SystemClock.now())),
        "/readyz" => ready(asks, &pulses).await,
        _ => page(StatusCode::NOT_FOUND, "text/plain", "try /metrics, /healthz or /readyz\n".into()),
    })
}

/// OpenMetrics for who asks for it, or for nothing in particular; the older format for who accepts only other things.
fn format_for(headers: &HeaderMap) -> Format {
    let mut accepted = headers.get_all(hyper::header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).peekable();
    if accepted.peek().is_none() || accepted.any(|v| v.contains("application/openmetrics-text")) {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

/// What the control thread answers, or why it does not.
async fn ask<T>(
    asks: &mpsc::Sender<Ask>,
    pulses: &Pulses,
    question: impl FnOnce(oneshot::Sender<T>) -> Ask,
) -> Result<T, String> {
    let (to, answer) = oneshot::channel();
    let asking = async {
        asks.send(question(to)).await.ok()?;
        answer.await.ok()
    };
    match tokio::time::timeout(ANSWER_WITHIN, asking).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err("stopping".into()),
        Err(_) => {
            let silent = pulses.silent(SystemClock.now());
            Err(if silent.is_empty() { "the control thread is busy".into() } else { lines(&silent) })
        }
    }
}

async fn metrics(asks: mpsc::Sender<Ask>, pulses: &Pulses, format: Format) -> Response<Full<Bytes>> {
    let kind = match format {
        Format::OpenMetrics => OPENMETRICS,
        Format::Text => PROMETHEUS,
    };
    let snapshot = ask(&asks, pulses, Ask::Snapshot).await;
    let ages = pulses.ages(SystemClock.now());
    let text = snapshot.and_then(|snapshot| {
        let snapshot = Snapshot { threads: ages, ..*snapshot };
        crate::metrics::render(snapshot, format).map_err(|why| why.to_string())
    });
    match text {
        Ok(text) => page(StatusCode::OK, kind, text),
        Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{why}\n")),
    }
}

/// Alive until a thread is lost; who stands still is named from the beginning.
fn health(silent: &[Silent]) -> Response<Full<Bytes>> {
    if silent.is_empty() {
        return page(StatusCode::OK, "text/plain", "alive\n".into());
    }
    if silent.iter().any(|silent| silent.silent >= LOST_AFTER) {
        return page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{}\n", lines(silent)));
    }
    page(StatusCode::OK, "text/plain", format!("alive, but {}\n", lines(silent)))
}

async fn ready(asks: mpsc::Sender<Ask>, pulses: &Pulses) -> Response<Full<Bytes>> {
    let silent = pulses.silent(SystemClock.now());
    let ready = if silent.is_empty() {
        ask(&asks, pulses, Ask::Ready).await.and_then(|ready| ready)
    } else {
        Err(lines(&silent))
    };
    match ready {
        Ok(()) => page(StatusCode::OK, "text/plain", "ready\n".into()),
        Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{why}\n")),
    }
}

fn lines(silent: &[Silent]) -> String {
    silent.iter().map(Silent::to_string).collect::<Vec<_>>().join("\n")
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_still_is_named_at_once_and_is_lost_only_after_a_while() {
        let silent = |seconds| Silent { thread: "shard-1".into(), silent: Duration::from_secs(seconds), state: None };
        let answer = |silent: &[Silent]| health(silent).status();
        assert_eq!(answer(&[]), StatusCode::OK);
        assert_eq!(answer(&[silent(5)]), StatusCode::OK, "a disk may be slow for a while");
        assert_eq!(answer(&[silent(5), silent(30)]), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(lines(&[silent(5)]), "the thread `shard-1` has not turned for 5.0 s");
    }

    #[test]
    fn a_scraper_gets_the_format_it_speaks() {
        let asked = |accept: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(hyper::header::ACCEPT, hyper::header::HeaderValue::from_static(accept));
            }
            format_for(&headers)
        };
        assert_eq!(asked(None), Format::OpenMetrics);
        assert_eq!(asked(Some("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")), Format::OpenMetrics);
        assert_eq!(asked(Some("text/plain;version=0.0.4")), Format::Text);
        assert_eq!(asked(Some("*/*")), Format::Text);
    }
}
