//! Under which entry of the statistics a request is counted.

use super::verb::Verb;
use crate::site::Target;
use hatchery_core::{events::RequestNames, shard::Shard, stats::EntryId};
use http::Method;
use std::{borrow::Cow, ptr, rc::Rc};

/// An entry that a target was last counted under, by the addresses of its strings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    method: &'static str,
    name: &'static str,
    id: EntryId,
}

/// Method and name of a request.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) method: Verb,
    /// The name that was given to it.
    pub(crate) given: Option<Cow<'static, str>>,
    /// Where it went first; its path and query are the name otherwise.
    pub(crate) first: Rc<Target>,
}

impl Label {
    pub(crate) fn name(&self) -> &str {
        self.given.as_deref().unwrap_or_else(|| self.first.path())
    }

    fn static_name(&self) -> Option<&'static str> {
        match &self.given {
            Some(Cow::Borrowed(name)) => Some(name),
            Some(Cow::Owned(_)) => None,
            None => self.first.static_path,
        }
    }

    /// The entry's number.
    #[inline]
    pub(crate) fn entry(&self, shard: &Shard) -> EntryId {
        let (Some(method), Some(name)) = (static_method(&self.method), self.static_name()) else {
            return shard.entry(self.method.as_str(), self.name());
        };
        // The target is at hand, the shard's names are elsewhere.
        let known = &self.first.entry;
        match known.get() {
            Some(known) if ptr::eq(known.method, method) && ptr::eq(known.name, name) => known.id,
            _ => {
                let id = shard.entry_static(method, name);
                known.set(Some(Entry { method, name, id }));
                id
            }
        }
    }

    /// Method, name and address for whoever listens to the request event.
    pub(crate) fn names(&self) -> RequestNames {
        let request_type = match static_method(&self.method) {
            Some(method) => Cow::Borrowed(method),
            None => Cow::Owned(self.method.as_str().to_owned()),
        };
        let name = match self.static_name() {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(self.name().to_owned()),
        };
        RequestNames { request_type, name, url: Some(self.first.text().into()) }
    }
}

fn static_method(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => return None,
    })
}
