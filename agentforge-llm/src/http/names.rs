//! Names that mean this machine are refused where they are looked up.

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
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Denied, Some(Phase::BeforeSend)));
    assert!(error.message().contains("this machine"), "{error}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody connected");
}
