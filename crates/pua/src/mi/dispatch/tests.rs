//! The desk with a user agent that the test plays itself.

use pua_core::{FailureOrigin, Next, Outcome, Refusal, Wait};
use pua_mi::{Request, Via};
use serde_json::{Value, json};

use super::*;

/// Notes the commands; answers own ones with a fixed value. With `true` as the second the store
/// cannot be written.
#[derive(Default)]
struct Noted(Vec<(CommandId, Command)>, bool);

impl Order for Noted {
    fn refusal(&self, command: &Command) -> Option<MiError> {
        let refused = self.1 && translate::is_durable(command);
        refused.then(|| MiError::new(503, "Store cannot be written"))
    }
    fn command(&mut self, id: CommandId, command: Command) {
        self.0.push((id, command));
    }
    fn answer(&mut self, _: pua_mi::Command) -> Reply {
        Reply::Json(json!("own"))
    }
}

fn publish(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0",{id}"method":"pua_publish","params":{{"presentity_uri":"sip:a@example.com","expires":"60","event_package":"presence","content_type":"application/pidf+xml","body":"<x/>"}}}}"#
    )
}

fn outcome(code: u16) -> pua_core::Reply {
    pua_core::Reply::Final(Outcome {
        code,
        reason: "OK".into(),
        origin: FailureOrigin::Server,
        etag: Some("tag".into()),
        expires: Some(60),
        detail: None,
        warning: None,
        retry_after: None,
        allow_events: None,
        next: Next::Held,
        server: None,
        call_id: "c".into(),
        cseq: 1,
    })
}

fn take(desk: &mut Desk, noted: &mut Noted, text: &str) -> Option<Outgoing> {
    let request = Request::parse(text.as_bytes(), Via::Http);
    desk.take(request, ReplyTo::Nobody, noted)
}

fn document(answer: Outgoing) -> Value {
    serde_json::from_slice(&answer.bytes.unwrap()).unwrap()
}

#[test]
fn a_publish_is_answered_once_when_the_user_agent_replies() {
    let (mut desk, mut noted) = (Desk::default(), Noted::default());
    assert!(take(&mut desk, &mut noted, &publish(r#""id":7,"#)).is_none());
    let (id, command) = noted.0.pop().unwrap();
    assert!(matches!(command, Command::Publish(p) if p.wait == Wait::Final));
    let clock = Clock::read();
    let answer = desk.settle(&clock, id, outcome(200), None).unwrap();
    assert_eq!(
        document(answer),
        json!({"jsonrpc":"2.0","result":{"reply":"200 OK","ETag":"tag","Expires":60},"id":7})
    );
    assert!(
        desk.settle(&clock, id, outcome(200), None).is_none(),
        "never twice"
    );
    assert_eq!(desk.len(), 0);
}

#[test]
fn a_notification_waits_for_nothing() {
    let (mut desk, mut noted) = (Desk::default(), Noted::default());
    let answer = take(&mut desk, &mut noted, &publish("")).unwrap();
    assert_eq!(answer.bytes, None);
    let (id, command) = noted.0.pop().unwrap();
    assert!(matches!(command, Command::Publish(p) if p.wait == Wait::None));
    assert!(desk.settle(&Clock::read(), id, outcome(200), None).is_none());
}

#[test]
fn a_batch_is_answered_together() {
    let (mut desk, mut noted) = (Desk::default(), Noted::default());
    let batch = format!(
        r#"[{},{{"jsonrpc":"2.0","id":2,"method":"version"}},{},{{"jsonrpc":"2.0","id":4,"method":"nothing"}}]"#,
        publish(r#""id":1,"#),
        publish(r#""id":3,"#)
    );
    assert!(take(&mut desk, &mut noted, &batch).is_none());
    let clock = Clock::read();
    let (first, second) = (noted.0[0].0, noted.0[1].0);
    assert!(desk.settle(&clock, second, outcome(200), None).is_none());
    let refused = pua_core::Reply::Refused(Refusal::WrongEntityTag);
    let answers = document(desk.settle(&clock, first, refused, None).unwrap());
    let ids: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["id"].clone())
        .collect();
    assert_eq!(ids, [json!(1), json!(2), json!(3), json!(4)]);
    assert_eq!(answers[0]["error"], json!({"code": 418, "message": "Wrong ETag"}));
    assert_eq!(answers[1]["result"], "own");
    assert_eq!(answers[3]["error"]["code"], -32601);
}

#[test]
fn what_is_still_open_at_the_end_is_told_so() {
    let (mut desk, mut noted) = (Desk::default(), Noted::default());
    assert!(take(&mut desk, &mut noted, &publish(r#""id":1,"#)).is_none());
    let left = desk.close(&MiError::new(503, "Store taken over"));
    assert_eq!(left.len(), 1);
    let told: Vec<_> = left.into_iter().map(document).collect();
    let error = json!({"code": 503, "message": "Store taken over"});
    assert_eq!(told[0]["error"], error);
    assert!(
        desk.settle(&Clock::read(), noted.0[0].0, outcome(200), None)
            .is_none()
    );
}

#[test]
fn numbers_are_not_used_again() {
    let (mut desk, mut noted) = (Desk::default(), Noted::default());
    let clock = Clock::read();
    for _ in 0..3 {
        take(&mut desk, &mut noted, &publish(r#""id":1,"#));
        let (id, _) = *noted.0.last().map(|(id, c)| (id, c)).as_ref().unwrap();
        assert!(desk.settle(&clock, *id, outcome(200), None).is_some());
    }
    let mut ids: Vec<_> = noted.0.iter().map(|(id, _)| id.0).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn what_the_store_cannot_take_is_refused_and_what_needs_no_store_is_not() {
    let (mut desk, mut noted) = (Desk::default(), Noted(Vec::new(), true));
    let answer = document(take(&mut desk, &mut noted, &publish(r#""id":7,"#)).unwrap());
    assert_eq!(answer["error"]["code"], 503, "{answer}");
    assert_eq!(answer["error"]["message"], "Store cannot be written");
    let unheard = take(&mut desk, &mut noted, &publish("")).unwrap();
    assert!(unheard.bytes.is_none() && noted.0.is_empty());
    let refresh = r#"{"jsonrpc":"2.0","id":8,"method":"pua:refresh","params":{"presentity_uri":"sip:a@example.com","event_package":"presence"}}"#;
    assert!(take(&mut desk, &mut noted, refresh).is_none());
    assert!(matches!(noted.0[..], [(_, Command::Refresh(_))]));
}

#[test]
fn a_success_that_is_not_stored_is_told_as_such_and_a_failure_as_it_is() {
    let (mut desk, mut noted) = (Desk::default(), Noted::default());
    let doubt = MiError::new(503, "Done but not stored");
    for (code, expected) in [(200, "Done but not stored"), (403, "OK")] {
        assert!(take(&mut desk, &mut noted, &publish(r#""id":7,"#)).is_none());
        let (id, _) = noted.0.pop().unwrap();
        let answer = desk
            .settle(&Clock::read(), id, outcome(code), Some(&doubt))
            .unwrap();
        let answer = document(answer);
        assert!(answer.to_string().contains(expected), "{answer}");
    }
    let refresh = r#"{"jsonrpc":"2.0","id":8,"method":"pua:refresh","params":{"presentity_uri":"sip:a@example.com","event_package":"presence"}}"#;
    assert!(take(&mut desk, &mut noted, refresh).is_none());
    let (id, _) = noted.0.pop().unwrap();
    let answer = desk
        .settle(&Clock::read(), id, outcome(200), Some(&doubt))
        .unwrap();
    assert!(
        document(answer)["result"].is_object(),
        "a refresh asks for nothing that is stored"
    );
}
