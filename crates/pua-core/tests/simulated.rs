//! What simulated lives have found, each in its smallest form.

mod bed;
use bed::*;
use pua_core::*;

const A: &str = "sip:a@example.com";
const B: &str = "sip:b@example.com";

fn by_name() -> Config {
    Config {
        presence_server: Some(Proxy {
            uri: "sip:presence.example.net".into(),
        }),
        credentials: vec![Credential {
            realm: "lab".into(),
            username: "lab".into(),
            password: "secret".into(),
        }],
        ..config()
    }
}

const HOST: &str = "presence.example.net";

/// R3903-21: what changes while the name is being resolved goes out in its latest form only.
#[test]
fn r3903_21_latest_state_after_resolving() {
    let mut bed = Bed::with(by_name());
    let first = bed.publish(A, "one", 600);
    let second = bed.publish(A, "two", 600);
    bed.nothing_sent();
    bed.resolve(HOST, &["192.0.2.1"]);
    let sent = bed.take();
    assert_eq!(sent.body(), "two");
    bed.ok(&sent, "tag1", 600);
    bed.nothing_sent();
    assert!(bed.reply(first).is_some() && bed.reply(second).is_some());
}

/// R3903-23: what is withdrawn while the name is being resolved is never sent.
#[test]
fn r3903_23_withdrawn_before_it_was_resolved() {
    let mut bed = Bed::with(by_name());
    bed.publish(A, BODY, 600);
    let removal = bed.remove(A);
    bed.resolve(HOST, &["192.0.2.1"]);
    bed.nothing_sent();
    assert!(bed.reply(removal).is_some());
    assert!(bed.agent.publication(&name(A)).is_none());
}

/// One whose lifetime ends at the very moment when it gets its turn is withdrawn, not lost.
#[test]
fn the_end_of_a_lifetime_in_the_queue() {
    let mut bed = Bed::new();
    // Asked for 5 s, and granted more: the server is to be told of the end.
    let sent = {
        bed.publish(A, BODY, 5);
        bed.take()
    };
    bed.ok(&sent, "tag1", 60);
    let mut other = publish(A, BODY, 600);
    other.name.id = Some("other".into());
    bed.command(Command::Publish(other));
    let sent = bed.take();
    bed.command(Command::Refresh(target(A)));
    bed.run_to(499);
    bed.now = 5000;
    bed.ok(&sent, "tag2", 600);
    let removal = bed.take();
    assert_eq!((removal.if_match(), removal.expires()), (Some("tag1"), 0));
    bed.respond(&removal, 200, "Expires: 0\r\n");
    assert!(bed.agent.publication(&name(A)).is_none());
}

/// R3903-55: the end of a lifetime does not shorten what the server asked for.
#[test]
fn r3903_55_the_end_of_a_lifetime_waits() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 10);
    let sent = bed.take();
    bed.ok(&sent, "tag1", 30);
    bed.command(Command::Refresh(target(A)));
    let sent = bed.take();
    bed.respond(&sent, 486, "Retry-After: 40\r\n");
    bed.run_to(60_000);
    bed.nothing_sent();
    assert!(bed.agent.publication(&name(A)).is_none(), "over with the grant");
}

/// R3903-55: nor does withdrawing and publishing again.
#[test]
fn withdrawn_while_held_off() {
    let mut bed = Bed::new();
    let mut other = publish(A, BODY, 600);
    other.name.id = Some("other".into());
    bed.publish(A, BODY, 600);
    let sent = bed.take();
    bed.respond(&sent, 486, "Retry-After: 40\r\n");
    bed.command(Command::Publish(other));
    bed.take();
    let removal = bed.remove(A);
    assert!(
        bed.reply(removal).is_some(),
        "nothing is held, so it is over at once"
    );
    assert!(bed.agent.publication(&name(A)).is_none());
    bed.nothing_sent();
}

/// A configuration that is read twice in a row loses no answer.
#[test]
fn two_reloads_during_a_request() {
    let mut bed = Bed::new();
    let id = bed.publish(A, BODY, 600);
    let sent = bed.take();
    bed.input(Input::Configure(config()));
    bed.input(Input::Configure(config()));
    bed.ok(&sent, "tag1", 600);
    assert!(bed.reply(id).is_some());
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// R3903-55: a Retry-After outlives a reload, for every publication.
#[test]
fn r3903_55_a_reload_does_not_shorten_it() {
    let mut bed = Bed::new();
    bed.publish(A, BODY, 600);
    let sent = bed.take();
    bed.respond(&sent, 503, "Retry-After: 20\r\n");
    bed.run_to(5_000);
    bed.input(Input::Configure(config()));
    bed.publish(B, BODY, 600);
    bed.run_to(19_999);
    bed.nothing_sent();
    bed.run_to(40_000);
    assert!(bed.take().at >= 20_000);
}

/// R3903-74: after a reload the server in use stays in use, whatever the resolver puts first.
#[test]
fn r3903_74_a_reload_changes_no_server() {
    let mut bed = Bed::with(by_name());
    bed.publish(A, BODY, 600);
    bed.resolve(HOST, &["192.0.2.1", "192.0.2.2"]);
    let sent = bed.take();
    bed.ok(&sent, "tag1", 600);
    bed.input(Input::Configure(by_name()));
    bed.command(Command::Refresh(target(A)));
    bed.resolve(HOST, &["192.0.2.2", "192.0.2.1"]);
    assert_eq!(bed.take().hop, sent.hop);
}

/// R3261-123: after fail-over the other server's challenge says nothing of the password.
#[test]
fn r3261_123_challenged_by_two_servers() {
    let mut bed = Bed::with(by_name());
    bed.publish(A, BODY, 600);
    bed.resolve(HOST, &["192.0.2.1", "192.0.2.2"]);
    let sent = bed.take();
    bed.respond(
        &sent,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n1\", qop=\"auth\"\r\n",
    );
    let sent = bed.take();
    assert!(sent.text().contains("nonce=\"n1\""));
    bed.respond(&sent, 503, "");
    let sent = bed.take();
    assert_eq!(sent.hop.addr.ip().to_string(), "192.0.2.2");
    bed.respond(
        &sent,
        401,
        "WWW-Authenticate: Digest realm=\"lab\", nonce=\"n2\", qop=\"auth\"\r\n",
    );
    let sent = bed.take();
    assert!(sent.text().contains("nonce=\"n2\""));
    bed.ok(&sent, "tag1", 600);
    assert_eq!(bed.state(A), PublicationState::Published);
}

/// Whoever waits for one whose lifetime ends while the server wants quiet is answered.
#[test]
fn answered_when_it_ends_while_held_off() {
    let mut bed = Bed::new();
    let mut other = publish(A, BODY, 600);
    other.name.id = Some("other".into());
    bed.command(Command::Publish(other));
    let sent = bed.take();
    let mut patient = publish(A, BODY, 5);
    patient.timeout = std::time::Duration::from_secs(300);
    let id = bed.command(Command::Publish(patient));
    bed.run_to(400);
    bed.respond(&sent, 503, "Retry-After: 20\r\n");
    bed.run_to(4_999);
    assert!(bed.reply(id).is_none());
    bed.run_to(5_010);
    assert!(bed.reply(id).is_some());
}

/// After 412 what goes out is what is wanted when it goes out, not when the 412 came.
#[test]
fn latest_state_after_412_and_resolving() {
    let mut bed = Bed::with(by_name());
    bed.publish(A, "one", 6000);
    bed.resolve(HOST, &["192.0.2.1"]);
    let sent = bed.take();
    bed.ok(&sent, "tag1", 6000);
    bed.command(Command::Refresh(target(A)));
    let sent = bed.take();
    bed.input(Input::Configure(by_name()));
    bed.respond(&sent, 412, "");
    bed.nothing_sent();
    bed.publish(A, "two", 6000);
    bed.resolve(HOST, &["192.0.2.1"]);
    let sent = bed.take();
    assert_eq!((sent.body(), sent.if_match()), ("two", None));
    bed.ok(&sent, "tag2", 6000);
    assert!(
        bed.events
            .iter()
            .any(|event| matches!(event, Event::Recovered { .. }))
    );
}

/// R3261-123: a reload forgets nonces, so the challenge after it is the first.
#[test]
fn r3261_123_challenged_after_a_reload() {
    let challenge =
        |nonce| format!("WWW-Authenticate: Digest realm=\"lab\", nonce=\"{nonce}\", qop=\"auth\"\r\n");
    let mut bed = Bed::with(by_name());
    bed.publish(A, BODY, 600);
    bed.resolve(HOST, &["192.0.2.1"]);
    let sent = bed.take();
    bed.respond(&sent, 401, &challenge("n1"));
    let sent = bed.take();
    bed.input(Input::Configure(by_name()));
    bed.respond(&sent, 423, "Min-Expires: 700\r\n");
    bed.resolve(HOST, &["192.0.2.1"]);
    let sent = bed.take();
    assert!(!sent.text().contains("nonce="));
    bed.respond(&sent, 401, &challenge("n2"));
    assert!(bed.take().text().contains("nonce=\"n2\""));
}

/// R3261-124: nonces that are stale whenever they arrive end the exchange, but it is tried again
/// in minutes: nobody has said that the credentials are wrong.
#[test]
fn r3261_124_stale_on_arrival_is_tried_again() {
    let mut bed = Bed::with(by_name());
    let id = bed.publish(A, BODY, 6000);
    bed.resolve(HOST, &["192.0.2.1"]);
    let mut count = 0;
    while bed.reply(id).is_none() {
        let sent = bed.take();
        count += 1;
        let stale = if count > 1 { ", stale=TRUE" } else { "" };
        bed.respond(
            &sent,
            401,
            &format!("WWW-Authenticate: Digest realm=\"lab\", nonce=\"n{count}\", qop=\"auth\"{stale}\r\n"),
        );
    }
    let next = bed.run_to_next(301_000);
    assert!(next.at >= 150_000, "{}", next.at);
}
