//! Writes the code of a tool: a unit struct with the function's name, its arguments, and `Tool` for it. Tools that are
//! methods share the latter two.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Generics, LitStr, Path, Result};

use crate::{
    argument::Argument,
    options::Options,
    signature::{ContextArgument, ToolFunction},
};

/// What a tool is called on.
pub(crate) struct Callee {
    /// The generated struct, with the parameters of its type.
    pub(crate) tool: TokenStream,
    /// What stands behind `impl`, and what its parameters must be.
    pub(crate) generics: Generics,
    /// What takes the arguments.
    pub(crate) function: TokenStream,
}

pub(crate) fn expand(options: &Options, function: &ToolFunction) -> Result<TokenStream> {
    let ToolFunction { name, visibility, conditions, documentation, run, .. } = function;
    let callee = Callee { tool: quote!(#name), generics: Generics::default(), function: quote!(#name::run) };
    let implementation = implementation(options, &options.root(), function, &callee)?;
    Ok(quote! {
        #(#conditions)*
        #(#documentation)*
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug)]
        #visibility struct #name;

        #(#conditions)*
        impl #name {
            /// The function itself: without schema, permissions and limits.
            #[allow(clippy::needless_pass_by_value)]
            #run
        }

        #(#conditions)*
        const _: () = {
            #implementation
        };
    })
}

/// The arguments as a type, and `Tool` for what is called with them.
pub(crate) fn implementation(
    options: &Options,
    root: &Path,
    function: &ToolFunction,
    callee: &Callee,
) -> Result<TokenStream> {
    let private = quote!(#root::__private);
    let core = quote!(#private::core);
    let ToolFunction { name, description, arguments, run, .. } = function;
    let tool_name = options.name(name)?;
    let declarations = options.declarations(&core);
    let serde = LitStr::new(&quote!(#private::serde).to_string().replace(' ', ""), name.span());
    let schemars = LitStr::new(&quote!(#private::schemars).to_string().replace(' ', ""), name.span());
    let struct_name = format_ident!("__ArgumentsOf_{}", name);
    let fields = arguments.iter().map(Argument::field);
    let defaults = arguments.iter().filter_map(Argument::default_item);
    let names = arguments.iter().map(|argument| &argument.name);
    let context = match function.context {
        ContextArgument::None => None,
        ContextArgument::Borrowed => Some(quote!(cx,)),
        ContextArgument::Owned => Some(quote!(::core::clone::Clone::clone(cx),)),
    };
    let wait = run.sig.asyncness.is_some().then(|| quote!(.await));
    let Callee { tool, generics, function: called } = callee;
    let (impl_generics, _, conditions) = generics.split_for_impl();
    Ok(quote! {
        #[allow(non_camel_case_types)]
        #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
        #[serde(crate = #serde, deny_unknown_fields)]
        #[schemars(crate = #schemars)]
        struct #struct_name {
            #(#fields,)*
        }

        #(#defaults)*

        #[#private::async_trait::async_trait]
        impl #impl_generics #core::tool::Tool for #tool #conditions {
            fn spec(&self) -> &#core::tool::ToolSpec {
                static SPEC: ::std::sync::LazyLock<#core::tool::ToolSpec> = ::std::sync::LazyLock::new(|| {
                    let input = #core::schema::Schema::of::<#struct_name>();
                    let mut spec = #core::tool::ToolSpec::new(#tool_name, #description, input);
                    #declarations
                    spec
                });
                &SPEC
            }

            async fn call(
                &self,
                cx: &#core::context::CallContext,
                input: #core::tool::ToolInput,
            ) -> #core::error::Result<#core::tool::ToolOutput> {
                #[allow(unused_imports)]
                use #private::answer::{AnyAnswer as _, AnyValue as _};
                #[allow(unused_variables)]
                let arguments: #struct_name = match #private::serde_json::from_value(input.arguments) {
                    ::core::result::Result::Ok(arguments) => arguments,
                    ::core::result::Result::Err(error) => return #private::answer::wrong_arguments(&error),
                };
                let answer = #called(#context #(arguments.#names,)*) #wait;
                match #private::answer::Answer(answer).into_value() {
                    ::core::result::Result::Ok(value) => #private::answer::Value(value).into_output(),
                    ::core::result::Result::Err(fault) => #private::answer::failed(self, fault),
                }
            }
        }
    })
}
