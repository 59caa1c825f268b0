//! The rules about a request that depend on what was sent and received before it.

use std::net::IpAddr;
use std::time::Instant;

use sip_wire::{Limits, Message};

use super::{End, MOVED, Operation, Wire};

impl Wire {
    /// R3903-13: CSeq goes up within a Call-ID; the same number only for the same request, to
    /// another server, after the one before has failed.
    pub(super) fn check_cseq(
        &self,
        now: Instant,
        call_id: &str,
        cseq: u32,
        if_match: &Option<String>,
        message: &Message<'_>,
    ) -> Result<(), String> {
        let Some((last, branch)) = self.call_ids.get(call_id) else {
            return Ok(());
        };
        if cseq > *last {
            return Ok(());
        }
        if cseq < *last {
            return Err(format!("CSeq {cseq} after {last}"));
        }
        let Some(before) = self.flights.get(branch) else {
            return Ok(());
        };
        let failed = matches!(before.end(now), Some(End::Unreachable | End::Final(503)));
        let body =
            Message::parse_framed(&before.bytes, &Limits::stream()).map(|message| message.body.to_vec());
        if failed
            && before.cseq == cseq
            && before.if_match == *if_match
            && body.is_ok_and(|body| body == message.body)
        {
            Ok(())
        } else {
            Err(format!("CSeq {cseq} again"))
        }
    }

    /// R3903-55.
    pub(super) fn check_quiet(&self, now: Instant, server: IpAddr, publication: usize) -> Result<(), String> {
        if let Some(until) = self.quiet.get(&server).filter(|until| **until > now) {
            return Err(format!(
                "sent {:?} before the server's Retry-After is over",
                *until - now
            ));
        }
        let until = self.chains.get(&publication).and_then(|chain| chain.quiet_until);
        if let Some(until) = until.filter(|until| *until > now) {
            return Err(format!(
                "sent {:?} before the publication's Retry-After is over",
                until - now
            ));
        }
        Ok(())
    }

    /// R3903-08, -40, -62, -74.
    pub(super) fn check_tag(
        &self,
        now: Instant,
        server: IpAddr,
        publication: usize,
        slot: &str,
        operation: Operation,
        if_match: &Option<String>,
    ) -> Result<(), String> {
        let Some(chain) = self.chains.get(&publication) else {
            return Ok(());
        };
        let Some(tag) = if_match else {
            let valid = chain.tag.is_some() && chain.expires_at.is_some_and(|at| at > now);
            return if operation == Operation::Initial && valid {
                Err("an initial PUBLISH while the entity-tag is good".to_owned())
            } else {
                Ok(())
            };
        };
        if self.dead.contains(&(slot.to_owned(), tag.clone())) {
            return Err("an entity-tag that got 412".to_owned());
        }
        if chain.tag.as_ref() != Some(tag) {
            return Err(format!("not the last entity-tag, which is {:?}", chain.tag));
        }
        let failed = |server: IpAddr| {
            self.failed
                .get(&server)
                .is_some_and(|at| chain.granted_at.is_none_or(|granted| *at + MOVED >= granted))
        };
        if let Some(granter) = chain.server.filter(|granter| *granter != server)
            && !failed(granter)
        {
            return Err(format!(
                "sent to another server than {granter}, which gave the tag and answers"
            ));
        }
        Ok(())
    }
}
