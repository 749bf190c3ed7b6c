//! Writes one message of the binary event stream of AWS, with its checksums: for what is recorded and what is acted.

/// A message with a block of headers as it stands on the line; `None` when it would be larger than a length can say.
pub(crate) fn written(headers: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let total = u32::try_from(headers.len().checked_add(payload.len())?.checked_add(16)?).ok()?;
    let mut message = total.to_be_bytes().to_vec();
    message.extend_from_slice(&u32::try_from(headers.len()).ok()?.to_be_bytes());
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(headers);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    Some(message)
}
