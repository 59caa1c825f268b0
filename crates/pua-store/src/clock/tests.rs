//! Times come back as they were, whatever the clocks do in between.

use proptest::prelude::*;

use super::*;

fn boot(name: &str) -> Boot {
    Boot(name.to_owned())
}

fn reading(now: Instant, since_boot: i64, wall: i64, name: &str) -> Reading {
    Reading {
        now,
        since_boot,
        wall,
        boot: boot(name),
    }
}

/// Milliseconds from `from` to `to`.
fn between(from: Instant, to: Instant) -> i64 {
    match to.checked_duration_since(from) {
        Some(ahead) => millis(ahead),
        None => -millis(from - to),
    }
}

#[test]
fn a_wall_clock_that_jumps_in_one_boot_changes_no_lease() {
    let now = Instant::now();
    let before = reading(now, 10_000, 1_000_000_000, "a");
    let line = ClockLine::present(&[], &before);
    let stored = line.store(&before, now + Duration::from_secs(600));
    // A minute later, the wall clock a day back; another process, so the instants are others.
    let lines = [line.clone()];
    let later = reading(
        now + Duration::from_secs(777),
        70_000,
        1_000_060_000 - 86_400_000,
        "a",
    );
    let at = Past::new(&lines, &later).instant(line.id, stored).unwrap();
    assert_eq!(between(later.now, at), 540_000);
    assert!(!line.fits(&later));
    assert_eq!(ClockLine::present(&lines, &later).id, line.id + 1);
}

#[test]
fn suspension_counts() {
    let now = Instant::now();
    let before = reading(now, 10_000, 1_000_000_000, "a");
    let line = ClockLine::present(&[], &before);
    let stored = line.store(&before, now + Duration::from_secs(600));
    // An hour of sleep: the instants have stood still.
    let later = reading(now, 10_000 + 3_600_000, 1_000_000_000 + 3_600_000, "a");
    let at = Past::new(std::slice::from_ref(&line), &later)
        .instant(line.id, stored)
        .unwrap();
    assert_eq!(between(later.now, at), -3_000_000);
}

#[test]
fn after_a_reboot_the_wall_clock_counts_with_what_was_set_right_since() {
    let now = Instant::now();
    // The machine starts in 1970 and learns the time a second later.
    let dead = reading(now, 5_000, 5_000, "a");
    let first = ClockLine::present(&[], &dead);
    let stored = first.store(&dead, now + Duration::from_secs(600));
    let right = reading(now + Duration::from_secs(1), 6_000, 1_780_000_000_000, "a");
    assert!(!first.fits(&right));
    let second = ClockLine::present(std::slice::from_ref(&first), &right);
    // Two minutes later it has been started again.
    let lines = [first.clone(), second];
    let again = reading(now, 9_000, 1_780_000_000_000 + 120_000, "b");
    let at = Past::new(&lines, &again).instant(first.id, stored).unwrap();
    assert_eq!(between(again.now, at), 479_000);
}

#[test]
fn a_wall_clock_that_is_before_the_last_time_seen_stands_still() {
    let now = Instant::now();
    let before = reading(now, 10_000, 1_780_000_000_000, "a");
    let line = ClockLine::present(&[], &before);
    let stored = line.store(&before, now + Duration::from_secs(600));
    let dead = reading(now, 3_000, 3_000, "b");
    let at = Past::new(std::slice::from_ref(&line), &dead)
        .instant(line.id, stored)
        .unwrap();
    assert_eq!(between(dead.now, at), 600_000, "not half a century");
}

#[test]
fn a_line_that_is_not_known_is_no_time() {
    let reading = reading(Instant::now(), 0, 0, "a");
    assert!(Past::new(&[], &reading).instant(1, 0).is_none());
}

#[test]
fn the_clocks_of_this_machine_can_be_read() {
    let boot = Boot::present();
    assert_eq!(boot, Boot::present());
    let (first, second) = (
        Reading::take(&boot, Instant::now),
        Reading::take(&boot, Instant::now),
    );
    assert!(second.since_boot >= first.since_boot && second.since_boot > 0);
    assert!(ClockLine::present(&[], &first).fits(&second));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// In one boot: what is left of a time is what was left, less the time that has passed,
    /// whatever the wall clock does.
    #[test]
    fn one_boot(
        boot_ms in 0_i64..10_000_000_000, wall in -1_000_000_000_000_i64..4_000_000_000_000, ahead in 0_u64..4_000_000_000,
        passed in 0_i64..1_000_000_000, jump in -4_000_000_000_000_i64..4_000_000_000_000,
    ) {
        let now = Instant::now();
        let before = reading(now, boot_ms, wall, "a");
        let line = ClockLine::present(&[], &before);
        let stored = line.store(&before, now + Duration::from_millis(ahead));
        let later = reading(now, boot_ms + passed, wall + passed + jump, "a");
        let at = Past::new(std::slice::from_ref(&line), &later).instant(line.id, stored).unwrap();
        prop_assert_eq!(between(now, at), i64::try_from(ahead).unwrap() - passed);
    }

    /// Over a reboot: what is left is what was left, less what the wall clock says has passed.
    #[test]
    fn two_boots(
        boot_ms in 0_i64..10_000_000_000, wall in 0_i64..2_000_000_000_000, ahead in 0_u64..4_000_000_000,
        passed in 0_i64..1_000_000_000, since_boot in 0_i64..1_000_000,
    ) {
        let now = Instant::now();
        let before = reading(now, boot_ms, wall, "a");
        let line = ClockLine::present(&[], &before);
        let stored = line.store(&before, now + Duration::from_millis(ahead));
        let later = reading(now, since_boot, wall + passed, "b");
        let at = Past::new(std::slice::from_ref(&line), &later).instant(line.id, stored).unwrap();
        prop_assert_eq!(between(now, at), i64::try_from(ahead).unwrap() - passed);
    }

    /// No reading and no stored time makes it panic.
    #[test]
    fn anything(since_boot: i64, wall: i64, offset: i64, seen: i64, stored: i64, same: bool) {
        let line = ClockLine { id: 1, boot: boot(if same { "a" } else { "b" }), offset, seen };
        let reading = reading(Instant::now(), since_boot, wall, "a");
        prop_assert!(Past::new(std::slice::from_ref(&line), &reading).instant(1, stored).is_some());
        let _ = line.fits(&reading);
        let _ = line.store(&reading, reading.now);
    }
}
