//! What a final response to PUBLISH asks of the publisher (RFC 3903 §4, §5; RFC 3261 §8.1.3,
//! §21): one table.

/// The consequence of a status code. Codes that are not known act as the x00 of their class
/// (RFC 3261 §8.1.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 2xx.
    Granted,
    /// 3xx: try the Contacts.
    Redirected,
    /// 401 and 407: answer the challenge.
    Challenged,
    /// 412: the server does not hold what the entity-tag names.
    Forgotten,
    /// 423: ask for more.
    TooBrief,
    /// 503: another server, or later; a Retry-After speaks for the whole server.
    ServerUnavailable,
    /// The server failed, or nobody answered: try again, keeping the tag.
    TryLater,
    /// The server does not serve the presentity: try again slowly.
    NotServed,
    /// No for good, unless it says with Retry-After when to come back.
    RefusedUnlessRetryAfter,
    /// No for good.
    Refused,
}

impl Verdict {
    /// The consequence of `code`.
    pub(crate) fn of(code: u16) -> Verdict {
        match code {
            200..=299 => Verdict::Granted,
            300..=399 => Verdict::Redirected,
            401 | 407 => Verdict::Challenged,
            412 => Verdict::Forgotten,
            423 => Verdict::TooBrief,
            503 => Verdict::ServerUnavailable,
            // 430 (flow failed), 480 and 486 pass; 491 is a collision of requests.
            408 | 430 | 480 | 486 | 491 => Verdict::TryLater,
            404 | 410 | 604 => Verdict::NotServed,
            413 | 600 | 603 => Verdict::RefusedUnlessRetryAfter,
            501 | 505 | 513 | 580 => Verdict::Refused,
            500..=599 => Verdict::TryLater,
            _ => Verdict::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R3903-49, -50, -51, -52, -55: the matrix of refusals and retries.
    #[test]
    fn r3903_49_to_55_matrix() {
        for code in [404, 410, 604] {
            assert_eq!(Verdict::of(code), Verdict::NotServed, "{code}");
        }
        for code in [
            400, 402, 403, 405, 406, 415, 416, 420, 421, 482, 483, 488, 489, 493, 494, 501, 505, 606,
        ] {
            assert_eq!(Verdict::of(code), Verdict::Refused, "{code}");
        }
        for code in [408, 480, 486, 500, 502, 504] {
            assert_eq!(Verdict::of(code), Verdict::TryLater, "{code}");
        }
        for code in [413, 600, 603] {
            assert_eq!(Verdict::of(code), Verdict::RefusedUnlessRetryAfter, "{code}");
        }
    }

    /// R3903-57: unknown codes act as x00 of their class.
    #[test]
    fn r3903_57_unknown_codes() {
        assert_eq!(Verdict::of(299), Verdict::of(200));
        assert_eq!(Verdict::of(399), Verdict::of(300));
        assert_eq!(Verdict::of(499), Verdict::of(400));
        assert_eq!(Verdict::of(599), Verdict::of(500));
        assert_eq!(Verdict::of(699), Verdict::Refused);
    }
}
