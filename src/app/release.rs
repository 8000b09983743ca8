//! One release of a service: what is known of it, and what is different from the one that runs, or from the one before that.

use std::borrow::Cow;

use crate::{
    action::{Action, Place},
    app::{Go, Page, Reply, Subject, World, plan::Wanted, scroll::Scroll},
    domain::{Comparison, Outline, Release, ServiceId, Trouble, release},
    message::{Answer, Effect, Question, Refresh, Subscriptions},
};

#[derive(Debug)]
pub struct ReleaseScreen {
    pub service: ServiceId,
    /// All that it is made of, instead of what differs.
    pub shows_all: bool,
    pub scroll: Scroll,
    /// As it was when it was last chosen: it may be forgotten by its engine while it is looked at.
    chosen: Release,
}

/// What a release is made of, as far as the engine has told.
#[derive(Clone, Debug)]
pub enum Made<'a> {
    Known(&'a Outline),
    /// The engine keeps no more of it than the list tells.
    NotKept,
    Asked,
    Refused(&'a Trouble),
}

/// What there is to say of the differences.
#[derive(Debug)]
pub enum Compared<'a> {
    Told(Comparison<'a>),
    /// Of this source there is no other to compare with.
    Alone,
    Asked,
    Refused(&'a Trouble),
}

impl ReleaseScreen {
    pub fn of(service: ServiceId, release: Release) -> Self {
        Self { service, shows_all: false, scroll: Scroll::default(), chosen: release }
    }

    pub fn releases<'a>(&self, world: &'a World) -> &'a [Release] {
        match world.answers.get(&Question::Releases(self.service.clone())) {
            Some(Ok(Answer::Releases(releases))) => releases,
            _ => &[],
        }
    }

    /// As it is now, or as it was last.
    pub fn release<'a>(&'a self, world: &'a World) -> &'a Release {
        self.position(world).map_or(&self.chosen, |place| &self.releases(world)[place])
    }

    /// The engine has forgotten it.
    pub fn is_gone(&self, world: &World) -> bool {
        !self.releases(world).is_empty() && self.position(world).is_none()
    }

    pub fn is_suggested(&self, world: &World) -> bool {
        release::suggested(self.releases(world)).is_some_and(|release| release.key() == self.chosen.key())
    }

    pub fn made<'a>(&self, world: &'a World, release: &'a Release) -> Made<'a> {
        if let Some(outline) = &release.outline {
            return Made::Known(outline);
        }
        if release.id.is_empty() {
            return Made::NotKept;
        }
        match world.answers.get(&self.question(release)) {
            Some(Ok(Answer::Outline(outline))) => Made::Known(outline),
            Some(Err(trouble)) => Made::Refused(trouble),
            Some(Ok(_)) | None => Made::Asked,
        }
    }

    pub fn compared<'a>(&'a self, world: &'a World) -> Compared<'a> {
        let release = self.release(world);
        let Some(other) = release::counterpart(self.releases(world), release) else { return Compared::Alone };
        let outline = |made| match made {
            Made::Known(outline) => Ok(Some(outline)),
            Made::NotKept => Ok(None),
            Made::Asked => Err(Compared::Asked),
            Made::Refused(trouble) => Err(Compared::Refused(trouble)),
        };
        match (outline(self.made(world, release)), outline(self.made(world, other))) {
            (Ok(its), Ok(others)) => Compared::Told(Comparison::of((release, its), (other, others))),
            (Err(why), _) | (_, Err(why)) => why,
        }
    }

    /// What it is made of, or, where nothing of that is kept, what is known of it.
    pub fn outline<'a>(&self, world: &'a World, release: &'a Release) -> Option<Cow<'a, Outline>> {
        match self.made(world, release) {
            Made::Known(outline) => Some(Cow::Borrowed(outline)),
            Made::NotKept => Some(Cow::Owned(release.facts())),
            Made::Asked | Made::Refused(_) => None,
        }
    }

    fn position(&self, world: &World) -> Option<usize> {
        let key = self.chosen.key();
        self.releases(world).iter().position(|release| release.key() == key)
    }

    fn question(&self, release: &Release) -> Question {
        Question::Outline(self.service.clone(), release.id.clone())
    }

    /// To the release beside it in the list.
    fn step(&mut self, world: &World, older: bool) -> Reply {
        let place = self.position(world);
        let next = place.and_then(|place| if older { place.checked_add(1) } else { place.checked_sub(1) });
        match next.and_then(|next| self.releases(world).get(next)) {
            Some(release) => {
                self.chosen = release.clone();
                self.scroll.to_top();
                Reply::stay()
            }
            None if older => Reply::refuse("this is the oldest release that is kept"),
            None => Reply::refuse("this is the newest release"),
        }
    }

    fn text(&self, world: &World) -> Option<String> {
        if self.shows_all {
            let outline = self.outline(world, self.release(world))?;
            let line = |(path, value): (&str, &str)| format!("{path}  {value}\n");
            return Some(outline.rows().into_iter().map(line).collect());
        }
        let Compared::Told(comparison) = self.compared(world) else { return None };
        let mut text = format!("{}: {}\n", self.service, comparison.title());
        text.extend(comparison.says().map(|says| format!("{says}\n")));
        text.extend(comparison.differences.iter().map(|difference| format!("{difference}\n")));
        Some(text)
    }
}

impl Page for ReleaseScreen {
    fn place(&self) -> Place {
        Place::Release
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            Action::Outline => {
                self.shows_all = !self.shows_all;
                self.scroll.to_top();
                Reply::stay()
            }
            Action::RollBack => match Wanted::back_to(Some(self.release(world)), self.service.clone()) {
                _ if self.is_gone(world) => Reply::refuse("its engine does not keep it any more"),
                Ok(wanted) => Go::Plan(wanted).into(),
                Err(why) => Reply::refuse(why),
            },
            Action::NextPane | Action::Right => self.step(world, true),
            Action::PreviousPane | Action::Left => self.step(world, false),
            Action::Copy => match self.text(world) {
                Some(text) => Reply::stay().with(Effect::Copy(text)),
                None => Reply::refuse("there is nothing to copy yet"),
            },
            _ if self.scroll.act(action) => Reply::stay(),
            _ => Reply::pass(),
        }
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(Subject::Service(self.service.clone()))
    }

    fn subscribe(&self, world: &World, _is_top: bool, wanted: &mut Subscriptions) {
        let fingerprint = world.inventory.service(&self.service).map_or(0, |service| service.fingerprint);
        wanted.answers.insert(Question::Releases(self.service.clone()), Refresh::WhenChanged(fingerprint));
        let release = self.release(world);
        for shown in [Some(release), release::counterpart(self.releases(world), release)].into_iter().flatten() {
            if shown.outline.is_none() && !shown.id.is_empty() {
                // What a release is made of does not change any more.
                wanted.answers.insert(self.question(shown), Refresh::WhenChanged(0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::{Image, ReleaseSource},
        testing::{service_id, world},
    };

    fn outline(mode: &str) -> Arc<Outline> {
        Arc::new(Outline(vec![("web env MODE".into(), mode.into())]))
    }

    fn release(number: u64, current: bool) -> Release {
        Release {
            id: format!("web-{number}").into(),
            number: Some(number),
            current,
            image: Image { reference: format!("web:v{number}").into(), ..Image::default() },
            outline: Some(outline(&number.to_string())),
            ..Release::default()
        }
    }

    fn helm(number: u64, current: bool) -> Release {
        let id = format!("helm/secrets/shop/v{number}").into();
        Release { id, source: ReleaseSource::Helm, outline: None, ..release(number, current) }
    }

    fn releases() -> Vec<Release> {
        vec![release(3, true), release(2, false), release(1, false), helm(2, true), helm(1, false)]
    }

    fn opened(place: usize) -> (ReleaseScreen, World) {
        let service = service_id("shop/web");
        let answer = Ok(Answer::Releases(releases()));
        let world = world().service("shop/web", 1).answer(Question::Releases(service.clone()), answer).build();
        (ReleaseScreen::of(service, releases().swap_remove(place)), world)
    }

    fn told(screen: &ReleaseScreen, world: &World) -> String {
        match screen.compared(world) {
            Compared::Told(comparison) => {
                let told: Vec<_> = comparison.differences.iter().map(ToString::to_string).collect();
                format!("{}: {}", comparison.title(), told.join("; "))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_current_release_is_shown_against_the_one_before_and_others_against_the_current() {
        let (mut screen, world) = opened(0);
        assert_eq!(told(&screen, &world), "from 2 v2 to 3 v3 (current): ~ web env MODE  2 -> 3");
        screen.act(Action::NextPane, &world);
        screen.act(Action::NextPane, &world);
        assert_eq!(told(&screen, &world), "from 1 v1 to 3 v3 (current): ~ web env MODE  1 -> 3");
        screen.act(Action::PreviousPane, &world);
        assert_eq!(screen.release(&world).number, Some(2));
    }

    #[test]
    fn what_the_list_does_not_tell_is_asked_for_both_that_are_compared() {
        let (screen, mut world) = opened(4);
        let mut wanted = Subscriptions::default();
        screen.subscribe(&world, true, &mut wanted);
        let outlines: Vec<_> =
            wanted.answers.keys().filter(|asked| matches!(asked, Question::Outline(..))).cloned().collect();
        assert_eq!(outlines, [screen.question(&helm(1, false)), screen.question(&helm(2, true))]);
        assert!(matches!(screen.compared(&world), Compared::Asked));
        world.answers.insert(outlines[0].clone(), Ok(Answer::Outline(outline("a"))));
        world.answers.insert(outlines[1].clone(), Err(Trouble::new("could not read it", "denied")));
        assert!(matches!(screen.compared(&world), Compared::Refused(_)));
        world.answers.insert(outlines[1].clone(), Ok(Answer::Outline(outline("b"))));
        assert_eq!(told(&screen, &world), "from helm 1 to helm 2 (current): ~ web env MODE  a -> b");
    }

    #[test]
    fn a_release_that_its_engine_forgets_stays_in_sight_and_is_told_as_gone() {
        let (screen, mut world) = opened(2);
        let rest = Answer::Releases(releases().into_iter().take(2).collect());
        world.answers.insert(Question::Releases(screen.service.clone()), Ok(rest));
        assert!(screen.is_gone(&world));
        assert_eq!(told(&screen, &world), "from 1 v1 to 3 v3 (current): ~ web env MODE  1 -> 3");
    }

    #[test]
    fn there_is_no_release_before_the_first_in_the_list_nor_after_the_last() {
        let (mut screen, world) = opened(0);
        assert!(matches!(screen.act(Action::PreviousPane, &world).go, Go::Refuse(_)));
        let (mut screen, world) = opened(4);
        assert!(matches!(screen.act(Action::NextPane, &world).go, Go::Refuse(_)));
    }

    #[test]
    fn what_is_copied_is_what_is_shown() {
        let (mut screen, world) = opened(0);
        let copied = |screen: &mut ReleaseScreen| match screen.act(Action::Copy, &world).effects.pop() {
            Some(Effect::Copy(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(copied(&mut screen), "local/shop/web: from 2 v2 to 3 v3 (current)\n~ web env MODE  2 -> 3\n");
        screen.act(Action::Outline, &world);
        assert_eq!(copied(&mut screen), "web env MODE  3\n");
    }
}
