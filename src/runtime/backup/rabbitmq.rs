//! RabbitMQ: its definitions, that is users, permissions, virtual hosts, queues, exchanges, bindings, policies and parameters, as one JSON; no
//! messages. Bringing them back makes what is not there and changes what is other, and removes nothing: what came since the backup stays. A
//! queue or an exchange that is there stays as it is, also where its arguments are others. An import that fails has been done in part.

use super::{
    program::Ran,
    recipe::{Act, Into, Recipe, Source, Survey, Which},
};
use crate::domain::{Counts, Item};

const DUMP: &str = "definitions.json";

pub struct RabbitMq;

impl Recipe for RabbitMq {
    fn frame(&self) -> &'static str {
        include_str!("rabbitmq/as.sh")
    }

    fn survey(&self, _: &Item) -> Act {
        Act::new("asks for its version", include_str!("rabbitmq/survey.sh"), &[])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        Survey::of_one(DUMP, ran)
    }

    fn sources(&self, _: &Item, _: &Survey) -> Vec<Source> {
        vec![Source {
            file: DUMP.into(),
            act: Act::new("exports its definitions", include_str!("rabbitmq/dump.sh"), &[]),
        }]
    }

    fn counts(&self, _: &str, ran: &Ran, counts: &mut Counts) {
        counts.extend(ran.counted().map(|(kind, count)| (kind.into(), (count, count))));
    }

    fn bring(&self, into: &Into) -> Vec<Act> {
        restores("looks at its definitions", "look", into).map(|act| act.counting(DUMP)).collect()
    }

    fn count(&self, _: &Into, which: Which) -> Vec<Source> {
        match which {
            Which::Brought => Vec::new(),
            Which::Live => {
                let act = Act::new("counts its definitions", include_str!("rabbitmq/count.sh"), &[]);
                vec![Source { file: DUMP.into(), act }]
            }
        }
    }

    fn swap(&self, into: &Into) -> Vec<Act> {
        restores("imports its definitions", "go", into).collect()
    }

    /// Nothing is beside: definitions are looked at in the memory of a shell.
    fn take_back(&self, _: &Into) -> Vec<Act> {
        Vec::new()
    }

    fn settle(&self, _: &Into) -> Vec<Act> {
        Vec::new()
    }
}

fn restores(says: &'static str, how: &'static str, into: &Into) -> impl Iterator<Item = Act> {
    into.files.iter().map(move |file| {
        Act::new(says, include_str!("rabbitmq/restore.sh"), &[&file.bytes.to_string(), how]).reading(&file.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_counted_by_kind() {
        let reports = ["version 3.10.8", "count 200 queues", "count 2 users"].map(std::sync::Arc::from);
        let ran = Ran { reports: reports.to_vec(), ..Ran::default() };
        assert_eq!(RabbitMq.surveyed(&ran).version.as_deref(), Some("3.10.8"));
        let mut counts = Counts::new();
        RabbitMq.counts("definitions", &ran, &mut counts);
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("queues".into(), (200, 200)), ("users".into(), (2, 2))]);
    }
}
