//! What an earlier life has published at the embedded presence server: it is gone with that life,
//! since the server keeps its state in memory, whatever the store says of grants.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use pua_core::{PublicationRecord, Transport};
use sip_wire::{Host, Uri};

/// The addresses of the embedded presence server, to tell what is published there.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnServer {
    addresses: Vec<SocketAddr>,
    /// Whether what names no next hop of its own comes here; `None`: that depends on its domain.
    /// Known from the beginning, since it is asked for each of very many records.
    others: Option<bool>,
}

impl OwnServer {
    /// Of a server that is bound there; of none, nothing is published there. `presence_server`: the
    /// next hop of publications that have none of their own.
    pub(crate) fn new(bound: &[(Transport, SocketAddr)], presence_server: Option<&str>) -> OwnServer {
        let mut own = OwnServer {
            addresses: bound.iter().map(|(_, address)| *address).collect(),
            others: None,
        };
        own.others = presence_server.map(|server| own.leads_here(server));
        own
    }

    /// Takes the entity-tag off a record whose next hop is here: it is published anew at once,
    /// where a tag would be believed until its refresh is due.
    pub(crate) fn forget(&self, record: &mut PublicationRecord) {
        let is_here = match (&record.proxy, self.others) {
            _ if self.addresses.is_empty() => false,
            (Some(proxy), _) => self.leads_here(&proxy.uri),
            (None, Some(others)) => others,
            (None, None) => self.leads_here(&record.name.presentity),
        };
        if is_here {
            record.etag = None;
        }
    }

    /// Whether requests to a URI come here. Of a name that DNS would have to be asked for that is
    /// not known: the first refresh shows what has become of the publication.
    fn leads_here(&self, uri: &str) -> bool {
        let Ok(uri) = Uri::parse(uri) else {
            return false;
        };
        let port = uri.port.unwrap_or(5060);
        let wanted: IpAddr = match uri.host {
            Host::V4(address) => address.into(),
            Host::V6(address) => address.into(),
            Host::Name(name) if name.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST.into(),
            Host::Name(_) => return false,
        };
        let is_here = |address: &SocketAddr| {
            address.port() == port
                && match address.ip().is_unspecified() {
                    true => is_of_this_machine(wanted),
                    false => address.ip() == wanted,
                }
        };
        self.addresses.iter().any(is_here)
    }
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_requests_come_here() {
        let bound =
            ["127.0.0.1:5080", "[::1]:5060", "0.0.0.0:5090"].map(|at| (Transport::Udp, at.parse().unwrap()));
        let own = OwnServer::new(&bound, None);
        for uri in [
            "sip:127.0.0.1:5080",
            "sip:127.0.0.1:5080;transport=tcp;lr",
            "sip:alice@127.0.0.1:5080",
            "sip:localhost:5080",
            "sip:[::1]",
            "sip:127.0.0.1:5090",
            "sip:127.0.0.2:5090",
        ] {
            assert!(own.leads_here(uri), "{uri}");
        }
        for uri in [
            "sip:127.0.0.1",
            "sip:127.0.0.2:5080",
            "sip:pa.example.com:5080",
            "sip:192.0.2.1:5090",
            "pres:a@example.com",
            "",
        ] {
            assert!(!own.leads_here(uri), "{uri}");
        }
        assert!(!OwnServer::default().leads_here("sip:127.0.0.1:5080"));
    }
}
