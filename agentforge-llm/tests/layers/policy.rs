//! What no rule allows is denied.

use agentforge_core::testing::fixed_context;
use agentforge_llm::layer::{Fallback, Layer, Policy, PolicyRules, Residence};
use futures::executor::block_on;
use serde_json::json;

use super::*;

fn allowing(pattern: &str) -> PolicyRules {
    PolicyRules { allowed: vec![pattern.to_owned()], ..PolicyRules::default() }
}

/// The rule that a request breaks, and the limit of the answer that reached the model.
fn check(rules: PolicyRules, request: ChatRequest) -> Result<Option<u64>, String> {
    let script = script("gpt-5").say("Yes.");
    let model = Policy::new(rules).unwrap().wrap(Arc::new(script.clone()));
    let beforehand = model.check(&request).into_iter().map(|refused| refused.hint).next();
    match block_on(model.generate(request.into(), &fixed_context())) {
        Ok(_) => {
            assert_eq!(beforehand, None);
            Ok(script.requests()[0].settings.max_tokens)
        }
        Err(error) => {
            assert_eq!((error.kind(), error.phase()), (ErrorKind::Denied, Some(Phase::BeforeSend)));
            assert_eq!(beforehand.as_deref(), Some(error.message()));
            assert!(script.requests().is_empty(), "a denied request reached the model");
            let rule = error.get("rule").unwrap().as_str().unwrap().to_owned();
            assert!(error.message().contains(&format!("rule `{rule}`")), "{error}");
            Err(rule)
        }
    }
}

fn rule(rules: PolicyRules) -> Result<(), String> {
    check(rules, ChatRequest::new([Message::user("Hello")])).map(drop)
}

#[test]
fn a_model_needs_a_rule_that_allows_it_and_none_that_denies_it() {
    assert_eq!(rule(PolicyRules::default()), Err("allowed".to_owned()));
    assert_eq!(rule(allowing("test:*")), Ok(()));
    assert_eq!(rule(allowing("other:*")), Err("allowed".to_owned()));
    assert_eq!(
        rule(PolicyRules { denied: vec!["*:GPT-5".to_owned()], ..allowing("*") }),
        Err("denied".to_owned())
    );
}

#[test]
fn where_a_model_is_served_must_be_known_and_allowed() {
    let at = |region: &str, host: &str| Residence {
        models: "test:*".to_owned(),
        region: Some(region.to_owned()),
        host: Some(host.to_owned()),
    };
    let europe = |residences| PolicyRules { regions: ["eu".to_owned()].into(), residences, ..allowing("*") };
    assert_eq!(rule(europe(vec![])), Err("regions".to_owned()), "nobody said where");
    assert_eq!(rule(europe(vec![at("us", "a")])), Err("regions".to_owned()));
    assert_eq!(rule(europe(vec![at("EU", "a"), at("us", "a")])), Ok(()), "the first that matches counts");
    let hosts = |residences| PolicyRules { hosts: vec!["*.example".to_owned()], residences, ..allowing("*") };
    assert_eq!(rule(hosts(vec![])), Err("hosts".to_owned()));
    assert_eq!(rule(hosts(vec![at("us", "a.example")])), Ok(()));
    assert_eq!(rule(hosts(vec![at("us", "a.example.org")])), Err("hosts".to_owned()));
}

#[test]
fn the_cap_is_set_where_nobody_set_one_and_more_is_denied() {
    let rules = || PolicyRules { max_output: Some(100), ..allowing("*") };
    let asking = |tokens| {
        let mut request = ChatRequest::new([Message::user("Hello")]);
        request.settings.max_tokens = tokens;
        check(rules(), request)
    };
    assert_eq!(asking(None), Ok(Some(100)));
    assert_eq!(asking(Some(99)), Ok(Some(99)));
    assert_eq!(asking(Some(101)), Err("max_output".to_owned()));
}

#[test]
fn members_for_the_provider_s_body_do_not_pass_by_the_rules() {
    let carrying = |provider: &str, extra| {
        let mut request = ChatRequest::new([Message::user("Hello")]);
        request.extra.insert(provider.to_owned(), extra);
        check(PolicyRules { extra: vec!["logit_*".to_owned()], ..allowing("*") }, request).map(drop)
    };
    assert_eq!(carrying("test", json!({"model": "forbidden"})), Err("extra".to_owned()));
    assert_eq!(carrying("test", json!({"logit_bias": {}, "max_tokens": 9})), Err("extra".to_owned()));
    assert_eq!(carrying("test", json!({"logit_bias": {}})), Ok(()));
    assert_eq!(carrying("other", json!({"model": "forbidden"})), Ok(()), "no other provider's body gets it");
}

#[test]
fn above_a_list_of_models_an_allow_list_refuses_rather_than_guess() {
    let list = Fallback::to([Arc::new(script("forbidden")) as _]).wrap(Arc::new(script("gpt-5").say("Yes.")));
    let model = Policy::new(allowing("test:gpt-5")).unwrap().wrap(list);
    let error = block_on(ask(&model, "Hello", &fixed_context())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[test]
fn an_empty_pattern_is_a_mistake() {
    let error = Policy::new(allowing(" ")).unwrap_err();
    assert_eq!((error.kind(), error.get("field").unwrap()), (ErrorKind::InvalidInput, &json!("allowed")));
}
