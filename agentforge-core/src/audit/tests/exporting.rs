//! Exports: whole, in parts, and changed on their way.

use std::sync::Arc;

use futures::{TryStreamExt as _, executor::block_on};
use serde_json::Value;

use super::*;
use crate::{
    audit::{ExportReport, export, verify_export},
    error::ErrorKind,
};

fn file(keeper: &Keeper, trail: &Arc<Trail>, query: AuditQuery, checkpoint: Option<Checkpoint>) -> String {
    let stream = export(&keeper.cx, trail.clone(), query, checkpoint).unwrap();
    let pieces: Vec<_> = block_on(stream.try_collect()).unwrap();
    String::from_utf8(pieces.concat()).unwrap()
}

fn report(keeper: &Keeper, file: &str) -> Result<ExportReport> {
    verify_export(file.as_bytes(), Some(&*keeper.trusted))
}

#[test]
fn an_export_holds_every_entry_and_is_checked_without_a_store() {
    let keeper = Keeper::new();
    let trail = Arc::new(Trail::long(&keeper.cx, 25));
    let checkpoint = keeper.checkpoint(&trail).unwrap();
    trail.grow(&keeper.cx, 5);
    trail.edit(|entries| entries[3].erase_detail());
    let file = file(&keeper, &trail, AuditQuery { limit: 7, ..AuditQuery::default() }, Some(checkpoint));
    let lines: Vec<&str> = file.lines().collect();
    let read = lines[1..31].iter().map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(read.collect::<Vec<AuditEntry>>(), trail.copy());
    let end: Value = serde_json::from_str(lines[31]).unwrap();
    assert_eq!((lines.len(), &end["end"]["entries"]), (32, &json!(30)));

    let found = report(&keeper, &file).unwrap();
    assert_eq!((found.verdict, found.erased, found.signed), (intact(30), 1, 25));
    let untrusting = verify_export(file.as_bytes(), None).unwrap();
    assert_eq!((untrusting.verdict, untrusting.signed), (intact(30), 0));
}

#[test]
fn one_page_is_in_memory_at_a_time() {
    let keeper = Keeper::new();
    let trail = Arc::new(Trail::long(&keeper.cx, 20));
    let query = AuditQuery { limit: 4, ..AuditQuery::default() };
    let stream = export(&keeper.cx, trail, query, None).unwrap();
    let pieces: Vec<_> = block_on(stream.try_collect()).unwrap();
    let text = |piece: &bytes::Bytes| String::from_utf8(piece.to_vec()).unwrap();
    let lines: Vec<usize> = pieces.iter().map(|piece| text(piece).lines().count()).collect();
    assert_eq!(lines, [5, 4, 4, 4, 4, 1]);
}

#[test]
fn a_part_and_an_answer_to_a_filter_are_checked_too() {
    let keeper = Keeper::new();
    let trail = Arc::new(Trail::long(&keeper.cx, 10));
    let part = file(&keeper, &trail, AuditQuery { from: Some(4), ..AuditQuery::default() }, None);
    assert_eq!(report(&keeper, &part).unwrap().verdict, intact(6));
    let chosen = AuditQuery { resource_id: Some("3".to_owned()), ..AuditQuery::default() };
    let chosen = file(&keeper, &trail, chosen, None);
    assert_eq!(report(&keeper, &chosen).unwrap().verdict, intact(1));
    assert!(!report(&keeper, &chosen.replace("things:do", "things:un")).unwrap().verdict.is_intact());
    let newest = AuditQuery { newest_first: true, ..AuditQuery::default() };
    assert_eq!(export(&keeper.cx, trail, newest, None).err().unwrap().kind(), ErrorKind::InvalidInput);
}

#[test]
fn whatever_is_done_to_the_lines_of_an_export_is_found() {
    let keeper = Keeper::new();
    let trail = Arc::new(Trail::long(&keeper.cx, 12));
    let checkpoint = keeper.checkpoint(&trail).unwrap();
    let file = file(&keeper, &trail, AuditQuery::default(), Some(checkpoint));
    let lines: Vec<String> = file.lines().map(|line| format!("{line}\n")).collect();
    let found = |lines: &[String]| !report(&keeper, &lines.concat()).is_ok_and(|r| r.verdict.is_intact());
    assert!(!found(&lines));
    for place in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(place);
        assert!(found(&without), "without line {place}");
        let mut twice = lines.clone();
        twice.insert(place, lines[place].clone());
        assert!(found(&twice), "line {place} twice");
        assert!(found(&lines[..place]), "cut before line {place}");
        if let Some(next) = lines.get(place + 1) {
            let mut swapped = lines.clone();
            (swapped[place], swapped[place + 1]) = (next.clone(), lines[place].clone());
            assert!(found(&swapped), "line {place} behind the next");
        }
    }
    let mut more = lines.clone();
    more[4] = more[4].replace("\"success\"", "\"note\":\"covered by nothing\",\"success\"");
    assert!(found(&more), "a field beside those of an entry");
    for place in 1..=12 {
        for (from, to) in [
            ("things:do", "things:un"),
            ("\"success\":true", "\"success\":false"),
            ("\"number\"", "\"numbed\""),
        ] {
            let mut edited = lines.clone();
            edited[place] = lines[place].replace(from, to);
            assert_ne!(edited[place], lines[place]);
            assert!(found(&edited), "line {place} with {to}");
        }
    }
    let mut shorter = lines.clone();
    shorter.remove(12);
    shorter[12] = lines[13].replace("12", "11");
    assert!(found(&shorter), "an end that agrees, against the checkpoint");
}

#[test]
fn an_export_of_a_broken_trail_says_so_and_goes_on() {
    let keeper = Keeper::new();
    let trail = Arc::new(Trail::long(&keeper.cx, 6));
    trail.edit(|entries| entries[2].draft.action = "things:undo".to_owned());
    let file = file(&keeper, &trail, AuditQuery::default(), None);
    assert_eq!(file.lines().count(), 8);
    let end: Value = serde_json::from_str(file.lines().last().unwrap()).unwrap();
    assert_eq!(end["end"]["verdict"]["broken"]["seq"], json!(2));
    assert!(matches!(report(&keeper, &file).unwrap().verdict, AuditVerdict::Broken { seq: 2, .. }));
}
