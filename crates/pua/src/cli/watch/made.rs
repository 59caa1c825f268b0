//! The subscriptions that a watch has made because there were none: kept alive while it runs,
//! withdrawn when it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::task::JoinHandle;

use crate::cli::{Failure, exit_codes};
use crate::client::{self, Client};

/// Lifetime asked for, in seconds: when the program dies, the subscription soon lapses.
const LIFETIME: u32 = 600;
/// How often it is asked for again.
pub(crate) const RENEW: Duration = Duration::from_secs(LIFETIME as u64 / 3);
/// How long the daemon may take to accept.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to accept the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) presentity: String,
    pub(crate) watcher: String,
    pub(crate) package: String,
}

/// The subscriptions made.
pub(crate) struct Made {
    client: Client,
    /// Tells them from everybody else's.
    pub(crate) id: String,
    proxy: Option<String>,
    targets: BTreeSet<Target>,
    /// A call that may not have come to its end.
    under_way: Option<JoinHandle<Result<Value, client::Failure>>>,
}

impl Made {
    /// None yet. `proxy`: where SUBSCRIBEs are sent in place of the configured server.
    pub(crate) fn new(client: Client, proxy: Option<String>) -> Result<Made, Failure> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|e| Failure::new(exit_codes::INTERNAL, e.to_string()))?;
        Ok(Made {
            client,
            id: format!("watch-{:08x}", u32::from_ne_bytes(random)),
            proxy,
            targets: BTreeSet::new(),
            under_way: None,
        })
    }

    /// Sees to it that the target is subscribed to: by somebody else, or else by us.
    /// `any_watcher`: a subscription of any watcher will do.
    pub(crate) async fn ensure(&mut self, target: &Target, any_watcher: bool) -> Result<(), Failure> {
        if !self.targets.contains(target) && self.stands(target, any_watcher).await? {
            return Ok(());
        }
        self.targets.insert(target.clone());
        let mut params = self.params(target);
        params.insert("expires".into(), LIFETIME.into());
        params.insert("wait".into(), "accepted".into());
        if let Some(proxy) = &self.proxy {
            params.insert("outbound_proxy".into(), proxy.clone().into());
        }
        let taken = self.call("pua_subscribe", params, PATIENCE).await;
        if let Err(client::Failure::Refused { .. }) = taken {
            self.targets.remove(target);
        }
        taken.map(drop).map_err(Failure::from)
    }

    /// Whether somebody else has such a subscription.
    async fn stands(&mut self, target: &Target, any_watcher: bool) -> Result<bool, Failure> {
        let mut params = Map::new();
        params.insert("presentity".into(), target.presentity.clone().into());
        params.insert("package".into(), target.package.clone().into());
        if !any_watcher {
            params.insert("watcher".into(), target.watcher.clone().into());
        }
        let found = self.call("pua:subscriptions", params, PATIENCE).await?;
        let rows = found["subscriptions"].as_array().into_iter().flatten();
        // What the server refused for good is tried again in our name: it is then told why.
        let mut standing = rows.filter(|row| row["state"] != "terminated" || row["retry_at"].is_string());
        Ok(standing.next().is_some())
    }

    /// Asks for all of them again.
    pub(crate) async fn renew(&mut self) -> Result<(), Failure> {
        for target in self.targets.clone() {
            self.ensure(&target, false).await?;
        }
        Ok(())
    }

    /// Ends them. What cannot be ended lapses by itself.
    pub(crate) async fn withdraw(mut self) {
        if let Some(call) = self.under_way.take() {
            // If it comes later than the end, the end is lost.
            let _ = tokio::time::timeout(FAREWELL, call).await;
        }
        for target in std::mem::take(&mut self.targets) {
            let mut params = self.params(&target);
            params.insert("wait".into(), "accepted".into());
            let ended = self.call("pua:unsubscribe", params, FAREWELL).await;
            if matches!(
                ended,
                Err(client::Failure::Unreachable(_) | client::Failure::NoAnswer(_))
            ) {
                return;
            }
        }
    }

    fn params(&self, target: &Target) -> Map<String, Value> {
        let mut params = Map::new();
        params.insert("presentity_uri".into(), target.presentity.clone().into());
        params.insert("watcher_uri".into(), target.watcher.clone().into());
        params.insert("event_package".into(), target.package.clone().into());
        params.insert("id".into(), self.id.clone().into());
        params
    }

    async fn call(
        &mut self,
        method: &'static str,
        params: Map<String, Value>,
        timeout: Duration,
    ) -> Result<Value, client::Failure> {
        let client = self.client.clone();
        let call = tokio::task::spawn_blocking(move || client.call(method, &Value::Object(params), timeout));
        let answer = self.under_way.insert(call).await;
        self.under_way = None;
        answer.unwrap_or_else(|error| Err(client::Failure::Garbled(error.to_string())))
    }
}
