//! A body under a cap, a deadline and a cancellation.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};

use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
};

/// How far a reply may go; it outlives the call that asked for it.
#[derive(Clone)]
pub(super) struct Allowance {
    /// The caller's own context.
    pub(super) caller: CallContext,
    /// The same with the deadline of the request.
    pub(super) limited: CallContext,
    pub(super) total: Duration,
    pub(super) host: String,
}

impl Allowance {
    /// Runs a piece of the request. What was too slow for the client's limit says so; what was too slow for the caller's
    /// deadline says that.
    pub(super) async fn run<T>(&self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let result = self.limited.run(work).await;
        result.map_err(|error| {
            if error.kind() == ErrorKind::Timeout
                && error.phase().is_none()
                && self.caller.check_alive().is_ok()
            {
                let text = format!("{} did not answer whole within {:?}", self.host, self.total);
                return Error::new(ErrorKind::Timeout, text);
            }
            error
        })
    }
}

/// The body, cut off with an error once it is longer than `most` bytes.
pub(super) fn capped(
    body: BoxStream<'static, Result<Bytes>>,
    allowance: Allowance,
    most: u64,
) -> BoxStream<'static, Result<Bytes>> {
    stream::unfold(Some((body, allowance, most)), move |open| async move {
        let (mut body, allowance, left) = open?;
        match allowance.run(async { body.next().await.transpose() }).await {
            Ok(None) => None,
            Ok(Some(piece)) => match left.checked_sub(piece.len() as u64) {
                Some(left) => Some((Ok(piece), Some((body, allowance, left)))),
                None => Some((Err(too_long(&allowance.host, most)), None)),
            },
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// An answer that nobody wants to the end.
pub(super) fn too_long(host: &str, most: u64) -> Error {
    Error::new(ErrorKind::Decode, format!("the answer of {host} is larger than {most} bytes"))
        .with("limit", most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FixedClock, fixed_context_with};
    use futures::{FutureExt, executor::block_on};

    fn allowance(cx: &CallContext) -> Allowance {
        let total = Duration::from_secs(30);
        Allowance { caller: cx.clone(), limited: cx.with_timeout(total), total, host: "a.example".to_owned() }
    }

    #[test]
    fn a_body_stops_at_the_first_byte_too_many_and_is_not_read_further() {
        let cx = fixed_context_with(&FixedClock::new());
        let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = read.clone();
        let endless = stream::repeat_with(move || {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(Bytes::from_static(&[0; 10]))
        });
        let pieces: Vec<_> = block_on(capped(endless.boxed(), allowance(&cx), 30).collect());
        assert_eq!(pieces.len(), 4);
        let error = pieces.into_iter().next_back().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.get("limit")), (ErrorKind::Decode, Some(&30.into())));
        assert_eq!(read.load(std::sync::atomic::Ordering::Relaxed), 4);
    }

    #[test]
    fn a_body_that_never_comes_ends_with_the_limit_or_with_the_caller() {
        let clock = FixedClock::new();
        let cx = fixed_context_with(&clock).with_child_cancellation();
        let mut slow = capped(stream::pending().boxed(), allowance(&cx), 30);
        assert!(slow.next().now_or_never().is_none());
        clock.advance(Duration::from_secs(31));
        let error = block_on(slow.next()).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.message().contains("a.example did not answer whole within 30s"), "{error}");
        assert!(block_on(slow.next()).is_none());

        let mut slow = capped(stream::pending().boxed(), allowance(&cx), 30);
        cx.cancellation().cancel();
        assert_eq!(block_on(slow.next()).unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
