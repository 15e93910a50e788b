//! The server: a registry, a router and a socket, from the start to a quiet end.

use crate::app::{App, Order};
use crate::clock::Clock;
use crate::connections;
use crate::credentials::Credentials;
use crate::events::{self, PASSING};
use crate::options::Options;
use crate::pages;
use crate::problem::{Language, Problem};
use crate::requests::{self, QUESTIONS};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use haoyuan::command::{Command, Tick};
use haoyuan::said;
use haoyuan::said::{Said, Speak};
use haoyuan::{Error as RegistryError, Registry};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::services::ServeDir;

/// Why a server does not start, or did not end as it should.
#[derive(Debug)]
pub enum Error {
    /// The address can be reached from other machines, and nobody could give a command.
    Exposed(SocketAddr),
    /// The socket.
    Io(io::Error),
    /// An origin is not one.
    Origin(String),
    /// Not everything could be written at the end.
    Registry(RegistryError),
    /// Something is still under way long after the end.
    StillBusy,
}

impl Speak for Error {
    fn said(&self) -> Said {
        match self {
            Self::Exposed(address) => said!(
                "`{address}` can be reached from other machines: give a file of tokens, or an address of this machine such as 127.0.0.1",
                "`{address}` 可从其他机器访问:请提供令牌文件,或改用本机地址,如 127.0.0.1",
                address = address.to_string()
            ),
            Self::Io(error) => haoyuan::journal::system(error),
            Self::Origin(origin) => said!(
                "`{origin}` is no origin; write it as `https://www.hospital.example`, without a path",
                "`{origin}` 不是来源;请写作 `https://www.hospital.example`,不带路径",
                origin
            ),
            Self::Registry(error) => error.said(),
            Self::StillBusy => said!(
                "a command is still under way; what was acknowledged is durable, what was not may be missing",
                "仍有命令在执行;已确认的均已持久,未确认的可能缺失"
            ),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Registry(error) => Some(error),
            Self::Exposed(_) | Self::Origin(_) | Self::StillBusy => None,
        }
    }
}

/// A server that is not running yet.
pub struct Server {
    app: Arc<App>,
    router: Router,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("registry", &self.app.registry).finish_non_exhaustive()
    }
}

/// The way to a server that runs.
#[derive(Clone)]
pub struct Handle(Arc<App>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.0.registry).finish()
    }
}

impl Handle {
    /// Takes other tokens from now on. What is under way goes on.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.0.set_credentials(credentials);
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The state hash at the end.
    pub state_hash: [u8; 32],
    /// The snapshot that was written, if there is a journal.
    pub snapshot: Option<String>,
}

impl Server {
    /// A server over a registry, which it owns from now on.
    ///
    /// # Errors
    /// [`Error::Origin`].
    pub fn new(
        registry: Registry,
        credentials: Credentials,
        options: Options,
        clock: Clock,
    ) -> Result<Self, Error> {
        let app = Arc::new(App::new(registry, credentials, options, clock));
        let router = router(&app)?;
        app.events.begin(&app);
        Ok(Self { app, router })
    }

    /// The way to it while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.app))
    }

    /// That the server may listen at an address: on this machine, or with somebody who can give a command.
    ///
    /// # Errors
    /// [`Error::Exposed`].
    pub fn check_address(address: SocketAddr, credentials: &Credentials) -> Result<(), Error> {
        if address.ip().to_canonical().is_loopback() || !credentials.is_empty() {
            Ok(())
        } else {
            Err(Error::Exposed(address))
        }
    }

    /// Serves until `end` is ready; then takes no new connections, finishes what is under way, writes everything to disk, and
    /// a snapshot so that the next start is quick. Drop every [`Handle`] before: they keep the registry.
    ///
    /// # Errors
    /// [`Error`]. Whatever was acknowledged before is as durable as it was acknowledged.
    pub async fn run(self, listener: TcpListener, end: impl Future<Output = ()>) -> Result<Ended, Error> {
        let Self { app, router } = self;
        Self::check_address(listener.local_addr().map_err(Error::Io)?, &app.credentials())?;
        let notices = tokio::spawn(events::tell_notices(Arc::clone(&app)));
        let time = tokio::spawn(pass_time(Arc::clone(&app)));
        let serving = tokio::spawn(connections::accept(listener, router, Arc::clone(&app)));
        end.await;
        app.closing.send_replace(true);
        // A panic in the loop of connections would be a bug; the journal is closed all the same.
        let _ = serving.await;
        time.abort();
        notices.abort();
        let _ = (time.await, notices.await);
        let mut registry = alone(app).await?;
        let ended = tokio::task::spawn_blocking(move || {
            let state_hash = registry.state_hash();
            let snapshot = match registry.journal() {
                Some(journal) if journal.failure().is_none() => Some(registry.snapshot()?),
                _ => None,
            };
            registry.close()?;
            Ok(Ended { state_hash, snapshot })
        });
        match ended.await {
            Ok(ended) => ended.map_err(Error::Registry),
            Err(_) => Err(Error::StillBusy),
        }
    }
}

/// The registry, once everybody else has let it go.
async fn alone(mut app: Arc<App>) -> Result<Registry, Error> {
    let until = Instant::now() + app.options.end_time + Duration::from_secs(1);
    loop {
        match Arc::try_unwrap(app) {
            Ok(app) => return Ok(app.registry),
            Err(_) if Instant::now() > until => return Err(Error::StillBusy),
            Err(shared) => app = shared,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets time pass: holds that are due are swept, offers passed on.
async fn pass_time(app: Arc<App>) {
    let mut tick = tokio::time::interval(app.options.tick);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for passed in 0u64.. {
        tick.tick().await;
        let command = Command::Tick(Tick { at: app.clock.now() });
        // That nothing can be decided now, the next request hears as well.
        let _ = app.carry_out(vec![Order { command, actor: PASSING }]).await;
        if passed % 64 == 0 {
            app.rates.forget();
        }
    }
}

fn router(app: &Arc<App>) -> Result<Router, Error> {
    let mut routes = Router::new()
        .route("/v1/commands", post(requests::commands))
        .route("/v1/feed", get(requests::feed))
        .route("/v1/events", get(pages::events))
        .route("/metrics", get(pages::metrics));
    for asked in QUESTIONS {
        routes = routes.route(&format!("/v1/{}", asked.0), question(*asked));
    }
    if app.options.demo {
        routes = routes.route("/demo/visitor", post(pages::visitor));
    }
    // Before the layers, so that they see requests with other methods as well: one of them asks what is allowed.
    let routes = routes
        .method_not_allowed_fallback(pages::other_method)
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(app), requests::admit))
        .layer(cors(&app.options.origins)?);
    // What costs nothing is not counted: a health check must not be told to slow down.
    let mut free = Router::new()
        .route("/health/live", get(pages::live))
        .route("/health/ready", get(pages::ready))
        .route("/openapi.json", get(pages::openapi));
    for file in pages::WIDGET.iter().chain(if app.options.demo { pages::DEMO } else { &[] }) {
        free = free.route(file.path, get(async || file.response()));
    }
    let all = routes.merge(free.method_not_allowed_fallback(pages::other_method));
    let all = match &app.options.page {
        Some(folder) => all.fallback_service(ServeDir::new(folder)),
        None => all.fallback(pages::nothing),
    };
    Ok(all.layer(from_fn_with_state(Arc::clone(app), observe)).with_state(Arc::clone(app)))
}

fn question(asked: (&'static str, bool)) -> MethodRouter<Arc<App>> {
    get(move |state: State<Arc<App>>, query, request: Request| {
        requests::question(asked, state, query, request)
    })
}

/// Pages of other origins that may ask.
fn cors(origins: &[String]) -> Result<CorsLayer, Error> {
    let origins = origins.iter().map(|origin| {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let fits = rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '?', '#']));
        let value = HeaderValue::from_str(origin).ok().filter(|_| fits);
        value.ok_or_else(|| Error::Origin(origin.clone()))
    });
    let origins = origins.collect::<Result<Vec<_>, _>>()?;
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([header::ETAG, header::RETRY_AFTER])
        .max_age(Duration::from_secs(3_600)))
}

/// The outermost layer: measures, and writes problems in the language that was asked for.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let language = Language::of_headers(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let written = problem.write(language);
        let before = std::mem::replace(&mut response, written);
        // What inner layers said stays: which methods there are, which origin may read this.
        for (name, value) in before.headers() {
            if ![header::CONTENT_LENGTH, header::CONTENT_TYPE].contains(name)
                && !response.headers().contains_key(name)
            {
                response.headers_mut().insert(name, value.clone());
            }
        }
    }
    pages::guard(&mut response);
    app.metrics.request(
        route.as_ref().map_or("none", MatchedPath::as_str),
        response.status(),
        began.elapsed(),
    );
    response
}
