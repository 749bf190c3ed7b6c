//! A tool made of an async function; the `#[tool]` macro expands to it.

use std::{future::Future, marker::PhantomData};

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde::{Serialize, de::DeserializeOwned};

use super::{Tool, ToolInput, ToolOutput, ToolSpec};
use crate::{
    context::CallContext,
    error::{Error, Result},
    schema::Schema,
};

/// How a tool's function fails.
#[derive(Debug)]
pub enum ToolFault {
    /// The model reads this and may react.
    Model(String),
    /// Only the host sees this; the run may try again or stop.
    Host(Error),
}

impl From<String> for ToolFault {
    fn from(text: String) -> Self {
        Self::Model(text)
    }
}

impl From<&str> for ToolFault {
    fn from(text: &str) -> Self {
        Self::Model(text.to_owned())
    }
}

impl From<Error> for ToolFault {
    fn from(error: Error) -> Self {
        Self::Host(error)
    }
}

type Body<A> = Box<dyn Fn(CallContext, A) -> BoxFuture<'static, Result<ToolOutput, ToolFault>> + Send + Sync>;

/// A tool made of an async function over typed arguments.
///
/// ```
/// use agentforge_core::tool::{Annotations, FunctionTool, ToolSpec};
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Args {
///     city: String,
/// }
/// let tool = FunctionTool::new("weather", "Today's weather in a city.", |_cx, args: Args| async move {
///     Ok::<_, &str>(format!("Sunny in {}.", args.city))
/// })
/// .with_spec(|spec| spec.annotated(Annotations::READ_ONLY));
/// # let _ = tool;
/// ```
pub struct FunctionTool<A> {
    spec: ToolSpec,
    body: Body<A>,
    arguments: PhantomData<fn(A)>,
}

impl<A> FunctionTool<A>
where
    A: DeserializeOwned + schemars::JsonSchema + Send + 'static,
{
    /// A tool whose input schema is that of `A` and whose output is any serialisable value.
    pub fn new<F, Fut, T, E>(name: impl Into<String>, description: impl Into<String>, function: F) -> Self
    where
        F: Fn(CallContext, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Serialize,
        E: Into<ToolFault>,
    {
        let body: Body<A> = Box::new(move |cx, arguments| {
            let work = function(cx, arguments);
            Box::pin(async move {
                let value = work.await.map_err(Into::into)?;
                let value = serde_json::to_value(value).map_err(|error| {
                    ToolFault::Host(
                        Error::internal("the tool's value cannot be written as JSON").caused_by(error),
                    )
                })?;
                Ok(ToolOutput::json(value))
            })
        });
        Self { spec: ToolSpec::new(name, description, Schema::of::<A>()), body, arguments: PhantomData }
    }

    /// The same tool with another declaration.
    #[must_use]
    pub fn with_spec(mut self, change: impl FnOnce(ToolSpec) -> ToolSpec) -> Self {
        self.spec = change(self.spec);
        self
    }
}

#[async_trait]
impl<A> Tool for FunctionTool<A>
where
    A: DeserializeOwned + Send + 'static,
{
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        let arguments = match serde_json::from_value(input.arguments) {
            Ok(arguments) => arguments,
            // The schema accepted what the type does not, for example a number out of range.
            Err(error) => return Ok(ToolOutput::error(format!("wrong arguments: {error}"))),
        };
        match (self.body)(cx.clone(), arguments).await {
            Ok(output) => Ok(output),
            Err(ToolFault::Model(text)) => Ok(ToolOutput::error(text)),
            Err(ToolFault::Host(error)) => Err(error.with("tool", self.spec.name.clone())),
        }
    }
}
