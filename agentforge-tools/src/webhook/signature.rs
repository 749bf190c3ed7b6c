//! Signatures by Standard Webhooks 1.0: an HMAC-SHA256 over id, time and body, as whoever sends makes them and whoever
//! receives checks them.

use std::{fmt, str::FromStr, time::Duration};

use agentforge_core::{Error, ErrorKind, Result, http::Headers, time::Timestamp};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The header with the id of a message, the same for every attempt to send it.
pub const ID: &str = "webhook-id";
/// The header with the time of an attempt, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by blanks.
pub const SIGNATURE: &str = "webhook-signature";

/// How far the clocks of the two sides may differ, unless somebody says otherwise.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// Keys may be written without the last signs that fill them up.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that sender and receiver share, written as `whsec_` and base64. Never shown.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

impl FromStr for SigningSecret {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let key = LENIENT.decode(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| {
            Error::invalid(
                "a webhook secret is no base64; expected `whsec_` and the base64 of 24 to 64 bytes",
            )
        })?;
        if !(24..=64).contains(&key.len()) {
            return Err(Error::invalid(format!(
                "a webhook secret has {} bytes; make one of 24 to 64 random bytes",
                key.len()
            )));
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl SigningSecret {
    fn mac(&self, id: &str, seconds: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
        // Keys of any length are keys; the error is there for other kinds of MAC.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        Some(mac)
    }

    /// The signature of one message, with its version.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mac = self.mac(id, seconds(at), body).map(|mac| mac.finalize().into_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.unwrap_or_default()))
    }
}

/// The three headers of a message, signed with every secret, so that a receiver may know the old or the new one.
///
/// ```
/// use agentforge_core::time::Timestamp;
/// use agentforge_tools::webhook::{SigningSecret, TOLERANCE, signed_headers, verify};
///
/// let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse::<SigningSecret>()?];
/// let now: Timestamp = "2026-03-01T09:30:00Z".parse()?;
/// let headers = signed_headers(&secrets, "msg_1", now, b"{}");
/// assert_eq!(verify(&secrets, &headers, b"{}", now, TOLERANCE)?, "msg_1");
/// assert!(verify(&secrets, &headers, b"{ }", now, TOLERANCE).is_err());
/// # Ok::<(), agentforge_core::Error>(())
/// ```
pub fn signed_headers(secrets: &[SigningSecret], id: &str, at: Timestamp, body: &[u8]) -> Headers {
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(id, at, body)).collect();
    [(ID, id.to_owned()), (TIMESTAMP, seconds(at).to_string()), (SIGNATURE, signatures.join(" "))]
        .into_iter()
        .collect()
}

/// Checks a message that came in, and gives its id, by which a receiver tells a repetition. Fails with
/// `unauthenticated` when a header is missing, no signature fits one of the secrets, or the message is older or newer
/// than the tolerance, which keeps somebody who listened from sending it again later.
///
/// `body` must be the bytes as they came: parsed and written again they are others.
pub fn verify<'a>(
    secrets: &[SigningSecret],
    headers: &'a Headers,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<&'a str> {
    let refused =
        |why: &str| Error::new(ErrorKind::Unauthenticated, format!("the webhook is refused: {why}"));
    let header = |name: &str| headers.get(name).ok_or_else(|| refused(&format!("it has no header `{name}`")));
    let (id, at, signatures) = (header(ID)?, header(TIMESTAMP)?, header(SIGNATURE)?);
    let at: i64 = at.trim().parse().map_err(|_| refused("its time is no count of seconds"))?;
    let apart = seconds(now).abs_diff(at);
    if apart > tolerance.as_secs() {
        return Err(refused("it is too old or too new; check the clocks of both sides"));
    }
    let given = signatures.split_ascii_whitespace().filter_map(|signature| signature.strip_prefix("v1,"));
    let given: Vec<Vec<u8>> = given.filter_map(|signature| BASE64_STANDARD.decode(signature).ok()).collect();
    for secret in secrets {
        for signature in &given {
            // Compared in constant time.
            if secret.mac(id, at, body).is_some_and(|mac| mac.verify_slice(signature).is_ok()) {
                return Ok(id);
            }
        }
    }
    Err(refused("no signature fits"))
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests of the scheme's own reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn secret() -> SigningSecret {
        SECRET.parse().unwrap()
    }

    fn message(signature: &str) -> Headers {
        [(ID, MESSAGE.to_owned()), (TIMESTAMP, AT.to_string()), (SIGNATURE, signature.to_owned())]
            .into_iter()
            .collect()
    }

    #[test]
    fn the_published_vector_is_signed_and_believed() {
        assert_eq!(secret().sign(MESSAGE, at(AT), BODY), SIGNED);
        let headers = message(SIGNED);
        assert_eq!(verify(&[secret()], &headers, BODY, at(AT), TOLERANCE).unwrap(), MESSAGE);
        let bare: SigningSecret = SECRET.strip_prefix("whsec_").unwrap().parse().unwrap();
        assert_eq!(bare.sign(MESSAGE, at(AT), BODY), SIGNED);
    }

    #[test]
    fn old_and_new_secrets_hold_while_they_change() {
        let new: SigningSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().unwrap();
        let headers = signed_headers(&[new.clone(), secret()], MESSAGE, at(AT), BODY);
        for known in [&[new.clone()][..], &[secret()], &[secret(), new.clone()]] {
            verify(known, &headers, BODY, at(AT), TOLERANCE).unwrap();
        }
        let foreign: SigningSecret = "whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB".parse().unwrap();
        verify(&[foreign], &headers, BODY, at(AT), TOLERANCE).unwrap_err();
        verify(&[], &headers, BODY, at(AT), TOLERANCE).unwrap_err();
        let future = message(&format!("v2,abc v1a,def {SIGNED}"));
        verify(&[secret()], &future, BODY, at(AT), TOLERANCE).unwrap();
    }

    #[test]
    fn anything_else_is_refused() {
        let now = at(AT);
        let check = |headers: &Headers, body: &[u8], now: Timestamp| {
            let error = verify(&[secret()], headers, body, now, TOLERANCE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        };
        check(&message(SIGNED), b"{}", now);
        check(&message("v1,AAAA"), BODY, now);
        check(&message(""), BODY, now);
        check(&message(&SIGNED.replace("v1,", "v2,")), BODY, now);
        check(&message(&SIGNED.replace("v1,", "")), BODY, now);
        check(&message(SIGNED), BODY, at(AT + 301));
        check(&message(SIGNED), BODY, at(AT - 301));
        verify(&[secret()], &message(SIGNED), BODY, at(AT + 300), TOLERANCE).unwrap();
        for missing in [ID, TIMESTAMP, SIGNATURE] {
            let mut headers = message(SIGNED);
            headers.retain(|name| name != missing);
            check(&headers, BODY, now);
        }
        let mut other = message(SIGNED);
        other.retain(|name| name != ID);
        other.push(ID, "msg_other");
        check(&other, BODY, now);
        let mut odd = message(SIGNED);
        odd.retain(|name| name != TIMESTAMP);
        odd.push(TIMESTAMP, "-9223372036854775808");
        check(&odd, BODY, now);
    }

    #[test]
    fn a_secret_is_long_enough_and_not_shown() {
        for wrong in ["", "whsec_", "whsec_AAAA", "whsec_!!!", &format!("whsec_{}", "A".repeat(100))] {
            assert!(wrong.parse::<SigningSecret>().is_err(), "{wrong}");
        }
        assert_eq!(format!("{:?}", secret()), "SigningSecret(…)");
    }
}
