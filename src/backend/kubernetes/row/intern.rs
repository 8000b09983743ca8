//! What is alike in many objects is kept once: names, images, reasons, and what the pods of one workload share.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::template::PodTemplate;
use crate::domain::text::{clean, shorten};

/// The longest text that is interned or kept as a name: more is nobody's name.
const LONGEST: usize = 512;
/// The longest message that is kept.
const LONGEST_MESSAGE: usize = 2000;
/// How many there are at the least before it is worth looking for what nobody uses.
const WORTH_SWEEPING: usize = 4096;

#[derive(Default)]
pub struct Interner {
    texts: Shared<str>,
    templates: Shared<PodTemplate>,
    /// What was made of a text, by the text's hash: the text itself may hold a secret.
    made: HashMap<u64, Arc<str>>,
}

impl Interner {
    /// Clean text, kept once.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        if text.len() <= LONGEST
            && let Some(known) = self.texts.known.get(text)
        {
            return known.clone();
        }
        let harmless = name(text);
        match self.texts.known.get(&*harmless) {
            Some(known) => known.clone(),
            None => self.texts.keep(harmless),
        }
    }

    /// `None` where there is nothing.
    pub fn some(&mut self, text: &str) -> Option<Arc<str>> {
        (!text.is_empty()).then(|| self.text(text))
    }

    pub fn template(&mut self, template: PodTemplate) -> Arc<PodTemplate> {
        match self.templates.known.get(&template) {
            Some(known) => known.clone(),
            None => self.templates.keep(Arc::new(template)),
        }
    }

    /// What `make` made of these words when they were first seen.
    pub fn made<'a>(&mut self, words: impl Iterator<Item = &'a str>, make: impl FnOnce() -> String) -> Arc<str> {
        let mut hasher = DefaultHasher::new();
        words.for_each(|word| word.hash(&mut hasher));
        let hash = hasher.finish();
        if let Some(known) = self.made.get(&hash) {
            return known.clone();
        }
        if self.made.len() >= WORTH_SWEEPING {
            self.made.clear();
        }
        let made = self.text(&make());
        self.made.insert(hash, made.clone());
        made
    }

    #[cfg(test)]
    pub fn sizes(&self) -> (usize, usize) {
        (self.texts.known.len(), self.templates.known.len())
    }
}

struct Shared<T: ?Sized> {
    known: HashSet<Arc<T>>,
    /// Looks for what nobody uses any more when there are so many.
    sweep_at: usize,
}

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), sweep_at: WORTH_SWEEPING }
    }
}

impl<T: Eq + Hash + ?Sized> Shared<T> {
    /// Twice as many as were in use last time before it looks again: so that looking costs nothing in the long run.
    fn keep(&mut self, value: Arc<T>) -> Arc<T> {
        if self.known.len() >= self.sweep_at {
            self.known.retain(|value| Arc::strong_count(value) > 1);
            self.sweep_at = WORTH_SWEEPING.max(self.known.len() * 2);
        }
        self.known.insert(value.clone());
        value
    }
}

/// Clean text for what is like no other: a pod's name, its address.
pub fn name(text: &str) -> Arc<str> {
    shorten(&clean(text), LONGEST).into()
}

/// Clean text of several sentences, as one line.
pub fn message(text: &str) -> Arc<str> {
    shorten(clean(text).trim(), LONGEST_MESSAGE).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_kept_once_and_clean() {
        let mut interner = Interner::default();
        let (a, b) = (interner.text("shop\u{1b}[2J"), interner.text("shop\u{1b}[2J"));
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(&*a, "shop\u{fffd}[2J");
        assert_eq!(interner.sizes(), (1, 0));
    }

    #[test]
    fn what_nobody_uses_any_more_is_dropped() {
        let mut interner = Interner::default();
        let kept = interner.text("kept");
        for number in 0..5 * WORTH_SWEEPING {
            interner.text(&number.to_string());
        }
        assert!(interner.sizes().0 <= WORTH_SWEEPING, "{:?}", interner.sizes());
        assert!(Arc::ptr_eq(&kept, &interner.text("kept")));
    }

    #[test]
    fn a_name_of_megabytes_is_cut() {
        assert!(Interner::default().text(&"x".repeat(1 << 20)).len() < 600);
    }
}
