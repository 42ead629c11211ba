//! Responses of JSON APIs.

use super::CatchResponse;
use serde_json::Value;
use std::{
    fmt,
    ops::{Deref, DerefMut},
};

/// Characters of a body that is no JSON that the error table shows. Locust's number.
const SHOWN_CHARS: usize = 250;

/// Characters of a body that fails a check that the error table shows. Locust's number.
const CHECKED_CHARS: usize = 200;

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

    /// Counts it as a failure for this reason unless `holds`, which it returns. A reason that ends
    /// with a comma is followed by the first 200 characters of the body. What a failing `assert`
    /// does in Locust's `rest()`.
    ///
    /// ```ignore
    /// let price = response.js()["price"].as_u64();
    /// response.check(price == Some(3), "wrong price,");
    /// ```
    pub fn check(&mut self, holds: bool, why: &str) -> bool {
        if !holds {
            let mut why = why.to_owned();
            if why.ends_with(',') {
                let text: String = self.text().chars().take(CHECKED_CHARS).collect();
                why = format!("{why} response was {text}");
            }
            self.failure(why);
        }
        holds
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
