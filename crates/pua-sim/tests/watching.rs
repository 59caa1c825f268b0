//! Seeded lives of subscriptions, mixed with publications and with strangers, and more by
//! `PUA_SIM_WATCHES`; one of them again with its trace by `PUA_SIM_WATCH_SEED`.

use pua_sim::{rewatch, watches};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn share(part: u64) {
    let all = number("PUA_SIM_WATCHES").unwrap_or(1_000);
    let each = all.div_ceil(2);
    match watches(part * each..(part + 1) * each, None) {
        Ok(tally) => {
            println!("{tally:?}");
            assert!(tally.states > tally.lives, "{tally:?}");
        }
        Err(failed) => panic!("{failed}"),
    }
}

#[test]
fn first_half() {
    share(0);
}

#[test]
fn second_half() {
    share(1);
}

/// The life of `PUA_SIM_WATCH_SEED`, if that is set.
#[test]
fn one_life_again() {
    if let Some(seed) = number("PUA_SIM_WATCH_SEED") {
        match rewatch(seed, None) {
            Ok(tally) => println!("seed {seed} is well: {tally:?}"),
            Err(failed) => panic!("{failed}"),
        }
    }
}

/// One seed decides everything.
#[test]
fn the_same_seed_is_the_same_life() {
    for seed in 0..10 {
        let (one, other) = (pua_sim::watch(seed, None), pua_sim::watch(seed, None));
        assert_eq!(format!("{:?}", one.ok()), format!("{:?}", other.ok()), "{seed}");
    }
}
