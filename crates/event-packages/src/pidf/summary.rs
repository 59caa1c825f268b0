//! What a presence document says of its presentity.

use super::{Basic, Presence, Rich};
use crate::{Availability, Note, Summary, Timestamp};

impl Presence {
    /// Adds what the document says of its presentity.
    ///
    /// Open if any tuple is; closed if all that have a basic status are; unknown otherwise (CPIDF-04). Activities are
    /// those of the persons, without any those of the tuples. The note is the first of a person, of activities, of the
    /// document, of a tuple. Since when: the newest timestamp or beginning of an activity.
    pub fn summarise(&self, summary: &mut Summary) {
        let mut own = Summary {
            availability: self.availability(),
            note: self.note().map(|note| note.trim().to_owned()),
            since: self.since().map(|time| time.to_string()),
            ..Summary::default()
        };
        let persons = || self.persons.iter().filter_map(|person| person.rich.as_deref());
        let tuples = || self.tuples.iter().filter_map(|tuple| tuple.rich.as_deref());
        for activity in persons().flat_map(activities) {
            own.add_activity(activity);
        }
        if own.activities.is_empty() {
            for activity in tuples().flat_map(activities) {
                own.add_activity(activity);
            }
        }
        summary.merge(own);
    }

    fn availability(&self) -> Availability {
        let mut basics = self
            .tuples
            .iter()
            .filter_map(|tuple| tuple.status.basic)
            .peekable();
        if basics.peek().is_none() {
            Availability::Unknown
        } else if basics.any(|basic| basic == Basic::Open) {
            Availability::Open
        } else {
            Availability::Closed
        }
    }

    fn note(&self) -> Option<&str> {
        let rich = self
            .persons
            .iter()
            .map(|person| &person.rich)
            .chain(self.tuples.iter().map(|tuple| &tuple.rich))
            .filter_map(Option::as_deref);
        let inner = rich.flat_map(|rich| rich.activities.iter().flat_map(|activities| &activities.notes));
        let persons = self.persons.iter().flat_map(|person| &person.notes);
        let tuples = self.tuples.iter().flat_map(|tuple| &tuple.notes);
        let told = |note: &&Note| !note.text.trim().is_empty();
        persons
            .chain(inner)
            .chain(&self.notes)
            .chain(tuples)
            .find(told)
            .map(|note| note.text.as_str())
    }

    fn since(&self) -> Option<Timestamp> {
        let persons = self.persons.iter().map(|person| (person.timestamp, &person.rich));
        let tuples = self.tuples.iter().map(|tuple| (tuple.timestamp, &tuple.rich));
        let begun = |rich: &Option<Box<Rich>>| {
            rich.as_deref().and_then(|rich| {
                rich.activities
                    .iter()
                    .filter_map(|activities| activities.from)
                    .max()
            })
        };
        persons
            .chain(tuples)
            .flat_map(|(timestamp, rich)| [timestamp, begun(rich)])
            .flatten()
            .max()
    }
}

/// The names of what somebody does, free texts among them; `unknown` says nothing.
fn activities(rich: &Rich) -> impl Iterator<Item = String> + '_ {
    rich.activities
        .iter()
        .flat_map(|activities| &activities.values)
        .map(|value| value.as_str().to_owned())
        .filter(|name| name != super::names::UNKNOWN)
}
