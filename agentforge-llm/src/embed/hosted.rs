//! The driver of every embedder at a host: shares out the texts, asks, and puts together what comes back.

use agentforge_core::{
    CallContext, Error, Result,
    model::{EmbedRequest, EmbedResponse, Embedder, EmbedderInfo, Usage},
};
use async_trait::async_trait;
use futures::FutureExt;

use super::{
    Ask, BatchPolicy, Dimensions, EmbedApi, EmbeddingRow, Lengths,
    batch::batches,
    rows::row_of,
    vectors::{Expected, in_order},
};
use crate::host::{Host, Line};

/// An embedder at a host. Made by the [`Registry`](crate::Registry).
pub(crate) struct HostedEmbedder {
    pub(crate) info: EmbedderInfo,
    pub(crate) model: String,
    pub(crate) known: EmbeddingRow,
    /// What the model is told, when it is told anything.
    pub(crate) requested: Option<usize>,
    pub(crate) api: &'static dyn EmbedApi,
    pub(crate) line: Line,
    pub(crate) policy: BatchPolicy,
}

/// What an embedder is, what is known of its model, and how long it is told to make its vectors. A model of which
/// nothing is known is invalid input without a length.
pub(crate) fn info_of(
    rows: &[EmbeddingRow],
    api: &dyn EmbedApi,
    host: &Host,
    model: &str,
    dimensions: Dimensions,
) -> Result<(EmbedderInfo, EmbeddingRow, Option<usize>)> {
    let name = format!("{}:{model}", host.name);
    let row = row_of(rows, &host.name, model);
    let wrong = |text: String| Err(Error::invalid(text).with("model", name.clone()));
    let (length, requested) = match (dimensions, row) {
        (Dimensions::Declared(0) | Dimensions::Requested(0), _) => {
            return wrong(format!("a vector of `{name}` cannot have no numbers; declare how many it has"));
        }
        (Dimensions::Declared(length), _) => (length, None),
        (Dimensions::Native, Some(row)) => (row.dimensions, None),
        (Dimensions::Native, None) => {
            return wrong(format!(
                "how long the vectors of `{name}` are is not known; declare it with `Dimensions::Declared`, or add an \
                 `EmbeddingRow` for the model"
            ));
        }
        (Dimensions::Requested(length), Some(row)) if length == row.dimensions => (length, None),
        (Dimensions::Requested(length), Some(row))
            if row.lengths == Lengths::Fixed || length > row.dimensions =>
        {
            return wrong(format!(
                "`{name}` makes vectors of {} numbers and none of {length}; choose another model or length",
                row.dimensions
            ));
        }
        (Dimensions::Requested(length), _) => (length, Some(length)),
    };
    let known = row.cloned().unwrap_or_else(|| EmbeddingRow::new("", length));
    let mut fingerprint = format!("{name}/1 {length}");
    for (what, words) in [("query", &known.query), ("passage", &known.passage)] {
        if !words.is_empty() {
            fingerprint = format!("{fingerprint} {what}={words:?}");
        }
    }
    let max_batch = api.limits(host, model).texts;
    Ok((EmbedderInfo { name, dimensions: length, max_batch, fingerprint }, known, requested))
}

impl HostedEmbedder {
    async fn some(&self, ask: &Ask<'_>, cx: &CallContext) -> Result<(Vec<Vec<f32>>, Usage)> {
        let (path, body) = self.api.encode(ask);
        let reply = self.line.ask(&path, &body, cx).await?;
        let given = self.api.decode(&reply).map_err(|why| self.line.undecodable(&reply, why))?;
        let expected =
            Expected { name: &self.info.name, count: ask.texts.len(), dimensions: self.info.dimensions };
        Ok((in_order(given.vectors, expected)?, given.usage))
    }
}

#[async_trait]
impl Embedder for HostedEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, request: EmbedRequest, cx: &CallContext) -> Result<EmbedResponse> {
        // Providers refuse a text that says nothing.
        let places: Vec<usize> = request
            .texts
            .iter()
            .enumerate()
            .filter_map(|(place, text)| (!text.trim().is_empty()).then_some(place))
            .collect();
        let says = |place: &usize| request.texts.get(*place).map(|text| self.known.said(text, request.input));
        let texts: Vec<String> = places.iter().filter_map(says).collect();
        let mut vectors = vec![Vec::new(); request.texts.len()];
        let mut usage = Usage::default();
        let mut next = places.iter();
        let batches = batches(&texts, self.api.limits(&self.line.host, &self.model), self.info.dimensions);
        let ask = |batch| Ask {
            host: &self.line.host,
            model: &self.model,
            texts: texts.get(batch).unwrap_or_default(),
            input: request.input,
            dimensions: self.requested,
        };
        let asks: Vec<Ask<'_>> = batches.into_iter().map(ask).collect();
        for (found, used) in self.policy.run(cx, &asks, |ask| self.some(ask, cx).boxed()).await? {
            usage = usage.plus(used);
            for (vector, place) in found.into_iter().zip(&mut next) {
                if let Some(slot) = vectors.get_mut(*place) {
                    *slot = vector;
                }
            }
        }
        for blank in vectors.iter_mut().filter(|vector| vector.is_empty()) {
            *blank = vec![0.0; self.info.dimensions];
        }
        Ok(EmbedResponse { vectors, usage })
    }
}
