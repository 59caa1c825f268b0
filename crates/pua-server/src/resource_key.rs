//! The name by which the state of a presentity in a package is kept.

use sip_wire::Uri;

/// A package and a canonical address-of-record: the URI without its parameters (RFC 3261 §10.3
/// step 5), `pres:` as `sip:` (RFC 3859 §4). Two that are equal are the same resource.
#[derive(Default)]
pub(crate) struct ResourceKey {
    text: String,
    /// Where the URI begins.
    uri: usize,
}

impl ResourceKey {
    /// Writes the key of another resource in place of this one.
    pub(crate) fn set(&mut self, package: &str, uri: &Uri<'_>) {
        let canonical = uri.key();
        self.text.clear();
        self.text.push_str(package);
        self.text.push(' ');
        self.uri = self.text.len();
        let rest = match canonical.strip_prefix("pres:") {
            Some(rest) => {
                self.text.push_str("sip:");
                rest
            }
            None => canonical.as_str(),
        };
        // A user part may have semicolons and question marks of its own.
        let host = rest.rfind('@').unwrap_or(0);
        let end = rest
            .get(host..)
            .and_then(|rest| rest.find([';', '?']))
            .map_or(rest.len(), |at| host + at);
        self.text.push_str(rest.get(..end).unwrap_or(rest));
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The presentity's URI.
    pub(crate) fn presentity(&self) -> &str {
        self.text.get(self.uri..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_presentity() {
        let key = |uri: &str| {
            let mut key = ResourceKey::default();
            key.set("presence", &Uri::parse(uri).unwrap());
            (key.as_str().to_owned(), key.presentity().to_owned())
        };
        let alice = (
            "presence sip:alice@example.com".to_owned(),
            "sip:alice@example.com".to_owned(),
        );
        for uri in [
            "sip:alice@example.com",
            "SIP:%61lice@EXAMPLE.com;transport=tcp;x?a=b",
            "pres:alice@example.com",
        ] {
            assert_eq!(key(uri), alice, "{uri}");
        }
        assert_eq!(key("sip:a;b?c@example.com;d").1, "sip:a;b?c@example.com");
        assert_eq!(key("sip:example.com;lr").1, "sip:example.com");
    }
}
