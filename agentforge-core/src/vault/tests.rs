//! Places and the stored form, without a store.

use proptest::prelude::*;
use uuid::Uuid;

use super::{KeyMaterial, Place, Sealed, cipher, service::open_with};
use crate::{error::ErrorKind, id::TenantId, testing::SeededRandom};

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

fn seal(key: &KeyMaterial, tenant: TenantId, number: u32, place: &Place<'_>, value: &[u8]) -> Sealed {
    let nonce = cipher::new_nonce(&SeededRandom::new(5));
    let associated = place.associated_data(tenant, number);
    Sealed::new(number, nonce, cipher::encrypt(key, nonce, &associated, value).unwrap())
}

/// Tenant, table, column, row and key number.
type Spot = (u128, String, String, String, u32);

fn spot() -> impl Strategy<Value = Spot> {
    (0..3_u128, "[ab]{1,3}", "[ab]{1,3}", "[ab]{1,3}", 1..3_u32)
}

/// The spot with one thing about it changed: a part, or only where a part ends.
fn elsewhere(spot: &Spot, how: u8) -> Spot {
    let (mut tenant, mut table, mut column, mut row, mut key) = spot.clone();
    match how {
        0 => tenant += 1,
        1 => table.push('a'),
        2 => column.push('a'),
        3 => row.push('a'),
        4 => key += 1,
        5 => column.insert(0, table.pop().unwrap()),
        _ => row.insert(0, column.pop().unwrap()),
    }
    (tenant, table, column, row, key)
}

proptest! {
    #[test]
    fn a_sealed_value_opens_where_it_was_put_and_nowhere_else(
        value in prop::collection::vec(any::<u8>(), 0..64),
        here in spot(),
    ) {
        let master = KeyMaterial::generate(&SeededRandom::new(1));
        let (of, table, column, row, key) = &here;
        let sealed = seal(&master, tenant(*of), *key, &Place::new(table, column, row), &value);
        let open = |(of, table, column, row, key): &Spot| {
            let moved = Sealed::new(*key, *sealed.nonce(), sealed.ciphertext().to_vec());
            open_with(&master, tenant(*of), &Place::new(table, column, row), &moved)
        };
        let opened = open(&here).unwrap();
        prop_assert_eq!(opened.expose(), &value);
        for how in 0..7 {
            let there = elsewhere(&here, how);
            let error = open(&there).err();
            prop_assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::Corrupt), "{:?}", there);
        }
    }

    #[test]
    fn any_damage_to_a_sealed_value_is_noticed(
        value in prop::collection::vec(any::<u8>(), 0..64),
        bit in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let key = KeyMaterial::generate(&SeededRandom::new(1));
        let place = Place::new("secrets", "sealed", "row");
        let sealed = seal(&key, tenant(1), 1, &place, &value);
        let whole = [sealed.nonce(), sealed.ciphertext()].concat();
        let open = |bytes: &[u8]| {
            let (nonce, ciphertext) = bytes.split_first_chunk().unwrap();
            open_with(&key, tenant(1), &place, &Sealed::new(1, *nonce, ciphertext.to_vec()))
        };
        prop_assert!(open(&whole).is_ok());
        let mut flipped = whole.clone();
        let at = bit.index(flipped.len() * 8);
        flipped[at / 8] ^= 1 << (at % 8);
        prop_assert!(open(&flipped).is_err());
        let length = sealed.nonce().len() + cut.index(sealed.ciphertext().len());
        prop_assert!(open(&whole[..length]).is_err());
    }
}

/// What was sealed once must open for ever: the file is never written anew.
#[test]
fn the_golden_sealed_value_opens() {
    let golden = include_str!("../../tests/golden/sealed.json");
    let sealed: Sealed = serde_json::from_str(golden).unwrap();
    let key = KeyMaterial::from_slice(&[7; 32]).unwrap();
    let place = Place::new("secrets", "sealed", Uuid::from_u128(9));
    let opened = open_with(&key, tenant(4), &place, &sealed).unwrap();
    assert_eq!(opened.expose_text().unwrap(), "correct horse battery staple");
}

#[test]
fn a_newer_form_and_nonsense_are_refused() {
    let form = |v: u8, nonce: &str, ciphertext: &str| {
        let form = serde_json::json!({"v": v, "key": 1, "nonce": nonce, "ciphertext": ciphertext});
        serde_json::from_value::<Sealed>(form)
    };
    let nonce = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";
    assert!(form(1, nonce, "AAAA").is_ok());
    assert!(form(2, nonce, "AAAA").unwrap_err().to_string().contains("upgrade"));
    assert!(form(1, "AAAA", "AAAA").is_err() && form(1, nonce, "?").is_err());
}
