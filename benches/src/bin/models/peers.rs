//! Our client beside other libraries: the same streamed answers of the same server, in turn.

use std::path::Path;

use agentforge_benches::{
    figure::{Bound, Figure, Held, Unit, median},
    probe::Failure,
};

use crate::{
    child::{Client, Holds, Provider},
    plan::Plan,
    served::{Part, Round, round, whole},
};

/// The programs of `benches/peers/rust`, with what they are called.
const PEERS: [(&str, &str); 3] =
    [("peer-rig", "rig-core"), ("peer-genai", "genai"), ("peer-async-openai", "async-openai")];

/// The one wire that all of them speak.
const WIRE: &str = "openai_chat";
const GROUP: &str = "peers";

const CALL: &str = "one call, one token";
const TOKEN: &str = "one streamed token";
const ALLOCATIONS: &str = "allocations of a token";
const PEAK: &str = "peak memory of the process";
const HEAP: &str = "heap of one of 1,000 live streams";

pub(crate) fn measure(plan: &Plan, provider: &Provider) -> Result<(), Failure> {
    if !plan.wants_any(GROUP, &[CALL, TOKEN, ALLOCATIONS, PEAK, HEAP]) {
        return Ok(());
    }
    let Some(folder) = &plan.peers else {
        eprintln!("the peers are left out: give their folder with --peers");
        return Ok(());
    };
    for (program, name) in PEERS {
        let start = || Client::peer(&Path::new(folder).join(program), WIRE, provider);
        let own = || Client::own("ours", provider);
        beside(plan, name, (own()?, start()?))?;
        if plan.wants(GROUP, HEAP) {
            let (ours, other) = (hold(own()?)?.heap, hold(start()?)?.heap);
            row(name, HEAP, Unit::Bytes, [ours, other, ours / other]);
        }
    }
    Ok(())
}

fn hold(mut client: Client) -> Result<Holds, Failure> {
    client.ask(WIRE, "tokens-1", 10)?;
    client.hold(WIRE, "begun-9", 1_000)
}

fn beside(plan: &Plan, peer: &str, (mut ours, mut other): (Client, Client)) -> Result<(), Failure> {
    let mut rounds = Vec::new();
    for number in 0..plan.rounds + plan.rounds / 10 + 1 {
        let (first, said) = round(&mut ours, WIRE)?;
        whole(said)?;
        let (second, said) = round(&mut other, WIRE)?;
        whole(said).map_err(|error| format!("{peer}: {error}"))?;
        // The first rounds warm up.
        if number > plan.rounds / 10 {
            rounds.push((first, second));
        }
    }
    let rows: [(&str, Unit, Part); 3] = [
        (CALL, Unit::Nanoseconds, |round| round.call),
        (TOKEN, Unit::Nanoseconds, |round| round.token),
        (ALLOCATIONS, Unit::Count, |round| round.allocations),
    ];
    for (name, unit, of) in rows {
        let middle = |value: &dyn Fn(&(Round, Round)) -> f64| median(rounds.iter().map(value).collect());
        let (ours, other) = (middle(&|(ours, _)| of(ours)), middle(&|(_, other)| of(other)));
        if plan.wants(GROUP, name) {
            row(peer, name, unit, [ours, other, middle(&|(ours, other)| of(ours) / of(other))]);
        }
    }
    if plan.wants(GROUP, PEAK) {
        let (ours, other) = (ours.peak()?, other.peak()?);
        row(peer, PEAK, Unit::Bytes, [ours, other, ours / other]);
    }
    Ok(())
}

fn row(against: &str, name: &str, unit: Unit, [ours, other, ratio]: [f64; 3]) {
    let (held, bound) = (Held::Ratio(ratio), Some(Bound::AtMost(1.0)));
    Figure { group: GROUP, name, against, unit, ours, other, held, bound }.print();
}
