//! What our client costs over the floor: a call, a token, and an answer that is held.

use agentforge_benches::{
    figure::{Bound, Figure, Held, Unit, median},
    probe::Failure,
};

use crate::{
    child::{Client, Provider},
    peers,
    plan::Plan,
    server,
};

/// The wires, as a reader knows them.
const WIRES: [(&str, &str); 7] = [
    ("openai_chat", "OpenAI chat"),
    ("openai_responses", "OpenAI responses"),
    ("anthropic_messages", "Anthropic"),
    ("gemini_generate_content", "Gemini"),
    ("bedrock_converse", "Bedrock"),
    ("cohere_chat", "Cohere"),
    ("ollama_chat", "Ollama"),
];

const CALL: &str = "one call, one token";
const TOKEN: &str = "one streamed token";
const ALLOCATIONS: &str = "allocations of a token";
const HEAP: &str = "heap of one of 1,000 live streams";
const RESIDENT: &str = "memory of one of 1,000 live streams";

/// Tokens that the long answer has more than the short one.
const MORE: u32 = 1_000;
/// The floor of every row here.
const BARE: &str = "bare hyper, the same bytes";

/// What one call and one token took in one round.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    pub(crate) call: f64,
    pub(crate) token: f64,
    pub(crate) allocations: f64,
}

/// One of its figures.
pub(crate) type Part = fn(&Round) -> f64;

/// Asks one client for short and long answers.
pub(crate) fn round(client: &mut Client, wire: &str) -> Result<(Round, usize), Failure> {
    let short = client.ask(wire, "tokens-1", 50)?;
    let long = client.ask(wire, &format!("tokens-{}", MORE + 1), 5)?;
    let token = |of_long: f64, of_short: f64| (of_long - of_short) / f64::from(MORE);
    let round = Round {
        call: short.nanoseconds,
        token: token(long.nanoseconds, short.nanoseconds),
        allocations: token(long.allocations, short.allocations),
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok((round, long.said as usize))
}

/// Fails when a client has not read the whole text of a long answer.
pub(crate) fn whole(said: usize) -> Result<(), Failure> {
    let wanted = server::text(MORE as usize + 1).len();
    if said == wanted { Ok(()) } else { Err(format!("a client read {said} bytes of {wanted}").into()) }
}

pub(crate) fn measure(plan: &Plan) -> Result<(), Failure> {
    let provider = Provider::start()?;
    for (wire, name) in WIRES {
        if plan.wants_any(name, &[CALL, TOKEN, ALLOCATIONS]) {
            over_the_floor(plan, &provider, wire, name)?;
        }
    }
    for (wire, name) in WIRES {
        if plan.wants_any(name, &[HEAP, RESIDENT]) {
            held(plan, &provider, wire, name)?;
        }
    }
    peers::measure(plan, &provider)
}

fn over_the_floor(plan: &Plan, provider: &Provider, wire: &str, group: &str) -> Result<(), Failure> {
    let (mut ours, mut bare) = (Client::own("ours", provider)?, Client::own("bare", provider)?);
    let mut rounds = Vec::new();
    for number in 0..plan.rounds + plan.rounds / 10 + 1 {
        let (first, said) = round(&mut ours, wire)?;
        whole(said)?;
        let (second, _) = round(&mut bare, wire)?;
        // The first rounds warm up.
        if number > plan.rounds / 10 {
            rounds.push((first, second));
        }
    }
    let rows: [(&str, Unit, f64, Part); 3] = [
        (CALL, Unit::Nanoseconds, 30_000.0, |round| round.call),
        (TOKEN, Unit::Nanoseconds, 1_000.0, |round| round.token),
        (ALLOCATIONS, Unit::Count, 3.0, |round| round.allocations),
    ];
    for (name, unit, limit, of) in rows {
        if plan.wants(group, name) {
            let middle = |value: &dyn Fn(&(Round, Round)) -> f64| median(rounds.iter().map(value).collect());
            Figure {
                group,
                name,
                against: BARE,
                unit,
                ours: middle(&|(ours, _)| of(ours)),
                other: middle(&|(_, bare)| of(bare)),
                held: Held::Excess(middle(&|(ours, bare)| of(ours) - of(bare))),
                bound: Some(Bound::AtMost(limit)),
            }
            .print();
        }
    }
    Ok(())
}

fn held(plan: &Plan, provider: &Provider, wire: &str, group: &str) -> Result<(), Failure> {
    let hold = |name| -> Result<_, Failure> {
        let mut client = Client::own(name, provider)?;
        // Whatever is made once is not the streams'.
        client.ask(wire, "tokens-1", 10)?;
        client.hold(wire, "begun-9", 1_000)
    };
    let (ours, bare) = (hold("ours")?, hold("bare")?);
    for (name, ours, other) in [(HEAP, ours.heap, bare.heap), (RESIDENT, ours.resident, bare.resident)] {
        if plan.wants(group, name) {
            let (unit, bound) = (Unit::Bytes, Some(Bound::AtMost(60.0 * 1024.0)));
            Figure { group, name, against: BARE, unit, ours, other, held: Held::Ours, bound }.print();
        }
    }
    Ok(())
}
