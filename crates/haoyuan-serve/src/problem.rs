//! What a request is told that gets no answer of the platform's: one table of problems, as `application/problem+json` (RFC 9457).
//!
//! INVARIANT (one shape): whatever a body that is not an answer says, it says as a problem: `type`, `title`, `status`, `detail`
//! in the language that was asked for, `code`, and `reason` and `reason_zh` in both. A refusal of the platform keeps every key of
//! its answer beside them, so that a program may read either.
//!
//! Bodies are written in one place, the outermost layer ([`Problem::write`]): only it knows the language.

use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use haoyuan::answer::{Answer, Refused};
use haoyuan::refusal::Code;
use haoyuan::said;
use haoyuan::said::{Said, Speak};
use haoyuan::{Malformed, instant::Instant};
use serde_json::{Map, Value};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident $text:literal $en:literal $zh:literal;)+) => {
        /// The kinds of problems that are the server's own; refusals are the platform's ([`Code`]).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$doc])* $name),+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable word, as in the member `code`.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The status of the response.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// The title.
            #[must_use]
            pub fn title(self) -> Said {
                match self { $(Self::$name => said!($en, $zh)),+ }
            }
        }
    };
}

kinds! {
    /// The body is not JSON.
    NotJson = BAD_REQUEST "NOT_JSON" "the body is not JSON" "请求体不是 JSON";
    /// A header is not of its form.
    BadHeader = BAD_REQUEST "BAD_HEADER" "a header is not of its form" "请求头格式有误";
    /// No token, or none that is taken.
    Unauthenticated = UNAUTHORIZED "UNAUTHENTICATED" "a valid token is needed" "需要有效的令牌";
    /// The token does not allow it.
    Forbidden = FORBIDDEN "FORBIDDEN" "this token does not allow it" "该令牌无此权限";
    /// There is nothing at this path.
    NotFound = NOT_FOUND "NOT_FOUND" "there is nothing here" "此处没有内容";
    /// The path has other methods.
    MethodNotAllowed = METHOD_NOT_ALLOWED "METHOD_NOT_ALLOWED" "this path has other methods" "此路径不支持该方法";
    /// The answer exists in no form that is accepted.
    NotAcceptable = NOT_ACCEPTABLE "NOT_ACCEPTABLE" "the answer has no form that is accepted" "没有可接受的答复格式";
    /// The body did not arrive in time.
    TimedOut = REQUEST_TIMEOUT "TIMED_OUT" "the request did not arrive in time" "请求未按时到达";
    /// The body is larger than allowed.
    TooLarge = PAYLOAD_TOO_LARGE "TOO_LARGE" "the body is too large" "请求体过大";
    /// The body is in another form than JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "UNSUPPORTED_MEDIA_TYPE" "the body must be JSON" "请求体须为 JSON";
    /// The JSON is no command, or names what does not exist or does not fit.
    Malformed = UNPROCESSABLE_ENTITY "MALFORMED" "this is not a command" "这不是有效的命令";
    /// Too many requests of this caller.
    TooManyRequests = TOO_MANY_REQUESTS "TOO_MANY_REQUESTS" "too many requests; slow down" "请求过于频繁,请稍后再试";
    /// The server is going down, crowded, or its journal has failed; nothing was decided.
    Unavailable = SERVICE_UNAVAILABLE "UNAVAILABLE" "the server cannot decide now" "服务暂不可用";
    /// Decided, and whether it survives a restart is unknown.
    NotDurable = SERVICE_UNAVAILABLE "NOT_DURABLE" "decided, but not known to be durable" "已作裁决,但未能确认持久";
    /// A bug.
    Internal = INTERNAL_SERVER_ERROR "INTERNAL" "something is wrong with the server" "服务器内部错误";
}

/// A problem on its way to whoever asked.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    /// The URN of what it is.
    type_: String,
    title: Said,
    detail: Said,
    /// Further members.
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: Said) -> Self {
        let mut members = Map::new();
        members.insert("outcome".to_owned(), "error".into());
        members.insert("code".to_owned(), kind.text().into());
        Self::of(Parts {
            status: kind.status(),
            type_: format!("urn:haoyuan:problem:{}", kind.text()),
            title: kind.title(),
            detail,
            members,
            headers: Vec::new(),
        })
    }

    fn of(parts: Parts) -> Self {
        Self(Box::new(parts))
    }

    /// The platform's refusal.
    fn refused(refused: &Refused, now: Instant) -> Self {
        let reason = &refused.reason;
        let message = said!("{en}", "{en}", en = reason.message.en);
        let title = Said { zh: reason.message.zh.to_owned(), ..message };
        let mut members = members(&Answer::Refused(refused.clone()));
        members.insert("outcome".to_owned(), "refused".into());
        let problem = Self::of(Parts {
            status: status(reason.code),
            type_: format!("urn:haoyuan:refusal:{}", reason.code.text()),
            detail: title.clone(),
            title,
            members,
            headers: Vec::new(),
        });
        let wait = match (reason.retry.when, reason.retry.from) {
            ("now", _) => 1,
            (_, Some(from)) => (from.ms() - now.ms()).max(0).div_euclid(1000) + 1,
            _ => return problem,
        };
        problem.with(header::RETRY_AFTER, &wait.to_string())
    }

    /// A line that is no command; `place` is where it stands in an array.
    pub(crate) fn malformed(malformed: &Malformed, place: Option<usize>) -> Self {
        let mut problem = Self::new(Kind::Malformed, malformed.said());
        problem.0.members.append(&mut members(&Answer::Error(malformed.clone())));
        problem.at(place)
    }

    /// Which command of an array it is about.
    pub(crate) fn at(mut self, place: Option<usize>) -> Self {
        if let Some(place) = place {
            self.0.members.insert("index".to_owned(), place.into());
        }
        self
    }

    /// With a header.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// The status, and the body in a language.
    pub(crate) fn say(self, language: Language) -> (StatusCode, String) {
        let Parts { status, type_, title, detail, mut members, .. } = *self.0;
        members.entry("reason").or_insert_with(|| detail.en.clone().into());
        members.entry("reason_zh").or_insert_with(|| detail.zh.clone().into());
        let mut body = Map::new();
        body.insert("type".to_owned(), type_.into());
        body.insert("title".to_owned(), language.of(title).into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("detail".to_owned(), language.of(detail).into());
        body.append(&mut members);
        (status, Value::Object(body).to_string())
    }

    /// The response around it.
    pub(crate) fn write(mut self, language: Language) -> Response {
        let headers = std::mem::take(&mut self.0.headers);
        let mut response = self.say(language).into_response();
        let map = response.headers_mut();
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        map.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        map.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        map.append(header::VARY, HeaderValue::from_static("accept-language"));
        for (name, value) in headers {
            map.insert(name, value);
        }
        response
    }
}

/// The problem travels beside an empty body, until the outermost layer writes it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The keys of an answer.
fn members(answer: &Answer) -> Map<String, Value> {
    match serde_json::to_value(answer) {
        Ok(Value::Object(members)) => members,
        // An answer is an object, and writing it cannot fail.
        _ => Map::new(),
    }
}

/// One answer as a response.
pub(crate) fn answered(answer: &Answer, now: Instant) -> Result<Response, Problem> {
    match answer {
        Answer::Granted(_) | Answer::Done(_) => Ok(json(answer.to_json())),
        Answer::Refused(refused) => Err(Problem::refused(refused, now)),
        Answer::Error(malformed) => Err(Problem::malformed(malformed, None)),
    }
}

/// A body of JSON, which nobody keeps.
pub(crate) fn json(body: String) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The status of a refusal.
#[must_use]
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::UnknownSession
        | Code::UnknownSlot
        | Code::UnknownBooking
        | Code::UnknownEntry
        | Code::UnknownStop
        | Code::UnknownVisit => StatusCode::NOT_FOUND,
        Code::RoleRequired => StatusCode::FORBIDDEN,
        // The same key with another command: the draft of the header `Idempotency-Key` says so.
        Code::IdempotencyConflict | Code::ReasonRequired | Code::ContactRequired => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::EngineFull => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    }
}

/// The language of a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    En,
    Zh,
}

impl Language {
    /// The one that is asked for with the greater weight; English if neither is, or both alike and English first.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        let (mut best, mut weight) = (Self::En, 0);
        for (range, q) in weighed(headers, &header::ACCEPT_LANGUAGE) {
            let range = range.to_ascii_lowercase();
            let language = match range.split('-').next() {
                Some("zh") => Self::Zh,
                Some("en") => Self::En,
                _ => continue,
            };
            if q > weight {
                (best, weight) = (language, q);
            }
        }
        best
    }

    fn of(self, said: Said) -> String {
        match self {
            Self::En => said.en,
            Self::Zh => said.zh,
        }
    }

    const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }
}

/// Whether a response of this media type is accepted.
pub(crate) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    if !headers.contains_key(header::ACCEPT) {
        return true;
    }
    let kind = media_type.split('/').next().unwrap_or_default();
    // The most special range decides: `*/*` says nothing about a type that is refused by name.
    let mut best: Option<(u8, u32)> = None;
    for (range, q) in weighed(headers, &header::ACCEPT) {
        let range = range.to_ascii_lowercase();
        let special = match range.as_str() {
            "*/*" => 0,
            range if range.strip_suffix("/*") == Some(kind) => 1,
            range if range == media_type => 2,
            _ => continue,
        };
        if best.is_none_or(|(known, _)| special > known) {
            best = Some((special, q));
        }
    }
    best.is_some_and(|(_, q)| q > 0)
}

/// The ranges of a header, each with its weight in thousandths.
fn weighed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'a str, u32)> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|part| {
        let mut parts = part.split(';').map(str::trim);
        let range = parts.next().filter(|range| !range.is_empty())?;
        let q = parts.find_map(|parameter| parameter.strip_prefix("q=")).map_or(Some(1000), thousandths);
        Some((range, q?))
    })
}

/// `0.25` as 250.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let value = whole.parse::<u32>().ok()?.checked_mul(1000)? + format!("{part:0<3}").parse::<u32>().ok()?;
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[track_caller]
    fn spoken(value: &str, expected: Language) {
        assert_eq!(Language::of_headers(&headers(header::ACCEPT_LANGUAGE, value)), expected, "{value}");
    }

    #[test]
    fn the_language_of_greater_weight_is_spoken() {
        assert_eq!(Language::of_headers(&HeaderMap::new()), Language::En);
        spoken("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh);
        spoken("en;q=0.5, zh;q=0.7", Language::Zh);
        spoken("en, zh", Language::En);
        spoken("fr, de;q=0.5", Language::En);
        spoken("zh;q=0", Language::En);
        spoken("zh;q=7, ZH-tw", Language::Zh);
        spoken("*", Language::En);
    }

    #[track_caller]
    fn taken(value: &str, expected: bool) {
        assert_eq!(accepts(&headers(header::ACCEPT, value), "application/json"), expected, "{value}");
    }

    #[test]
    fn the_most_special_range_decides_whether_json_is_accepted() {
        assert!(accepts(&HeaderMap::new(), "application/json"));
        taken("*/*", true);
        taken("application/*;q=0.1", true);
        taken("text/html, application/json", true);
        taken("text/html", false);
        taken("application/json;q=0, */*", false);
        taken("application/json;q=0.000", false);
        taken("", false);
    }

    #[test]
    fn every_kind_speaks_both_languages_and_has_its_own_word() {
        let mut words: Vec<_> = Kind::ALL.iter().map(|kind| kind.text()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert!(Code::ALL.iter().all(|code| code.text() != kind.text()), "{}", kind.text());
        }
    }

    #[test]
    fn every_refusal_is_a_client_error_or_says_that_the_engine_is_full() {
        for code in Code::ALL {
            assert!(status(*code).is_client_error() || *code == Code::EngineFull, "{code}");
        }
    }
}
