//! Responses of JSON APIs.

use super::CatchResponse;
use serde_json::Value;
use std::{
    fmt,
    ops::{Deref, DerefMut},
};

/// Characters of a body that is no JSON that the error table shows. Locust's number.
const SHOWN_CHARS: usize = 250;

/// A response that ought to be JSON: one that is not counts as failed, unless that is decided
/// otherwise. Recorded when it is dropped, like the [`CatchResponse`] that it is. Locust's
/// `rest()`.
///
/// ```ignore
/// let mut response = client.get("/api/item/1").rest().await;
/// if response.js()["price"] != 3 {
///     response.failure("wrong price");
/// }
/// ```
#[must_use = "it is recorded when it is dropped"]
pub struct RestResponse {
    response: CatchResponse,
    js: Value,
}

impl RestResponse {
    pub(crate) fn new(mut response: CatchResponse) -> RestResponse {
        let js = match serde_json::from_slice(response.content()) {
            Ok(js) => js,
            Err(error) => {
                // Without a response, its error is the failure; an empty body is `null`.
                if response.error().is_none() && !response.content().is_empty() {
                    let text: String = response.text().chars().take(SHOWN_CHARS).collect();
                    let status = response.status_code();
                    response.failure(format!(
                        "Could not parse response as JSON. {text}, response code {status}, \
                         error {error}"
                    ));
                }
                Value::Null
            }
        };
        RestResponse { response, js }
    }

    /// The body; `null` if it is empty or no JSON.
    pub fn js(&self) -> &Value {
        &self.js
    }
}

impl Deref for RestResponse {
    type Target = CatchResponse;

    fn deref(&self) -> &CatchResponse {
        &self.response
    }
}

impl DerefMut for RestResponse {
    fn deref_mut(&mut self) -> &mut CatchResponse {
        &mut self.response
    }
}

impl fmt::Debug for RestResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestResponse").field("response", &self.response).finish_non_exhaustive()
    }
}
