//! Tools that are methods of one type: each marked method becomes a tool that holds the shared value.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemFn, ItemImpl, Meta, Receiver, Result, Type,
    parse_quote,
};

use crate::{
    expand::{Callee, implementation},
    options::Options,
    signature::{Faults, ToolFunction, clear},
};

/// Writes the block as it was, the tools, and `tools()`, which hands them out.
pub(crate) fn expand(block_options: Options, mut block: ItemImpl) -> Result<TokenStream> {
    let root = block_options.of_a_block(block.impl_token)?;
    if let Some((_, path, _)) = &block.trait_ {
        let message = "methods of a trait are no tools: put `#[tool]` on an `impl` block of the type itself";
        return Err(Error::new_spanned(path, message));
    }
    let mut faults = Faults::default();
    let mut tools = Vec::new();
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let Some(place) = method.attrs.iter().position(is_tool) else { continue };
        let attribute = method.attrs.remove(place);
        match Method::read(&attribute, method) {
            Ok(tool) => tools.push(tool),
            Err(error) => faults.add(error),
        }
        clear(&mut method.sig);
    }
    faults.into_result()?;
    if tools.is_empty() {
        let message = "no method here is a tool: mark those that are with `#[tool(…)]`";
        return Err(Error::new_spanned(&block.self_ty, message));
    }
    let written = tools.iter().map(|tool| tool.written(&root, &block)).collect::<Result<Vec<_>>>()?;
    let (generics, _, conditions) = block.generics.split_for_impl();
    let (owner, core) = (&block.self_ty, quote!(#root::__private::core));
    let made = tools.iter().map(|tool| {
        let (name, conditions) = (tool.type_name(), &tool.function.conditions);
        quote!(#(#conditions)* tools.push(::std::sync::Arc::new(#name(::std::sync::Arc::clone(self)))))
    });
    Ok(quote! {
        #block

        const _: () = {
            #(#written)*

            impl #generics #owner #conditions {
                /// The tools of this value, in the order in which their methods are written. They share it.
                #[allow(clippy::vec_init_then_push)]
                pub fn tools(
                    self: &::std::sync::Arc<Self>,
                ) -> ::std::vec::Vec<::std::sync::Arc<dyn #core::tool::Tool>> {
                    let mut tools: ::std::vec::Vec<::std::sync::Arc<dyn #core::tool::Tool>> =
                        ::std::vec::Vec::new();
                    #(#made;)*
                    tools
                }
            }
        };
    })
}

/// One marked method.
struct Method {
    options: Options,
    function: ToolFunction,
    /// Whether it takes the shared value by `Arc`.
    shared: bool,
}

impl Method {
    fn read(attribute: &Attribute, method: &ImplItemFn) -> Result<Self> {
        let mut faults = Faults::default();
        let mut options = Options::default();
        if matches!(attribute.meta, Meta::List(_)) {
            faults.note(attribute.parse_nested_meta(|meta| options.read(&meta)));
        }
        let shared = receiver(method).unwrap_or_else(|error| {
            faults.add(error);
            false
        });
        let function = ItemFn {
            attrs: method.attrs.clone(),
            vis: method.vis.clone(),
            sig: method.sig.clone(),
            block: Box::new(method.block.clone()),
        };
        let function = ToolFunction::signature(&function);
        faults.note(function.as_ref().map(drop).map_err(Clone::clone));
        faults.into_result()?;
        Ok(Self { options: options.checked()?, function: function?, shared })
    }

    fn type_name(&self) -> syn::Ident {
        format_ident!("__ToolOf_{}", self.function.name)
    }

    fn written(&self, root: &syn::Path, block: &ItemImpl) -> Result<TokenStream> {
        let (name, owner, method) = (self.type_name(), &block.self_ty, &self.function.name);
        let (generics, parameters, where_clause) = block.generics.split_for_impl();
        let callee = Callee {
            tool: quote!(#name #parameters),
            generics: block.generics.clone(),
            function: if self.shared {
                quote!(::std::sync::Arc::clone(&self.0).#method)
            } else {
                quote!(self.0.#method)
            },
        };
        let conditions = &self.function.conditions;
        let implementation = implementation(&self.options, root, &self.function, &callee)?;
        Ok(quote! {
            #(#conditions)*
            #[allow(non_camel_case_types)]
            struct #name #generics (::std::sync::Arc<#owner>) #where_clause;

            #(#conditions)*
            const _: () = {
                #implementation
            };
        })
    }
}

fn is_tool(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "tool")
}

/// Whether the method takes the value by `Arc`; an error when it takes it in a way that calls at once cannot share.
fn receiver(method: &ImplItemFn) -> Result<bool> {
    let Some(FnArg::Receiver(receiver)) = method.sig.inputs.first() else {
        let message =
            "a tool in an `impl` block takes `&self`; one without it is a free function under `#[tool]`";
        return Err(Error::new_spanned(&method.sig.ident, message));
    };
    if by_arc(receiver) {
        return Ok(true);
    }
    if receiver.reference.is_some() && receiver.mutability.is_none() && receiver.colon_token.is_none() {
        return Ok(false);
    }
    let message = "several calls share the value at once: take `&self` or `self: Arc<Self>`, and keep what changes behind \
                   a lock or an atomic";
    Err(Error::new_spanned(receiver, message))
}

fn by_arc(receiver: &Receiver) -> bool {
    let wanted: Type = parse_quote!(Arc<Self>);
    receiver.colon_token.is_some()
        && receiver.reference.is_none()
        && (receiver.ty.to_token_stream().to_string().ends_with(&wanted.to_token_stream().to_string()))
}
