//! `pua watch`: what becomes of presentities, as it happens.

mod made;
mod table;
mod teller;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::options::Connection;
use super::output::{Output, notice};
use super::screen::{self, Screen, Stop};
use super::subscription::watcher;
use super::{Failure, exit_codes};
use crate::client::{Event, Follow, Heard};
use crate::words;
pub(crate) use made::{Made, RENEW, Target};
use table::Table;
pub(crate) use teller::{Mood, Teller, Told};

/// Between two looks at whether everything is still subscribed to.
const CALM: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  pua watch sip:alice@example.com sip:bob@example.com
  pua watch sip:alice@example.com --event presence,dialog --table
  pua watch sip:alice@example.com --json | jq -r 'select(.type==\"state\").summary.availability'
  pua watch --all                              every state that the daemon is told

What is not subscribed to yet is subscribed to, and withdrawn at the end unless --keep is given.
A daemon that goes away is waited for; what changed meanwhile comes when it is back.
It ends with Ctrl-C, SIGTERM, or when nobody reads any more: exit code 0. When the server refuses
all that is watched for good, it ends with exit code 6.";

/// Tell every change of presentities as it happens, a line each
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit_codes::HELP))]
pub(crate) struct Watch {
    /// The presentities, or resource lists, such as sip:alice@example.com
    #[arg(value_name = "URI", required_unless_present = "all")]
    presentities: Vec<String>,
    /// The event packages, with commas between [default: presence; with --all, all]
    #[arg(long, value_name = "PACKAGES", value_delimiter = ',')]
    event: Vec<String>,
    /// Every state that the daemon is told, whoever has subscribed
    #[arg(long, conflicts_with_all = ["presentities", "keep", "proxy"])]
    all: bool,
    /// A table that is redrawn in place, in place of lines
    #[arg(long, conflicts_with = "json")]
    table: bool,
    /// Only by this watcher's subscriptions, and subscribe as this watcher
    ///
    /// Without it any subscription will do; what has none is subscribed to by $PUA_WATCHER, else
    /// by sip:pua@ the presentity's domain.
    #[arg(long, value_name = "URI")]
    watcher: Option<String>,
    /// Send SUBSCRIBEs here, in place of the configured server
    #[arg(long, value_name = "URI")]
    proxy: Option<String>,
    /// Leave the subscriptions standing at the end: they lapse within ten minutes
    #[arg(long)]
    keep: bool,
    /// Go on behind this cursor of an event, in place of the present state
    #[arg(long)]
    cursor: Option<String>,
    /// Also states that are as before
    #[arg(long)]
    unchanged: bool,
    /// With --json: add the documents as they were received
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// How it is told.
enum View {
    Json,
    Lines(Teller),
    Table(Table),
}

impl Watch {
    pub(super) fn run(self) -> Result<(), Failure> {
        screen::run(self.live())
    }

    async fn live(self) -> Result<(), Failure> {
        let mut stop = Stop::new()?;
        let (screen, mut gone) = screen::screen();
        let mut made = Made::new(self.connection.client()?, self.proxy.clone())?;
        let done = tokio::select! {
            biased;
            () = stop.asked() => Ok(()),
            failure = gone.wait() => Err(failure),
            done = self.follow(&screen, &mut made) => done,
        };
        if !self.keep {
            tokio::select! {
                () = made.withdraw() => {}
                () = stop.asked() => {}
            }
        }
        gone.finish(screen).await;
        done
    }

    /// The parameters of `pua:watch`.
    fn params(&self) -> Map<String, Value> {
        let mut params = Map::new();
        let mut put = |name: &str, value: Value| drop(params.insert(name.to_owned(), value));
        put("kind", vec!["state", "subscription", "unreadable"].into());
        if !self.all {
            put("presentity", self.presentities.clone().into());
        }
        let packages = self.packages();
        if !packages.is_empty() {
            put("package", packages.into());
        }
        if let Some(watcher) = &self.watcher {
            put("watcher", watcher.clone().into());
        }
        if let Some(cursor) = &self.cursor {
            put("cursor", cursor.clone().into());
        }
        put("changed_only", (!self.unchanged).into());
        put("raw", (self.raw && self.connection.json).into());
        params
    }

    fn packages(&self) -> Vec<String> {
        match self.event.is_empty() && !self.all {
            true => vec!["presence".to_owned()],
            false => self.event.clone(),
        }
    }

    /// What shall be subscribed to.
    fn targets(&self) -> Vec<Target> {
        let packages = self.packages();
        let each = |presentity: &String| {
            let watcher = watcher(self.watcher.as_deref(), presentity);
            let target = |package: &String| Target {
                presentity: presentity.clone(),
                watcher: watcher.clone(),
                package: package.clone(),
            };
            packages.iter().map(target).collect::<Vec<_>>()
        };
        self.presentities.iter().flat_map(each).collect()
    }

    fn view(&self) -> View {
        match (self.connection.json, self.table) {
            (true, _) => View::Json,
            (false, true) => View::Table(Table::new(&self.presentities)),
            (false, false) => View::Lines(Teller::new(Output::new(false), !self.all)),
        }
    }

    async fn follow(&self, screen: &Screen, made: &mut Made) -> Result<(), Failure> {
        // First the ear, then the question: nothing that is told gets lost in between.
        let mut follow = Follow::start(self.connection.client()?, self.params()).await?;
        let targets = self.targets();
        let mut refused = Refused::default();
        let mut view = self.view();
        self.subscribe(&targets, made).await?;
        view.draw(screen).await;
        let mut renew = Instant::now() + RENEW;
        let mut look = None;
        loop {
            let due = look.map_or(renew, |look: Instant| look.min(renew));
            let heard = tokio::select! {
                heard = follow.next() => Some(heard?),
                () = tokio::time::sleep_until(due) => None,
            };
            match heard {
                Some(Heard::Event(event)) => {
                    view.tell(screen, &event).await;
                    if event.text("change") == Some("terminated") && event.text("next") == Some("ended") {
                        look.get_or_insert(Instant::now() + CALM);
                    }
                    if let Some(why) = refused.all(&event, made, targets.len()) {
                        return Err(self.refused(why));
                    }
                }
                Some(Heard::Lost) => notice("the daemon has gone; waiting for it"),
                Some(Heard::Back) => {
                    notice("the daemon is there again");
                    look = Some(Instant::now());
                }
                None => {
                    let now = Instant::now();
                    if renew <= now {
                        renew = now + RENEW;
                        // A daemon that has gone is noticed by the stream.
                        let _ = made.renew().await;
                    }
                    if look.is_some_and(|look| look <= now) {
                        // One that goes away just now is looked for again.
                        look = match self.subscribe(&targets, made).await {
                            Ok(()) => None,
                            Err(failure) if failure.may_pass() => Some(Instant::now() + CALM),
                            Err(failure) => return Err(failure),
                        };
                    }
                }
            }
        }
    }

    async fn subscribe(&self, targets: &[Target], made: &mut Made) -> Result<(), Failure> {
        for target in targets {
            made.ensure(target, self.watcher.is_none()).await?;
        }
        Ok(())
    }

    fn refused(&self, why: String) -> Failure {
        match self.connection.json {
            // The events have said it.
            true => Failure::silent(exit_codes::REFUSED_BY_SERVER),
            false => Failure::new(exit_codes::REFUSED_BY_SERVER, why),
        }
    }
}

impl View {
    async fn tell(&mut self, screen: &Screen, event: &Event) {
        if event.text("type") == Some("gap") && event.text("reason") == Some("overrun") {
            notice("changes came faster than they were read: some are left out");
        }
        match self {
            View::Json => screen.line(&event.text).await,
            View::Lines(teller) => {
                if let Some(line) = teller.line(event) {
                    screen.line(&line).await;
                }
            }
            View::Table(table) => {
                table.take(event);
                self.draw(screen).await;
            }
        }
    }

    async fn draw(&mut self, screen: &Screen) {
        if let View::Table(table) = self
            && let Some(text) = table.draw()
        {
            screen.print(text).await;
        }
    }
}

/// Which of our own subscriptions the server has refused for good.
#[derive(Debug, Default)]
struct Refused(BTreeSet<(String, String)>);

impl Refused {
    /// Takes an event in; what is to be said when nothing of `targets` is left.
    fn all(&mut self, event: &Event, made: &Made, targets: usize) -> Option<String> {
        if event.text("id") != Some(&made.id) {
            return None;
        }
        let name = (
            event.text("presentity")?.to_owned(),
            event.text("package")?.to_owned(),
        );
        if event.text("type") == Some("subscription") && event.text("next") == Some("refused") {
            self.0.insert(name);
        } else {
            self.0.remove(&name);
        }
        let why = words::plain(event.text("reason").unwrap_or("no reason given"));
        let code = event.value["code"].as_u64().map(|code| format!("{code} "));
        (targets > 0 && self.0.len() >= targets)
            .then(|| format!("the server refuses: {}{why}", code.unwrap_or_default()))
    }
}
