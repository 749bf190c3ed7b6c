//! How the value of a `#[tool]` function becomes a tool's answer.
//!
//! The types of a function's value are known to the compiler and not to the macro, even when an alias hides a
//! `Result`. So the macro writes one method call, and an inherent method is preferred to one of a trait: `Result`,
//! `ToolOutput` and `()` have inherent ones, everything else has [`AnyAnswer`] and [`AnyValue`].

use agentforge_core::{
    error::{Error, Result},
    tool::{Tool, ToolFault, ToolOutput},
};
use serde::Serialize;

/// What a function returned.
#[derive(Debug)]
pub struct Answer<T>(pub T);

impl<T, E> Answer<Result<T, E>> {
    /// The value, or the fault.
    pub fn into_value(self) -> Result<T, ToolFault>
    where
        E: Into<ToolFault>,
    {
        self.0.map_err(Into::into)
    }
}

/// A function that cannot fail.
pub trait AnyAnswer<T> {
    /// The value.
    fn into_value(self) -> Result<T, ToolFault>;
}

impl<T> AnyAnswer<T> for Answer<T> {
    fn into_value(self) -> Result<T, ToolFault> {
        Ok(self.0)
    }
}

/// What a function gave when it did not fail.
#[derive(Debug)]
pub struct Value<T>(pub T);

impl Value<ToolOutput> {
    /// The output as the function made it.
    pub fn into_output(self) -> Result<ToolOutput> {
        Ok(self.0)
    }
}

impl Value<()> {
    /// A word, since a model reads `null` as a failure.
    pub fn into_output(self) -> Result<ToolOutput> {
        Ok(ToolOutput::text("done"))
    }
}

/// A value that is written as JSON.
pub trait AnyValue<T> {
    /// Its JSON.
    fn into_output(self) -> Result<ToolOutput>
    where
        T: Serialize;
}

impl<T> AnyValue<T> for Value<T> {
    fn into_output(self) -> Result<ToolOutput>
    where
        T: Serialize,
    {
        let value = serde_json::to_value(self.0).map_err(|error| {
            Error::internal("the tool's value cannot be written as JSON").caused_by(error)
        })?;
        Ok(ToolOutput::json(value))
    }
}

/// The schema accepted what the type does not, for example a number out of range: the model reads why.
pub fn wrong_arguments(error: &serde_json::Error) -> Result<ToolOutput> {
    Ok(ToolOutput::error(format!("wrong arguments: {error}")))
}

/// A fault goes to the model or to the host, as the function chose.
pub fn failed(tool: &dyn Tool, fault: ToolFault) -> Result<ToolOutput> {
    match fault {
        ToolFault::Model(text) => Ok(ToolOutput::error(text)),
        ToolFault::Host(error) => Err(error.with("tool", tool.spec().name.clone())),
    }
}
