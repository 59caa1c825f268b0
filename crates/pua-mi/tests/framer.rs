//! The FIFO's framer: many writers, one stream of bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use pua_mi::{FifoFramer, Request, Via};

const LIMIT: usize = 1 << 20;

const JSON_A: &str = r#":a_1:{"jsonrpc":"2.0","id":"1","method":"which","params":{"x":"}\"{:b:{"}}"#;
const JSON_B: &str = r#":b_2:[{"jsonrpc":"2.0","id":2,"method":"ps"}, {"a":[1.5e-3,true,false,null]}]"#;
const BARE: &str = r#"{"jsonrpc":"2.0","method":"pua.publish","id":3,"reply_name":"f"}"#;
const CLASSIC: &str = ":pua_publish:r\nsip:a@b.c\n60\npresence\n\n";
const QUOTED: &str =
    ":pua_publish:r\nsip:a@b.c\n60\npresence\ntext/plain\n.\n.\n\"a\n\n \\\" :x\n\nb\" \nwait::final\n\n";

fn cut(chunks: &[&[u8]]) -> Vec<String> {
    let mut framer = FifoFramer::new(LIMIT);
    cut_by(&mut framer, chunks)
}

fn cut_by(framer: &mut FifoFramer, chunks: &[&[u8]]) -> Vec<String> {
    let mut requests = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        requests.extend(std::iter::from_fn(|| framer.next()));
    }
    requests
        .into_iter()
        .map(|request| String::from_utf8_lossy(&request.bytes).into_owned())
        .collect()
}

/// One write, and one byte at a time.
fn both_ways(text: &str) -> Vec<String> {
    let whole = cut(&[text.as_bytes()]);
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(cut(&bytes), whole, "{text:?}");
    whole
}

#[test]
fn each_kind_alone() {
    for request in [JSON_A, JSON_B, BARE, CLASSIC, QUOTED] {
        assert_eq!(both_ways(request), [request]);
    }
}

#[test]
fn several_in_one_read() {
    let all = [JSON_A, BARE, CLASSIC, JSON_B, QUOTED, CLASSIC, JSON_A];
    assert_eq!(both_ways(&all.concat()), all);
    let spaced = all.join("\n\n \r\n");
    let cut = both_ways(&spaced);
    assert_eq!(cut, all);
}

#[test]
fn an_empty_open_and_close_disturbs_nothing() {
    let mut framer = FifoFramer::new(LIMIT);
    framer.writers_gone();
    framer.writers_gone();
    assert_eq!(cut_by(&mut framer, &[JSON_A.as_bytes()]), [JSON_A]);
}

#[test]
fn what_writers_leave_unfinished_is_dropped() {
    for unfinished in [":pua", "{", "{\"jsonrpc\":", "garbage"] {
        let mut framer = FifoFramer::new(LIMIT);
        assert_eq!(cut_by(&mut framer, &[unfinished.as_bytes()]), [""; 0]);
        framer.writers_gone();
        assert_eq!(framer.next(), None);
        assert_eq!(cut_by(&mut framer, &[CLASSIC.as_bytes()]), [CLASSIC]);
    }
}

/// What is given out of a request that cannot be done: an error for its writer, which the reply FIFO `r` takes.
fn assert_is_told(framer: &mut FifoFramer, words: &str) {
    let cut = framer.next().unwrap();
    let request = Request::parse(&cut.bytes, Via::Fifo);
    assert_eq!(request.reply_name().unwrap().as_str(), "r");
    let Err(error) = request.calls[0].command.clone() else {
        panic!("{:?} would be done", String::from_utf8_lossy(&cut.bytes))
    };
    let answer = request.encode(&[pua_mi::Reply::Error(error)]).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), words);
}

#[test]
fn who_leaves_a_request_unfinished_is_told() {
    for unfinished in [
        ":which:r\n",
        ":which:r\n ",
        ":which:r\n\"x",
        ":which:r\n\"x\"",
        ":which:r\n\"x\"\n",
        ":which:r\nabc",
        ":r:{\"method\":\"which\"",
        ":r:{\"method\":\"which\",\"x",
    ] {
        let mut framer = FifoFramer::new(LIMIT);
        assert_eq!(cut_by(&mut framer, &[unfinished.as_bytes()]), [""; 0]);
        framer.writers_gone();
        assert_is_told(&mut framer, "400 parse error in command 'which'\n\n");
        assert_eq!(framer.next(), None);
        assert_eq!(cut_by(&mut framer, &[CLASSIC.as_bytes()]), [CLASSIC]);
    }
}

#[test]
fn a_missing_closing_quote_is_told() {
    let unclosed = ":pua_publish:r\n\"sip:a@b.c\n60\npresence\n\n";
    // Another request behind the empty line shows that it was the end.
    let cut = both_ways(&format!("{unclosed}{CLASSIC}"));
    assert_eq!(cut, [unclosed, CLASSIC]);
    // So does the end of the writers.
    let mut framer = FifoFramer::new(LIMIT);
    framer.push(unclosed.as_bytes());
    assert_eq!(framer.next(), None);
    framer.writers_gone();
    assert_eq!(framer.next().unwrap().bytes, unclosed.as_bytes());
    let request = Request::parse(unclosed.as_bytes(), Via::Fifo);
    assert!(request.calls[0].command.is_err());
}

#[test]
fn garbage_between_requests() {
    for garbage in [
        "x\n",
        "hello world\n",
        "\u{0}\u{1}\n",
        ":\n",
        ":no second colon\n",
        "}}]]\n",
        "garbage",
        "}\"",
        "::x",
    ] {
        let text = format!("{garbage}{JSON_A}{garbage}\n{CLASSIC}");
        assert_eq!(both_ways(&text), [JSON_A, CLASSIC], "{garbage:?}");
    }
}

#[test]
fn a_document_that_breaks_off_is_told_and_the_next_one_is_found() {
    // A writer died; the next one's request stands in the midst of its document.
    for broken in [
        r#":a:{"jsonrpc":"2.0","id""#,
        r#":a:{"jsonrpc":"2.0","id":"#,
        r#":a:{"jsonrpc":"2.0","method":"wh"#,
        r#":a:{"jsonrpc":"2.0","params":["x", "y"#,
    ] {
        let cut = both_ways(&format!("{broken}{JSON_B}"));
        assert_eq!(cut.len(), 2, "{cut:?}");
        assert!(cut[0].starts_with(":a:{"), "{cut:?}");
        assert!(
            Request::parse(cut[0].as_bytes(), Via::Fifo).calls[0]
                .command
                .is_err()
        );
        assert_eq!(cut[1], JSON_B);
    }
    let cut = both_ways(":reply:{this is no json}\n");
    assert_eq!(cut.len(), 1);
    let request = Request::parse(cut[0].as_bytes(), Via::Fifo);
    assert_eq!(request.reply_name().unwrap().as_str(), "reply");
    assert!(request.answer.is_wanted());
}

#[test]
fn classic_text_without_its_empty_line_gives_way() {
    let lost = ":pua_publish:r\nsip:a@b.c\n";
    assert_eq!(both_ways(&format!("{lost}{CLASSIC}")), [CLASSIC]);
    assert_eq!(both_ways(&format!("{lost}{JSON_A}")), [JSON_A]);
}

#[test]
fn what_is_too_long_is_given_up_and_told() {
    let long_line = format!(":which:r\n{}", "x".repeat(2000));
    let long_string = format!(":r:{{\"method\":\"which\",\"a\":\"{}\"}}", "x".repeat(2000));
    let long_quote = format!(":which:r\n\"{}\"\n\n", "x\n".repeat(2000));
    for long in [long_line, long_string, long_quote] {
        let text = format!("{long}\n{CLASSIC}");
        for size in [text.len(), 7] {
            let mut framer = FifoFramer::new(1000);
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let mut cut = cut_by(&mut framer, &chunks);
            assert_eq!(cut.pop().unwrap(), CLASSIC);
            assert_eq!(cut.len(), 1);
            let request = Request::parse(cut[0].as_bytes(), Via::Fifo);
            assert_eq!(request.reply_name().unwrap().as_str(), "r");
            let error = request.calls[0].command.clone().unwrap_err();
            assert_eq!(error.message, "parse error in command 'which'");
        }
    }
}

#[test]
fn a_body_of_half_a_megabyte_passes() {
    let body = "<a b='c'/>".repeat(50_000);
    let text = format!(":pua_publish:r\nsip:a@b.c\n60\npresence\ntext/xml\n.\n.\n{body}\n\n");
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(4096).collect();
    assert_eq!(cut(&chunks), [text]);
}
