//! Which path is whose, and by which names pages may ask.

use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":"1","method":"pua.publish"}"#;

fn settings(root: &str, hosts: &[&str]) -> config::Http {
    config::Http {
        listen: Vec::new(),
        root: root.to_owned(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        asked: true,
    }
}

#[test]
fn documents_are_taken_by_post_to_any_path_that_is_nothing_else() {
    let served = Served::new(echo);
    for path in ["/", "/jsonrpc/", "/rpc", "/kamailio/rpc", "/mi/x?y=z"] {
        let answer = served.post(path, "", CALL);
        assert_eq!(status(&answer), "200", "{path}: {answer}");
        assert!(body(&answer).contains("pua.publish"), "{path}: {answer}");
    }
    for path in ["/metrics", "/healthz", "/readyz", "/v1/events"] {
        assert_eq!(status(&served.post(path, "", CALL)), "405", "{path}");
    }
    for path in ["/v1", "/v1/call", "/metrics/x"] {
        assert_eq!(status(&served.post(path, "", CALL)), "404", "{path}");
    }
    for path in ["/rpc", "/kamailio/rpc"] {
        assert_eq!(status(&served.get(path)), "404", "{path}");
    }
}

#[test]
fn the_root_of_the_configuration_is_beside_the_usual_paths() {
    let served = Served::with(settings("json/rpc", &[]), echo);
    for path in ["/json/rpc", "/mi", "/RPC"] {
        assert_eq!(status(&served.post(path, "", CALL)), "200", "{path}");
        assert_eq!(status(&served.get(path)), "405", "{path}");
    }
    let served = Served::with(settings("RPC2", &[]), echo);
    assert_eq!(status(&served.post("/RPC2", "", CALL)), "200");
}

/// DNS rebinding: a stranger's name may lead here, and his page is then of the same origin.
#[test]
fn a_page_by_a_name_that_nobody_has_allowed_is_told_what_to_do() {
    let served = Served::with(settings("mi", &["pua.example"]), echo);
    let post = |host: &str| {
        let head = format!(
            "POST /mi HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            CALL.len()
        );
        served.exchange(&[&head, CALL])
    };
    let refused = post("rebound.example:8888");
    assert_eq!(status(&refused), "403");
    assert!(
        body(&refused).contains("rebound.example") && body(&refused).contains("http.hosts"),
        "{refused}"
    );
    for host in ["pua.example:8888", "127.0.0.1:8888", "localhost"] {
        assert_eq!(status(&post(host)), "200", "{host}");
    }
    let events = served.exchange(&[
        "GET /v1/events HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\nConnection: close\r\n\r\n",
    ]);
    assert_eq!(status(&events), "403");
    assert!(events.contains("http.hosts"), "{events}");
}
