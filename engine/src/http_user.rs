//! Users that have an HTTP session, by a name that task sets can ask for.

use hatchery_core::user::{Cx, Mount, Tasks, User};
use hatchery_http::HttpSession;

/// A user with an HTTP session. Locust's `HttpUser`.
///
/// A user that speaks HTTP needs no more than a field with an [`HttpSession`]. This trait gives the
/// field a name, so that task sets can be written once for several users, and so that
/// [`cx.client()`](HttpCx::client) finds it from sets at any depth:
///
/// ```no_run
/// use hatchery::prelude::*;
/// use std::marker::PhantomData;
///
/// struct Shopper {
///     client: HttpSession,
/// }
///
/// impl User for Shopper {
///     fn new(spawn: &Spawn<'_>) -> Self {
///         Shopper { client: HttpSession::new(spawn) }
///     }
/// }
///
/// impl HttpUser for Shopper {
///     fn client(&self) -> &HttpSession {
///         &self.client
///     }
/// }
///
/// #[tasks]
/// #[nested(Search<Shopper>)]
/// impl Shopper {}
///
/// /// A set for any user that speaks HTTP.
/// struct Search<U>(PhantomData<U>);
///
/// impl<U: HttpUser> TaskSet for Search<U> {
///     fn new(_: &mut U) -> Self {
///         Search(PhantomData)
///     }
/// }
///
/// #[tasks(parent = U)]
/// impl<U: HttpUser> Search<U> {
///     #[task]
///     async fn query(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult {
///         cx.parent().client().get("/search").await;
///         cx.interrupt()
///     }
/// }
///
/// fn main() -> std::process::ExitCode {
///     Program::new().user::<Shopper>().main()
/// }
/// ```
pub trait HttpUser: User {
    /// Its session. Locust's `client`.
    fn client(&self) -> &HttpSession;
}

/// The session of the user at the top, for task sets. Locust's `TaskSet.client`.
pub trait HttpCx {
    /// The session of the [`HttpUser`] that this set runs in, however deep it is nested.
    fn client(&mut self) -> &HttpSession;
}

impl<S: Tasks> HttpCx for Cx<'_, S>
where
    <S::Parent as Mount>::User: HttpUser,
{
    fn client(&mut self) -> &HttpSession {
        self.user().client()
    }
}
