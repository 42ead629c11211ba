//! Futures of requests, in memory that is used again.
//!
//! A request's future is large and of a type without a name, so it is boxed; and there is one per
//! request, so the box is kept for the next. Nothing of a finished request stays in it.

use pin_project_lite::pin_project;
use std::{
    any::Any,
    cell::{OnceCell, RefCell},
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

/// Boxes kept: about as many as there are requests under way at a time.
const SPARE_MAX: usize = 1024;

/// The spare boxes of one kind of future.
#[derive(Default)]
pub(crate) struct Spare {
    /// A list of boxes of the one type that this is used with.
    boxes: OnceCell<Box<dyn Any>>,
}

type Boxes<F> = RefCell<Vec<Pin<Box<Slot<F>>>>>;

pin_project! {
    /// A box's content.
    #[project = SlotProject]
    struct Slot<F> {
        #[pin]
        future: Option<F>,
    }
}

/// A slot with its type forgotten.
trait Reusable<T> {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T>;
    fn give_back(self: Pin<Box<Self>>, spare: &Spare);
}

impl<F: Future + 'static> Reusable<F::Output> for Slot<F> {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future.as_pin_mut();
        future.expect("a slot in use has a future").poll(cx)
    }

    fn give_back(mut self: Pin<Box<Self>>, spare: &Spare) {
        // Drops what is left of the request now, and not when the box is used next.
        self.as_mut().project().future.set(None);
        let boxes = spare.boxes.get().and_then(|boxes| boxes.downcast_ref::<Boxes<F>>());
        if let Some(boxes) = boxes
            && boxes.borrow().len() < SPARE_MAX
        {
            boxes.borrow_mut().push(self);
        }
    }
}

/// A future in a box that goes back where it came from.
pub(crate) struct Pooled<T: 'static> {
    slot: Option<Pin<Box<dyn Reusable<T>>>>,
    spare: Rc<Spare>,
}

impl<T: 'static> Pooled<T> {
    /// Boxes the future that `make` makes. All futures that share a `spare` are of one type. A
    /// function, because a future that is handed over is copied once more, and it is large.
    #[inline]
    pub(crate) fn new<F>(spare: &Rc<Spare>, make: impl FnOnce() -> F) -> Pooled<T>
    where
        F: Future<Output = T> + 'static,
    {
        let boxes = spare.boxes.get_or_init(|| Box::new(Boxes::<F>::default()));
        let kept = boxes.downcast_ref::<Boxes<F>>().and_then(|boxes| boxes.borrow_mut().pop());
        let mut slot = kept.unwrap_or_else(|| Box::pin(Slot { future: None }));
        slot.as_mut().project().future.set(Some(make()));
        Pooled { slot: Some(slot), spare: Rc::clone(spare) }
    }
}

impl<T: 'static> Pooled<T> {
    /// Polls the future, which does not move with this.
    pub(crate) fn poll_here(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let slot = self.slot.as_mut().expect("only taken when it is dropped");
        slot.as_mut().poll(cx)
    }
}

impl<T: 'static> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.give_back(&self.spare);
        }
    }
}

impl<T: 'static> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").finish_non_exhaustive()
    }
}
