//! Names that may only mean addresses of the open internet. They are checked where they are looked up, so that a name
//! that means another address a moment later gains nothing.

use std::{io, net::SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::host::is_public;

/// Looks names up as the system does and refuses those that mean an address inside.
pub(super) struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().all(|address| is_public(address.ip())) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let text = "its name means an address of a private network or of this machine, which is refused";
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text).into())
        })
    }
}

#[cfg(test)]
mod tests {
    use agentforge_core::{ErrorKind, error::Phase, testing::fixed_context};

    use crate::{
        http::HttpTransport,
        transport::{Headers, HttpRequest, Transport},
    };

    #[tokio::test]
    async fn a_name_that_means_this_machine_is_refused_before_anything_is_sent() {
        let transport = HttpTransport::new().with_public_names();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let request = HttpRequest { url, headers: Headers::new(), body: "".into() };
        let error = transport.send(request, &fixed_context()).await.err().unwrap();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Transport, Some(Phase::BeforeSend)));
        assert!(error.message().contains("private network"), "{error}");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nobody connected");
    }
}
