//! Decisions and lists of the native evaluator agree, and built-in roles are what they say.

use agentforge_core::{
    id::UserId,
    security::{
        Decision, DenyReason, Grants, Permission, PermissionSet, Resource, RoleCatalogue, decide, visible,
    },
    store::{CollectionSpec, FieldKind, FieldSpec, FieldValue},
};
use proptest::prelude::*;
use uuid::Uuid;

static OWNED: CollectionSpec =
    CollectionSpec { fields: &[FieldSpec::new("owner", FieldKind::Id)], ..CollectionSpec::new("things") };

#[test]
fn the_catalogue_has_the_32_permissions_and_those_of_processes() {
    let of_processes =
        Permission::ALL.iter().filter(|permission| permission.resource() == "processes").count();
    assert_eq!((Permission::ALL.len(), of_processes), (38, 6));
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
    assert_eq!(decide(None, Permission::KbRead, &Resource::TENANT), denied);
    let grants =
        Grants { permissions: PermissionSet::all(), user: None, ceiling: Some(PermissionSet::EMPTY) };
    let beyond = Decision::Deny(DenyReason::BeyondAgent);
    assert_eq!(decide(Some(&grants), Permission::KbRead, &Resource::TENANT), beyond);
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
    ) {
        let grants = known.then_some(Grants { permissions, user, ceiling });
        let decision = decide(grants.as_ref(), permission, &Resource { owner });
        let field = |_: &str| owner.map_or(FieldValue::Null, FieldValue::from);
        let shown = visible(grants.as_ref(), permission, &OWNED).matches(&field);
        prop_assert_eq!(decision == Decision::Allow, shown);
    }
}
