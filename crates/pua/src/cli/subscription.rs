//! `pua subscribe`, `unsubscribe`, `fetch`: one subscription, and what its notifier tells.

use clap::Args;
use serde_json::{Map, Value};

use super::options::{Connection, Wait, variable};
use super::output::{Output, notice, span};
use super::publish::{expires, headers};
use super::{Failure, Reply, exit_codes, pages, reply};
use crate::words;

const SUBSCRIBE: &str = "\
Examples:
  pua subscribe sip:alice@example.com                          for as long as the package says
  pua subscribe sip:alice@example.com --expires never          until `pua unsubscribe`
  pua subscribe sip:100@example.com --event message-summary --watcher sip:lamp@example.com
  pua subscribe sip:team@example.com                           a list that the server holds
  pua subscribe sip:rls@example.com --member sip:a@example.com --member sip:b@example.com

The daemon keeps the subscription alive until its lifetime is over. What notifiers tell comes by
`pua watch`, `pua state`, and the stream of events.";

const FETCH: &str = "\
Examples:
  pua fetch sip:alice@example.com
  pua fetch sip:100@example.com --event message-summary --json
  pua fetch sip:alice@example.com --raw > alice.xml

Nothing is kept: the server is asked once (SUBSCRIBE with Expires: 0) and answers with a NOTIFY.";

/// Who watches whom, by which package.
#[derive(Clone, Debug, Args)]
pub(crate) struct Watched {
    /// The presentity, such as sip:alice@example.com
    #[arg(value_name = "URI")]
    pub(super) presentity: String,
    /// Who watches (default: $PUA_WATCHER, else sip:pua@ the presentity's domain)
    #[arg(long, value_name = "URI")]
    pub(super) watcher: Option<String>,
    /// The event package
    #[arg(long, value_name = "PACKAGE", default_value = "presence")]
    event: String,
}

/// What goes into a SUBSCRIBE.
#[derive(Clone, Debug, Args)]
pub(crate) struct Request {
    /// Send it here, in place of the configured server
    #[arg(long, value_name = "URI")]
    proxy: Option<String>,
    /// A header to add to the SUBSCRIBE, such as "X-Source: crm"; repeatable
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A member of a list that the request itself contains (RFC 5367); repeatable
    #[arg(long = "member", value_name = "URI")]
    members: Vec<String>,
}

/// Watch a presentity, or change for how long
#[derive(Debug, Args)]
#[command(after_help = SUBSCRIBE, after_long_help = format!("{SUBSCRIBE}\n\n{}", exit_codes::HELP))]
pub(crate) struct Subscribe {
    #[command(flatten)]
    watched: Watched,
    /// Which of several subscriptions of one watcher, presentity and package
    #[arg(long)]
    id: Option<String>,
    /// For how long, in seconds, or `never` ending; 0 ends it [default: what the package says]
    #[arg(long, value_name = "SECONDS", value_parser = expires, allow_negative_numbers = true)]
    expires: Option<i64>,
    #[command(flatten)]
    request: Request,
    /// When to return: `final` is after the first NOTIFY
    #[arg(long, value_enum, default_value = "final", hide_possible_values = false)]
    wait: Wait,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Watch a presentity no more
#[derive(Debug, Args)]
pub(crate) struct Unsubscribe {
    #[command(flatten)]
    watched: Watched,
    /// Which of several subscriptions of one watcher, presentity and package
    #[arg(long)]
    id: Option<String>,
    /// When to return
    #[arg(long, value_enum, default_value = "final")]
    wait: Wait,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Ask once for the present state of a presentity
#[derive(Debug, Args)]
#[command(after_help = FETCH, after_long_help = format!("{FETCH}\n\n{}", exit_codes::HELP))]
pub(crate) struct Fetch {
    #[command(flatten)]
    watched: Watched,
    #[command(flatten)]
    request: Request,
    /// Print the document as it was received; with --json, add it
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// The watcher when none is named.
pub(super) fn watcher(named: Option<&str>, presentity: &str) -> String {
    if let Some(named) = named {
        return named.to_owned();
    }
    if let Some(set) = variable("PUA_WATCHER") {
        return set.to_string_lossy().into_owned();
    }
    let address = presentity.split_once(':').map_or(presentity, |(_, rest)| rest);
    let address = address.split([';', '?', '>']).next().unwrap_or_default();
    let domain = address.rsplit('@').next().unwrap_or_default();
    format!("sip:pua@{domain}")
}

impl Watched {
    fn params(&self, watcher: String) -> Map<String, Value> {
        pages::given([
            ("presentity_uri", Some(self.presentity.clone())),
            ("watcher_uri", Some(watcher)),
            ("event_package", Some(self.event.clone())),
        ])
    }
}

impl Request {
    fn add_to(&self, params: &mut Map<String, Value>) -> Result<(), Failure> {
        if let Some(proxy) = &self.proxy {
            params.insert("outbound_proxy".into(), proxy.clone().into());
        }
        if !self.headers.is_empty() {
            params.insert("extra_headers".into(), headers(&self.headers)?.into());
        }
        if !self.members.is_empty() {
            params.insert("members".into(), self.members.clone().into());
        }
        Ok(())
    }
}

impl Subscribe {
    pub(super) fn run(self) -> Result<(), Failure> {
        let watcher = watcher(self.watched.watcher.as_deref(), &self.watched.presentity);
        let mut params = self.watched.params(watcher);
        self.request.add_to(&mut params)?;
        params.insert("wait".into(), self.wait.as_str().into());
        if let Some(seconds) = self.expires {
            params.insert("expires".into(), seconds.into());
        }
        if let Some(id) = self.id {
            params.insert("id".into(), id.into());
        }
        let answer = self.connection.ask_server("pua_subscribe", params)?;
        let who = &self.watched.presentity;
        match self.expires {
            Some(0) => reply::tell(&self.connection, &answer, &format!("unsubscribed from {who}")),
            _ => tell(&self.connection, &self.watched, &answer, false),
        }
    }
}

impl Unsubscribe {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut id = self.id.clone();
        let watcher = match &self.watched.watcher {
            Some(named) => named.clone(),
            None => self.only(&mut id)?,
        };
        let mut params = self.watched.params(watcher);
        params.insert("wait".into(), self.wait.as_str().into());
        if let Some(id) = id {
            params.insert("id".into(), id.into());
        }
        let answer = self.connection.ask_server("pua:unsubscribe", params)?;
        let done = format!("unsubscribed from {}", self.watched.presentity);
        reply::tell(&self.connection, &answer, &done)
    }

    /// The watcher of the one subscription that can be meant, and its id; else the usual watcher.
    fn only(&self, id: &mut Option<String>) -> Result<String, Failure> {
        let filter = pages::given([
            ("presentity", Some(self.watched.presentity.clone())),
            ("package", Some(self.watched.event.clone())),
        ]);
        let found = pages::all(
            &self.connection,
            "pua:subscriptions",
            "subscriptions",
            &filter,
            None,
        )?;
        let meant = |row: &&Value| self.id.is_none() || row["id"].as_str() == self.id.as_deref();
        let rows: Vec<&Value> = found.0.iter().filter(meant).collect();
        if let [row] = rows.as_slice()
            && let Some(watcher) = row["watcher"].as_str()
        {
            *id = row["id"].as_str().map(str::to_owned);
            return Ok(watcher.to_owned());
        }
        let usual = watcher(None, &self.watched.presentity);
        let is_usual =
            |row: &&&Value| row["watcher"] == usual.as_str() && row["id"].as_str() == id.as_deref();
        match rows.is_empty() || rows.iter().any(|row| is_usual(&row)) {
            true => Ok(usual),
            false => Err(ambiguous(&self.watched.presentity, &rows)),
        }
    }
}

/// Several subscriptions can be meant.
fn ambiguous(presentity: &str, rows: &[&Value]) -> Failure {
    let mut message = format!("which of the subscriptions to {presentity}?");
    for row in rows.iter().take(10) {
        let text = |name: &str| row[name].as_str().map(words::plain);
        message.push_str(&format!(
            "\n         --watcher {}",
            text("watcher").unwrap_or_default()
        ));
        if let Some(id) = text("id") {
            message.push_str(&format!(" --id {id}"));
        }
    }
    Failure::usage(message).hint("name one with --watcher; `pua subscriptions` shows them all")
}

impl Fetch {
    pub(super) fn run(self) -> Result<(), Failure> {
        let watcher = watcher(self.watched.watcher.as_deref(), &self.watched.presentity);
        let mut params = self.watched.params(watcher);
        self.request.add_to(&mut params)?;
        if self.raw {
            params.insert("raw".into(), true.into());
        }
        let answer = self.connection.ask_server("pua:fetch", params)?;
        if self.raw && !self.connection.json {
            refused(&answer)?;
            return print_raw(&answer);
        }
        tell(&self.connection, &self.watched, &answer, true)
    }
}

/// What an answer tells of each resource: of the presentity, or of the members of a list.
fn states(answer: &Value) -> Vec<&Value> {
    match answer["states"].as_array() {
        Some(states) => states.iter().collect(),
        None => vec![answer],
    }
}

fn print_raw(answer: &Value) -> Result<(), Failure> {
    let out = Output::new(true);
    let mut printed = false;
    for state in states(answer) {
        if let Some(body) = state["body"].as_str() {
            out.raw(body.as_bytes())?;
            printed = true;
        } else if let Some(coded) = state["body_base64"].as_str() {
            use base64::Engine as _;
            let body = base64::engine::general_purpose::STANDARD.decode(coded);
            out.raw(&body.unwrap_or_default())?;
            printed = true;
        }
    }
    if !printed {
        notice("no document: nothing is known");
    }
    Ok(())
}

/// A refusal, by a response or by the NOTIFY after it.
fn refused(answer: &Value) -> Result<(), Failure> {
    if let Some(reply) = Reply::of(answer)
        && !reply.is_success()
    {
        return Err(reply.failure(answer));
    }
    match answer["reason"].as_str() {
        Some(reason @ ("rejected" | "noresource")) => {
            let words = match reason {
                "rejected" => "it may not be watched",
                _ => "there is no such presentity",
            };
            Err(Failure::new(
                exit_codes::REFUSED_BY_SERVER,
                format!("{words} (terminated, {reason})"),
            ))
        }
        _ => Ok(()),
    }
}

/// Tells how a subscription or a fetch went, and what the notifier told.
fn tell(connection: &Connection, watched: &Watched, answer: &Value, fetched: bool) -> Result<(), Failure> {
    let out = Output::new(connection.json);
    if connection.json {
        out.json(answer)?;
        return refused(answer).map_err(Failure::said);
    }
    let Some(reply) = Reply::of(answer) else {
        return out.line(&format!(
            "{}, without waiting for the server; `pua subscriptions` shows how it goes",
            out.green("accepted")
        ));
    };
    refused(answer)?;
    if !fetched {
        let mut line = format!("{} subscribed to {}", out.green(reply.line), watched.presentity);
        if let Some(seconds @ 1..) = answer["Expires"].as_u64() {
            line.push_str(&format!(", granted for {}", span(seconds)));
        }
        out.line(&line)?;
    }
    if answer["state"] == "pending" {
        let who = words::bare(&watched.presentity);
        return out.line(&format!("{} has not decided yet: pending", out.bold(who)));
    }
    for state in states(answer) {
        let resource = state["resource"].as_str().unwrap_or(&watched.presentity);
        out.line(&line(out, &watched.event, resource, state))?;
    }
    Ok(())
}

/// A resource and what is told of it.
pub(super) fn line(out: Output, package: &str, resource: &str, state: &Value) -> String {
    let said = match (state["state"].as_str(), state["document"].is_null()) {
        (Some("pending"), true) => "has not decided yet: pending".to_owned(),
        _ => words::told(package, &state["summary"], &state["document"]),
    };
    format!("{} {said}", out.bold(&words::plain(words::bare(resource))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watcher_is_of_the_presentitys_domain() {
        assert_eq!(watcher(Some("sip:w@h"), "sip:a@x"), "sip:w@h");
        for (presentity, expected) in [
            ("sip:alice@example.com", "sip:pua@example.com"),
            ("sips:a@[::1]:5061;transport=tls", "sip:pua@[::1]:5061"),
            ("sip:example.com", "sip:pua@example.com"),
        ] {
            assert_eq!(watcher(None, presentity), expected);
        }
    }
}
