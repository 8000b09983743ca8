//! Which release ran when, from what is kept of each: its numbers, when it was made and when it was last written. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// What is kept of one release.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    pub number: u64,
    /// Numbers that it had before.
    pub older: &'a [u64],
    pub created: Option<Timestamp>,
    /// Where it is over: nothing writes to it any more once it was emptied.
    pub last_written: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// The last time that it began.
    pub began: Option<Timestamp>,
    /// Seconds that it ran, all its times together, as far as they are known.
    pub served: Option<u64>,
}

/// In the order of `kept`.
pub fn times(kept: &[Kept<'_>]) -> Vec<Time> {
    let holders: BTreeMap<u64, &Kept<'_>> = kept.iter().flat_map(|one| one.numbers().map(move |n| (n, one))).collect();
    let newest = holders.keys().next_back().copied();
    let is_first = |number: u64| holders.get(&number).is_some_and(|one| one.numbers().min() == Some(number));
    let end = |number: u64| -> Option<Timestamp> {
        let one = holders.get(&number)?;
        match holders.get(&(number + 1)) {
            Some(next) if is_first(number + 1) => next.created,
            // It was emptied when a release came back that was made long before.
            Some(_) | None if one.number == number && Some(number) != newest => one.last_written,
            Some(_) | None => None,
        }
    };
    let began = |number: u64| -> Option<Timestamp> {
        if is_first(number) { holders.get(&number)?.created } else { end(number.checked_sub(1)?) }
    };
    let time = |one: &Kept<'_>| {
        let lengths = one.numbers().filter_map(|number| u64::try_from(seconds(began(number)?, end(number)?)).ok());
        let lengths: Vec<u64> = lengths.collect();
        let is_over = Some(one.number) != newest;
        let served = (is_over && !lengths.is_empty()).then(|| lengths.iter().sum());
        Time { began: began(one.number), served }
    };
    kept.iter().map(time).collect()
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

impl Kept<'_> {
    fn numbers(&self) -> impl Iterator<Item = u64> {
        self.older.iter().copied().chain([self.number])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Option<Timestamp> {
        Timestamp::from_second(hour * 3600).ok()
    }

    fn kept(number: u64, older: &'static [u64], created: i64, written: i64) -> Kept<'static> {
        Kept { number, older, created: at(created), last_written: at(written) }
    }

    #[test]
    fn a_release_served_until_the_next_one_was_made() {
        let found = times(&[kept(3, &[], 10, 10), kept(2, &[], 8, 11), kept(1, &[], 1, 9)]);
        assert_eq!(
            found,
            [
                Time { began: at(10), served: None },
                Time { began: at(8), served: Some(2 * 3600) },
                Time { began: at(1), served: Some(7 * 3600) }
            ]
        );
    }

    #[test]
    fn a_release_that_came_back_began_when_the_one_between_was_emptied() {
        // 1 ran, 2 ran, 1 came back as 3.
        let found = times(&[kept(3, &[1], 1, 12), kept(2, &[], 5, 7)]);
        assert_eq!(found, [Time { began: at(7), served: None }, Time { began: at(5), served: Some(2 * 3600) }]);
        // Then 4 came: 1 and 3 are told together.
        let found = times(&[kept(4, &[], 10, 12), kept(3, &[1], 1, 11), kept(2, &[], 5, 7)]);
        assert_eq!(found[1], Time { began: at(7), served: Some((4 + 3) * 3600) });
    }

    #[test]
    fn what_is_not_kept_any_more_leaves_a_gap_and_no_guess() {
        let found = times(&[kept(9, &[], 20, 20), kept(7, &[5], 2, 15)]);
        assert_eq!(found[1], Time { began: None, served: None });
    }
}
