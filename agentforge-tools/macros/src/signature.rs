//! Reads a function as a tool, and teaches about those that cannot be one.

use proc_macro2::{Ident, TokenStream};
use syn::{
    Attribute, Error, FnArg, Item, ItemFn, ItemImpl, Pat, PatType, Result, Signature, Type, Visibility,
    punctuated::Punctuated,
};

use crate::argument::{Argument, docs, missing_docs};

/// How the function takes the call context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContextArgument {
    None,
    Borrowed,
    Owned,
}

pub(crate) struct ToolFunction {
    pub(crate) name: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) description: String,
    pub(crate) context: ContextArgument,
    pub(crate) arguments: Vec<Argument>,
    /// Those that decide whether the function exists at all.
    pub(crate) conditions: Vec<Attribute>,
    /// The doc comment as written.
    pub(crate) documentation: Vec<Attribute>,
    /// The function itself, named `run`, without what only the macro reads.
    pub(crate) run: ItemFn,
}

/// What stands under the attribute.
pub(crate) enum Target {
    /// One tool.
    Function(ItemFn),
    /// A tool for each marked method.
    Methods(ItemImpl),
}

pub(crate) fn target_of(item: TokenStream) -> Result<Target> {
    let message = "`#[tool]` makes a tool of a function: put it on a `fn` or an `async fn` with a body, or on an `impl` \
                   block whose methods are tools";
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Fn(function)) => Ok(Target::Function(function)),
        Ok(Item::Impl(methods)) => Ok(Target::Methods(methods)),
        Ok(other) => Err(Error::new_spanned(other, message)),
        // A method parses as a function only.
        Err(error) => syn::parse2::<ItemFn>(item).map(Target::Function).map_err(|_| error),
    }
}

impl ToolFunction {
    /// A free function: the tool's struct has its name.
    pub(crate) fn read(function: ItemFn) -> Result<Self> {
        let mut faults = Faults::default();
        let name = function.sig.ident.clone();
        if let Some(receiver) = function.sig.receiver() {
            faults.add(Error::new_spanned(
                receiver,
                "a tool that is a method needs to know its type: put `#[tool]` on the `impl` block as well",
            ));
        }
        for input in typed(&function.sig.inputs) {
            if matches!(&*input.pat, Pat::Ident(plain) if plain.ident == name) {
                faults.add(own_name(&name, &input.pat));
            }
        }
        let read = Self::signature(&function);
        faults.note(read.as_ref().map(drop).map_err(Clone::clone));
        faults.into_result()?;
        read.map(|read| Self { run: bare(function), ..read })
    }

    /// The part that free functions and methods share; `run` is the function as written.
    pub(crate) fn signature(function: &ItemFn) -> Result<Self> {
        let mut faults = Faults::default();
        let name = function.sig.ident.clone();
        faults.note(refuse_shape(&function.sig));
        let description = docs(&function.attrs).unwrap_or_else(|| {
            faults.add(missing_docs(&name));
            String::new()
        });
        let mut context = ContextArgument::None;
        let mut arguments = Vec::new();
        for (place, input) in typed(&function.sig.inputs).enumerate() {
            match context_of(&input.ty) {
                ContextArgument::None => match Argument::read(input) {
                    Ok(argument) => arguments.push(argument),
                    Err(error) => faults.add(error),
                },
                found if place == 0 => context = found,
                _ => faults.add(Error::new_spanned(&input.ty, "the call context comes first, and once")),
            }
        }
        faults.into_result()?;
        let is = |name: &'static str| move |attribute: &&Attribute| attribute.path().is_ident(name);
        Ok(Self {
            name,
            visibility: function.vis.clone(),
            description,
            context,
            arguments,
            conditions: function.attrs.iter().filter(is("cfg")).cloned().collect(),
            documentation: function.attrs.iter().filter(is("doc")).cloned().collect(),
            run: function.clone(),
        })
    }
}

fn typed(inputs: &Punctuated<FnArg, syn::Token![,]>) -> impl Iterator<Item = &PatType> {
    inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    })
}

fn refuse_shape(signature: &Signature) -> Result<()> {
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return Err(Error::new_spanned(
            &signature.generics,
            format!(
                "`{}` is generic, but a tool has one schema: name the types, or write one tool for each of them",
                signature.ident
            ),
        ));
    }
    if let Some(word) = &signature.unsafety {
        return Err(Error::new_spanned(word, "a model must not call an `unsafe fn`; wrap it in a safe one"));
    }
    if let Some(word) = &signature.abi {
        return Err(Error::new_spanned(word, "a tool is a plain Rust function; wrap the foreign one"));
    }
    Ok(())
}

/// The tool is a unit struct, and a pattern of its name would be read as that.
fn own_name(name: &Ident, pattern: &Pat) -> Error {
    Error::new_spanned(pattern, format!("`{name}` is the tool's own name; call the argument otherwise"))
}

fn context_of(kind: &Type) -> ContextArgument {
    let (path, found) = match kind {
        Type::Reference(reference) if reference.mutability.is_none() => {
            (&*reference.elem, ContextArgument::Borrowed)
        }
        other => (other, ContextArgument::Owned),
    };
    match path {
        Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "CallContext") => {
            found
        }
        _ => ContextArgument::None,
    }
}

/// The function as an associated one: its name is `run`, and the attributes that the macro consumed are gone.
fn bare(mut function: ItemFn) -> ItemFn {
    function.attrs.retain(|attribute| !attribute.path().is_ident("doc") && !attribute.path().is_ident("cfg"));
    function.sig.ident = Ident::new("run", function.sig.ident.span());
    clear(&mut function.sig);
    function
}

/// Takes the attributes off the arguments.
pub(crate) fn clear(signature: &mut Signature) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(typed) = input {
            typed.attrs.clear();
            if let Pat::Ident(plain) = &mut *typed.pat {
                plain.attrs.clear();
            }
        }
    }
}

/// All faults of one function, so that its author sees them at once.
#[derive(Default)]
pub(crate) struct Faults(Option<Error>);

impl Faults {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(present) => present.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn note(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.add(error);
        }
    }

    pub(crate) fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
