//! What cannot be, or is too much: smaller pages, other words, hints.

use serde_json::{Value, json};

use crate::{ALICE, against, code, err, error, out, pua, result};

#[test]
fn pages_that_no_datagram_carries_are_asked_for_smaller() {
    let long = error(413, "Answer too long");
    let page = |next: Value| {
        result(json!({"publications": [{"state": "published", "presentity": ALICE}], "next": next}))
    };
    let answers = vec![long.clone(), long.clone(), page(json!("7")), page(Value::Null)];
    let (output, requests) = against(answers, &["list"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let limits: Vec<&Value> = requests
        .iter()
        .map(|request| &request["params"]["limit"])
        .collect();
    assert_eq!(limits, [1000, 500, 250, 250]);
    assert_eq!(out(&output).lines().count(), 3);

    let (output, requests) = against(vec![long.clone(), long], &["list", "--limit", "2"]);
    assert_eq!((code(&output), requests.len()), (5, 2));
    assert!(err(&output).contains("--connect"), "{}", err(&output));
}

#[test]
fn a_publish_for_no_time_is_a_removal() {
    let removed = result(json!({"reply": "200 OK", "Expires": 0}));
    let (output, _) = against(vec![removed], &["publish", ALICE, "--expires", "0"]);
    assert_eq!(out(&output), format!("200 OK removed {ALICE}\n"));
}

#[test]
fn filters_that_nothing_fits_are_wrong_usage() {
    for arguments in [
        ["tail", "--presentity", "bad"],
        ["tail", "--watcher", "sip:a b"],
        ["tail", "--event", "pre sence"],
    ] {
        let (output, requests) = against(vec![], &arguments);
        assert_eq!((code(&output), requests.len()), (2, 0), "{arguments:?}");
        assert!(err(&output).contains(arguments[2]), "{}", err(&output));
    }
}

#[test]
fn hints_say_what_to_do() {
    let (output, _) = against(
        vec![error(503, "Too many publications")],
        &["publish", ALICE, "--open"],
    );
    assert!(
        err(&output).contains("publish.max_publications"),
        "{}",
        err(&output)
    );

    let output = pua(&["status", "--connect", "unix:"]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("unix:/run/pua/mi-stream.sock"),
        "{}",
        err(&output)
    );

    let here = std::env::temp_dir();
    let output = pua(&["config", "check", "--config", here.to_str().unwrap()]);
    assert_eq!(code(&output), 3);
    assert!(out(&output).contains("it must be a file"), "{}", out(&output));

    let store = here.join(format!("pua-cli-store-{}.db", std::process::id()));
    let copy = store.with_extension("copy");
    std::fs::write(&store, "").unwrap();
    std::fs::write(&copy, "precious").unwrap();
    let paths = [&copy, &store].map(|path| path.to_str().unwrap());
    let output = pua(&["store", "backup", paths[0], "--file", paths[1]]);
    assert_ne!(code(&output), 0);
    assert_eq!(std::fs::read(&copy).unwrap(), b"precious");
    assert!(err(&output).contains("another name"), "{}", err(&output));
    let _ = std::fs::remove_file(&store);
    let _ = std::fs::remove_file(&copy);
}
