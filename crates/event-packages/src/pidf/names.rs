//! The namespaces of presence documents, and the enumerations of RPID (RFC 4480) with the shape of the elements that hold
//! them.

/// PIDF (RFC 3863). §4.1.1 prints it with a colon at the end, which neither the schema nor IANA has.
pub(crate) const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
/// Data model (RFC 4479).
pub(crate) const DATA_MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";
/// RPID (RFC 4480).
pub(crate) const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";
/// CIPID (RFC 4482).
pub(crate) const CIPID: &str = "urn:ietf:params:xml:ns:pidf:cipid";
/// Timed status (RFC 4481).
pub(crate) const TIMED_STATUS: &str = "urn:ietf:params:xml:ns:pidf:timed-status";
/// Types of places (RFC 4589).
pub(crate) const LOCATION_TYPE: &str = "urn:ietf:params:xml:ns:location-type";

/// Whether it is RPID, or one of the drafts' namespaces that Asterisk and eyeBeam still write
/// (`...:rpid:rpid-person`, `...:rpid:status:rpid-status`, `...:status:rpid`).
pub(crate) fn is_rpid(namespace: &str) -> bool {
    let rest = namespace.strip_prefix(PIDF).unwrap_or_default();
    rest.strip_prefix(":status").unwrap_or(rest).starts_with(":rpid")
}

/// Whether it is the data model, or the drafts' namespace of `person`.
pub(crate) fn is_data_model(namespace: &str) -> bool {
    namespace == DATA_MODEL || namespace.strip_prefix(PIDF) == Some(":person")
}

/// The elements of RPID that hold an enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Activities,
    Mood,
    PlaceType,
    Privacy,
    Relationship,
    ServiceClass,
    Sphere,
}

impl Kind {
    /// The member of the JSON form.
    pub(crate) fn member(self) -> &'static str {
        match self {
            Self::Activities => "activities",
            Self::Mood => "mood",
            Self::PlaceType => "place_type",
            Self::Privacy => "privacy",
            Self::Relationship => "relationship",
            Self::ServiceClass => "service_class",
            Self::Sphere => "sphere",
        }
    }

    /// The element's name with our prefix.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Activities => "rpid:activities",
            Self::Mood => "rpid:mood",
            Self::PlaceType => "rpid:place-type",
            Self::Privacy => "rpid:privacy",
            Self::Relationship => "rpid:relationship",
            Self::ServiceClass => "rpid:service-class",
            Self::Sphere => "rpid:sphere",
        }
    }

    /// The names that have an element, in the order the schema wants if it wants one. `unknown` is not among them: it
    /// stands alone.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Activities => ACTIVITIES,
            Self::Mood => MOODS,
            Self::PlaceType => PLACES,
            Self::Privacy => &["audio", "text", "video"],
            Self::Relationship => &["assistant", "associate", "family", "friend", "self", "supervisor"],
            Self::ServiceClass => &["courier", "electronic", "freight", "in-person", "postal"],
            Self::Sphere => &["home", "work"],
        }
    }

    /// Whether a free text can stand in it (`other`).
    pub(crate) fn takes_text(self) -> bool {
        matches!(
            self,
            Self::Activities | Self::Mood | Self::PlaceType | Self::Relationship
        )
    }

    /// Whether it holds one value only.
    pub(crate) fn is_single(self) -> bool {
        matches!(self, Self::Relationship | Self::ServiceClass | Self::Sphere)
    }

    /// Whether it may hold no value.
    pub(crate) fn may_be_empty(self) -> bool {
        matches!(self, Self::Activities | Self::Privacy | Self::Sphere)
    }

    /// Whether it takes notes.
    pub(crate) fn takes_notes(self) -> bool {
        self != Self::Sphere
    }

    /// Whether it takes `from`, `until` and `id`.
    pub(crate) fn takes_span(self) -> bool {
        !matches!(self, Self::Relationship | Self::ServiceClass)
    }

    /// Whether there is an element `unknown`: of the types of places it is one like the others.
    pub(crate) fn has_unknown(self) -> bool {
        self != Self::PlaceType
    }

    /// Whether a name has an element of its own.
    pub(crate) fn has(self, name: &str) -> bool {
        self.names().contains(&name) || (self.has_unknown() && name == UNKNOWN)
    }
}

/// Stands alone wherever it stands.
pub(crate) const UNKNOWN: &str = "unknown";

/// RFC 4480 §3.2 as the schema has it: `lunch`, which the text has besides, is no element there and is written as
/// `other`.
const ACTIVITIES: &[&str] = &[
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "vacation",
    "working",
    "worship",
];

/// RFC 4480 §3.5. `in_awe` and `in_love` have underscores.
const MOODS: &[&str] = &[
    "afraid",
    "amazed",
    "angry",
    "annoyed",
    "anxious",
    "ashamed",
    "bored",
    "brave",
    "calm",
    "cold",
    "confused",
    "contented",
    "cranky",
    "curious",
    "depressed",
    "disappointed",
    "disgusted",
    "distracted",
    "embarrassed",
    "excited",
    "flirtatious",
    "frustrated",
    "grumpy",
    "guilty",
    "happy",
    "hot",
    "humbled",
    "humiliated",
    "hungry",
    "hurt",
    "impressed",
    "in_awe",
    "in_love",
    "indignant",
    "interested",
    "invincible",
    "jealous",
    "lonely",
    "mean",
    "moody",
    "nervous",
    "neutral",
    "offended",
    "playful",
    "proud",
    "relieved",
    "remorseful",
    "restless",
    "sad",
    "sarcastic",
    "serious",
    "shocked",
    "shy",
    "sick",
    "sleepy",
    "stressed",
    "surprised",
    "thirsty",
    "worried",
];

/// RFC 4589 §3, in the namespace of that RFC; `other` is RPID's.
const PLACES: &[&str] = &[
    "aircraft",
    "airport",
    "arena",
    "automobile",
    "bank",
    "bar",
    "bicycle",
    "bus",
    "bus-station",
    "cafe",
    "classroom",
    "club",
    "construction",
    "convention-center",
    "government",
    "hospital",
    "hotel",
    "industrial",
    "library",
    "motorcycle",
    "office",
    "outdoors",
    "parking",
    "place-of-worship",
    "prison",
    "public",
    "public-transport",
    "residence",
    "restaurant",
    "school",
    "shopping-area",
    "stadium",
    "store",
    "street",
    "theater",
    "train",
    "train-station",
    "truck",
    "underway",
    "unknown",
    "warehouse",
    "water",
    "watercraft",
];
