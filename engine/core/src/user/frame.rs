//! The chain from a set up to its user, as borrows: how `cx.parent()` and `cx.user()` are typed.

use super::traits::Tasks;

/// What a user's task table hangs below: nothing.
#[derive(Debug)]
pub struct Root(());

impl Root {
    pub(crate) const fn new() -> Root {
        Root(())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Root {}
    impl<P: crate::user::Tasks> Sealed for P {}
}

/// What a task table hangs below: [`Root`], or another table. Not for implementing.
pub trait Mount: Sized + 'static + sealed::Sealed {
    /// The borrows from here up to the user.
    type Frame<'a>;
    /// The user at the top.
    type User: 'static;
    /// The user at the top, as seen from a child `C` of this.
    type UserOf<C: Tasks>: 'static;
    #[doc(hidden)]
    fn reborrow<'s>(frame: &'s mut Self::Frame<'_>) -> Self::Frame<'s>;
    #[doc(hidden)]
    fn parent<'s>(frame: &'s mut Self::Frame<'_>) -> &'s mut Self;
    #[doc(hidden)]
    fn user<'s>(frame: &'s mut Self::Frame<'_>) -> &'s mut Self::User;
    #[doc(hidden)]
    fn user_of<'s, C: Tasks>(
        child: &'s mut C,
        frame: &'s mut Self::Frame<'_>,
    ) -> &'s mut Self::UserOf<C>;
}

impl Mount for Root {
    type Frame<'a> = Root;
    type User = Root;
    type UserOf<C: Tasks> = C;

    fn reborrow(_: &mut Root) -> Root {
        Root::new()
    }

    fn parent(frame: &mut Root) -> &mut Root {
        frame
    }

    fn user(frame: &mut Root) -> &mut Root {
        frame
    }

    fn user_of<'s, C: Tasks>(child: &'s mut C, _: &'s mut Root) -> &'s mut C {
        child
    }
}

/// A parent, and the frame that it runs in itself.
pub struct Above<'a, P: Tasks> {
    pub(super) parent: &'a mut P,
    pub(super) frame: <P::Parent as Mount>::Frame<'a>,
}

impl<P: Tasks> Mount for P {
    type Frame<'a> = Above<'a, P>;
    type User = <P::Parent as Mount>::UserOf<P>;
    type UserOf<C: Tasks> = Self::User;

    fn reborrow<'s>(frame: &'s mut Above<'_, P>) -> Above<'s, P> {
        Above { parent: frame.parent, frame: <P::Parent as Mount>::reborrow(&mut frame.frame) }
    }

    fn parent<'s>(frame: &'s mut Above<'_, P>) -> &'s mut P {
        frame.parent
    }

    fn user<'s>(frame: &'s mut Above<'_, P>) -> &'s mut Self::User {
        <P::Parent as Mount>::user_of(frame.parent, &mut frame.frame)
    }

    fn user_of<'s, C: Tasks>(_: &'s mut C, frame: &'s mut Above<'_, P>) -> &'s mut Self::User {
        Self::user(frame)
    }
}
