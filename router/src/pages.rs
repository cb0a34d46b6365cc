//! The pages for machines: `/metrics`, `/healthz`, `/readyz`, over plain HTTP on an address that is not for the outside.
//!
//! What comes in: GET requests. What goes out: text, and a status code that a load balancer or Prometheus understands.
//! Deliberately absent: anything that changes something; the control socket does that.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::control::Ask;

/// Connections served at a time; more wait.
const CONNECTIONS_MAX: usize = 32;
/// From a request's first byte to the end of its head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// What an OpenMetrics scraper expects.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until the control thread is gone.
pub(crate) async fn serve(listener: TcpListener, asks: mpsc::Sender<Ask>) {
    let permits = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
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
    if request.method() != Method::GET {
        return Ok(page(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n".into()));
    }
    Ok(match request.uri().path() {
        "/metrics" => metrics(asks).await,
        "/healthz" => page(StatusCode::OK, "text/plain", "alive\n".into()),
        "/readyz" => ready(asks).await,
        _ => page(StatusCode::NOT_FOUND, "text/plain", "try /metrics, /healthz or /readyz\n".into()),
    })
}

async fn metrics(asks: mpsc::Sender<Ask>) -> Response<Full<Bytes>> {
    let (to, answer) = oneshot::channel();
    let text = match (asks.send(Ask::Snapshot(to)).await, answer.await) {
        (Ok(()), Ok(snapshot)) => crate::metrics::render(*snapshot).ok(),
        _ => None,
    };
    match text {
        Some(text) => page(StatusCode::OK, OPENMETRICS, text),
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
