//! The answer to each route.

use super::{
    forms::{cookies, fits_cookie, pairs},
    route::{ITEM_MAX, Route, route},
    served::Counters,
};
use hatchery_core::shard::Shard;
use hatchery_http::server::{Answer, BodyError, ContentType, Request, StatusCode};
use serde_json::{Map, Value, json};
use std::{rc::Rc, sync::Arc};

/// What the bodies of `/bytes/N` are cut from, also the most that is copied at a time.
static FILLING: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// One shard of the target.
pub(super) struct Place {
    pub(super) shard: Rc<Shard>,
    pub(super) counters: Arc<Counters>,
}

/// Answers a request and counts it. A request whose client leaves before is dropped in here, at
/// one of the awaits, and is not counted.
pub(super) async fn answer(place: Rc<Place>, mut request: Request) -> Answer {
    let route = route(request.path());
    // Always read, or what is left of it would stand before the connection's next request.
    let answer = match request.body().await {
        Ok(body) if body.is_empty() => answer_to(&place, route, request, &[]).await,
        Ok(body) if route == Route::Echo && is_octets(&request) => {
            request.answer(StatusCode::OK).body(ContentType::Octets, body)
        }
        Ok(body) => answer_to(&place, route, request, &body).await,
        Err(error @ BodyError::TooLarge) => {
            say(request, StatusCode::PAYLOAD_TOO_LARGE, &error.to_string())
        }
        Err(error @ BodyError::Broken) => say(request, StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if let Some(pattern) = route.pattern() {
        place.counters.count(place.shard.index(), pattern);
    }
    answer
}

async fn answer_to(place: &Place, route: Route, request: Request, body: &[u8]) -> Answer {
    match route {
        Route::Hello => hello(request),
        Route::Bytes(n_bytes) => {
            request.answer(StatusCode::OK).repeated(ContentType::Text, &FILLING, n_bytes)
        }
        Route::Delay(time) => {
            place.shard.sleep(time).await;
            hello(request)
        }
        Route::Status(status) => answer_status(request, status),
        Route::Cookies => show_cookies(request),
        Route::SetCookies => set_cookies(request),
        Route::Redirect(1) => redirect(request, "/"),
        Route::Redirect(n) => redirect(request, &format!("/redirect/{}", n - 1)),
        Route::Echo => echo(request, body),
        Route::Login => post_only(request, |request| login(request, body)),
        Route::Item(number) => item(request, number),
        Route::Cart => {
            with_session(request, |user| json!({ "user": user, "state": "in the cart" }))
        }
        Route::Pay => with_session(request, |user| json!({ "user": user, "state": "paid" })),
        Route::Receipt => {
            with_session(request, |user| json!({ "user": user, "state": "receipt sent" }))
        }
        Route::Unknown => say(request, StatusCode::NOT_FOUND, "no such route"),
        Route::Bad(_, wanted) => say(request, StatusCode::BAD_REQUEST, &format!("want {wanted}")),
        Route::Served => {
            let served = place.counters.sum().to_json();
            request.answer(StatusCode::OK).body(ContentType::Json, served)
        }
    }
}

fn hello(request: Request) -> Answer {
    request.answer(StatusCode::OK).body(ContentType::Text, &b"hello"[..])
}

/// One line of text, for people.
fn say(request: Request, status: StatusCode, line: &str) -> Answer {
    request.answer(status).body(ContentType::Text, format!("{line}\n"))
}

fn show(request: Request, status: StatusCode, value: &Value) -> Answer {
    request.answer(status).body(ContentType::Json, format!("{value}\n"))
}

fn answer_status(request: Request, status: u16) -> Answer {
    let Ok(code) = StatusCode::from_u16(status) else {
        return say(request, StatusCode::BAD_REQUEST, "want a status from 200 to 999");
    };
    match status {
        // These have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
        204 | 205 | 304 => request.answer(code),
        _ => say(request, code, &format!("status {status}")),
    }
}

fn request_cookies(request: &Request) -> impl Iterator<Item = (&str, &str)> {
    let headers = request.headers().filter(|(name, _)| *name == "cookie");
    headers.filter_map(|(_, value)| str::from_utf8(value).ok()).flat_map(cookies)
}

fn show_cookies(request: Request) -> Answer {
    let all = request_cookies(&request).map(|(name, value)| (name.to_owned(), json!(value)));
    let all = Value::Object(all.collect::<Map<_, _>>());
    show(request, StatusCode::OK, &all)
}

fn set_cookies(request: Request) -> Answer {
    let query = request.query().unwrap_or_default().to_owned();
    let n_bad = pairs(&query).filter(|(name, value)| !fits_cookie(name, value)).count();
    if n_bad > 0 || pairs(&query).next().is_none() {
        return say(request, StatusCode::BAD_REQUEST, "want ?name=value, percent-encoded");
    }
    let answer = redirect(request, "/cookies");
    pairs(&query).fold(answer, |answer, (name, value)| {
        with_header(answer, "set-cookie", &format!("{name}={value}; Path=/"))
    })
}

fn redirect(request: Request, to: &str) -> Answer {
    with_header(request.answer(StatusCode::FOUND), "location", to)
}

fn with_header(answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.header(name, value).expect("made of characters that were checked to be plain")
}

fn is_octets(request: &Request) -> bool {
    request.header("content-type") == Some(ContentType::Octets.as_str())
}

fn echo(request: Request, body: &[u8]) -> Answer {
    let mut headers = Map::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value);
        match headers.get_mut(name) {
            // A header that comes twice means its values in one list.
            Some(Value::String(known)) => *known += &format!(", {value}"),
            _ => drop(headers.insert(name.to_owned(), json!(value))),
        }
    }
    let value = json!({
        "method": request.method(),
        "path": request.path(),
        "query": request.query(),
        "headers": headers,
        "body_length": body.len(),
        "body": String::from_utf8_lossy(body),
    });
    show(request, StatusCode::OK, &value)
}

fn post_only(request: Request, answer: impl FnOnce(Request) -> Answer) -> Answer {
    if request.method() == "POST" {
        return answer(request);
    }
    with_header(say(request, StatusCode::METHOD_NOT_ALLOWED, "want POST"), "allow", "POST")
}

fn login(request: Request, body: &[u8]) -> Answer {
    let form = str::from_utf8(body).unwrap_or_default();
    let user = pairs(form).find(|(name, _)| *name == "user").map_or("", |(_, user)| user);
    if user.is_empty() || !fits_cookie("session", user) {
        return say(request, StatusCode::BAD_REQUEST, "want the form field user=NAME");
    }
    // The session is its user's name, so that every shard, and a target that was restarted, knows
    // it.
    let answer = show(request, StatusCode::OK, &json!({ "user": user }));
    with_header(answer, "set-cookie", &format!("session={user}; Path=/; HttpOnly"))
}

fn item(request: Request, number: u64) -> Answer {
    if number > ITEM_MAX {
        return show(request, StatusCode::NOT_FOUND, &json!({ "error": "no such item" }));
    }
    let price_cents = 100 + number * 7 % 9_900;
    let item =
        json!({ "id": number, "name": format!("item {number}"), "price_cents": price_cents });
    show(request, StatusCode::OK, &item)
}

/// What only a user who has logged in may do.
fn with_session(request: Request, act: impl FnOnce(&str) -> Value) -> Answer {
    post_only(request, |request| {
        let session =
            request_cookies(&request).find(|&(name, user)| name == "session" && !user.is_empty());
        match session.map(|(_, user)| act(user)) {
            Some(value) => show(request, StatusCode::OK, &value),
            None => show(request, StatusCode::UNAUTHORIZED, &json!({ "error": "log in first" })),
        }
    })
}
