//! The parameters of a call, before they mean anything: values as they were written, and the parameter each belongs
//! to.

use std::borrow::Cow;

use smallvec::SmallVec;

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arg<'a> {
    /// JSON null: not given.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes that are no UTF-8; classic text only, and of use only as a body.
    Bytes(Cow<'a, [u8]>),
    /// A number without a fraction.
    Integer(i64),
    /// A number with one, or one that is too large.
    Float(f64),
    /// A list.
    List(Vec<Arg<'a>>),
    /// true or false.
    Bool(bool),
    /// An object: of use nowhere.
    Other,
}

impl Arg<'_> {
    /// Empty text.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            _ => false,
        }
    }

    /// `.`, which stands for "not given".
    pub(crate) fn is_dot(&self) -> bool {
        matches!(self, Self::Text(text) if text == ".")
    }
}

/// The parameters as a whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Params<'a> {
    /// None given.
    #[default]
    Absent,
    /// By position.
    Positional(SmallVec<[Arg<'a>; 12]>),
    /// By name.
    Named(SmallVec<[(Cow<'a, str>, Arg<'a>); 7]>),
    /// A JSON value that can hold no parameters.
    WrongType,
}

/// Everything that a parameter can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    PresentityUri,
    Expires,
    EventPackage,
    ContentType,
    Etag,
    ExtraHeaders,
    Body,
    Id,
    OutboundProxy,
    Wait,
    Timeout,
    Presentity,
    Package,
    State,
    Cursor,
    Limit,
    Command,
    MiCmd,
    Level,
    Statistics,
    WatcherUri,
    Members,
    Raw,
    Watcher,
    Event,
    Socket,
    Expire,
    Kind,
    ChangedOnly,
    Snapshot,
    OnStop,
}

impl Param {
    const COUNT: usize = 31;

    /// The name by which it is given.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PresentityUri => "presentity_uri",
            Self::Expires => "expires",
            Self::EventPackage => "event_package",
            Self::ContentType => "content_type",
            Self::Etag => "etag",
            Self::ExtraHeaders => "extra_headers",
            Self::Body => "body",
            Self::Id => "id",
            Self::OutboundProxy => "outbound_proxy",
            Self::Wait => "wait",
            Self::Timeout => "timeout",
            Self::Presentity => "presentity",
            Self::Package => "package",
            Self::State => "state",
            Self::Cursor => "cursor",
            Self::Limit => "limit",
            Self::Command => "command",
            Self::MiCmd => "mi_cmd",
            Self::Level => "level",
            Self::Statistics => "statistics",
            Self::WatcherUri => "watcher_uri",
            Self::Members => "members",
            Self::Raw => "raw",
            Self::Watcher => "watcher",
            Self::Event => "event",
            Self::Socket => "socket",
            Self::Expire => "expire",
            Self::Kind => "kind",
            Self::ChangedOnly => "changed_only",
            Self::Snapshot => "snapshot",
            Self::OnStop => "on_stop",
        }
    }

    /// Whether it is our addition to commands that others have documented: it is left out when parameters are counted.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::OutboundProxy
                | Self::OnStop
                | Self::Wait
                | Self::Timeout
                | Self::Members
                | Self::Raw
        )
    }
}

/// The values of one call, each in its parameter's place.
#[derive(Debug, Default)]
pub(crate) struct Slots<'a>([Option<Arg<'a>>; Param::COUNT]);

impl<'a> Slots<'a> {
    /// Puts a value in its place. False: there is one already.
    pub(crate) fn put(&mut self, param: Param, arg: Arg<'a>) -> bool {
        match self.0.get_mut(param as usize) {
            Some(slot @ None) => {
                *slot = Some(arg);
                true
            }
            _ => false,
        }
    }

    /// Whether there is a value.
    pub(crate) fn has(&self, param: Param) -> bool {
        self.0.get(param as usize).is_some_and(Option::is_some)
    }

    /// The value.
    pub(crate) fn get(&self, param: Param) -> Option<&Arg<'a>> {
        self.0.get(param as usize).and_then(Option::as_ref)
    }

    /// Takes the value out.
    pub(crate) fn take(&mut self, param: Param) -> Option<Arg<'a>> {
        self.0.get_mut(param as usize).and_then(Option::take)
    }
}
