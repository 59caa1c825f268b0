//! What a held subscription takes of memory: what it has requested of the allocator, counted.
//!
//! `cargo run --example resident -p pua-core` shows what the pages of a process make of it.

use std::alloc::System;
use std::time::Duration;

use pua_core::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};

mod bed;
use bed::notifier::Notify;
use bed::{Bed, config};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// For how many seconds each stands: none is refreshed meanwhile.
const LASTING: u32 = 30_000_000;
/// Of an allocation, beside what was requested: its head, and what it is rounded up by.
const ROUNDING: usize = 16;

/// What is in use.
fn in_use() -> (usize, usize) {
    let Stats {
        allocations,
        deallocations,
        bytes_allocated,
        bytes_deallocated,
        bytes_reallocated,
        ..
    } = ALLOCATOR.stats();
    let _ = bytes_reallocated; // these are among those allocated and deallocated
    (bytes_allocated - bytes_deallocated, allocations - deallocations)
}

fn subscribe(bed: &mut Bed, n: usize, (package, content_type): (&str, &str), bodies: &[&str]) {
    bed.command(Command::Subscribe(Subscribe {
        name: SubscriptionName {
            presentity: format!("sip:user{n:07}@pua.example.com").into(),
            watcher: "sip:watcher@pua.example.com".into(),
            package: package.into(),
            id: None,
        },
        lifetime: Lifetime::UntilFurtherNotice,
        headers: "".into(),
        proxy: None,
        members: [].into(),
        wait: Wait::Final,
        timeout: Duration::from_secs(60),
    }));
    let sent = bed.take();
    bed.respond(&sent, 200, &format!("Expires: {LASTING}\r\n"));
    for (cseq, body) in (1..).zip(bodies) {
        let tag = format!("a6a1c5f60faecf035a1ae5b6e96e979a-{n:04x}");
        let mut notify = Notify::new(&sent, &tag, cseq, &format!("active;expires={LASTING}"));
        if !body.is_empty() {
            notify = notify.body(content_type, body);
        }
        assert_eq!(bed.notify(&notify), 200);
    }
    bed.forget();
}

/// Bytes and allocations of one of 2,000 subscriptions among twice as many, so that tables that
/// double have their part in it.
fn weight(package: (&str, &str), bodies: &[&str]) -> (usize, usize) {
    const HALF: usize = 2000;
    let mut configured = config();
    configured.subscribe.default_expires = Some(LASTING);
    let mut bed = Bed::with(configured);
    let mut begun = (0, 0);
    for n in 0..2 * HALF {
        if n == HALF {
            begun = in_use();
        }
        subscribe(&mut bed, n, package, bodies);
        if n % 100 == 99 {
            // Transactions are over, and forgotten.
            let later = bed.now + 40_000;
            bed.run_to(later);
        }
    }
    let ended = in_use();
    let page = bed
        .agent
        .subscriptions(&SubscriptionFilter::default(), None, 2 * HALF);
    assert_eq!(page.subscriptions.len(), 2 * HALF);
    ((ended.0 - begun.0) / HALF, (ended.1 - begun.1) / HALF)
}

fn pidf(note: &str) -> String {
    let head = "<?xml version='1.0' encoding='UTF-8'?><presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:u@example.com'><tuple id='t1'><status><basic>open</basic></status></tuple><dm:person id='p1'><rpid:activities><rpid:away/></rpid:activities><dm:note>";
    let end = "</dm:note></dm:person></presence>";
    let rest = 430 - head.len() - note.len() - end.len();
    format!("{head}{note}{}{end}", "n".repeat(rest))
}

fn dialog_info(version: u32, state: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" entity=\"sip:u@example.com\"><dialog id=\"7f1c2e9a\" direction=\"recipient\"><state>{state}</state><remote><identity>sip:bob@example.com</identity><target uri=\"sip:bob@192.0.2.7\"/></remote></dialog></dialog-info>"
    )
}

/// One test, so that nothing else requests memory meanwhile.
#[test]
fn a_held_subscription_takes_at_most_800_bytes_beyond_its_document() {
    const PRESENCE: (&str, &str) = ("presence", "application/pidf+xml");
    const DIALOG: (&str, &str) = ("dialog", "application/dialog-info+xml");
    let bare = weight(PRESENCE, &["", ""]);
    let told = [pidf("1"), pidf("2"), pidf("2")];
    let presence = weight(PRESENCE, &[&told[0], &told[1], &told[2]]);
    println!("without a document: {bare:?}; with one of 430 bytes: {presence:?} (bytes, allocations)");
    let resident = |(bytes, allocations): (usize, usize)| bytes + allocations * ROUNDING;
    assert!(resident(bare) <= 640, "{bare:?}");
    assert!(resident(presence) - 430 <= 740, "{presence:?}");
    // Documents with versions as well, while they tell everything.
    let told = [dialog_info(1, "early"), dialog_info(2, "confirmed")];
    let dialogs = weight(DIALOG, &[&told[0], &told[1]]);
    println!("with dialogs of {} bytes: {dialogs:?}", told[1].len());
    assert!(resident(dialogs) - told[1].len() <= 800, "{dialogs:?}");
}
