//! The table of a resource list (RFC 4662 §5.6).

use std::collections::BTreeSet;

use super::Changes;
use super::held::{Held, Step};
use super::member::{Member, MemberState, Members};
use crate::multipart::{self, Multipart, Part};
use crate::rlmi::{self, Instance, List, Resource};
use crate::{DocumentError, ErrorKind, document};

/// Members of a list, nested ones included.
const MAX_MEMBERS: usize = 4096;
/// Octets of documents kept of a list, about.
const MAX_OCTETS: usize = 16 << 20;
/// Lists in each other.
const MAX_DEPTH: usize = 4;

/// What is known of one list.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    uri: Box<str>,
    version: u32,
    /// Ordered by URI and instance.
    rows: Vec<Row>,
}

/// One resource, or one instance of it.
#[derive(Debug, Clone)]
pub(super) enum Row {
    Member(Member),
    List(Nested),
}

/// A resource that is a list itself.
#[derive(Debug, Clone)]
pub(super) struct Nested {
    uri: Box<str>,
    instance: Option<Box<str>>,
    pub(super) table: Table,
}

/// What a notification makes of a table.
#[derive(Debug)]
pub(super) struct Update {
    uri: Box<str>,
    version: u32,
    full: bool,
    gap: bool,
    /// In the order of a table.
    rows: Vec<Row>,
}

impl Row {
    fn uri(&self) -> &str {
        match self {
            Self::Member(member) => &member.uri,
            Self::List(nested) => &nested.uri,
        }
    }

    fn instance(&self) -> Option<&str> {
        match self {
            Self::Member(member) => member.instance.as_deref(),
            Self::List(nested) => nested.instance.as_deref(),
        }
    }

    fn key(&self) -> (&str, Option<&str>) {
        (self.uri(), self.instance())
    }

    /// Members it stands for.
    fn count(&self) -> usize {
        match self {
            Self::Member(_) => 1,
            Self::List(nested) => nested.table.members().count(),
        }
    }

    /// Nothing new at it.
    fn settle(&mut self) {
        match self {
            Self::Member(member) => member.changed = false,
            Self::List(nested) => nested.table.settle(),
        }
    }
}

impl Update {
    /// Whether notifications were missed.
    pub(super) fn gap(&self) -> bool {
        self.gap
    }
}

impl Table {
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn members(&self) -> Members<'_> {
        Members {
            levels: vec![self.rows.iter()],
        }
    }

    fn row(&self, uri: &str, instance: Option<&str>) -> Option<&Row> {
        let place = self.rows.binary_search_by(|row| row.key().cmp(&(uri, instance)));
        self.rows.get(place.ok()?)
    }

    /// Puts an update into force and tells what it changed.
    pub(super) fn commit(&mut self, update: Update) -> Changes {
        let nested = |rows: &[Row]| rows.iter().any(|row| matches!(row, Row::List(_)));
        let may_remove = update.full || nested(&self.rows) || nested(&update.rows);
        let before: BTreeSet<Box<str>> = match may_remove {
            true => self.members().map(|member| member.uri.clone()).collect(),
            false => BTreeSet::new(),
        };
        self.take(update);
        let members = self.members().enumerate();
        let members: Vec<usize> = members
            .filter_map(|(position, member)| member.changed.then_some(position))
            .collect();
        let mut removed = Vec::new();
        if !before.is_empty() {
            let now: BTreeSet<&str> = self.members().map(|member| &*member.uri).collect();
            removed = before.into_iter().filter(|uri| !now.contains(&**uri)).collect();
        }
        Changes { members, removed }
    }

    fn take(&mut self, update: Update) {
        self.uri = update.uri;
        self.version = update.version;
        if update.full {
            self.rows = update.rows;
            return;
        }
        let known = std::mem::take(&mut self.rows);
        let mut rows = Vec::with_capacity(known.len().max(update.rows.len()));
        let mut new = update.rows.into_iter().peekable();
        let mut last_new: Option<Box<str>> = None;
        for mut row in known {
            while let Some(next) = new.next_if(|next| next.uri() <= row.uri()) {
                last_new = Some(next.uri().into());
                rows.push(next);
            }
            // the resource is told anew, with all its instances
            if last_new.as_deref() == Some(row.uri()) {
                continue;
            }
            row.settle();
            rows.push(row);
        }
        rows.extend(new);
        self.rows = rows;
    }

    /// Gives up what can be read again.
    pub(super) fn rest(&mut self) {
        for row in &mut self.rows {
            match row {
                Row::Member(member) => {
                    if let Some(held) = &mut member.held {
                        held.rest();
                    }
                }
                Row::List(nested) => nested.table.rest(),
            }
        }
    }

    fn settle(&mut self) {
        for row in &mut self.rows {
            row.settle();
        }
    }
}

/// What a notification makes of a table; `None`: its version is not newer.
///
/// `started`: whether what is known comes from the same dialog, so that versions count and partial state has a base.
/// `accepted`: the only type of document that members may have. `octets`: the length of the whole body.
///
/// # Errors
/// More members, levels or octets than are kept.
pub(super) fn update(
    known: Option<&Table>,
    started: bool,
    accepted: Option<&str>,
    list: List,
    parts: Option<&Multipart<'_>>,
    octets: usize,
) -> Result<Option<Update>, DocumentError> {
    let mut reader = Reader {
        started,
        accepted,
        // each part is read once for each level that it is in; a body that refers to one part again and again ends here
        budget: octets * MAX_DEPTH,
        kept: 0,
        gap: false,
    };
    let Some(mut update) = reader.table(known, list, parts, 0)? else {
        return Ok(None);
    };
    update.gap |= reader.gap;
    let base = known.filter(|_| !update.full);
    let known_members: usize = base.map_or(0, |base| base.members().count());
    let known_octets: usize = base.map_or(0, |base| {
        let held = base.members().filter_map(|member| member.held.as_ref());
        held.map(Held::weight).sum()
    });
    let new_members = update.rows.iter().map(|row| {
        let (uri, instance) = row.key();
        let before = base.and_then(|base| base.row(uri, instance));
        row.count().saturating_sub(before.map_or(0, Row::count))
    });
    if known_members + new_members.sum::<usize>() > MAX_MEMBERS {
        return Err(too_many("members of a list", MAX_MEMBERS));
    }
    if known_octets + reader.kept > MAX_OCTETS {
        return Err(DocumentError::new(ErrorKind::TooLarge { limit: MAX_OCTETS }));
    }
    Ok(Some(update))
}

fn too_many(what: &'static str, limit: usize) -> DocumentError {
    DocumentError::new(ErrorKind::TooMany { what, limit })
}

struct Reader<'a> {
    started: bool,
    /// The only type of document that is taken.
    accepted: Option<&'a str>,
    /// Octets of parts that may still be read.
    budget: usize,
    /// Octets of the documents read that will be kept.
    kept: usize,
    /// Whether something below the list shows that notifications were missed.
    gap: bool,
}

impl Reader<'_> {
    fn table(
        &mut self,
        known: Option<&Table>,
        list: List,
        parts: Option<&Multipart<'_>>,
        depth: usize,
    ) -> Result<Option<Update>, DocumentError> {
        let missed = match known.filter(|_| self.started) {
            Some(base) if list.version <= base.version => return Ok(None),
            Some(base) => list.version - base.version > 1,
            None => true,
        };
        let mut rows = Vec::with_capacity(list.resources.len().min(MAX_MEMBERS));
        for resource in list.resources {
            self.resource(known, list.full_state, resource, parts, depth, &mut rows)?;
            if rows.len() > MAX_MEMBERS {
                return Err(too_many("members of a list", MAX_MEMBERS));
            }
        }
        rows.sort_by(|one, other| one.key().cmp(&other.key()));
        rows.dedup_by(|later, earlier| {
            let same = later.key() == earlier.key();
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Ok(Some(Update {
            uri: list.uri,
            version: list.version,
            full: list.full_state,
            gap: missed && !list.full_state,
            rows,
        }))
    }

    /// Takes the octets of a part from what may be read.
    fn charge(&mut self, part: &Part<'_>) -> Result<(), DocumentError> {
        let left = self.budget.checked_sub(part.body.len());
        self.budget = left.ok_or_else(|| DocumentError::invalid("the list refers to its parts too often"))?;
        Ok(())
    }

    fn resource(
        &mut self,
        known: Option<&Table>,
        full: bool,
        resource: Resource,
        parts: Option<&Multipart<'_>>,
        depth: usize,
        rows: &mut Vec<Row>,
    ) -> Result<(), DocumentError> {
        let name = resource.names.first().map(|name| name.text.trim());
        let name: Option<Box<str>> = name.filter(|name| !name.is_empty()).map(Into::into);
        if resource.instances.is_empty() {
            let before = known.and_then(|known| known.row(&resource.uri, None));
            let member = Member {
                uri: resource.uri,
                name,
                instance: None,
                state: MemberState::Unknown,
                reason: None,
                fault: None,
                held: None,
                changed: false,
            };
            rows.push(compared(member, before));
            return Ok(());
        }
        for instance in resource.instances {
            let before = known.and_then(|known| known.row(&resource.uri, Some(&instance.id)));
            let part = instance.cid.as_deref().and_then(|cid| parts?.part(cid));
            if let Some(part) = part {
                self.charge(part)?;
            }
            let row = match part.filter(|part| is_list(part)) {
                Some(part) => self.nested(before, &resource.uri, instance, part, depth)?,
                None => self.member(before, full, &resource.uri, name.clone(), instance, part),
            };
            rows.push(row);
        }
        Ok(())
    }

    fn nested(
        &mut self,
        before: Option<&Row>,
        uri: &str,
        instance: Instance,
        part: &Part<'_>,
        depth: usize,
    ) -> Result<Row, DocumentError> {
        if depth + 1 >= MAX_DEPTH {
            return Err(too_many("lists in each other", MAX_DEPTH));
        }
        let known = match before {
            Some(Row::List(nested)) => Some(&nested.table),
            _ => None,
        };
        let update = if multipart::is_multipart(&part.content_type) {
            let parts = Multipart::read(&part.content_type, &part.body)?;
            let root = parts.root().map_or(&[][..], |root| &root.body);
            self.table(known, rlmi::read(root)?, Some(&parts), depth + 1)?
        } else {
            self.table(known, rlmi::read(&part.body)?, None, depth + 1)?
        };
        let mut table = known.cloned().unwrap_or_default();
        match update {
            Some(update) => {
                self.gap |= update.gap;
                table.take(update);
            }
            None => table.settle(),
        }
        Ok(Row::List(Nested {
            uri: uri.into(),
            instance: Some(instance.id),
            table,
        }))
    }

    fn member(
        &mut self,
        before: Option<&Row>,
        full: bool,
        uri: &str,
        name: Option<Box<str>>,
        instance: Instance,
        part: Option<&Part<'_>>,
    ) -> Row {
        let state = MemberState::from(&instance.state);
        let known = match before {
            Some(Row::Member(member)) => member.held.as_ref(),
            _ => None,
        };
        let (held, fault) = match part {
            Some(part) => self.document(known, full, part),
            // it is told that there is a document, but it is not there: the last one still holds, unless all is told anew
            None if state == MemberState::Active && !full => (known.cloned(), None),
            None => (None, None),
        };
        let member = Member {
            uri: uri.into(),
            name,
            instance: Some(instance.id),
            state,
            reason: instance.reason,
            fault,
            held,
            changed: false,
        };
        compared(member, before)
    }

    fn document(
        &mut self,
        known: Option<&Held>,
        full: bool,
        part: &Part<'_>,
    ) -> (Option<Held>, Option<Box<DocumentError>>) {
        if part.body.trim_ascii().is_empty() {
            return (known.cloned(), None);
        }
        let step = match document::check_accepted(self.accepted, &part.content_type)
            .and_then(|()| Held::step(known, self.started, &part.content_type, &part.body))
        {
            // the table is made anew: a document that tells everything needs no base (RFC 4662 §5.6.1)
            Ok(Step::Stale | Step::Refused) if full => {
                Held::step(known, false, &part.content_type, &part.body)
            }
            step => step,
        };
        let (held, fault) = match step {
            Ok(Step::Taken {
                held: Some(held),
                gap,
                ..
            }) => {
                // after a full list another refresh would bring nothing else
                self.gap |= gap && !full;
                (Some(held), None)
            }
            Ok(Step::Taken { held: None, .. } | Step::Stale | Step::Refused) => (known.cloned(), None),
            Err(error) => (known.cloned(), Some(Box::new(error))),
        };
        self.kept += held.as_ref().map_or(0, Held::weight);
        (held, fault)
    }
}

/// The row, marked if it is other than before.
fn compared(mut member: Member, before: Option<&Row>) -> Row {
    member.changed = match before {
        Some(Row::Member(before)) => {
            (&member.name, member.state, &member.reason, &member.fault)
                != (&before.name, before.state, &before.reason, &before.fault)
                || !Held::say_the_same(member.held.as_ref(), before.held.as_ref())
        }
        _ => true,
    };
    Row::Member(member)
}

/// Whether a part is a list in itself.
fn is_list(part: &Part<'_>) -> bool {
    let root = |parts: Multipart<'_>| {
        parts.root().is_some_and(|root| {
            document::media_type(&root.content_type).eq_ignore_ascii_case(rlmi::CONTENT_TYPE)
        })
    };
    document::media_type(&part.content_type).eq_ignore_ascii_case(rlmi::CONTENT_TYPE)
        || (multipart::is_multipart(&part.content_type)
            && Multipart::read(&part.content_type, &part.body).is_ok_and(root))
}
