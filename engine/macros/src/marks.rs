//! What the marks say: `#[tasks(parent = …)]`, `#[task(…)]`, `#[nested(…)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Error, Ident, LitInt, LitStr, Meta, Result, Token, Type, bracketed, parenthesized,
    parse::{Parse, ParseStream},
};

const KEYS: &str = "expected `weight = N`, `tags = [\"…\"]` or `to(task = N, …)`";

/// `#[tasks]` or `#[tasks(parent = Shopper)]`.
#[derive(Default)]
pub(crate) struct Parent(pub(crate) Option<Type>);

impl Parse for Parent {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Ok(Parent(None));
        }
        let key: Ident = input.parse()?;
        if key != "parent" {
            let message = "expected `parent = …`, the user or set that this set runs in";
            return Err(Error::new(key.span(), message));
        }
        input.parse::<Token![=]>()?;
        let parent = input.parse()?;
        match input.is_empty() {
            true => Ok(Parent(Some(parent))),
            false => Err(input.error("#[tasks] takes nothing but `parent = …`")),
        }
    }
}

/// Weight and tags of a task or a nested set.
#[derive(Default)]
pub(crate) struct Spec {
    weight: Option<LitInt>,
    tags: Vec<LitStr>,
    /// In a Markov set: the tasks that may follow, with their weights.
    to: Vec<(Ident, TokenStream)>,
}

impl Spec {
    /// Reads what stands in the parentheses of `#[task]`, if there are any.
    pub(crate) fn of_task(attr: &Attribute) -> Result<Spec> {
        match &attr.meta {
            Meta::Path(_) => Ok(Spec::default()),
            _ => attr.parse_args(),
        }
    }

    pub(crate) fn weight(&self) -> TokenStream {
        self.weight.as_ref().map_or(quote!(1), |weight| quote!(#weight))
    }

    /// `.tagged(…)`, if there are tags.
    pub(crate) fn tagged(&self) -> TokenStream {
        let tags = &self.tags;
        if tags.is_empty() { quote!() } else { quote!(.tagged(&[#(#tags),*])) }
    }

    /// `.to(…)` for each task that may follow.
    pub(crate) fn transitions(&self) -> TokenStream {
        let rows = self.to.iter().map(|(task, weight)| quote!(.to(#weight, Self::#task)));
        quote!(#(#rows)*)
    }

    fn add_transitions(&mut self, input: ParseStream<'_>) -> Result<()> {
        let list;
        parenthesized!(list in input);
        while !list.is_empty() {
            let task: Ident = list.parse()?;
            let weight = match list.peek(Token![=]) {
                true => {
                    list.parse::<Token![=]>()?;
                    let weight: LitInt = list.parse()?;
                    quote!(#weight)
                }
                false => quote!(1),
            };
            self.to.push((task, weight));
            if !list.is_empty() {
                list.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn set_weight(&mut self, weight: LitInt) -> Result<()> {
        if self.weight.is_some() {
            return Err(Error::new(weight.span(), "the weight is given twice"));
        }
        match weight.base10_parse::<u32>() {
            Ok(0) => Err(Error::new(weight.span(), "a task of weight 0 would never run")),
            Ok(_) => {
                self.weight = Some(weight);
                Ok(())
            }
            Err(_) => Err(Error::new(weight.span(), "a weight is a whole number, at most 2³² − 1")),
        }
    }
}

impl Parse for Spec {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut spec = Spec::default();
        if input.peek(LitInt) {
            spec.set_weight(input.parse()?)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        while !input.is_empty() {
            let key: Ident = input.parse().map_err(|error| Error::new(error.span(), KEYS))?;
            if key == "to" {
                spec.add_transitions(input)?;
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
                continue;
            }
            if key != "weight" && key != "tags" {
                return Err(Error::new(key.span(), KEYS));
            }
            input.parse::<Token![=]>().map_err(|error| Error::new(error.span(), KEYS))?;
            if key == "weight" {
                spec.set_weight(input.parse()?)?;
            } else {
                let list;
                bracketed!(list in input);
                let tags = list.parse_terminated(<LitStr as Parse>::parse, Token![,])?;
                if tags.is_empty() {
                    return Err(Error::new(key.span(), "no tags: name one, or leave `tags` out"));
                }
                spec.tags.extend(tags);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(spec)
    }
}

/// `#[nested(Checkout, weight = 2)]`.
pub(crate) struct Nested {
    pub(crate) set: Type,
    pub(crate) spec: Spec,
}

impl Nested {
    pub(crate) fn of(attr: &Attribute) -> Result<Nested> {
        if let Meta::Path(path) = &attr.meta {
            return Err(Error::new_spanned(path, "name the set: `#[nested(Checkout)]`"));
        }
        attr.parse_args()
    }
}

impl Parse for Nested {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let set = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        Ok(Nested { set, spec: input.parse()? })
    }
}
