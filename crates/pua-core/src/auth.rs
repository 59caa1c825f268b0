//! Digest towards one next hop: which challenges are answered, and the answers that later
//! requests carry without being asked (RFC 3261 §22, RFC 7616, RFC 8760).

use std::sync::Arc;

use sip_digest::{Algorithm, Answer, AuthenticationInfo, Challenge, Ha1, choose};
use sip_wire::HeaderName;
use smallvec::SmallVec;

use crate::config::Credential;
use crate::random::Random;

/// How many times one request is sent again for challenges, 401 and 407 together (R3261-124).
const ROUNDS: u8 = 5;

/// After so many rejections of one realm's credentials they are not sent any more until the
/// configuration changes (SEC-06).
const REJECTIONS: u32 = 3;

/// How many realms of one next hop are remembered.
const REALMS: usize = 8;

/// Who asked: a server (401) or a proxy (407).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Server,
    Proxy,
}

impl Asker {
    fn answer_header(self) -> HeaderName {
        match self {
            Asker::Server => HeaderName::Authorization,
            Asker::Proxy => HeaderName::ProxyAuthorization,
        }
    }
}

/// A challenge that can be answered again and again.
struct Session {
    asker: Asker,
    challenge: Challenge,
    username: Arc<str>,
    ha1: Ha1,
    /// How many requests have used the nonce (RFC 7616 §3.4: `nc`).
    used: u32,
    /// The nonce before and how often it was used: challenges that were under way when another
    /// came still bring it.
    former: Option<(String, u32)>,
    /// The client nonce, where the algorithm is one of a session (RFC 7616 §3.4.2).
    cnonce: String,
}

impl Session {
    /// Goes on with `nonce`. Whatever brings it once more, its count goes on: a server that looks
    /// for replays takes no number twice (RFC 7616 §3.4).
    fn go_on_with(&mut self, nonce: &str) {
        if self.challenge.nonce == nonce {
            return;
        }
        let used = match self.former.take() {
            Some((former, used)) if former == nonce => used,
            _ => 0,
        };
        let before = std::mem::replace(&mut self.challenge.nonce, nonce.to_owned());
        self.former = Some((before, std::mem::replace(&mut self.used, used)));
    }
}

/// What one exchange has been through.
#[derive(Default)]
pub(crate) struct Rounds {
    count: u8,
    /// Whose challenges have been answered in this exchange.
    answered: SmallVec<[(Asker, Box<str>); 2]>,
}

impl Rounds {
    /// The request goes to another server: that it challenges too says nothing of the password.
    pub(crate) fn moved(&mut self) {
        self.answered.clear();
    }
}

/// Why a challenge is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The credentials for this realm were rejected: the password is wrong.
    Rejected(String),
    /// They were rejected, but the server has taken them for others.
    NotHere(String),
    /// They were rejected before, too often to be tried again.
    Frozen(String),
    /// There are no credentials for any of these realms.
    NoCredentials(String),
    /// Another server has led us to this host, and it is not the configured one.
    Elsewhere(String),
    /// There is no challenge that could be answered.
    Unsupported,
    /// The peer challenges again and again.
    TooManyRounds,
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unanswered::Rejected(realm) => {
                write!(
                    f,
                    "the credentials for realm \"{realm}\" were rejected: check user name and password"
                )
            }
            Unanswered::NotHere(realm) => write!(
                f,
                "the server takes the credentials for realm \"{realm}\", but not for this presentity"
            ),
            Unanswered::Frozen(realm) => write!(
                f,
                "the credentials for realm \"{realm}\" were rejected {REJECTIONS} times and are not sent again until the configuration is reloaded"
            ),
            Unanswered::NoCredentials(realms) => {
                write!(
                    f,
                    "no credentials for realm \"{realms}\": add a [[credentials]] table to the configuration"
                )
            }
            Unanswered::Elsewhere(host) => write!(
                f,
                "the server redirects to {host}, which asks for credentials: they go to the configured server only"
            ),
            Unanswered::Unsupported => {
                f.write_str("the challenge uses no scheme or algorithm that is supported")
            }
            Unanswered::TooManyRounds => f.write_str("the server challenges again and again"),
        }
    }
}

/// The challenges of one next hop that are being answered.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: Vec<Session>,
    rejections: Vec<(Box<str>, u32)>,
    /// Realms whose credentials have been taken: that they are rejected after all says something
    /// of the one request, not of the password.
    proven: Vec<Box<str>>,
}

impl Sessions {
    /// Forgets all: the configuration has changed.
    pub(crate) fn clear(&mut self) {
        *self = Sessions::default();
    }

    /// Writes a header row for every challenge that is known, complete with line ends.
    pub(crate) fn write(
        &mut self,
        random: &mut Random,
        method: &str,
        uri: &str,
        body: &[u8],
        out: &mut Vec<u8>,
    ) {
        for session in &mut self.sessions {
            session.used = session.used.wrapping_add(1);
            let begin = out.len();
            out.extend_from_slice(session.asker.answer_header().as_str().as_bytes());
            out.extend_from_slice(b": ");
            let is_session = session.challenge.algorithm.is_some_and(Algorithm::is_session);
            // The client nonce is part of a session's key: one for as long as that lasts.
            if !is_session || session.cnonce.is_empty() {
                session.cnonce = random.cnonce();
            }
            let answer = Answer {
                challenge: &session.challenge,
                username: &session.username,
                method,
                uri,
                body,
                nc: session.used,
                cnonce: &session.cnonce,
            };
            if answer.write(&session.ha1, out) {
                out.extend_from_slice(b"\r\n");
            } else {
                out.truncate(begin);
            }
        }
    }

    /// Takes in the challenges of a 401 or 407. `Ok`: send the request again.
    pub(crate) fn challenged(
        &mut self,
        offered: &[(Asker, Challenge)],
        credentials: &[Credential],
        rounds: &mut Rounds,
    ) -> Result<(), Unanswered> {
        if rounds.count >= ROUNDS {
            return Err(Unanswered::TooManyRounds);
        }
        rounds.count += 1;
        let mut unknown = String::new();
        let mut frozen = None;
        let mut answered = false;
        for asker in [Asker::Server, Asker::Proxy] {
            let offered: Vec<Challenge> = offered
                .iter()
                .filter(|(who, _)| *who == asker)
                .map(|(_, challenge)| challenge.clone())
                .collect();
            for challenge in choose(&offered, true) {
                let realm = challenge.realm_text();
                let seen = rounds
                    .answered
                    .iter()
                    .any(|(who, name)| *who == asker && **name == *realm);
                if seen && !challenge.stale {
                    // A new nonce without `stale` after an answer is a wrong password (R3261-123).
                    if self.proven.iter().any(|name| **name == *realm) {
                        return Err(Unanswered::NotHere(realm.into_owned()));
                    }
                    self.forget(asker, &realm);
                    self.reject(&realm);
                    return Err(Unanswered::Rejected(realm.into_owned()));
                }
                let Some(credential) = lookup(credentials, &realm) else {
                    if !unknown.is_empty() {
                        unknown.push_str("\", \"");
                    }
                    unknown.push_str(&realm);
                    continue;
                };
                if self
                    .rejections
                    .iter()
                    .any(|(name, times)| **name == *realm && *times >= REJECTIONS)
                {
                    frozen = Some(realm.clone().into_owned());
                    continue;
                }
                let Some(ha1) = challenge.ha1(&credential.username, &credential.password) else {
                    continue;
                };
                if !seen {
                    rounds.answered.push((asker, realm.clone().into()));
                }
                self.take_in(asker, challenge, &credential.username, ha1);
                answered = true;
            }
        }
        match (answered, frozen) {
            (true, _) => Ok(()),
            (false, Some(realm)) => Err(Unanswered::Frozen(realm)),
            (false, None) if !unknown.is_empty() => Err(Unanswered::NoCredentials(unknown)),
            (false, None) => Err(Unanswered::Unsupported),
        }
    }

    /// Answers this challenge from now on.
    fn take_in(&mut self, asker: Asker, challenge: &Challenge, username: &Arc<str>, ha1: Ha1) {
        let known = self
            .sessions
            .iter_mut()
            .find(|s| s.asker == asker && s.challenge.realm == challenge.realm);
        let (used, former) = match known {
            Some(session) => {
                session.go_on_with(&challenge.nonce);
                (session.used, session.former.take())
            }
            None => (0, None),
        };
        self.forget(asker, &challenge.realm_text());
        if self.sessions.len() >= REALMS {
            self.sessions.remove(0);
        }
        self.sessions.push(Session {
            asker,
            challenge: challenge.clone(),
            username: username.clone(),
            ha1,
            used,
            former,
            cnonce: String::new(),
        });
    }

    fn forget(&mut self, asker: Asker, realm: &str) {
        self.sessions
            .retain(|s| s.asker != asker || s.challenge.realm_text() != realm);
    }

    /// The credentials were good. `info`: the response's Authentication-Info, if it had one.
    pub(crate) fn accepted(&mut self, info: Option<&[u8]>, rounds: &Rounds) {
        if !self.rejections.is_empty() {
            self.rejections.clear();
        }
        // Only what was asked for in this exchange was looked at for certain.
        for (_, realm) in &rounds.answered {
            if self.proven.len() < REALMS && !self.proven.contains(realm) {
                self.proven.push(realm.clone());
            }
        }
        let Some(info) = info else { return };
        if let Some(nonce) = AuthenticationInfo::parse(info).nextnonce
            && let Some(session) = self
                .sessions
                .iter_mut()
                .find(|session| session.asker == Asker::Server)
        {
            session.go_on_with(&nonce);
        }
    }

    fn reject(&mut self, realm: &str) {
        if let Some((_, times)) = self.rejections.iter_mut().find(|(name, _)| **name == *realm) {
            *times += 1;
        } else if self.rejections.len() < REALMS {
            self.rejections.push((realm.into(), 1));
        }
    }
}

/// The credentials for a realm: of that very realm, else those for any.
fn lookup<'a>(credentials: &'a [Credential], realm: &str) -> Option<&'a Credential> {
    credentials
        .iter()
        .find(|credential| &*credential.realm == realm)
        .or_else(|| credentials.iter().find(|credential| credential.realm.is_empty()))
}

#[cfg(test)]
mod tests;
