//! `#[tasks]`: writes `Tasks::table` from the `#[task]` and `#[nested]` marks on an `impl` block.
//!
//! Nothing else is written: bodies stay as they are, no name is made up, and the block is
//! re-emitted even when a mark is wrong, so that one mistake is one error and the editor keeps its
//! bearings.

mod marks;
mod rows;

use proc_macro::TokenStream;
use quote::quote;
use syn::{Item, parse_macro_input, spanned::Spanned};

/// Makes the marked functions of an `impl` block the tasks of its type.
///
/// ```ignore
/// #[tasks]
/// #[nested(Checkout, weight = 2, tags = ["buy"])]
/// impl Shopper {
///     #[task(weight = 5, tags = ["browse"])]
///     async fn item(&mut self, cx: &mut Cx<'_, Self>) -> TaskResult { Ok(()) }
/// }
/// ```
///
/// A nested set names what it runs in: `#[tasks(parent = Shopper)]`. `#[task]` and `#[task(3)]` are
/// short for a weight of 1 and of 3. In a set with `Choice::Markov`, `#[task(to(item = 3, pay))]`
/// names the tasks that may follow. Locust's `@task`, `@tag` and `@transition`.
#[proc_macro_attribute]
pub fn tasks(args: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as Item);
    let Item::Impl(mut block) = item else {
        let message = "#[tasks] goes on an `impl` block: `#[tasks] impl Shopper { … }`";
        let error = syn::Error::new(item.span(), message).into_compile_error();
        return quote!(#error #item).into();
    };
    // Arguments are read after the block, so that a mistake in them leaves the block standing.
    let parent = syn::parse::<marks::Parent>(args);
    let expanded = rows::expand(parent, &mut block);
    quote!(#block #expanded).into()
}
