//! The tool of an operation.

use std::{fmt, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{HttpClient, HttpRequest},
    message::MediaSource,
    store::{Blobs, BlobsExt},
    tool::{Access, Tool, ToolInput, ToolOutput, ToolPlan, ToolSpec},
};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::{Value, json};
use url::Url;

use super::{
    auth::{Authenticator, Marks},
    file::{Files, MAX_UPLOAD},
    operation::RestOperation,
    pages::{Next, Pages, Pagination},
    reply::{Content, Reply, untrusted},
};

/// A tool that calls one operation of an HTTP interface. Its output is untrusted.
///
/// The client decides where requests may go; give it one that keeps a policy. A write carries the call's idempotency
/// key under the operation's header.
#[derive(Clone)]
pub struct RestTool {
    spec: ToolSpec,
    operation: Arc<RestOperation>,
    client: Arc<dyn HttpClient>,
    authenticator: Arc<Authenticator>,
    blobs: Option<Arc<dyn Blobs>>,
}

impl RestTool {
    /// A tool without credentials. An operation that is not usable is invalid input, with every problem.
    pub fn new(operation: RestOperation, client: Arc<dyn HttpClient>) -> Result<Self> {
        operation.check()?;
        let spec = operation.spec();
        spec.check()?;
        let authenticator = Arc::new(Authenticator::new());
        Ok(Self { spec, operation: Arc::new(operation), client, authenticator, blobs: None })
    }

    /// With credentials.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<Authenticator>) -> Self {
        self.authenticator = authenticator;
        self
    }

    /// With a store that uploads are read from and files of replies are put into.
    #[must_use]
    pub fn with_blobs(mut self, blobs: Arc<dyn Blobs>) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// The same tool with another declaration, for example a better description.
    #[must_use]
    pub fn with_spec(mut self, change: impl FnOnce(ToolSpec) -> ToolSpec) -> Self {
        self.spec = change(self.spec);
        self
    }

    /// The operation.
    pub fn operation(&self) -> &RestOperation {
        &self.operation
    }

    /// Reads the blobs that a call uploads.
    async fn files(&self, cx: &CallContext, arguments: &Value) -> Result<Files> {
        let mut files = Files::new();
        let mut total = 0;
        for digest in self.operation.blobs(arguments)? {
            let Some(blobs) = &self.blobs else {
                return Err(Error::invalid("this tool cannot read stored files; give the bytes in `base64`"));
            };
            let entry = blobs.entry(cx, digest).await?;
            let Some(entry) = entry else {
                return Err(Error::invalid(format!("there is no stored file with the hash {digest}")));
            };
            total += entry.size;
            if total > MAX_UPLOAD {
                return Err(Error::invalid(format!(
                    "the files of one call may have {MAX_UPLOAD} bytes together"
                )));
            }
            files.insert(digest, blobs.get_bytes(cx, digest).await?);
        }
        Ok(files)
    }

    /// Sends a request and reads its reply whole. A token that was refused is fetched anew, once: what was refused was
    /// not done.
    async fn send(&self, cx: &CallContext, request: HttpRequest, marks: &mut Marks) -> Result<Reply> {
        let mut reply = self.send_once(cx, marks.put(request.clone()), marks).await?;
        if reply.status == 401 && self.authenticator.forget(marks) {
            *marks = self.authenticator.marks(&self.operation.security, &self.client, cx).await?;
            reply = self.send_once(cx, marks.put(request), marks).await?;
        }
        Ok(reply)
    }

    async fn send_once(&self, cx: &CallContext, request: HttpRequest, marks: &Marks) -> Result<Reply> {
        let reply = self.client.send(request, cx).await?;
        let (status, headers) = (reply.status, reply.headers.clone());
        let body = reply.bytes().await?;
        Ok(Reply { status, headers, body }.without(marks.secrets()))
    }

    /// The request of a call, with its key.
    fn request(&self, input: &ToolInput, arguments: &Value, files: &Files) -> Result<HttpRequest> {
        let mut request = self.operation.build(arguments, files)?;
        if let Some(name) = &self.operation.idempotency_header
            && !self.operation.effective_annotations().read_only
            && !input.idempotency_key.is_empty()
        {
            request.headers.retain(|own| !own.eq_ignore_ascii_case(name));
            request = request.header(name.as_str(), input.idempotency_key.as_str());
        }
        Ok(request)
    }

    async fn page_through(
        &self,
        cx: &CallContext,
        input: &ToolInput,
        request: HttpRequest,
        files: &Files,
        pagination: &Pagination,
        marks: &mut Marks,
    ) -> Result<ToolOutput> {
        let mut pages = Pages::new(pagination);
        let mut arguments = input.arguments.clone();
        let mut request = request;
        let stopped = loop {
            let url = request.url.clone();
            let reply = self.send(cx, request.clone(), marks).await?;
            if !self.operation.expects(reply.status) {
                return self.operation.read(&reply, cx.now());
            }
            let page = match reply.content() {
                Content::Json(page) => page,
                // A last page may well be 204 without a body.
                Content::Empty => break Next::End,
                Content::Text(_) | Content::Bytes(_) => return self.operation.read(&reply, cx.now()),
            };
            let next = pages.take(&arguments, &url, &reply.headers, page)?;
            if pages.is_full() {
                break next;
            }
            match next {
                Next::Arguments(further) => {
                    request = self.request(input, &further, files)?;
                    arguments = further;
                }
                Next::Address(url) => request.url = url,
                Next::End | Next::Refused(_) => break next,
            }
        };
        let complete = pages.is_complete(&stopped);
        let (items, next, note) = pages.finish(&stopped);
        let mut whole = json!({"items": self.operation.response.select(items)?, "complete": complete});
        if let Some(object) = whole.as_object_mut() {
            object.extend(next.map(|next| ("next".to_owned(), next)));
            object.extend(note.map(|note| ("note".to_owned(), Value::from(note))));
        }
        Ok(untrusted(self.operation.response.capped(whole)))
    }

    /// Keeps the file of a reply in the blob store.
    async fn stored(
        &self,
        cx: &CallContext,
        blobs: &dyn Blobs,
        media_type: &str,
        reply: &Reply,
    ) -> Result<ToolOutput> {
        let name = super::reply::file_name(reply.headers.get("content-disposition").unwrap_or_default());
        let body = reply.body.clone();
        let body = futures::stream::once(async move { Ok(body) }).boxed();
        let blob = blobs.put(cx, media_type, name.as_deref(), body).await?;
        let structured = serde_json::to_value(&blob).unwrap_or_default();
        let mut output = super::reply::file(media_type, reply, MediaSource::Blob { blob });
        output.structured = Some(json!({ "blob": structured }));
        Ok(untrusted(output))
    }
}

#[async_trait]
impl Tool for RestTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        // What cannot be sent is the model's to mend; the same kind of error from a store or a credential is not.
        let files = match self.files(cx, &input.arguments).await {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Ok(ToolOutput::error(error.message()));
            }
            files => files?,
        };
        let request = match self.request(&input, &input.arguments, &files) {
            Ok(request) => request,
            Err(error) => return Ok(ToolOutput::error(error.message())),
        };
        let mut marks = self.authenticator.marks(&self.operation.security, &self.client, cx).await?;
        if let Some(pagination) = &self.operation.pagination {
            return self.page_through(cx, &input, request, &files, pagination, &mut marks).await;
        }
        let reply = self.send(cx, request, &mut marks).await?;
        match (&self.blobs, reply.content()) {
            (Some(blobs), Content::Bytes(media_type))
                if self.operation.expects(reply.status)
                    && self.operation.response.accepts(&media_type, false).is_ok() =>
            {
                self.stored(cx, &**blobs, &media_type, &reply).await
            }
            _ => self.operation.read(&reply, cx.now()),
        }
    }

    async fn plan(&self, _cx: &CallContext, input: ToolInput) -> Result<ToolPlan> {
        self.operation.planned(&input.arguments)
    }

    fn access(&self, _arguments: &Value) -> Access {
        let origin = Url::parse(&self.operation.base_url).map(|url| url.origin().ascii_serialization());
        let origin = vec![origin.unwrap_or_else(|_| self.operation.base_url.clone())];
        let annotations = self.spec.annotations;
        if annotations.read_only {
            Access::Reads(origin)
        } else if annotations.destructive {
            Access::Alone
        } else {
            Access::Writes(origin)
        }
    }
}

impl fmt::Debug for RestTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestTool")
            .field("name", &self.spec.name)
            .field("method", &self.operation.method)
            .field("path", &self.operation.path)
            .finish_non_exhaustive()
    }
}
