//! What is no command: pages, the widget, the description of the interface, health and metrics.

use crate::app::App;
use crate::credentials::Caller;
use crate::events::{Cursor, KEEP_ALIVE, Open, listen};
use crate::metrics;
use crate::openapi;
use crate::problem::{Kind, Problem, json};
use crate::requests::{Asking, check_accepts};
use crate::rights::{LOOKS, one_of};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use haoyuan::ids::PatientKey;
use haoyuan::instant::HOUR;
use haoyuan::said;
use haoyuan::terms::Channel;
use std::sync::Arc;

/// A file that is compiled in.
#[derive(Clone, Copy)]
pub(crate) struct File {
    pub(crate) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The widget, as three modules without a dependency: pages of the hospital load it from here.
pub(crate) const WIDGET: &[File] = &[
    File { path: "/widget/booking.js", kind: SCRIPT, text: include_str!("../page/widget/booking.js") },
    File {
        path: "/widget/booking.css.js",
        kind: SCRIPT,
        text: include_str!("../page/widget/booking.css.js"),
    },
    File { path: "/widget/catalogue.js", kind: SCRIPT, text: include_str!("../page/widget/catalogue.js") },
];

/// The page of the demonstration.
pub(crate) const DEMO: &[File] = &[
    File { path: "/", kind: "text/html; charset=utf-8", text: include_str!("../page/index.html") },
    File { path: "/page.js", kind: SCRIPT, text: include_str!("../page/page.js") },
    File { path: "/page.css", kind: "text/css; charset=utf-8", text: include_str!("../page/page.css") },
];

/// The rules for what a page of ours may load: itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl File {
    pub(crate) fn response(self) -> Response {
        let mut response = self.text.into_response();
        let mut set = |name: HeaderName, value: &'static str| {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        };
        set(header::CONTENT_TYPE, self.kind);
        set(header::CACHE_CONTROL, "no-cache");
        set(header::CONTENT_SECURITY_POLICY, POLICY);
        response
    }
}

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Response {
    let mut response = openapi::TEXT.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `GET /health/live`: the process answers.
pub(crate) async fn live() -> Response {
    json(r#"{"status":"live"}"#.to_owned())
}

/// `GET /health/ready`: changes can be decided.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.check().map(|()| json(r#"{"status":"ready"}"#.to_owned()))
}

/// `GET /metrics`.
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
) -> Result<Response, Problem> {
    one_of(&asking.caller, LOOKS)?;
    let mut response = app.metrics.text(&app.registry).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    Ok(response)
}

/// `GET /v1/events`.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    check_accepts(&headers, "text/event-stream")?;
    let from = match headers.get("last-event-id") {
        None => None,
        Some(id) => Some(id.to_str().ok().and_then(Cursor::read).ok_or_else(|| {
            let detail = said!(
                "`Last-Event-ID` is the id of an event of this stream",
                "`Last-Event-ID` 须为此事件流中某事件的 id"
            );
            Problem::new(Kind::BadHeader, detail)
        })?),
    };
    let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| {
        let detail = said!("too many streams are open; ask again later", "打开的事件流过多,请稍后重试");
        Problem::new(Kind::Unavailable, detail).with(header::RETRY_AFTER, "30")
    })?;
    let stream = listen(Open::new(&app, permit), &asking.caller, from).await;
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// How long the token of a made-up patient runs.
const VISIT: i64 = HOUR;

/// `POST /demo/visitor`: a made-up patient, for the page of the demonstration. Whoever shows such a token gets a new one for the
/// same person.
pub(crate) async fn visitor(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
) -> Result<Response, Problem> {
    let patient = match asking.caller {
        Caller::Patient { patient, .. } => patient,
        Caller::Anyone | Caller::Staff(_) => somebody()?,
    };
    let now = app.clock.now();
    let credentials = app.credentials();
    let expires = now.plus(VISIT);
    let token =
        credentials.signing_key(now).and_then(|key| credentials.sign(key, patient, Channel::Web, expires));
    let token = token.ok_or_else(crate::app::internal)?;
    let body = serde_json::json!({
        "patient": format!("{:032x}", patient.get()),
        "token": token,
        "expires_ms": expires.ms(),
    });
    Ok(json(body.to_string()))
}

fn somebody() -> Result<PatientKey, Problem> {
    let secret = crate::credentials::secret().map_err(|_| crate::app::internal())?;
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&secret[..16]);
    PatientKey::new(u128::from_be_bytes(bytes)).ok_or_else(crate::app::internal)
}

/// Whatever has no path of its own.
pub(crate) async fn nothing() -> Problem {
    let detail = said!("see `/openapi.json` for what there is", "可用的路径见 `/openapi.json`");
    Problem::new(Kind::NotFound, detail)
}

/// A path with other methods.
pub(crate) async fn other_method() -> Problem {
    let detail = said!("the header `Allow` names them", "请求头 `Allow` 列出可用的方法");
    Problem::new(Kind::MethodNotAllowed, detail)
}

/// What every response says of itself.
pub(crate) fn guard(response: &mut Response) {
    let map = response.headers_mut();
    map.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    map.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if response.status() == StatusCode::OK && !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}
