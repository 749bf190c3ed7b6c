//! Where bytes are cut: the bytes themselves decide, so that a finding repeats and a fuzzer can move the cuts.

/// The longest input that is also given byte by byte.
const SINGLE: usize = 4 * 1024;

/// The ways in which bytes are handed over, next to whole: in two and more pieces at places that their checksum names,
/// in threes, and one by one.
pub(super) fn ways(data: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut places: Vec<usize> = Vec::new();
    let mut state = crc32fast::hash(data);
    for _ in 0..4 {
        // The constants of a well-known linear generator; anything that scatters would do.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        places.push(usize::try_from(state >> 8).unwrap_or(0) % (data.len() + 1));
    }
    let mut ways: Vec<Vec<&[u8]>> = places.iter().map(|place| pieces(data, &[*place])).collect();
    places.sort_unstable();
    ways.push(pieces(data, &places));
    if data.len() <= SINGLE {
        ways.push(data.chunks(3).collect());
        ways.push(data.chunks(1).collect());
    }
    ways
}

fn pieces<'a>(data: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::with_capacity(places.len() + 1);
    let (mut rest, mut gone) = (data, 0);
    for place in places {
        let (piece, after) = rest.split_at_checked(place.saturating_sub(gone)).unwrap_or((rest, &[]));
        gone += piece.len();
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}
