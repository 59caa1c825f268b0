//! Random walks: commands, responses and NOTIFYs in any order and number, from a seed. What must hold
//! whatever comes: one answer to a command, one request at a time in a dialog, numbers that rise,
//! identifiers that are not used again, no loop, and nothing left in the end.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod bed;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bed::notifier::{CLOSED, Notify, OPEN, subscribe, subscription};
use bed::{Bed, Sent, config};
use pua_core::*;

const PACKAGES: [&str; 3] = ["presence", "dialog", "presence.winfo"];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }
}

/// What a dialog's or a call's requests have shown so far.
#[derive(Default)]
struct Watch {
    /// The highest CSeq number by Call-ID and To.
    numbers: HashMap<(String, String), u32>,
    /// Requests without a final response, and when they were sent, by the same.
    open: HashMap<(String, String), HashMap<u32, u64>>,
    /// Call-IDs by the name they were for.
    calls: HashMap<String, String>,
    branches: HashSet<String>,
    requests: Vec<Sent>,
}

fn place(sent: &Sent) -> (String, String) {
    (
        sent.header("Call-ID").unwrap().to_owned(),
        sent.header("To").unwrap().to_owned(),
    )
}

impl Watch {
    fn look(&mut self, seed: u64, sent: &Sent) {
        if !self.branches.insert(sent.branch().to_owned()) {
            return;
        }
        let at = place(sent);
        let event = sent.header("Event").unwrap();
        let owner = self.calls.entry(at.0.clone()).or_insert_with(|| event.to_owned());
        assert_eq!(owner, event, "seed {seed}: a Call-ID for two subscriptions");
        let number = self.numbers.entry(at.clone()).or_insert(0);
        // The same number on another branch is the next address's.
        assert!(sent.cseq() >= *number, "seed {seed}: CSeq falls");
        *number = sent.cseq();
        let open = self.open.entry(at.clone()).or_default();
        // Timer F.
        open.retain(|_, at| sent.at - *at < 32_000);
        open.insert(sent.cseq(), sent.at);
        if at.1.contains("tag=") {
            assert!(open.len() <= 1, "seed {seed}: two requests at once in a dialog");
        }
        self.requests.push(sent.clone());
    }

    fn answered(&mut self, sent: &Sent) {
        if let Some(open) = self.open.get_mut(&place(sent)) {
            open.remove(&sent.cseq());
        }
    }
}

fn response(dice: &mut Dice) -> (u16, String) {
    let code = dice.of(&[
        200, 200, 200, 200, 202, 204, 302, 401, 403, 404, 408, 423, 480, 481, 489, 500, 503, 503, 600, 603,
        183,
    ]);
    let rows = match code {
        302 => "Contact: <sip:z@192.0.2.55>\r\n".to_owned(),
        401 => "WWW-Authenticate: Digest realm=\"d\", nonce=\"n\", qop=\"auth\"\r\n".to_owned(),
        423 => format!("Min-Expires: {}\r\n", dice.of(&[1, 600, 5000])),
        500 | 503 => dice
            .of(&["", "Retry-After: 5\r\n", "Retry-After: 500\r\n"])
            .to_owned(),
        _ => format!(
            "Expires: {}\r\n",
            dice.of(&[0, 1, 30, 600, 600, 600, 3600, 99999])
        ),
    };
    (code, rows)
}

fn notify(dice: &mut Dice, to: &Sent, cseq: &mut u32) -> Notify {
    *cseq += 1;
    let tag = dice.of(&["A", "A", "A", "B", "C"]);
    let state = dice.of(&[
        "active;expires=600",
        "active;expires=600",
        "active",
        "pending;expires=60",
        "active;expires=0",
        "active;expires=3",
        "terminated",
        "terminated;reason=timeout",
        "terminated;reason=deactivated",
        "terminated;reason=rejected",
        "terminated;reason=probation;retry-after=9",
        "terminated;reason=giveup",
        "odd;expires=20",
    ]);
    let number = if dice.roll(10) == 0 {
        cseq.saturating_sub(5)
    } else {
        *cseq
    };
    let notify = Notify::new(to, tag, number, state);
    let notify = Notify {
        branch: format!("z9hG4bKw{}", *cseq),
        ..notify
    };
    let notify = match dice.roll(6) {
        0 => notify,
        1 => notify.body("text/plain", "x"),
        2 => notify.pidf("<broken"),
        3 => notify.pidf(CLOSED).with("SIP-ETag: e1\r\n"),
        4 => notify
            .contact("<sip:moved@192.0.2.44>")
            .with("Record-Route: <sip:192.0.2.45;lr>\r\n"),
        _ => notify.pidf(OPEN),
    };
    if dice.roll(25) == 0 {
        notify.with("Require: eventlist\r\n")
    } else {
        notify
    }
}

fn command(dice: &mut Dice, bed: &mut Bed) -> u64 {
    let package = dice.of(&PACKAGES);
    let lifetime = dice.of(&[
        Lifetime::UntilFurtherNotice,
        Lifetime::Default,
        Lifetime::Seconds(1),
        Lifetime::Seconds(40),
        Lifetime::Seconds(2000),
    ]);
    let mut wanted = subscribe(package, lifetime);
    wanted.timeout = Duration::from_secs(dice.of(&[1, 20, 100]));
    match dice.roll(7) {
        0..=3 => bed.command(Command::Subscribe(wanted)),
        4 | 5 => bed.command(Command::Unsubscribe(SubscriptionTarget {
            name: subscription(package),
            wait: Wait::Final,
            timeout: wanted.timeout,
        })),
        _ => bed.command(Command::Fetch(wanted)),
    }
}

fn walk(seed: u64) {
    let mut dice = Dice(seed);
    let mut config = config();
    config.credentials = vec![Credential {
        realm: "d".into(),
        username: "w".into(),
        password: "secret".into(),
    }];
    config.subscribe.lenient_refresh = dice.roll(4) == 0;
    let mut bed = Bed::with(config.clone());
    let mut watch = Watch::default();
    let mut ids = Vec::new();
    let mut cseq = 0;
    for _ in 0..150 {
        match dice.roll(12) {
            0 | 1 => ids.push(command(&mut dice, &mut bed)),
            2..=5 if !watch.requests.is_empty() => {
                // Mostly the latest, sometimes one of long ago.
                let recent = watch.requests.len().saturating_sub(1 + dice.roll(4));
                let sent = watch.requests[recent].clone();
                let (code, rows) = response(&mut dice);
                if code >= 200 {
                    watch.answered(&sent);
                }
                bed.respond(&sent, code, &rows);
            }
            6..=9 if !watch.requests.is_empty() => {
                let recent = watch.requests.len().saturating_sub(1 + dice.roll(4));
                let to = watch.requests[recent].clone();
                let notify = notify(&mut dice, &to, &mut cseq);
                let code = bed.notify(&notify);
                assert!(
                    [200, 400, 415, 420, 481, 489, 500].contains(&code),
                    "seed {seed}: {code}"
                );
            }
            10 => {
                let step = dice.of(&[1, 600, 5_000, 33_000, 400_000, 4_000_000]);
                bed.run_to(bed.now + step);
            }
            11 if dice.roll(10) == 0 => bed.input(Input::Configure(config.clone())),
            _ => {}
        }
        for sent in bed.take_all() {
            watch.look(seed, &sent);
        }
        assert!(bed.statistic("dialogs") <= 3 * 16, "seed {seed}");
    }
    assert!(bed.sent.len() < 20_000);
    let now = bed.at(bed.now);
    bed.agent.stop(now, true);
    bed.input(Input::Timeout);
    bed.run_to(bed.now + 4_000_000);
    for id in ids {
        assert_eq!(bed.answers(id), 1, "seed {seed}: command {id}");
    }
    assert_eq!(bed.statistic("subscriptions"), 0, "seed {seed}");
    assert_eq!(bed.statistic("client_transactions"), 0, "seed {seed}");
    assert_eq!(bed.statistic("server_transactions"), 0, "seed {seed}");
    assert_eq!(bed.statistic("paced"), 0, "seed {seed}");
    bed.nothing_left();
    assert!(
        bed.agent.poll_timeout().is_none(),
        "seed {seed}: something is still due"
    );
}

#[test]
fn walks() {
    for seed in 0..1000 {
        walk(seed);
    }
}
