//! Strangers that forge, guess, replay and flood; and notifiers out of their minds.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use rand::Rng;

use super::account::Incoming;
use super::carry::from;
use super::notifier::address;
use super::resource::Kind;
use super::site::Site;
use super::wishes::STRANGER;
use super::world::{CORE, World};
use crate::seam::Parts;
use crate::violation::Violation;

/// Where strangers are.
const STRANGE: SocketAddr = address(66);
/// A flood.
const FLOOD: u32 = 300;

fn stranger(number: u64, call_id: &str, tag: &str) -> Bytes {
    let body = format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@d\"><tuple id=\"{STRANGER}\"><status>\
         <basic>open</basic></status></tuple></presence>"
    );
    format!(
        "NOTIFY sip:pua@{CORE} SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGE};branch=z9hG4bKs{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:user0@example.com>;tag=s{number}\r\nTo: <sip:w1@example.com>;tag={tag}\r\nCall-ID: {call_id}\r\n\
         CSeq: {} NOTIFY\r\nEvent: presence\r\nSubscription-State: active;expires=600\r\nContact: <sip:s@{STRANGE}>\r\n\
         Content-Type: application/pidf+xml\r\nContent-Length: {}\r\n\r\n{body}",
        number % 7,
        body.len()
    )
    .into()
}

/// Bodies that ask too much of a reader.
fn bomb(which: u32, content_type: &str) -> Vec<u8> {
    let mut text = String::new();
    match which % 6 {
        0 => {
            text.push_str("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY l0 \"lol\">");
            for n in 1..10 {
                let _ = write!(text, "<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10));
            }
            let _ = write!(text, "]><presence entity=\"{STRANGER}\">&l9;</presence>");
        }
        1 => {
            text.push_str("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><presence>&e;</presence>");
        }
        2 => text.push_str(&"<presence>".repeat(3000)),
        3 => {
            let boundary = content_type
                .split("boundary=")
                .nth(1)
                .unwrap_or("bnd")
                .trim_matches('"');
            for _ in 0..5000 {
                let _ = write!(text, "--{boundary}\r\n\r\n");
            }
        }
        4 => {
            text.push_str("<presence");
            for n in 0..3000 {
                let _ = write!(text, " a{n}=\"\"");
            }
            text.push_str("/>");
        }
        _ => return (0..4000u32).map(|n| (n * 7919 % 256) as u8).collect(),
    }
    text.into_bytes()
}

impl World {
    /// One of their ways.
    pub(crate) fn attack(&mut self, watch: usize, which: u32) -> Result<(), Violation> {
        if self.core.is_none() {
            return Ok(());
        }
        let number = u64::from(which) << 16;
        let known = self
            .heard
            .get(which as usize % self.heard.len().max(1))
            .and_then(|bytes| Parts::of(bytes));
        let tag = |row: &str| row.split(";tag=").nth(1).unwrap_or_default().to_owned();
        self.note(|| format!("attack {}", which % 10));
        match (which % 10, known) {
            (0, _) | (1..=4, None) => {
                // Nothing is known: guesses.
                let bytes = stranger(number, "0123456789abcdef0123456789abcdef", "0000000000000000000");
                self.strange(&bytes, &[481])
            }
            (1, Some(known)) => {
                let call_id = known.get("Call-ID").unwrap_or_default();
                let tag = format!("00{:016x}{:x}", self.rng.random::<u64>(), which % 3);
                self.strange(&stranger(number, call_id, &tag), &[481, 489])
            }
            (2, Some(known)) => {
                let tag = tag(known.get("To").unwrap_or_default());
                let call_id = format!("{:032x}", self.rng.random::<u128>());
                self.strange(&stranger(number, &call_id, &tag), &[481, 489])
            }
            (3, Some(mut known)) => {
                // Once more by another branch: too late for the dialog it was in.
                known.set_branch(&format!("z9hG4bKr{number}"));
                let mut codes = vec![481, 500, 400, 415, 489, 420];
                let bytes = known.bytes();
                // What the daemon has taken since the last write it does not know after a restart.
                if let Some(notify) = Incoming::read(&bytes) {
                    codes.extend(self.account.codes(self.now, &notify, &self.wishes));
                }
                self.strange(&bytes, &codes)
            }
            (4, Some(known)) => {
                // Byte for byte.
                let bytes = known.bytes();
                self.core_gets(&from(STRANGE), bytes)
            }
            (5, _) => {
                for n in 0..FLOOD {
                    let call_id = format!("{:032x}", self.rng.random::<u128>());
                    let tag = format!("00{:016x}{:x}", self.rng.random::<u64>(), n % 4);
                    let bytes = stranger(number + u64::from(n), &call_id, &tag);
                    self.strange(&bytes, &[481])?;
                }
                Ok(())
            }
            _ => self.insane(watch, which),
        }
    }

    fn strange(&mut self, bytes: &Bytes, codes: &[u16]) -> Result<(), Violation> {
        if self.core.is_none() {
            return Ok(());
        }
        self.notify(&from(STRANGE), bytes, Some(codes))
    }

    /// A notifier that we have a dialog with says what it must not.
    fn insane(&mut self, watch: usize, which: u32) -> Result<(), Violation> {
        let name = self.life.names[watch].clone();
        let standing = self.account.standing(self.now, watch);
        let wanted = self.wishes.wants(watch, self.now);
        let Site::Scripted(notifier) = &mut self.site else {
            return Ok(());
        };
        let Some((call_id, tag)) = standing.first().filter(|_| wanted) else {
            return Ok(());
        };
        let kind = Kind::of(&name.presentity, &name.package);
        let Some((bytes, codes)) = notifier.insanity(call_id, tag, |parts, cseq| {
            let bombs = match kind {
                Kind::Presence | Kind::Dialog => Some(bomb(which / 10, "")),
                Kind::List => Some(bomb(which / 10, "boundary=bnd")),
                Kind::Messages | Kind::Opaque => None,
            };
            match (which / 10 % 9, bombs) {
                (0, _) => {
                    parts.drop("Subscription-State");
                    (vec![400], false)
                }
                (1, _) => {
                    parts.drop("Event");
                    (vec![400, 489], false)
                }
                (2, _) => {
                    parts.set("Event", "conference");
                    (vec![489], false)
                }
                (3, _) => {
                    let event = parts.get("Event").unwrap_or_default();
                    let package = event.split(';').next().unwrap_or_default().to_owned();
                    parts.set("Event", &format!("{package};id=99"));
                    (vec![481], false)
                }
                (4, _) if kind != Kind::Opaque => {
                    parts.set("Content-Type", "text/html");
                    parts.body = STRANGER.as_bytes().to_vec();
                    (vec![415], false)
                }
                (5, _) => {
                    parts.set("Require", "nothing-known");
                    (vec![420], false)
                }
                (6, _) => {
                    parts.set("Content-Type", "application/pidf+xml");
                    parts.set("Content-Encoding", "gzip");
                    parts.body = STRANGER.as_bytes().to_vec();
                    (vec![415], false)
                }
                (7, _) if cseq > 1 => {
                    parts.set("CSeq", "0 NOTIFY");
                    parts.body = STRANGER.as_bytes().to_vec();
                    (vec![500], false)
                }
                (_, Some(bomb)) => {
                    parts.set(
                        "Content-Type",
                        match kind {
                            Kind::Dialog => "application/dialog-info+xml",
                            Kind::List => "multipart/related;type=\"application/rlmi+xml\";boundary=bnd",
                            _ => "application/pidf+xml",
                        },
                    );
                    parts.body = bomb;
                    (vec![200], true)
                }
                _ => {
                    parts.set("Content-Type", "text/plain");
                    (vec![200, 415], true)
                }
            }
        }) else {
            return Ok(());
        };
        self.notify(&from(STRANGE), &bytes, Some(&codes))
    }
}
