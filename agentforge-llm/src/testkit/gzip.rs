//! Gzip without squeezing: stored blocks are as valid as any, and keep the pieces of a stream apart.

use bytes::Bytes;

/// The most bytes of a stored block.
const BLOCK: usize = 0xffff;

/// A stream in the making.
pub(super) struct Gzip {
    checksum: crc32fast::Hasher,
    length: u32,
    begun: bool,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self { checksum: crc32fast::Hasher::new(), length: 0, begun: false }
    }

    /// The next bytes, as a client needs them to know these bytes and no more.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> Bytes {
        let mut out = self.head();
        self.checksum.update(bytes);
        for block in bytes.chunks(BLOCK) {
            let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
            self.length = self.length.wrapping_add(u32::from(length));
            out.push(0);
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&(!length).to_le_bytes());
            out.extend_from_slice(block);
        }
        out.into()
    }

    /// The end.
    pub(super) fn end(mut self) -> Bytes {
        let mut out = self.head();
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
        out.extend_from_slice(&self.checksum.finalize().to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.into()
    }

    fn head(&mut self) -> Vec<u8> {
        if std::mem::replace(&mut self.begun, true) {
            return Vec::new();
        }
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]
    }
}
