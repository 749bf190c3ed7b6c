//! Two tenants with identical ids on every backend: each method of each port, called in one, shows nothing of the other
//! and changes nothing of it.

mod calls;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use agentforge_core::testkit::{Failure, Harness, Verdict};
use libtest_mimic::{Failed, Trial};

use self::calls::{CALLS, Twins, Watch};
use super::{
    backend::{Backend, trial},
    summary::Summary,
};

pub(crate) fn trials(summary: &Arc<Summary>, backends: &[Backend]) -> Vec<Trial> {
    let of = |backend: &Backend| {
        let (harness, block_on) = (backend.harness, backend.block_on);
        let backend = harness().name().to_owned();
        trial(summary, &backend, "twins.every_method_keeps_to_its_tenant", move || {
            match block_on(Box::pin(async move { verdict(harness()).await })) {
                Verdict::Failed(failure) => Err(failure.reason().into()),
                _ => Ok(()),
            }
        })
    };
    let mut trials: Vec<_> = backends.iter().map(of).collect();
    trials.push(trial(summary, "twins", "every_method_of_every_port_is_registered", registered));
    trials
}

async fn verdict(harness: Arc<dyn Harness>) -> Verdict {
    match meet(harness).await {
        Ok(()) => Verdict::Passed,
        Err(failure) => Verdict::Failed(failure),
    }
}

async fn meet(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let twins = Twins::open(harness).await?;
    let met = twins.meet(Watch::Every).await;
    met.and(twins.close().await)
}

/// The methods of the ports as their source declares them, provided ones too.
fn declared() -> Result<BTreeSet<String>, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agentforge-core/src/store");
    let mut items = Vec::new();
    read(&folder, &mut items)?;
    let field = |field: &syn::Field| {
        // `Arc<dyn Port>`.
        let syn::Type::Path(path) = &field.ty else { return None };
        let syn::PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
            return None;
        };
        let syn::GenericArgument::Type(syn::Type::TraitObject(port)) = arguments.args.first()? else {
            return None;
        };
        let syn::TypeParamBound::Trait(port) = port.bounds.first()? else { return None };
        Some((field.ident.as_ref()?.to_string(), port.path.segments.last()?.ident.to_string()))
    };
    let stores = items.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == "Stores" => Some(item),
        _ => None,
    });
    let ports: Vec<_> = stores.ok_or("there is no `Stores`")?.fields.iter().map(field).collect();
    let mut methods = BTreeSet::new();
    for port in ports {
        let (field, port) = port.ok_or("a field of `Stores` is no port")?;
        let declaration = items.iter().find_map(|item| match item {
            syn::Item::Trait(item) if item.ident == port => Some(item),
            _ => None,
        });
        for item in &declaration.ok_or_else(|| format!("there is no trait `{port}`"))?.items {
            if let syn::TraitItem::Fn(method) = item {
                methods.insert(format!("{field}.{}", method.sig.ident));
            }
        }
    }
    Ok(methods)
}

fn read(folder: &Path, items: &mut Vec<syn::Item>) -> Result<(), Failed> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, items)?;
        } else {
            items.extend(syn::parse_file(&fs::read_to_string(&path)?)?.items);
        }
    }
    Ok(())
}

fn registered() -> Result<(), Failed> {
    let declared = declared()?;
    let registered: BTreeSet<String> = CALLS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let missing: Vec<_> = declared.difference(&registered).collect();
    let gone: Vec<_> = registered.difference(&declared).collect();
    if declared.len() > 20 && missing.is_empty() && gone.is_empty() && registered.len() == CALLS.len() {
        return Ok(());
    }
    Err(format!("without a call in tests/twins/calls.rs: {missing:?}; no method any more: {gone:?}").into())
}
