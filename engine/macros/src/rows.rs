//! From marks to rows of the table, one check per mistake.

use crate::marks::{Nested, Parent, Spec};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemImpl, Result, ReturnType, Signature,
    spanned::Spanned,
};

/// Takes the marks off the block and writes its `Tasks` impl, with an error for each mistake.
pub(crate) fn expand(parent: Result<Parent>, block: &mut ItemImpl) -> TokenStream {
    let mut rows = Rows::default();
    let parent = parent.unwrap_or_else(|error| {
        rows.errors.push(error);
        Parent::default()
    });
    if let Some((_, path, _)) = &block.trait_ {
        let message = "#[tasks] goes on the type's own block, not on an impl of a trait";
        return Error::new_spanned(path, message).into_compile_error();
    }
    // In the order in which they are written: nested sets stand above the block.
    for attr in take(&mut block.attrs, "nested") {
        rows.keep(nested_row(&attr));
    }
    for member in &mut block.items {
        if let ImplItem::Fn(method) = member {
            rows.method(method);
        }
    }
    if rows.rows.is_empty() && rows.errors.is_empty() {
        let message =
            "no tasks: mark an `async fn` with `#[task]`, or name a set with `#[nested(…)]`";
        rows.errors.push(Error::new_spanned(&block.self_ty, message));
    }
    let (generics, _, bounds) = block.generics.split_for_impl();
    let Rows { rows, errors } = rows;
    let errors = errors.iter().map(Error::to_compile_error);
    let ty = &block.self_ty;
    let parent = parent.0.map_or(quote!(::hatchery::Root), |parent| quote!(#parent));
    quote! {
        #(#errors)*
        impl #generics ::hatchery::Tasks for #ty #bounds {
            type Parent = #parent;
            fn table() -> ::hatchery::Table<Self> { ::hatchery::Table::<Self>::new() #(#rows)* }
        }
    }
}

#[derive(Default)]
struct Rows {
    rows: Vec<TokenStream>,
    errors: Vec<Error>,
}

impl Rows {
    fn keep(&mut self, row: Result<TokenStream>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(error) => self.errors.push(error),
        }
    }

    fn method(&mut self, method: &mut ImplItemFn) {
        for attr in take(&mut method.attrs, "nested") {
            let message = "#[nested] goes above the `impl` block, beside #[tasks]";
            self.errors.push(Error::new_spanned(attr, message));
        }
        let marks = take(&mut method.attrs, "task");
        if let Some(mark) = marks.first() {
            self.keep(task_row(mark, &method.sig));
        }
        if let Some(second) = marks.get(1) {
            let message = "marked as a task twice: give it a weight instead";
            self.errors.push(Error::new_spanned(second, message));
        }
    }
}

/// Takes the attributes of a name off a list.
fn take(attrs: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attrs.extract_if(.., |attr| attr.path().is_ident(name)).collect()
}

fn nested_row(attr: &Attribute) -> Result<TokenStream> {
    let Nested { set, spec } = Nested::of(attr)?;
    let (weight, tagged) = (spec.weight(), spec.tagged());
    Ok(quote_spanned!(set.span()=> .nest::<#set>(#weight) #tagged))
}

fn task_row(attr: &Attribute, sig: &Signature) -> Result<TokenStream> {
    let spec = Spec::of_task(attr)?;
    check_name(sig)?;
    check_async(sig)?;
    check_arguments(sig)?;
    check_result(sig)?;
    let (ident, weight, tagged) = (&sig.ident, spec.weight(), spec.tagged());
    let to = spec.transitions();
    Ok(quote_spanned!(ident.span()=> .task(#weight, Self::#ident) #tagged #to))
}

/// Hooks belong to the trait; a task of that name is a hook that is never called.
fn check_name(sig: &Signature) -> Result<()> {
    if sig.ident == "on_start" || sig.ident == "on_stop" {
        let message = format!(
            "`{0}` is a hook: move it into `impl User` or `impl TaskSet`, or give the task \
             another name",
            sig.ident
        );
        return Err(Error::new_spanned(&sig.ident, message));
    }
    Ok(())
}

fn check_async(sig: &Signature) -> Result<()> {
    if sig.asyncness.is_some() {
        return Ok(());
    }
    Err(Error::new_spanned(sig.fn_token, "a task must be an `async fn`"))
}

fn check_arguments(sig: &Signature) -> Result<()> {
    let takes_mut_self = matches!(
        sig.inputs.first(),
        Some(FnArg::Receiver(it)) if it.reference.is_some() && it.mutability.is_some()
    );
    if takes_mut_self && sig.inputs.len() == 2 {
        return Ok(());
    }
    let message = "a task takes `&mut self` and `cx: &mut Cx<'_, Self>`";
    if sig.inputs.is_empty() {
        return Err(Error::new_spanned(&sig.ident, message));
    }
    Err(Error::new_spanned(&sig.inputs, message))
}

fn check_result(sig: &Signature) -> Result<()> {
    match sig.output {
        ReturnType::Default => Err(Error::new_spanned(&sig.ident, "a task returns `TaskResult`")),
        ReturnType::Type(..) => Ok(()),
    }
}
