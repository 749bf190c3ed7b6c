//! Secrets as tools use them: by reference, looked up at each call in the tenant of that call.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{CredentialSource, SecretText},
    record::SecretRecord,
    store::{Filter, Query, RecordStore, RecordStoreExt},
    tool::NamedCredentials,
    vault::{Place, SecretRef, Vault},
};
use async_trait::async_trait;
use serde_json::Value;

/// Whether any text in settings refers to a secret.
pub(super) fn refers_to_secrets(settings: &Value) -> bool {
    match settings {
        Value::String(text) => SecretRef::is_reference(text),
        Value::Array(items) => items.iter().any(refers_to_secrets),
        Value::Object(members) => members.values().any(refers_to_secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The secrets of whichever tenant calls.
pub(super) struct TenantCredentials {
    pub(super) records: Arc<dyn RecordStore>,
    pub(super) vault: Arc<Vault>,
    /// What the current settings refer to: a kind gets no other secret, whatever name it asks for.
    pub(super) settings: Value,
}

impl NamedCredentials for TenantCredentials {
    fn named(&self, reference: &str) -> Result<Arc<dyn CredentialSource>> {
        let name = match reference.parse::<SecretRef>() {
            Ok(reference) => reference,
            Err(_) => SecretRef::new(reference)?,
        };
        if !mentions(&self.settings, &name.to_string()) {
            return Err(Error::denied("the settings of this tool do not refer to that secret"));
        }
        Ok(Arc::new(Named { name, records: self.records.clone(), vault: self.vault.clone() }))
    }
}

fn mentions(settings: &Value, reference: &str) -> bool {
    match settings {
        Value::String(text) => text == reference,
        Value::Array(items) => items.iter().any(|item| mentions(item, reference)),
        Value::Object(members) => members.values().any(|member| mentions(member, reference)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

struct Named {
    name: SecretRef,
    records: Arc<dyn RecordStore>,
    vault: Arc<Vault>,
}

#[async_trait]
impl CredentialSource for Named {
    async fn credential(&self, cx: &CallContext) -> Result<SecretText> {
        let query = Query::new(Filter::eq("name", self.name.name())).limit(1);
        let found = self.records.list::<SecretRecord>(cx, &query).await?.records.into_iter().next();
        let found = found.ok_or_else(|| {
            let text = format!("there is no secret `{}`; put it first", self.name.name());
            Error::new(ErrorKind::Unauthenticated, text)
        })?;
        let place = Place::new("secrets", "sealed", found.value.id);
        let secret = self.vault.open(cx, &place, &found.value.sealed).await?;
        Ok(SecretText::new(secret.expose_text()?))
    }
}
