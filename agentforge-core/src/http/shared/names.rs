//! Names, checked where they are looked up: what a name means a moment later changes nothing, since only addresses that
//! were checked are connected to.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{
    error::{Error, ErrorKind, Result},
    http::{EgressPolicy, Resolver},
};

/// Looks names up as the system does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| {
            Error::new(ErrorKind::Transport, format!("{name} cannot be looked up: {error}")).caused_by(error)
        })?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// A resolver whose answers pass a policy; one address that does not pass refuses the whole answer, since it shows that
/// the name is not what it seems.
pub struct CheckedNames {
    policy: Arc<EgressPolicy>,
    resolver: Arc<dyn Resolver>,
}

impl CheckedNames {
    /// Names as a resolver knows them, under a policy.
    pub fn new(policy: Arc<EgressPolicy>, resolver: Arc<dyn Resolver>) -> Self {
        Self { policy, resolver }
    }
}

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, resolver) = (self.policy.clone(), self.resolver.clone());
        Box::pin(async move {
            let name = name.as_str();
            let found = resolver.resolve(name).await?;
            for address in &found {
                policy.judge_address(name, *address)?;
            }
            if found.is_empty() {
                let text = format!("{name} has no address");
                return Err(Error::new(ErrorKind::Transport, text).into());
            }
            // The client puts the port in.
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
