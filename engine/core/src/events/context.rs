//! What a request carries along for those who listen to it.

use std::{any::Any, fmt, sync::Arc};

/// A value that can go with a request: printable for listeners that know nothing of its type, and
/// free to leave the core with an event that is sent on.
trait Value: Any + fmt::Debug + Send + Sync {}

impl<T: Any + fmt::Debug + Send + Sync> Value for T {}

/// Values that go with a request to whoever listens to `request`, at most one of each type.
/// Locust's `context`, with types in place of a dictionary's keys.
///
/// ```
/// use hatchery_core::events::RequestContext;
///
/// #[derive(Debug, PartialEq)]
/// struct OrderId(u32);
///
/// let mut context = RequestContext::default();
/// context.insert(OrderId(41));
/// context.insert(OrderId(42));
/// assert_eq!(context.get(), Some(&OrderId(42)));
/// assert_eq!(context.get::<String>(), None);
/// ```
#[derive(Clone, Default)]
pub struct RequestContext {
    /// One pointer, because every request under way has room for it. In order of insertion.
    values: Option<Arc<Vec<Arc<dyn Value>>>>,
}

impl RequestContext {
    /// Adds a value; it takes the place of one of the same type.
    pub fn insert<T: fmt::Debug + Send + Sync + 'static>(&mut self, value: T) {
        self.insert_value(Arc::new(value));
    }

    fn insert_value(&mut self, value: Arc<dyn Value>) {
        let values = Arc::make_mut(self.values.get_or_insert_default());
        let type_of = |value: &Arc<dyn Value>| Any::type_id(&**value);
        match values.iter_mut().find(|known| type_of(known) == type_of(&value)) {
            Some(known) => *known = value,
            None => values.push(value),
        }
    }

    /// The value of a type, if there is one.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.values.as_ref()?.iter().find_map(|value| (&**value as &dyn Any).downcast_ref())
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.values.as_ref().is_none_or(|values| values.is_empty())
    }

    /// Adds another's values, which take the place of those of the same type.
    pub fn merge(&mut self, other: &RequestContext) {
        let Some(theirs) = &other.values else { return };
        match self.values {
            None => self.values = Some(Arc::clone(theirs)),
            Some(_) => theirs.iter().for_each(|value| self.insert_value(Arc::clone(value))),
        }
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.iter().flat_map(|values| values.iter())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_contexts_wins_type_by_type_and_the_earlier_is_left_as_it_was() {
        let (mut session, mut request) = (RequestContext::default(), RequestContext::default());
        session.insert("session");
        session.insert(1u32);
        request.insert(2u32);
        let mut both = session.clone();
        both.merge(&request);
        assert_eq!((both.get(), both.get()), (Some(&"session"), Some(&2u32)));
        assert_eq!(session.get(), Some(&1u32));
        assert_eq!(format!("{both:?}"), "{\"session\", 2}");
        let mut merged = RequestContext::default();
        merged.merge(&RequestContext::default());
        assert!(merged.is_empty());
        merged.merge(&session);
        assert_eq!(merged.get(), Some(&1u32));
    }
}
