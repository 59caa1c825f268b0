//! Digest towards one next hop: which challenges are answered, and the answers that later
//! requests carry without being asked (RFC 3261 §22, RFC 7616, RFC 8760).

use std::sync::Arc;

use sip_digest::{Answer, AuthenticationInfo, Challenge, Ha1, choose};
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
    /// They were rejected before, too often to be tried again.
    Frozen(String),
    /// There are no credentials for any of these realms.
    NoCredentials(String),
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
            let cnonce = random.cnonce();
            let answer = Answer {
                challenge: &session.challenge,
                username: &session.username,
                method,
                uri,
                body,
                nc: session.used,
                cnonce: &cnonce,
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
                    self.sessions
                        .retain(|s| s.asker != asker || s.challenge.realm_text() != realm);
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
                self.sessions
                    .retain(|s| s.asker != asker || s.challenge.realm_text() != realm);
                if self.sessions.len() >= REALMS {
                    self.sessions.remove(0);
                }
                self.sessions.push(Session {
                    asker,
                    challenge: challenge.clone(),
                    username: credential.username.clone(),
                    ha1,
                    used: 0,
                });
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

    /// The credentials were good. `info`: the response's Authentication-Info, if it had one.
    pub(crate) fn accepted(&mut self, info: Option<&[u8]>) {
        if !self.rejections.is_empty() {
            self.rejections.clear();
        }
        let Some(info) = info else { return };
        if let Some(nonce) = AuthenticationInfo::parse(info).nextnonce
            && let Some(session) = self
                .sessions
                .iter_mut()
                .find(|session| session.asker == Asker::Server)
        {
            session.challenge.nonce = nonce;
            session.used = 0;
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
mod tests {
    use super::*;

    fn credential(realm: &str) -> Credential {
        Credential {
            realm: realm.into(),
            username: "lab".into(),
            password: "secret".into(),
        }
    }

    fn challenge(text: &str) -> (Asker, Challenge) {
        (Asker::Server, Challenge::parse(text.as_bytes()).unwrap())
    }

    fn written(sessions: &mut Sessions) -> String {
        let mut out = Vec::new();
        sessions.write(&mut Random::new([1; 32], 0), "PUBLISH", "sip:a@d", b"", &mut out);
        String::from_utf8(out).unwrap()
    }

    /// R3261-123: wrong password: one answer, then no more.
    #[test]
    fn r3261_123_wrong_password_is_not_repeated() {
        let mut sessions = Sessions::default();
        let mut rounds = Rounds::default();
        let all = [credential("lab")];
        let first = challenge(r#"Digest realm="lab", nonce="1""#);
        assert_eq!(sessions.challenged(&[first], &all, &mut rounds), Ok(()));
        let again = challenge(r#"Digest realm="lab", nonce="2""#);
        assert_eq!(
            sessions.challenged(&[again], &all, &mut rounds),
            Err(Unanswered::Rejected("lab".into()))
        );
        assert_eq!(
            written(&mut sessions),
            "",
            "rejected credentials are not sent pre-emptively"
        );
    }

    /// R3261-123: stale=true is answered with the new nonce.
    #[test]
    fn r3261_123_stale_is_answered() {
        let mut sessions = Sessions::default();
        let mut rounds = Rounds::default();
        let all = [credential("lab")];
        sessions
            .challenged(
                &[challenge(r#"Digest realm="lab", nonce="1""#)],
                &all,
                &mut rounds,
            )
            .unwrap();
        let stale = challenge(r#"Digest realm="lab", nonce="2", stale=TRUE"#);
        assert_eq!(sessions.challenged(&[stale], &all, &mut rounds), Ok(()));
        assert!(written(&mut sessions).contains("nonce=\"2\""));
    }

    /// R3261-124: always stale: stop at the cap.
    #[test]
    fn r3261_124_rounds_are_capped() {
        let mut sessions = Sessions::default();
        let mut rounds = Rounds::default();
        let all = [credential("")];
        let mut times = 0;
        while sessions
            .challenged(
                &[challenge(r#"Digest realm="lab", nonce="1", stale=true"#)],
                &all,
                &mut rounds,
            )
            .is_ok()
        {
            times += 1;
        }
        assert_eq!(times, ROUNDS);
    }

    /// SEC-06: credentials that were rejected again and again are kept back.
    #[test]
    fn sec_06_frozen_after_rejections() {
        let mut sessions = Sessions::default();
        let all = [credential("lab")];
        for _ in 0..REJECTIONS {
            let mut rounds = Rounds::default();
            let one = [challenge(r#"Digest realm="lab", nonce="1""#)];
            sessions.challenged(&one, &all, &mut rounds).unwrap();
            assert!(sessions.challenged(&one, &all, &mut rounds).is_err());
        }
        let answer = sessions.challenged(
            &[challenge(r#"Digest realm="lab", nonce="1""#)],
            &all,
            &mut Rounds::default(),
        );
        assert_eq!(answer, Err(Unanswered::Frozen("lab".into())));
    }

    /// R3261-126: an unknown realm gets no answer.
    #[test]
    fn r3261_126_unknown_realm() {
        let answer = Sessions::default().challenged(
            &[challenge(r#"Digest realm="evil", nonce="1""#)],
            &[credential("lab")],
            &mut Rounds::default(),
        );
        assert_eq!(answer, Err(Unanswered::NoCredentials("evil".into())));
    }

    /// R7616-02: nc counts the requests that used the nonce; R8760-02: one row per realm.
    #[test]
    fn r7616_02_nonce_count_and_rows() {
        let mut sessions = Sessions::default();
        let mut rounds = Rounds::default();
        let all = [credential("lab"), credential("proxy")];
        let offered = [
            challenge(r#"Digest realm="lab", nonce="1", qop="auth""#),
            (
                Asker::Proxy,
                Challenge::parse(br#"Digest realm="proxy", nonce="2", qop="auth""#).unwrap(),
            ),
        ];
        sessions.challenged(&offered, &all, &mut rounds).unwrap();
        for count in 1..=5 {
            let rows = written(&mut sessions);
            assert_eq!(rows.matches(&format!("nc=0000000{count}")).count(), 2, "{rows}");
            assert!(rows.starts_with("Authorization: Digest "));
            assert!(rows.contains("\r\nProxy-Authorization: Digest "));
        }
    }

    /// R7616-05: the next nonce is used from its first use on.
    #[test]
    fn r7616_05_next_nonce() {
        let mut sessions = Sessions::default();
        let all = [credential("lab")];
        let one = [challenge(r#"Digest realm="lab", nonce="1", qop="auth""#)];
        sessions.challenged(&one, &all, &mut Rounds::default()).unwrap();
        written(&mut sessions);
        sessions.accepted(Some(br#"nextnonce="n2""#));
        let rows = written(&mut sessions);
        assert!(
            rows.contains(r#"nonce="n2""#) && rows.contains("nc=00000001"),
            "{rows}"
        );
    }
}
