//! The pages for machines: `/metrics`, `/healthz`, `/readyz`, over plain HTTP on an address that is not for the outside.
//!
//! What comes in: GET and HEAD requests. What goes out: text, and a status code that a load balancer or Prometheus understands.
//! Deliberately absent: anything that changes something; the control socket does that.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::control::Ask;
use crate::metrics::Format;

/// Connections served at a time; more wait.
const CONNECTIONS_MAX: usize = 32;
/// From a request's first byte to the end of its head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait after a connection could not be accepted: no descriptor is left, most likely.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// What a scraper expects that speaks OpenMetrics, and what one that does not.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until the control thread is gone.
pub(crate) async fn serve(listener: TcpListener, asks: mpsc::Sender<Ask>) {
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
        let asks = asks.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(|request| answer(request, asks.clone()));
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

async fn answer(request: Request<Incoming>, asks: mpsc::Sender<Ask>) -> Result<Response<Full<Bytes>>, Infallible> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET and HEAD only\n".into());
        refused.headers_mut().insert(hyper::header::ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return Ok(refused);
    }
    Ok(match request.uri().path() {
        "/metrics" => metrics(asks, format_for(request.headers())).await,
        "/healthz" => page(StatusCode::OK, "text/plain", "alive\n".into()),
        "/readyz" => ready(asks).await,
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

async fn metrics(asks: mpsc::Sender<Ask>, format: Format) -> Response<Full<Bytes>> {
    let (to, answer) = oneshot::channel();
    let text = match (asks.send(Ask::Snapshot(to)).await, answer.await) {
        (Ok(()), Ok(snapshot)) => crate::metrics::render(*snapshot, format).ok(),
        _ => None,
    };
    let kind = match format {
        Format::OpenMetrics => OPENMETRICS,
        Format::Text => PROMETHEUS,
    };
    match text {
        Some(text) => page(StatusCode::OK, kind, text),
        None => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "stopping\n".into()),
    }
}

async fn ready(asks: mpsc::Sender<Ask>) -> Response<Full<Bytes>> {
    let (to, answer) = oneshot::channel();
    match (asks.send(Ask::Ready(to)).await, answer.await) {
        (Ok(()), Ok(Ok(()))) => page(StatusCode::OK, "text/plain", "ready\n".into()),
        (Ok(()), Ok(Err(why))) => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", format!("{why}\n")),
        _ => page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "stopping\n".into()),
    }
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
