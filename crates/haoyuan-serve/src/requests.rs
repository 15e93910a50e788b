//! From a request to commands, and from answers to a response.
//!
//! INVARIANT (all is checked before anything is done): tokens, sizes, forms and rights of every command of a request are looked at
//! before the first is carried out; a request that is refused here has changed nothing.
//!
//! INVARIANT (the server's time): the instant of every command is the server's; a key `at` in a request is passed over.

use crate::app::{App, Order};
use crate::connections::Peer;
use crate::credentials::{Caller, Invalid};
use crate::feed::Feeds;
use crate::options::{BATCH_MOST, BODY_BYTES_MOST, STAFF_BODY_BYTES_MOST};
use crate::problem::{Kind, Problem, accepts, answered, json};
use crate::rates::network;
use crate::rights;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use haoyuan::answer::Answer;
use haoyuan::command::Command;
use haoyuan::ids::IdempotencyKey;
use haoyuan::instant::Instant;
use haoyuan::said;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;

const JSON: &str = "application/json";
const KEY: &str = "idempotency-key";

// ---- who asks

/// Counts the request against its address, and finds out who asks.
pub(crate) async fn admit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let address = address(&app, &request);
    if let Err(problem) = app.rates.peer(address) {
        return problem.into_response();
    }
    match caller(&app, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(Asking { caller, address });
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who asks, and from where.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) caller: Caller,
    pub(crate) address: IpAddr,
}

/// The address that asks: that of the connection, or what a trusted proxy says of it. The last address of the header is the one
/// that the proxy itself has seen; whatever stands before it anybody may have written.
fn address(app: &App, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    if !app.options.proxies.contains(&peer) {
        return peer;
    }
    let forwarded = request.headers().get_all("x-forwarded-for").into_iter().next_back();
    let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    last.map_or(peer, network)
}

fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let mut shown = headers.get_all(header::AUTHORIZATION).into_iter();
    let Some(value) = shown.next() else { return Ok(Caller::Anyone) };
    let invalid = |detail| {
        let challenge = "Bearer realm=\"haoyuan\", error=\"invalid_token\"";
        Problem::new(Kind::Unauthenticated, detail).with(header::WWW_AUTHENTICATE, challenge)
    };
    let bearer = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let (Some(token), None) = (bearer, shown.next()) else {
        return Err(invalid(said!(
            "show one token: `Authorization: Bearer …`",
            "请出示一个令牌:`Authorization: Bearer …`"
        )));
    };
    app.credentials().recognise(token, app.clock.now()).map_err(|why| {
        invalid(match why {
            Invalid::Unknown => said!("this token is not taken", "该令牌无效"),
            Invalid::Expired => said!("this token has expired; get a new one", "该令牌已过期,请重新获取"),
            Invalid::TooLong => {
                said!("a patient's token runs for twelve hours at most", "患者令牌的有效期最长为十二小时")
            }
        })
    })
}

// ---- commands

/// `POST /v1/commands`: one command, or an array of them.
pub(crate) async fn commands(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let asking = asking(&parts.extensions);
    check_form(&parts.headers)?;
    let key = idempotency_key(&parts.headers)?;
    let body = read(&app, &parts.headers, &asking, body).await?;
    let now = app.clock.now();
    let (lines, is_array) = lines(&body)?;
    if is_array && key.is_some() {
        let detail = said!(
            "the header `Idempotency-Key` is for one command; in an array give each its `key`",
            "请求头 `Idempotency-Key` 仅用于单条命令;数组中请为各命令写明 `key`"
        );
        return Err(Problem::new(Kind::BadHeader, detail));
    }
    app.rates.caller(&asking.caller, lines.len(), asking.address)?;
    let mut orders = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        let place = is_array.then_some(number);
        let order = order(&asking.caller, line.get(), now, key).map_err(|problem| problem.at(place))?;
        orders.push(order);
    }
    let answers = app.carry_out(orders).await?;
    if is_array {
        let bodies: Vec<String> = answers.iter().map(Answer::to_json).collect();
        return Ok(json(format!("[{}]", bodies.join(","))));
    }
    match answers.first() {
        // The journal failed between the check and the command: nothing is wrong with the command.
        Some(Answer::Error(_)) if app.has_failed() => {
            Err(app.check().err().unwrap_or_else(crate::app::internal))
        }
        Some(answer) => answered(answer, now),
        None => Err(crate::app::internal()),
    }
}

fn asking(extensions: &axum::http::Extensions) -> Asking {
    let nobody = || Asking { caller: Caller::Anyone, address: IpAddr::from([0, 0, 0, 0]) };
    extensions.get::<Asking>().cloned().unwrap_or_else(nobody)
}

/// One command, and in whose name.
fn order(caller: &Caller, line: &str, now: Instant, key: Option<IdempotencyKey>) -> Result<Order, Problem> {
    let (mut command, actor) =
        Command::parse_at(line, now).map_err(|malformed| Problem::malformed(&malformed, None))?;
    let actor = rights::permit(caller, &command, actor)?;
    if let Some(key) = key {
        set_key(&mut command, key)?;
    }
    Ok(Order { command, actor })
}

fn set_key(command: &mut Command, key: IdempotencyKey) -> Result<(), Problem> {
    let own = match command {
        Command::Hold(wish) | Command::Book(wish) => &mut wish.key,
        Command::Confirm(settle) | Command::Cancel(settle) => &mut settle.key,
        _ => {
            let detail = said!(
                "`{command}` has no idempotency key; leave the header out",
                "`{command}` 没有幂等键;请去掉该请求头",
                command = command.word()
            );
            return Err(Problem::new(Kind::BadHeader, detail));
        }
    };
    if own.is_some_and(|own| own != key) {
        let detail = said!(
            "the header `Idempotency-Key` and the `key` of the command differ",
            "请求头 `Idempotency-Key` 与命令的 `key` 不一致"
        );
        return Err(Problem::new(Kind::BadHeader, detail));
    }
    *own = Some(key);
    Ok(())
}

/// The header `Idempotency-Key`: a UUID, or what the `key` of a command may be; in quotation marks or without.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut shown = headers.get_all(KEY).into_iter();
    let Some(value) = shown.next() else { return Ok(None) };
    let read = value.to_str().ok().and_then(|text| {
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let is_uuid = text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
        let digits = if is_uuid { text.replace('-', "") } else { text.to_owned() };
        let is_hex = (1..=32).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_hexdigit());
        is_hex.then(|| u128::from_str_radix(&digits, 16).ok()).flatten().and_then(IdempotencyKey::new)
    });
    if let (Some(key), None) = (read, shown.next()) {
        return Ok(Some(key));
    }
    let detail = said!(
        "the header `Idempotency-Key` is one UUID, or 1 to 32 hexadecimal digits, not zero",
        "请求头 `Idempotency-Key` 须为一个 UUID,或 1 至 32 位十六进制数,不为零"
    );
    Err(Problem::new(Kind::BadHeader, detail))
}

/// That the answer can be read and the body can be.
fn check_form(headers: &HeaderMap) -> Result<(), Problem> {
    check_accepts(headers, JSON)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(JSON));
    let is_utf8 = parts.filter(|part| !part.is_empty()).all(|part| {
        let charset = part.split_once('=').map(|(name, value)| (name.trim(), value.trim().trim_matches('"')));
        charset.is_some_and(|(name, value)| {
            !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
        })
    });
    let is_plain = headers
        .get_all(header::CONTENT_ENCODING)
        .into_iter()
        .all(|value| value.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case("identity")));
    if is_json && is_utf8 && is_plain {
        return Ok(());
    }
    let detail = said!(
        "send UTF-8 JSON, not compressed, with `Content-Type: application/json`",
        "请发送未压缩的 UTF-8 JSON,并写明 `Content-Type: application/json`"
    );
    Err(Problem::new(Kind::UnsupportedMediaType, detail).with(header::ACCEPT, JSON))
}

pub(crate) fn check_accepts(headers: &HeaderMap, media_type: &str) -> Result<(), Problem> {
    if accepts(headers, media_type) {
        return Ok(());
    }
    let detail = said!("the answer is `{media_type}`", "答复的格式为 `{media_type}`", media_type);
    Err(Problem::new(Kind::NotAcceptable, detail))
}

/// The body, as far as it is not too large and not too slow.
async fn read(app: &App, headers: &HeaderMap, asking: &Asking, body: Body) -> Result<Bytes, Problem> {
    let most = match asking.caller {
        Caller::Staff(_) => STAFF_BODY_BYTES_MOST,
        Caller::Anyone | Caller::Patient { .. } => BODY_BYTES_MOST,
    };
    let too_large = || {
        let detail = said!("at most {most} bytes are taken; split it", "最多接受 {most} 字节;请拆分", most);
        Problem::new(Kind::TooLarge, detail).with(header::CONNECTION, "close")
    };
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    match tokio::time::timeout(app.options.body_time, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => {
            let detail = said!("the body ended before its end", "请求体不完整");
            Err(Problem::new(Kind::NotJson, detail).with(header::CONNECTION, "close"))
        }
        Err(_) => {
            let detail = said!(
                "the body must be there within {seconds} s",
                "请求体须在 {seconds} 秒内到达",
                seconds = app.options.body_time.as_secs()
            );
            Err(Problem::new(Kind::TimedOut, detail).with(header::CONNECTION, "close"))
        }
    }
}

/// The commands of a body, and whether they came in an array.
fn lines(body: &Bytes) -> Result<(Vec<&RawValue>, bool), Problem> {
    let not_json = |error: &serde_json::Error| {
        // Where, and not what: the text may be anything.
        let (line, column) = (error.line(), error.column());
        let detail = said!(
            "the JSON ends being JSON at line {line}, column {column}",
            "JSON 在第 {line} 行第 {column} 列处有误",
            line,
            column
        );
        Problem::new(Kind::NotJson, detail)
    };
    let whole: &RawValue = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    if !whole.get().starts_with('[') {
        return Ok((vec![whole], false));
    }
    let lines: Vec<&RawValue> = serde_json::from_str(whole.get()).map_err(|error| not_json(&error))?;
    if lines.is_empty() || lines.len() > BATCH_MOST {
        let detail =
            said!("an array has 1 to {most} commands", "数组须有 1 至 {most} 条命令", most = BATCH_MOST);
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    Ok((lines, true))
}

// ---- questions

/// What can be asked with `GET`: the path, which is the command, and whether it is public.
pub(crate) const QUESTIONS: &[(&str, bool)] = &[
    ("availability", true),
    ("search", true),
    ("load", true),
    ("schedule", true),
    ("session", true),
    ("bookings", false),
    ("waitlist", false),
    ("notices", false),
];

/// `GET /v1/QUESTION`: the command of that name, its keys in the query.
pub(crate) async fn question(
    (word, is_public): (&'static str, bool),
    State(app): State<Arc<App>>,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    check_accepts(request.headers(), JSON)?;
    let asking = asking(request.extensions());
    if !is_public && matches!(asking.caller, Caller::Anyone) {
        return Err(rights::unauthenticated());
    }
    app.rates.caller(&asking.caller, 1, asking.address)?;
    let now = app.clock.now();
    let line = line(word, query, &asking.caller)?;
    let order = order(&asking.caller, &line, now, None)?;
    let answers = app.carry_out(vec![order]).await?;
    answers.first().map_or_else(|| Err(crate::app::internal()), |answer| answered(answer, now))
}

/// `GET /v1/feed`: the public feed.
pub(crate) async fn feed(
    State(app): State<Arc<App>>,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    check_accepts(request.headers(), JSON)?;
    let asking = asking(request.extensions());
    app.rates.caller(&asking.caller, 1, asking.address)?;
    let now = app.clock.now();
    let line = line("feed", query, &asking.caller)?;
    match order(&asking.caller, &line, now, None)?.command {
        Command::Feed(ask) => Feeds::get(&app, ask, request.headers()).await,
        _ => Err(crate::app::internal()),
    }
}

/// A query as a line of the command language. Each key once; a slot and a count are numbers if they look like one.
fn line(
    word: &str,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
    caller: &Caller,
) -> Result<String, Problem> {
    let malformed = |field: &str, reason| {
        let field = Some(field.to_owned());
        Problem::malformed(
            &haoyuan::Malformed { field, reason, column: None, place: None, rows: Vec::new() },
            None,
        )
    };
    let Ok(Query(pairs)) = query else {
        return Err(malformed(
            "?",
            said!("the query is no list of keys and values", "查询字符串不是键值列表"),
        ));
    };
    let mut object = Map::new();
    for (name, value) in pairs {
        if ["command", "actor"].contains(&name.as_str()) {
            return Err(malformed(&name, said!("there is no such field here", "此处没有这个字段")));
        }
        let is_number = ["slot", "most", "after"].contains(&name.as_str())
            && !value.is_empty()
            && value.bytes().all(|c| c.is_ascii_digit());
        let number = if is_number { value.parse::<u64>().ok() } else { None };
        let value = number.map_or_else(|| Value::from(value.as_str()), Value::from);
        if object.contains_key(&name) {
            return Err(malformed("?", said!("a key is given twice", "有键重复给出")));
        }
        object.insert(name, value);
    }
    if let ("bookings", Caller::Patient { patient, .. }) = (word, caller) {
        object.entry("patient").or_insert_with(|| format!("{:032x}", patient.get()).into());
    }
    object.insert("command".to_owned(), word.into());
    Ok(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn an_idempotency_key_is_a_uuid_or_what_a_key_may_be() {
        let read =
            |text: &str| idempotency_key(&headers(KEY, text)).map(|key| key.map(IdempotencyKey::get)).ok();
        let uuid = 0x8e03_978e_40d5_43dd_bc93_6894_a57f_9324;
        assert_eq!(read("8e03978e-40d5-43dd-bc93-6894a57f9324"), Some(Some(uuid)));
        assert_eq!(read("\"8e03978e-40d5-43dd-bc93-6894a57f9324\""), Some(Some(uuid)));
        assert_eq!(read("2a"), Some(Some(42)));
        for wrong in ["", "0", "xyz", "8e03978e-40d5-43dd-bc936894a57f93240", "+1", &"1".repeat(33), "\"1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(idempotency_key(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn the_body_must_be_plain_json() {
        let fits = |kind: &str| check_form(&headers("content-type", kind)).is_ok();
        assert!(
            fits("application/json") && fits("application/json; charset=UTF-8") && fits("APPLICATION/JSON;")
        );
        for wrong in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=gbk",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!fits(wrong), "{wrong}");
        }
        let mut zipped = headers("content-type", JSON);
        zipped.insert("content-encoding", HeaderValue::from_static("gzip"));
        assert!(check_form(&zipped).is_err());
    }
}
