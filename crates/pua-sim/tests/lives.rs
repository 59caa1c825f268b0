//! Ten thousand seeded lives of publications, and more by `PUA_SIM_LIVES`; one of them again with
//! its trace by `PUA_SIM_SEED`.

use pua_sim::{lives, lives_from_environment, relive};

fn share(part: u64) {
    let all = lives_from_environment(10_000);
    let each = all.div_ceil(4);
    match lives(part * each..(part + 1) * each, None) {
        Ok(tally) => println!("{tally:?}"),
        Err(failed) => panic!("{failed}"),
    }
}

#[test]
fn first_quarter() {
    share(0);
}

#[test]
fn second_quarter() {
    share(1);
}

#[test]
fn third_quarter() {
    share(2);
}

#[test]
fn fourth_quarter() {
    share(3);
}

/// The life of `PUA_SIM_SEED`, if that is set.
#[test]
fn one_life_again() {
    if let Some(seed) = std::env::var("PUA_SIM_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        match relive(seed, None) {
            Ok(tally) => println!("seed {seed} is well: {tally:?}"),
            Err(failed) => panic!("{failed}"),
        }
    }
}

/// One seed decides everything.
#[test]
fn the_same_seed_is_the_same_life() {
    for seed in 0..20 {
        let (one, other) = (pua_sim::live(seed, None), pua_sim::live(seed, None));
        assert_eq!(format!("{:?}", one.ok()), format!("{:?}", other.ok()), "{seed}");
    }
}
