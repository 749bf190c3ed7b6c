//! Modes and files: what is sent, what is written, and that a replay is what was recorded.

use agentforge_core::error::Phase;
use agentforge_llm::cassette::Mode;

use super::*;

#[test]
fn what_was_recorded_is_replayed_without_the_provider() {
    let (_folder, path) = place();
    let provider = Provider::default().says("Hello there.").says("And again.");
    let record = Cassette::at(&path).mode(Mode::Record).over(Arc::new(provider.clone())).build().unwrap();
    assert_eq!(ask(&record, "Hi").unwrap(), "Hello there.");
    assert_eq!(ask(&record, "Hi").unwrap(), "And again.");
    record.finish().unwrap();
    assert_eq!(provider.asked(), 2);

    let replay = Cassette::at(&path).build().unwrap();
    assert_eq!(replay.unused(), 2);
    assert_eq!(ask(&replay, "Hi").unwrap(), "Hello there.");
    assert_eq!(ask(&replay, "Hi").unwrap(), "And again.");
    assert_eq!((replay.unused(), provider.asked()), (0, 2));
    let error = ask(&replay, "Hi").unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::NotFound, Some(Phase::BeforeSend)));
    assert!(error.message().contains("all 2 recorded answers"), "{error}");
}

#[test]
fn the_file_has_the_documented_layout_and_nothing_is_left_beside_it() {
    let (_folder, path) = place();
    let provider = Provider::default().says("Hello.");
    let cassette = Cassette::at(&path).mode(Mode::Record).over(Arc::new(provider)).build().unwrap();
    ask(&cassette, "Hi").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&file["provider"], &file["case"]), (&"lab.example.com".into(), &"greeting".into()));
    assert!(file["source"].as_str().unwrap().starts_with("recorded with agentforge"), "{file}");
    let request = &file["exchanges"][0]["request"];
    assert_eq!(
        (&request["method"], &request["host"], &request["path"], &request["query"]),
        (&"POST".into(), &"lab.example.com".into(), &"/v1/chat/completions".into(), &json!([]))
    );
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["messages"][0]["content"], "Hi");
    let response = &file["exchanges"][0]["response"];
    assert_eq!((&response["status"], &response["headers"]["x-request-id"]), (&200.into(), &"req-7".into()));
    assert!(response["body"].as_str().unwrap().ends_with("data: [DONE]\n\n"), "{response}");
    assert!(text.lines().count() > 10, "made for people:\n{text}");
    let names: Vec<_> =
        std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["greeting.json"]);
    // The reader of recorded traffic and its decoders take it as it is.
    let recording = Recording::read(text.as_bytes()).unwrap();
    let exchange = &recording.exchanges[0];
    let (read, error) = exchange.decode(&*exchange.wire().unwrap());
    assert!(error.is_none() && read.message.text() == "Hello.", "{error:?}");
}

#[test]
fn a_tape_grows_by_what_it_lacks_and_keeps_what_it_has() {
    let (_folder, path) = place();
    let open = |provider: &Provider| {
        let builder = Cassette::at(&path).mode(Mode::ReplayOrRecord);
        builder.over(Arc::new(provider.clone())).build().unwrap()
    };
    let first = Provider::default().says("One.");
    assert_eq!(ask(&open(&first), "1").unwrap(), "One.");
    let second = Provider::default().says("Two.").says("One more.");
    let cassette = open(&second);
    assert_eq!(ask(&cassette, "1").unwrap(), "One.");
    assert_eq!(second.asked(), 0);
    assert_eq!(ask(&cassette, "2").unwrap(), "Two.");
    // An answer of this run is no recording for it: asked again, the provider answers again.
    assert_eq!(ask(&cassette, "2").unwrap(), "One more.");
    let replay = Cassette::at(&path).build().unwrap();
    for (question, expected) in [("2", "Two."), ("1", "One."), ("2", "One more.")] {
        assert_eq!(ask(&replay, question).unwrap(), expected);
    }
}

#[test]
fn recording_anew_replaces_the_file_and_live_leaves_it_alone() {
    let (_folder, path) = place();
    let run = |mode: Mode, text: &str| {
        let provider = Provider::default().says(text);
        let cassette = Cassette::at(&path).mode(mode).over(Arc::new(provider)).build().unwrap();
        ask(&cassette, "Hi").unwrap()
    };
    run(Mode::Record, "Old.");
    let before = std::fs::read(&path).unwrap();
    assert_eq!(run(Mode::Live, "Live."), "Live.");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    // The same traffic gives the same file.
    run(Mode::Record, "Old.");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    run(Mode::Record, "New.");
    assert_eq!(ask(&Cassette::at(&path).build().unwrap(), "Hi").unwrap(), "New.");
}

#[test]
fn pieces_and_bytes_are_replayed_as_they_came() {
    let (_folder, path) = place();
    let pieces = [&b"\xff\x00\xfe"[..], b"tail", b"!"].map(Bytes::from_static);
    let reply = Reply { status: 200, headers: Vec::new(), pieces: pieces.to_vec(), broken: false };
    let provider = Provider::default().then(reply.clone()).then(reply);
    let record =
        Cassette::at(&path).mode(Mode::Record).over(Arc::new(provider)).with_pieces().build().unwrap();
    for number in 0..2 {
        send(&record, post("https://a.b/x", format!("{{\"n\":{number}}}"))).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"body_base64\"") && text.contains("\"pieces\""), "{text}");
    let replay = Cassette::at(&path).build().unwrap();
    let (_, _, replayed) = send(&replay, post("https://a.b/x", r#"{"n":1}"#)).unwrap();
    assert_eq!(replayed, pieces);
}

#[test]
fn failures_are_recorded_too_and_what_never_answered_is_not() {
    let (_folder, path) = place();
    let limited = Reply {
        headers: vec![("retry-after", "7".to_owned())],
        ..document(429, &json!({"error": {"message": "Slow down"}}))
    };
    let broken = Reply { broken: true, pieces: said("Half").pieces[..1].to_vec(), ..said("Half") };
    let provider = Provider::default().then(limited).then(broken);
    let record = Cassette::at(&path).mode(Mode::Record).over(Arc::new(provider)).build().unwrap();
    let errors: Vec<Error> = (0..3).map(|_| ask(&record, "Hi").unwrap_err()).collect();
    assert_eq!(record.recording().exchanges.len(), 2);
    let replay = Cassette::at(&path).build().unwrap();
    for error in &errors[..2] {
        let again = ask(&replay, "Hi").unwrap_err();
        assert_eq!((again.kind(), again.phase(), again.wait()), (error.kind(), error.phase(), error.wait()));
    }
    assert_eq!(errors[1].message(), "the line broke");
    assert_eq!(errors[2].message(), "nobody listens");
}

#[test]
fn an_answer_that_its_caller_left_is_kept_as_far_as_it_came() {
    let provider = Provider::default().says("Hello there.");
    let empty = Recording::read(br#"{"exchanges":[]}"#).unwrap();
    let cassette = Cassette::of(empty).mode(Mode::Record).over(Arc::new(provider)).build().unwrap();
    block_on(async {
        let mut reply = cassette.send(post("https://a.b/x", "1"), &fixed_context()).await.unwrap();
        reply.body.next().await.unwrap().unwrap();
        assert!(cassette.recording().exchanges.is_empty());
    });
    let recording = cassette.recording();
    assert_eq!(recording.exchanges[0].body, said("Hello there.").pieces[0]);
}

#[test]
fn exchanges_stand_in_the_order_of_their_requests() {
    let provider = Provider::default().says("One.").says("Two.");
    let empty = Recording::read(br#"{"exchanges":[]}"#).unwrap();
    let cassette = Cassette::of(empty).mode(Mode::Record).over(Arc::new(provider)).build().unwrap();
    block_on(async {
        let cx = fixed_context();
        let first = cassette.send(post("https://a.b/1", ""), &cx).await.unwrap();
        let second = cassette.send(post("https://a.b/2", ""), &cx).await.unwrap();
        second.body.collect::<Vec<_>>().await;
        first.body.collect::<Vec<_>>().await;
    });
    let paths: Vec<String> =
        cassette.recording().exchanges.into_iter().map(|exchange| exchange.request.unwrap().path).collect();
    assert_eq!(paths, ["/1", "/2"]);
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let (_folder, path) = place();
    let refused = |builder: CassetteBuilder| builder.build().unwrap_err();
    let error = refused(Cassette::at(&path));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("greeting.json") && error.message().contains("`record`"), "{error}");
    let error = refused(Cassette::at(&path).mode(Mode::Record).ignoring("metadata"));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("`/metadata`") && error.message().contains("`over`"), "{error}");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "no JSON").unwrap();
    let error = refused(Cassette::at(&path));
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.message().contains("greeting.json"), "{error}");
    assert!("recrod".parse::<Mode>().unwrap_err().message().contains("did you mean `record`"));
    assert_eq!("replay_or_record".parse::<Mode>().unwrap(), Mode::ReplayOrRecord);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_of_the_cassette_and_not_of_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let provider = Provider::default().says("Hello.").says("Again.");
    let path = blocked.join("cassette.json");
    let cassette = Cassette::at(path).mode(Mode::Record).over(Arc::new(provider)).build().unwrap();
    assert_eq!(ask(&cassette, "Hi").unwrap(), "Hello.");
    let error = ask(&cassette, "Hi").unwrap_err();
    assert!(error.message().contains("cannot write the cassette"), "{error}");
    assert_eq!(error.phase(), Some(Phase::BeforeSend));
}

#[test]
fn an_answer_that_is_too_large_reaches_its_caller_and_is_reported() {
    let piece = Bytes::from(vec![b' '; 8 * 1024 * 1024]);
    let pieces = vec![piece; agentforge_llm::cassette::MAX_RECORDED / (8 * 1024 * 1024) + 1];
    let expected = pieces.len();
    let provider =
        Provider::default().then(Reply { status: 200, headers: Vec::new(), pieces, broken: false });
    let empty = Recording::read(br#"{"exchanges":[]}"#).unwrap();
    let cassette = Cassette::of(empty).mode(Mode::Record).over(Arc::new(provider)).build().unwrap();
    let (_, _, received) = send(&cassette, post("https://a.b/x", "")).unwrap();
    assert_eq!(received.len(), expected);
    assert!(cassette.recording().exchanges.is_empty());
    assert!(cassette.finish().unwrap_err().message().contains("was not recorded"));
}
