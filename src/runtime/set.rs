//! Running tasks by what they are for: told what is wanted, it starts and stops the difference.

use std::collections::BTreeMap;

use tokio::task::AbortHandle;

/// One task for each key. A task whose value is no longer the wanted one is stopped, and started anew with the new value.
pub struct Set<K, V> {
    running: BTreeMap<K, Running<V>>,
    pass: u64,
}

struct Running<V> {
    value: V,
    /// The last pass in which it was wanted.
    pass: u64,
    _task: Task,
}

/// Stops its task when dropped.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<K, V> Default for Set<K, V> {
    fn default() -> Self {
        Self { running: BTreeMap::new(), pass: 0 }
    }
}

impl<K: Ord + Clone, V: PartialEq + Clone> Set<K, V> {
    /// A task that ended by itself stays ended until its value changes or it is no longer wanted.
    /// Costs one look-up for each wanted key, and allocates nothing when nothing changed.
    pub fn reconcile<'a>(
        &mut self,
        wanted: impl Iterator<Item = (&'a K, &'a V)>,
        mut start: impl FnMut(&K, &V) -> AbortHandle,
    ) where
        K: 'a,
        V: 'a,
    {
        self.pass += 1;
        let pass = self.pass;
        for (key, value) in wanted {
            match self.running.get_mut(key) {
                Some(running) if running.value == *value => running.pass = pass,
                _ => {
                    // The old task is stopped before the new one starts, or both could be heard at once.
                    self.running.remove(key);
                    let task = Task(start(key, value));
                    self.running.insert(key.clone(), Running { value: value.clone(), pass, _task: task });
                }
            }
        }
        self.running.retain(|_, running| running.pass == pass);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending};

    use super::*;

    #[tokio::test]
    async fn only_the_difference_is_started_and_stopped() {
        let started = RefCell::new(Vec::new());
        let mut set = Set::default();
        let mut want = |wanted: &[(&'static str, u32)]| {
            let wanted: BTreeMap<_, _> = wanted.iter().copied().collect();
            set.reconcile(wanted.iter(), |key, value| {
                started.borrow_mut().push((*key, *value));
                tokio::spawn(pending::<()>()).abort_handle()
            });
            started.take()
        };
        assert_eq!(want(&[("a", 1), ("b", 1)]), [("a", 1), ("b", 1)]);
        assert_eq!(want(&[("a", 1), ("b", 1)]), [], "nothing changed");
        assert_eq!(want(&[("a", 2)]), [("a", 2)], "another value begins anew");
        assert_eq!(want(&[("a", 2), ("b", 1)]), [("b", 1)], "b had been stopped");
    }

    #[tokio::test]
    async fn what_is_no_longer_wanted_is_stopped_and_so_is_all_when_the_set_is_dropped() {
        let mut set = Set::default();
        let task = tokio::spawn(pending::<()>());
        let other = tokio::spawn(pending::<()>());
        let mut handles = [task.abort_handle(), other.abort_handle()].into_iter();
        set.reconcile([("a", ()), ("b", ())].iter().map(|(key, value)| (key, value)), |_, ()| {
            handles.next().expect("two are started")
        });
        set.reconcile([("b", ())].iter().map(|(key, value)| (key, value)), |_, ()| unreachable!("b runs"));
        assert!(task.await.expect_err("stopped").is_cancelled());
        assert!(!other.is_finished());
        drop(set);
        assert!(other.await.expect_err("stopped").is_cancelled());
    }
}
