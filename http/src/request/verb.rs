//! A request's method, as it is handed from step to step.

use http::Method;
use std::{ops::Deref, rc::Rc};

/// A [`Method`] in one word. It is part of all that a request goes through, and the three words of the
/// other, which are a byte and room for a name, are copied at a cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verb(Rc<Method>);

impl Deref for Verb {
    type Target = Method;

    #[inline]
    fn deref(&self) -> &Method {
        &self.0
    }
}

impl From<Method> for Verb {
    fn from(method: Method) -> Verb {
        Verb(Rc::new(method))
    }
}

/// The methods that requests have, made once for a core.
#[derive(Debug)]
pub(crate) struct Verbs {
    get: Verb,
    post: Verb,
    put: Verb,
    patch: Verb,
    delete: Verb,
    head: Verb,
    options: Verb,
}

impl Default for Verbs {
    fn default() -> Verbs {
        Verbs {
            get: Verb::from(Method::GET),
            post: Verb::from(Method::POST),
            put: Verb::from(Method::PUT),
            patch: Verb::from(Method::PATCH),
            delete: Verb::from(Method::DELETE),
            head: Verb::from(Method::HEAD),
            options: Verb::from(Method::OPTIONS),
        }
    }
}

impl Verbs {
    #[inline]
    pub(crate) fn of(&self, method: Method) -> Verb {
        let known = match method {
            Method::GET => &self.get,
            Method::POST => &self.post,
            Method::PUT => &self.put,
            Method::PATCH => &self.patch,
            Method::DELETE => &self.delete,
            Method::HEAD => &self.head,
            Method::OPTIONS => &self.options,
            other => return Verb::from(other),
        };
        known.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_verb_is_its_method(name in "GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE|[A-Z]{1,20}") {
            let method = Method::from_bytes(name.as_bytes()).expect("letters are a method");
            prop_assert_eq!(&*Verbs::default().of(method.clone()), &method);
        }
    }
}
