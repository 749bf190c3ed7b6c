//! The pages that Perplexity cites.

use super::{folder, payloads, spoken};
use crate::support::{events_of, fold, recall};

#[test]
fn every_recorded_answer_of_perplexity_cites_its_pages() {
    let Some(folder) = folder() else { return };
    for (case, wire) in spoken(&folder).filter(|(case, _)| case.exchange.provider == "perplexity") {
        let last = payloads(&case.exchange).pop().unwrap();
        let pages = |member: &str| last[member].as_array().cloned().unwrap_or_default();
        let (addresses, results) = (pages("citations"), pages("search_results"));
        let (events, error, info) = events_of(&*wire, recall(), [&*case.exchange.body]);
        assert!(error.is_none(), "{}: {error:?}", case.name);
        let message = fold(events, info).message;
        let cited: Vec<_> = message.citations().collect();
        assert!(!cited.is_empty() && cited.len() == addresses.len(), "{}: {cited:?}", case.name);
        for (number, (citation, address)) in cited.iter().zip(&addresses).enumerate() {
            assert_eq!(citation.location.as_deref(), address.as_str(), "{}", case.name);
            assert_eq!(citation.label.as_deref(), Some((number + 1).to_string().as_str()), "{}", case.name);
        }
        for (citation, result) in cited.iter().zip(&results) {
            assert_eq!(Some(citation.source.as_str()), result["title"].as_str(), "{}", case.name);
        }
    }
}
