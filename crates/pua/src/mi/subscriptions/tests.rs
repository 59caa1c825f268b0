//! Lists of subscriptions and what is known of a presentity.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pua_core::{Config, Member, ResourceState, SubscriptionName, UserAgent};

use super::*;

fn clock() -> Clock {
    Clock {
        now: Instant::now(),
        wall: "2026-11-23T10:00:00Z".parse().unwrap(),
    }
}

fn name(watcher: &str) -> Arc<SubscriptionName> {
    Arc::new(SubscriptionName {
        presentity: "sip:p@example.com".into(),
        watcher: watcher.into(),
        package: "presence".into(),
        id: None,
    })
}

fn pidf(basic: &str) -> String {
    format!(
        r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:p@example.com"><tuple id="t"><status><basic>{basic}</basic></status></tuple></presence>"#
    )
}

fn view(clock: &Clock, basic: &str, subscription: SubscriptionState) -> StateView {
    let (kind, body) = ("application/pidf+xml", pidf(basic));
    StateView {
        name: name("sip:w@example.com"),
        dialog: Some(3),
        subscription,
        state: ResourceState {
            resource: "sip:p@example.com".into(),
            member: None,
            content_type: kind.into(),
            document: Some(Arc::new(
                event_packages::Document::read(kind, body.as_bytes()).unwrap(),
            )),
            body: Bytes::from(body),
            at: clock.now,
        },
    }
}

#[test]
fn a_row_tells_where_a_subscription_stands() {
    let clock = clock();
    let at = |seconds| clock.now + Duration::from_secs(seconds);
    let view = SubscriptionView {
        key: 7,
        name: name("sip:w@example.com"),
        state: SubscriptionState::Active,
        reason: None,
        headers: "".into(),
        proxy: None,
        granted: Some(600),
        expires_at: Some(at(600)),
        refresh_at: Some(at(500)),
        retry_at: None,
        until: None,
        dialogs: vec![DialogView {
            id: 3,
            state: SubscriptionState::Active,
            remote_target: "sip:n@192.0.2.1".into(),
            expires_at: at(600),
            refresh_at: Some(at(500)),
        }],
        notifies: 2,
        last_code: Some(200),
        last_reason: Some("OK".into()),
        last_at: Some(clock.now),
        next_hop: None,
        call_id: "c".into(),
        cseq: 1,
    };
    let expected = r#"{"id":null,"key":7,"presentity":"sip:p@example.com","watcher":"sip:w@example.com","package":"presence","state":"active","reason":null,"expires":600,"expires_at":"2026-11-23T10:10:00Z","until":null,"refresh_at":"2026-11-23T10:08:20Z","retry_at":null,"dialogs":[{"id":3,"state":"active","remote_target":"sip:n@192.0.2.1","expires_at":"2026-11-23T10:10:00Z","refresh_at":"2026-11-23T10:08:20Z"}],"notifies":2,"next_hop":null,"outbound_proxy":null,"extra_headers":null,"last_response":"200 OK","last_response_at":"2026-11-23T10:00:00Z","call_id":"c","cseq":1}"#;
    assert_eq!(row(&clock, &view).to_string(), expected);
}

#[test]
fn what_is_known_is_summed_up_and_told_one_by_one() {
    let clock = clock();
    let query = StateQuery {
        presentity: "sip:p@example.com".to_owned(),
        package: None,
        raw: true,
    };
    let mut member = view(&clock, "closed", SubscriptionState::Active);
    member.state.member = Some(Member {
        name: Some("Pat".into()),
        state: Some("active".into()),
        reason: None,
    });
    let views = [view(&clock, "open", SubscriptionState::Active), member];
    let answer = known(&clock, &query, &views);
    assert_eq!(answer["presentity"], "sip:p@example.com");
    assert_eq!(answer["summary"]["availability"], "open");
    let first = &answer["states"][0];
    assert_eq!(first["watcher"], "sip:w@example.com");
    assert_eq!(
        (first["dialog"].as_u64(), first["subscription_state"].as_str()),
        (Some(3), Some("active"))
    );
    assert_eq!(first["body"], pidf("open"));
    assert_eq!(first["at"], "2026-11-23T10:00:00Z");
    assert_eq!(first.get("list"), None);
    assert_eq!(answer["states"][1]["list"], "sip:p@example.com");
    assert_eq!(answer["states"][1]["member"]["name"], "Pat");
}

#[test]
fn what_is_over_counts_only_while_there_is_nothing_else() {
    let clock = clock();
    let over = view(&clock, "open", SubscriptionState::Terminated);
    let live = view(&clock, "closed", SubscriptionState::Active);
    let availability = |views: &[StateView]| summary(views).to_json()["availability"].clone();
    assert_eq!(availability(std::slice::from_ref(&over)), "open");
    assert_eq!(availability(&[over, live]), "closed");
    assert_eq!(availability(&[]), "unknown");
}

#[test]
fn of_a_stranger_nothing_is_known() {
    let agent = UserAgent::new(Instant::now(), Config::default(), [0; 32]);
    let query = StateQuery {
        presentity: "sip:p@example.com".to_owned(),
        package: None,
        raw: false,
    };
    assert!(matches!(
        state(&clock(), &agent, &query),
        Reply::Error(error) if error.code == 404 && error.message == "No such subscription"
    ));
    let Reply::Json(page) = subscriptions(&clock(), &agent, SubscriptionFilter::default()) else {
        panic!("no page")
    };
    assert_eq!(page.to_string(), r#"{"subscriptions":[],"next":null}"#);
    let wrong = SubscriptionFilter {
        cursor: Some("x".to_owned()),
        ..SubscriptionFilter::default()
    };
    assert!(matches!(
        subscriptions(&clock(), &agent, wrong),
        Reply::Error(error) if error.message == "Bad cursor"
    ));
}
