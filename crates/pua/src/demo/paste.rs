//! What the demo prints first: lines to paste into another terminal.

use std::path::Path;

use super::{LIFETIME, PERSON, SYSTEM};
use crate::cli::Output;

/// The introduction. Each line to paste stands alone, under a comment.
pub(super) fn intro(out: Output, fifo: &Path, http: &str, stream: &Path) -> String {
    let lines = [
        ("through the FIFO", by_fifo(fifo)),
        ("with curl", by_curl(http)),
        ("with the command line", by_command(stream)),
        ("watch from another terminal, too", by_watch(stream)),
    ];
    let mut text = format!(
        "{}\n\nPublish from another terminal, by any of these, and see what the watcher says:\n",
        out.bold("A presence server, the daemon, a publisher and a watcher in one process.")
    );
    for (how, line) in lines {
        text.push_str(&format!("\n{}\n{line}\n", out.dim(&format!("# {how}"))));
    }
    text.push_str(&format!(
        "\n{}\n",
        out.dim("Ctrl-C ends it. What the watcher is told, in plain words:")
    ));
    text
}

/// A document that needs no escapes between double quotes of a shell.
fn document(note: &str) -> String {
    format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='{PERSON}'><tuple id='t1'>\
         <status><basic>open</basic></status><note>{note}</note></tuple></presence>"
    )
}

fn by_fifo(fifo: &Path) -> String {
    let reply = fifo.with_file_name("reply");
    let (fifo, reply) = (quoted(fifo), quoted(&reply));
    let body = document("hello through the FIFO");
    format!(
        "mkfifo {reply}; printf \"%s\\n\" :pua_publish:reply {PERSON} {LIFETIME} presence application/pidf+xml . . \"{body}\" \"\" > {fifo}; cat {reply}; rm {reply}"
    )
}

fn by_curl(http: &str) -> String {
    let request = serde_json::json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "pua_publish",
        "params": {
            "presentity_uri": PERSON,
            "expires": LIFETIME,
            "event_package": "presence",
            "content_type": "application/pidf+xml",
            "body": document("hello from curl").replace('\'', "\""),
        },
    });
    format!("curl -s http://{http}/mi -d '{request}'")
}

fn by_command(stream: &Path) -> String {
    let stream = format!("unix:{}", stream.display());
    format!(
        "{} publish {PERSON} --open --activity meeting --note \"hello from the command line\" --connect {}",
        program(),
        quoted(Path::new(&stream))
    )
}

fn by_watch(stream: &Path) -> String {
    let stream = format!("unix:{}", stream.display());
    format!(
        "{} watch {PERSON} {SYSTEM} --connect {}",
        program(),
        quoted(Path::new(&stream))
    )
}

/// What to type to get this program again.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else {
        return "pua".to_owned();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join("pua"))
        .find(|file| file.is_file())
        .and_then(|file| file.canonicalize().ok());
    match found {
        Some(found) if found == own => "pua".to_owned(),
        _ => quoted(&own),
    }
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:+@%".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_stands_alone() {
        let text = intro(
            Output::new(true),
            Path::new("/tmp/a b/pua_fifo"),
            "127.0.0.1:1",
            Path::new("/tmp/a b/s"),
        );
        let starts = |what: &str| text.lines().any(|line| line.starts_with(what));
        assert!(starts("mkfifo '/tmp/a b/reply'; printf "));
        assert!(starts("curl -s http://127.0.0.1:1/mi -d '{"));
        assert!(text.contains("--connect 'unix:/tmp/a b/s'"));
    }

    #[test]
    fn the_line_for_curl_holds_json_and_no_apostrophe() {
        let line = by_curl("h:1");
        let request = line.split_once("-d '").unwrap().1.strip_suffix('\'').unwrap();
        assert!(!request.contains('\''));
        let request: serde_json::Value = serde_json::from_str(request).unwrap();
        assert_eq!(request["params"]["presentity_uri"], PERSON);
    }
}
