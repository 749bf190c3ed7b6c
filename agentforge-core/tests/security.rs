//! Decisions and lists of the native evaluator agree, and built-in roles are what they say.

use agentforge_core::{
    id::UserId,
    security::{
        Decision, DenyReason, Grants, Permission, PermissionSet, Resource, RoleCatalogue, Shared, Thing,
        decide, visible,
    },
    store::{CollectionSpec, FieldKind, FieldSpec, FieldValue, OnDelete, ReferenceSpec},
};
use proptest::prelude::*;
use uuid::Uuid;

static PARTS: CollectionSpec = CollectionSpec {
    fields: &[FieldSpec::new("owner", FieldKind::Id), FieldSpec::new("whole", FieldKind::Id)],
    references: &[ReferenceSpec { field: "whole", collection: "wholes", on_delete: OnDelete::Cascade }],
    ..CollectionSpec::new("parts")
};

#[test]
fn every_permission_is_read_as_it_is_written_and_unknown_ones_are_refused() {
    for permission in Permission::ALL {
        assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
    }
    assert!("agents:fly".parse::<Permission>().is_err());
}

#[test]
fn an_owner_has_every_permission_and_a_viewer_changes_nothing() {
    let roles = RoleCatalogue::built_in().unwrap();
    assert_eq!(roles.permissions(["owner"]), PermissionSet::all());
    let viewer = roles.permissions(["viewer"]);
    assert!(viewer.iter().all(|permission| matches!(permission.action(), "read" | "access")), "{viewer:?}");
}

#[test]
fn a_role_never_has_less_than_what_it_inherits() {
    let roles = RoleCatalogue::built_in().unwrap();
    for role in roles.iter() {
        let whole = roles.permissions([role.name.as_str()]);
        for parent in &role.inherits {
            let inherited = roles.permissions([parent.as_str()]);
            assert_eq!(whole.intersection(inherited), inherited, "{} < {parent}", role.name);
            assert!(roles.role(parent).unwrap().level < role.level, "{} is not above {parent}", role.name);
        }
    }
}

#[test]
fn circles_unknown_parents_and_doubles_are_refused() {
    let role = |name: &str, parent: &str| agentforge_core::security::Role {
        name: name.to_owned(),
        title: name.to_owned(),
        level: 1,
        inherits: vec![parent.to_owned()],
        permissions: vec![],
    };
    assert!(RoleCatalogue::new([role("a", "b"), role("b", "a")]).is_err());
    assert!(RoleCatalogue::new([role("a", "nobody")]).is_err());
    assert!(RoleCatalogue::new([role("a", "b"), role("a", "b")]).is_err());
}

#[test]
fn nobody_known_is_denied_and_an_agent_never_passes_its_ceiling() {
    let denied = Decision::Deny(DenyReason::UnknownPrincipal);
    assert_eq!(decide(None, Permission::KbRead, &Resource::TENANT, &Shared::NOTHING), denied);
    let grants =
        Grants { permissions: PermissionSet::all(), user: None, ceiling: Some(PermissionSet::EMPTY) };
    let beyond = Decision::Deny(DenyReason::BeyondAgent);
    assert_eq!(decide(Some(&grants), Permission::KbRead, &Resource::TENANT, &Shared::NOTHING), beyond);
}

#[test]
fn an_access_list_opens_a_thing_and_its_parts_and_nothing_else() {
    let grants = Grants { permissions: PermissionSet::EMPTY, user: None, ceiling: None };
    let thing = |collection, id| Thing { collection, id: Uuid::from_u128(id) };
    let shared: Shared = [thing("wholes", 1)].into_iter().collect();
    let part_of =
        |id| Resource { owner: None, thing: Some(thing("parts", 9)), whole: Some(thing("wholes", id)) };
    let denied = Decision::Deny(DenyReason::NotGranted);
    assert_eq!(decide(Some(&grants), Permission::KbRead, &part_of(1), &shared), Decision::Allow);
    assert_eq!(decide(Some(&grants), Permission::KbRead, &part_of(2), &shared), denied);
    let namesake = Resource { thing: Some(thing("parts", 1)), ..Resource::TENANT };
    assert_eq!(decide(Some(&grants), Permission::KbRead, &namesake, &shared), denied);
    assert_eq!(
        decide(None, Permission::KbRead, &part_of(1), &shared),
        Decision::Deny(DenyReason::UnknownPrincipal)
    );
}

fn any_set() -> impl Strategy<Value = PermissionSet> {
    prop::sample::subsequence(Permission::ALL, 0..=Permission::ALL.len())
        .prop_map(|permissions| permissions.into_iter().collect())
}

fn any_user() -> impl Strategy<Value = Option<UserId>> {
    prop::option::of((0_u128..3).prop_map(|n| UserId::from_uuid(Uuid::from_u128(n))))
}

proptest! {
    #[test]
    fn a_list_shows_exactly_what_a_check_allows(
        permissions in any_set(),
        user in any_user(),
        ceiling in prop::option::of(any_set()),
        known in any::<bool>(),
        permission in prop::sample::select(Permission::ALL),
        owner in any_user(),
        (id, whole) in (0_u128..3, prop::option::of(0_u128..3)),
        lists in prop::collection::vec((any::<bool>(), 0_u128..3), 0..3),
    ) {
        let grants = known.then_some(Grants { permissions, user, ceiling });
        let thing = |of_parts: bool, id| {
            Thing { collection: if of_parts { "parts" } else { "wholes" }, id: Uuid::from_u128(id) }
        };
        let shared: Shared = lists.into_iter().map(|(of_parts, id)| thing(of_parts, id)).collect();
        let whole = whole.map(|id| thing(false, id));
        let resource = Resource { owner, thing: Some(thing(true, id)), whole };
        let decision = decide(grants.as_ref(), permission, &resource, &shared);
        let field = |name: &str| match name {
            "id" => FieldValue::Id(Uuid::from_u128(id)),
            "whole" => whole.map_or(FieldValue::Null, |whole| FieldValue::Id(whole.id)),
            _ => owner.map_or(FieldValue::Null, FieldValue::from),
        };
        let shown = visible(grants.as_ref(), permission, &PARTS, &shared).matches(&field);
        prop_assert_eq!(decision == Decision::Allow, shown);
    }
}
