//! The public feed over HTTP: made at most once a second, told by its `ETag` whether it has changed.
//!
//! INVARIANT (same tag, same counts): the tag is a hash of everything in the feed but its instant. Whoever has a feed with this tag
//! has the counts and the rules that are in force, and answers exactly at any instant.

use crate::app::App;
use crate::problem::{Problem, answered};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use haoyuan::answer::{Answer, Done};
use haoyuan::command::{Command, Feed};
use haoyuan::instant::{Day, Instant};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};
use tokio::sync::Mutex;

/// How old a feed may be.
const FRESH: Duration = Duration::from_secs(1);
/// How many feeds are kept: one for each hospital or department that pages ask for.
const KEPT_MOST: usize = 64;

/// Which feed.
type Asked = (Day, Day, Option<String>, Option<String>);

/// The feeds that were made last. One is made at a time, so that many who ask at once cost as much as one.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<HashMap<Asked, Made>>);

#[derive(Clone)]
struct Made {
    when: Moment,
    tag: HeaderValue,
    body: Arc<str>,
}

impl Feeds {
    pub(crate) async fn get(app: &Arc<App>, ask: Feed, headers: &HeaderMap) -> Result<Response, Problem> {
        let key = (ask.from, ask.to, ask.institution.clone(), ask.department.clone());
        let mut kept = app.feeds.0.lock().await;
        let made = if let Some(made) = kept.get(&key).filter(|made| made.when.elapsed() < FRESH) {
            made.clone()
        } else {
            let made = match make(app, ask).await? {
                Ok(made) => made,
                Err(answer) => return answered(&answer, app.clock.now()),
            };
            if kept.len() >= KEPT_MOST {
                kept.retain(|_, made| made.when.elapsed() < FRESH);
            }
            if kept.len() < KEPT_MOST {
                kept.insert(key, made.clone());
            }
            made
        };
        drop(kept);
        let body = if knows(headers, &made.tag) { None } else { Some(made.body) };
        let mut response = match body {
            None => StatusCode::NOT_MODIFIED.into_response(),
            Some(body) => String::from(&*body).into_response(),
        };
        let map = response.headers_mut();
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        map.insert(header::ETAG, made.tag);
        map.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=1"));
        Ok(response)
    }
}

/// The feed as it is now, or the answer that there is none.
async fn make(app: &Arc<App>, ask: Feed) -> Result<Result<Made, Answer>, Problem> {
    let when = Moment::now();
    match app.ask(Command::Feed(ask)).await? {
        Answer::Done(Done::Feed { mut feed }) => {
            // Every key is a string and every value a plain one, so that writing JSON cannot fail.
            let body: Arc<str> = serde_json::to_string(&feed).unwrap_or_default().into();
            feed.at = Instant::MIN;
            let timeless = serde_json::to_string(&feed).unwrap_or_default();
            let hash = blake3::hash(timeless.as_bytes()).to_hex();
            // Weak: two feeds with the same tag may differ in their instant.
            let tag = HeaderValue::from_str(&format!("W/\"{}\"", &hash[..32]))
                .unwrap_or(HeaderValue::from_static("*"));
            Ok(Ok(Made { when, tag, body }))
        }
        answer => Ok(Err(answer)),
    }
}

/// Whether the client has what the tag stands for.
fn knows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().unwrap_or_default().trim_start_matches("W/");
    let shown = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    shown
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_weakly() {
        let tag = HeaderValue::from_static("W/\"ab\"");
        let knows = |text: &'static str| {
            knows(&HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(text))]), &tag)
        };
        assert!(knows("W/\"ab\"") && knows("\"ab\"") && knows("\"x\", W/\"ab\"") && knows("*"));
        assert!(!knows("\"abc\"") && !knows("ab") && !knows(""));
    }
}
