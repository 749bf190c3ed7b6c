//! Files that a host reads: tables of prices, recordings.

use agentforge_core::time::Timestamp;

use super::{Finding, alike};
use crate::{price::PriceTable, recorded::Recording};

/// A table of prices, and what it says of a model at a few times.
pub(super) fn prices(data: &[u8]) -> Finding {
    let Ok(text) = std::str::from_utf8(data) else { return Ok(()) };
    let Ok(table) = PriceTable::from_json(text) else { return Ok(()) };
    for seconds in [0, 1_700_000_000, 1_750_000_000, 4_000_000_000] {
        let Ok(at) = Timestamp::from_micros(seconds * 1_000_000) else { continue };
        for (provider, model) in [("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("a", "b")] {
            alike("prices", &table.price(provider, model, at), &table.price(provider, model, at))?;
        }
    }
    Ok(())
}

/// A recording: each exchange is decoded as far as its wire is known, and what is written reads as it was.
pub(super) fn recording(data: &[u8]) -> Finding {
    let Ok(recording) = Recording::read(data) else { return Ok(()) };
    for exchange in &recording.exchanges {
        if let Ok(wire) = exchange.wire() {
            let _ = exchange.decode(&*wire);
        }
    }
    let written = recording.write().map_err(|error| format!("a recording was not written: {error}"))?;
    let again =
        Recording::read(&written).map_err(|error| format!("a recording was not read again: {error}"))?;
    let twice = again.write().map_err(|error| format!("a recording was not written again: {error}"))?;
    alike("recording", &String::from_utf8_lossy(&twice), &String::from_utf8_lossy(&written))
}
