//! From what the terminal says was pressed to what it means here, one key after the other.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::{
    action::{Action, Place},
    config::{
        key::{Code, Key},
        keymap::{Keymap, Next, Resolved},
    },
};

/// `None` for what no keymap can name: a key let go, a modifier alone, media keys.
pub fn read(event: KeyEvent) -> Option<Key> {
    match event.kind {
        KeyEventKind::Press | KeyEventKind::Repeat => {}
        KeyEventKind::Release => return None,
    }
    let held = |modifier| event.modifiers.contains(modifier);
    if event.modifiers.intersects(KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META) {
        return None;
    }
    let (mut ctrl, mut alt, mut shift) =
        (held(KeyModifiers::CONTROL), held(KeyModifiers::ALT), held(KeyModifiers::SHIFT));
    let code = match event.code {
        KeyCode::Char(c) => {
            // Some terminals send AltGr as ctrl and alt, beside the sign that it made.
            if ctrl && alt && !c.is_ascii_alphanumeric() && !c.is_control() && c != ' ' {
                (ctrl, alt) = (false, false);
            }
            Code::Char(c)
        }
        KeyCode::BackTab => {
            shift = true;
            Code::Tab
        }
        KeyCode::F(number) => Code::F(number),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Insert => Code::Insert,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::Null
        | KeyCode::CapsLock
        | KeyCode::ScrollLock
        | KeyCode::NumLock
        | KeyCode::PrintScreen
        | KeyCode::Pause
        | KeyCode::Menu
        | KeyCode::KeypadBegin
        | KeyCode::Media(_)
        | KeyCode::Modifier(_) => return None,
    };
    Some(Key::new(code, ctrl, alt, shift))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pressed {
    Action(Action),
    /// The beginning of a sequence: what may come next, for the box that tells.
    Waiting(Vec<Next>),
    /// A sequence was given up with Esc.
    Cancelled,
    /// All of it means nothing here, the last key alone neither: after a slip, a key must not do what it does by itself.
    Unbound(Vec<Key>),
}

/// The keys of a sequence that is not complete yet.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    place: Option<Place>,
    pressed: Vec<Key>,
}

impl Keys {
    pub fn press(&mut self, keymap: &Keymap, place: Place, key: Key) -> Pressed {
        // What was begun on another screen is not meant for this one.
        if self.place.replace(place) != Some(place) {
            self.pressed.clear();
        }
        if !self.pressed.is_empty() && key == Key::plain(Code::Esc) {
            self.pressed.clear();
            return Pressed::Cancelled;
        }
        self.pressed.push(key);
        match keymap.resolve(place, &self.pressed) {
            Resolved::Prefix(next) => Pressed::Waiting(next),
            Resolved::Action(action) => {
                self.pressed.clear();
                Pressed::Action(action)
            }
            Resolved::Nothing => Pressed::Unbound(std::mem::take(&mut self.pressed)),
        }
    }

    /// For the box that tells what may come next.
    pub fn pressed(&self) -> &[Key] {
        &self.pressed
    }

    /// Forgets what was begun: the mouse or another screen came between.
    pub fn cancel(&mut self) {
        self.pressed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Paths;

    fn event(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    fn read_as(code: KeyCode, modifiers: KeyModifiers) -> String {
        read(event(code, modifiers)).expect("a key").to_string()
    }

    fn vim() -> Keymap {
        Keymap::load("vim", &Paths::default()).0
    }

    fn press(keys: &mut Keys, keymap: &Keymap, place: Place, typed: &str) -> Pressed {
        let pressed = typed.split(' ').map(|key| keys.press(keymap, place, key.parse().expect(key)));
        pressed.last().expect("at least one key")
    }

    #[test]
    fn what_terminals_send_is_what_keymaps_name() {
        let none = KeyModifiers::NONE;
        assert_eq!(read_as(KeyCode::Char('G'), KeyModifiers::SHIFT), "G");
        assert_eq!(read_as(KeyCode::Char('g'), KeyModifiers::SHIFT), "G");
        assert_eq!(read_as(KeyCode::Char('?'), KeyModifiers::SHIFT), "?");
        assert_eq!(read_as(KeyCode::Char('p'), KeyModifiers::CONTROL), "ctrl-p");
        assert_eq!(read_as(KeyCode::Char('7'), KeyModifiers::CONTROL), "ctrl-/");
        assert_eq!(read_as(KeyCode::Char('X'), KeyModifiers::ALT | KeyModifiers::SHIFT), "alt-X");
        assert_eq!(read_as(KeyCode::BackTab, none), "shift-tab");
        assert_eq!(read_as(KeyCode::BackTab, KeyModifiers::SHIFT), "shift-tab");
        assert_eq!(read_as(KeyCode::F(5), none), "F5");
        assert_eq!(read_as(KeyCode::Char(' '), none), "space");
    }

    #[test]
    fn alt_gr_is_the_sign_that_it_made() {
        let alt_gr = KeyModifiers::CONTROL | KeyModifiers::ALT;
        assert_eq!(read_as(KeyCode::Char(']'), alt_gr), "]");
        assert_eq!(read_as(KeyCode::Char('€'), alt_gr), "€");
        assert_eq!(read_as(KeyCode::Char('x'), alt_gr), "ctrl-alt-x");
    }

    #[test]
    fn a_key_let_go_is_not_a_key() {
        let key = |kind| read(KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, kind));
        assert_eq!(key(KeyEventKind::Release), None);
        assert_eq!(key(KeyEventKind::Repeat), key(KeyEventKind::Press));
        assert_eq!(read(event(KeyCode::Char('q'), KeyModifiers::SUPER)), None);
    }

    #[test]
    fn a_sequence_waits_tells_what_may_come_and_then_acts() {
        let (mut keys, keymap) = (Keys::default(), vim());
        let Pressed::Waiting(next) = press(&mut keys, &keymap, Place::Main, "g") else { panic!("it waits") };
        assert!(next.iter().any(|next| next.key.to_string() == "l"), "{next:?}");
        assert_eq!(keys.pressed().len(), 1);
        assert_eq!(press(&mut keys, &keymap, Place::Main, "l"), Pressed::Action(Action::Logs));
        assert_eq!(press(&mut keys, &keymap, Place::Main, "l"), Pressed::Action(Action::Right));
    }

    #[test]
    fn esc_gives_up_a_sequence_and_does_nothing_else() {
        let (mut keys, keymap) = (Keys::default(), vim());
        assert_eq!(press(&mut keys, &keymap, Place::Main, "g esc"), Pressed::Cancelled);
        assert_eq!(press(&mut keys, &keymap, Place::Main, "esc"), Pressed::Action(Action::Back));
    }

    #[test]
    fn a_key_after_a_slip_does_not_do_what_it_does_by_itself() {
        let (mut keys, keymap) = (Keys::default(), vim());
        assert_eq!(keymap.keys_of(Place::Main, Action::Restart), ["R"]);
        let Pressed::Unbound(slip) = press(&mut keys, &keymap, Place::Main, "g R") else { panic!("it means nothing") };
        assert_eq!(slip.len(), 2);
        assert_eq!(press(&mut keys, &keymap, Place::Main, "R"), Pressed::Action(Action::Restart));
    }

    #[test]
    fn a_sequence_does_not_go_on_on_another_screen() {
        let (mut keys, keymap) = (Keys::default(), vim());
        press(&mut keys, &keymap, Place::Main, "g");
        assert_eq!(press(&mut keys, &keymap, Place::Logs, "l"), Pressed::Action(Action::Right));
    }
}
