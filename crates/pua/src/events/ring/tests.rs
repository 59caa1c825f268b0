//! Nothing is lost unseen, nothing is out of order, and what is lost is told exactly.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[derive(Debug, PartialEq)]
struct Thing {
    number: u64,
    weight: usize,
}

impl Numbered for Thing {
    fn number(&self) -> u64 {
        self.number
    }
    fn weight(&self) -> usize {
        self.weight
    }
}

fn push(writer: &mut Writer<Thing>, weight: usize) {
    let number = writer.next_number();
    writer.push(Thing { number, weight });
}

/// What an operator would write down on paper.
struct Model {
    held: VecDeque<(u64, usize)>,
    newest: u64,
    count: usize,
    weight: usize,
}

impl Model {
    fn push(&mut self, weight: usize) {
        self.newest += 1;
        self.held.push_back((self.newest, weight));
        let sum = |held: &VecDeque<(u64, usize)>| held.iter().map(|(_, w)| w).sum::<usize>();
        while self.held.len() > 1 && (self.held.len() > self.count || sum(&self.held) > self.weight) {
            self.held.pop_front();
        }
    }

    fn oldest(&self) -> u64 {
        self.held.front().map_or(self.newest + 1, |(number, _)| *number)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    /// The reader with this number takes so many.
    Read(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_usize..60).prop_map(Step::Push),
        (0_usize..3, 1_usize..8).prop_map(|(reader, count)| Step::Read(reader, count)),
    ];
    proptest::collection::vec(step, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn readers_see_every_number_or_its_loss(count in 1_usize..20, weight in 0_usize..400, steps in steps()) {
        let mut writer = Writer::<Thing>::new(count, weight, 0);
        let ring = writer.ring().clone();
        let mut model = Model { held: VecDeque::new(), newest: 0, count, weight };
        let mut next = [1_u64; 3];
        for step in steps {
            match step {
                Step::Push(weight) => {
                    push(&mut writer, weight);
                    model.push(weight);
                }
                Step::Read(reader, count) => {
                    for _ in 0..count {
                        let wanted = next[reader];
                        match ring.read(wanted) {
                            Read::Found(thing) => {
                                let written = model.held.iter().find(|(n, _)| *n == wanted);
                                prop_assert_eq!(written, Some(&(thing.number, thing.weight)));
                                next[reader] += 1;
                            }
                            Read::NotYet => prop_assert_eq!(wanted, model.newest + 1),
                            Read::Lost { oldest } => {
                                prop_assert_eq!(oldest, model.oldest());
                                prop_assert!(oldest > wanted);
                                next[reader] = oldest;
                            }
                        }
                    }
                }
            }
            prop_assert_eq!(ring.len(), model.held.len() as u64);
            prop_assert_eq!(ring.weight(), model.held.iter().map(|(_, w)| w).sum::<usize>());
            prop_assert_eq!(ring.newest(), model.newest);
        }
    }
}

#[test]
fn the_newest_is_held_whatever_it_weighs() {
    let mut writer = Writer::new(4, 10, 0);
    for weight in [3, 3, 100] {
        push(&mut writer, weight);
    }
    assert_eq!((writer.ring().oldest(), writer.ring().newest()), (3, 3));
    assert!(matches!(writer.ring().read(2), Read::Lost { oldest: 3 }));
    assert!(matches!(writer.ring().read(3), Read::Found(_)));
}

#[test]
fn readers_beside_a_writer_see_order_and_exact_losses() {
    const LAST: u64 = 200_000;
    let mut writer = Writer::<Thing>::new(64, usize::MAX, 0);
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let ring = writer.ring().clone();
            std::thread::spawn(move || {
                let (mut next, mut seen, mut lost) = (1, 0, 0);
                while next <= LAST {
                    match ring.read(next) {
                        Read::Found(thing) => {
                            assert_eq!(thing.number, next);
                            seen += 1;
                            next += 1;
                        }
                        Read::NotYet => std::thread::yield_now(),
                        Read::Lost { oldest } => {
                            assert!(oldest > next, "{oldest} is not after {next}");
                            lost += oldest - next;
                            next = oldest;
                        }
                    }
                }
                assert_eq!(seen + lost, LAST);
            })
        })
        .collect();
    for _ in 0..LAST {
        push(&mut writer, 1);
    }
    for reader in readers {
        reader.join().unwrap();
    }
}
