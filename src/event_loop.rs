//! Takes in keys, events and the time, and paints when a frame is due. Routes; what things mean is the app's business.

use std::{collections::VecDeque, future::pending, io, time::Duration};

use crossterm::event::{Event as Input, EventStream, MouseButton, MouseEvent, MouseEventKind};
use futures::StreamExt;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};
use tui_input::InputRequest;

use crate::{
    action::{Action, Place},
    app::{App, Due},
    clock::Clock,
    config::{
        Keymap,
        key::{Code, Key, print_sequence},
        keymap::{Comes, Next},
    },
    effects::Effects,
    message::{Effect, Event},
    runtime::channels::Inbox,
    terminal::{Terminal, pace::Pace},
    ui::{
        Click, Hits, Paint, Theme, frame,
        keys::{Keys, Pressed, read},
        overlay,
    },
};

/// As many facts, and as many chunks of log, as one turn takes in before keys are looked at again.
const FACTS_A_TURN: usize = 256;
const CHUNKS_A_TURN: usize = 8;
/// How much of the log one turn looks through for a filter that is being applied.
const WORK_A_TURN: usize = 1 << 20;
/// Ages grow without anything happening; none is told more finely than this.
const AGES: Duration = Duration::from_secs(10);
/// How long after something happened the streams are started and stopped that it asks for.
const RECONCILED: Duration = Duration::from_millis(100);
const DOUBLE_CLICK: Duration = Duration::from_millis(400);

pub struct Console {
    pub app: App,
    pub terminal: Terminal,
    pub theme: Theme,
    pub keymap: Keymap,
    pub effects: Effects,
    pub inbox: Inbox,
    pub clock: Clock,
    pub pace: Pace,
    pub state: State,
}

/// What the loop itself remembers from turn to turn.
#[derive(Default)]
pub struct State {
    keys: Keys,
    /// What may follow the keys pressed so far.
    chord: Vec<Next>,
    hits: Hits,
    last_click: Option<(Instant, Click)>,
    /// The screen in sight has more to work out than one turn should take.
    has_work: bool,
    /// When what is wanted of the outside is compared again with what runs; `None` while nothing happened since.
    reconcile_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A person asked for it.
    Quit,
    /// There is nobody to paint for any more.
    TerminalLost,
    /// SIGTERM or SIGINT.
    Told,
}

enum Turn {
    Input(Option<io::Result<Input>>),
    Frame,
    Facts,
    Logs,
    Gauges(Vec<Event>),
    Ages,
    Reconcile,
    Work,
    End(Ended),
}

impl Console {
    /// Runs until somebody or something ends it. The terminal is given back when the console is dropped.
    pub async fn run(&mut self) -> io::Result<Ended> {
        let mut input = EventStream::new();
        let mut signals = Signals::new()?;
        let mut ages = interval(AGES);
        ages.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut facts, mut logs) = (Vec::new(), Vec::new());
        self.reconcile_within(Duration::ZERO);
        loop {
            if self.state.reconcile_at.is_some_and(|at| at <= Instant::now()) {
                self.state.reconcile_at = None;
                let wanted = self.app.subscriptions();
                self.app.world.keep_tails(&wanted);
                self.effects.runtime.reconcile(&wanted);
            }
            match self.turn(&mut input, &mut signals, &mut ages, &mut facts, &mut logs).await {
                Turn::Input(Some(Ok(event))) => {
                    let effects = self.take(event);
                    if let Some(ended) = self.carry(effects, &mut input).await? {
                        return Ok(ended);
                    }
                }
                Turn::Input(Some(Err(_)) | None) => return Ok(Ended::TerminalLost),
                Turn::Frame => self.draw(),
                Turn::Facts => {
                    self.reconcile_within(RECONCILED);
                    self.observe(facts.drain(..));
                }
                Turn::Logs => self.observe(logs.drain(..)),
                Turn::Gauges(gauges) => self.observe(gauges.into_iter()),
                Turn::Reconcile => {}
                Turn::Ages => self.pace.want(Due::Calm, Instant::now()),
                Turn::Work => {
                    self.state.has_work = self.app.work(WORK_A_TURN);
                    self.pace.want(Due::Soon, Instant::now());
                }
                Turn::End(ended) => return Ok(ended),
            }
            if self.terminal.is_lost() {
                return Ok(Ended::TerminalLost);
            }
        }
    }

    /// Waits for whatever comes first. In this order: neither typing nor painting can be starved by what comes in.
    async fn turn(
        &mut self,
        input: &mut EventStream,
        signals: &mut Signals,
        ages: &mut Interval,
        facts: &mut Vec<Event>,
        logs: &mut Vec<Event>,
    ) -> Turn {
        let (terminal, due, has_work) = (&self.terminal, self.pace.due(), self.state.has_work);
        let reconcile_at = self.state.reconcile_at;
        let reconcile = async {
            match reconcile_at {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        let frame = async {
            match due {
                Some(due) => {
                    sleep_until(due).await;
                    terminal.ready().await;
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            event = input.next() => Turn::Input(event),
            () = frame => Turn::Frame,
            ended = signals.next() => Turn::End(ended),
            () = reconcile => Turn::Reconcile,
            _ = self.inbox.facts.recv_many(facts, FACTS_A_TURN) => Turn::Facts,
            _ = self.inbox.flood.recv_many(logs, CHUNKS_A_TURN) => Turn::Logs,
            gauges = self.inbox.gauges.take() => Turn::Gauges(gauges),
            _ = ages.tick() => Turn::Ages,
            () = tokio::task::yield_now(), if has_work => Turn::Work,
        }
    }

    fn observe(&mut self, events: impl Iterator<Item = Event>) {
        let now = self.clock.now();
        let operator = &self.effects.operator;
        let due = events.map(|event| {
            if let Event::Operation(operation) = &event
                && operator.carries_out(&operation.id)
            {
                self.app.world.ours.insert(operation.id.clone());
            }
            self.app.observe(event, now)
        });
        let due = due.max();
        self.pace.want(due.unwrap_or(Due::Never), Instant::now());
    }

    /// What many changes ask for is started together.
    fn reconcile_within(&mut self, delay: Duration) {
        let at = Instant::now() + delay;
        self.state.reconcile_at = Some(self.state.reconcile_at.map_or(at, |before| before.min(at)));
    }

    fn take(&mut self, input: Input) -> VecDeque<Effect> {
        self.reconcile_within(Duration::ZERO);
        let effects = match input {
            Input::Key(event) => read(event).map_or_else(Vec::new, |key| self.key(key)),
            Input::Mouse(event) => self.mouse(event),
            Input::Paste(text) => {
                self.paste(&text);
                Vec::new()
            }
            Input::Resize(..) => {
                self.terminal.resize();
                Vec::new()
            }
            Input::FocusGained | Input::FocusLost => return VecDeque::new(),
        };
        self.pace.now(Instant::now());
        effects.into()
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        let now = self.clock.now();
        if self.app.is_typing()
            && let Some(request) = editing(key)
        {
            self.app.edit(request, now);
            return Vec::new();
        }
        self.state.chord.clear();
        match self.state.keys.press(&self.keymap, self.app.place(), key) {
            Pressed::Action(action) => self.app.act(action, now),
            Pressed::Waiting(next) => {
                self.state.chord = next;
                Vec::new()
            }
            Pressed::Cancelled => Vec::new(),
            Pressed::Unbound(keys) => {
                if let [only] = *keys
                    && let Some(second) = only.after_esc()
                {
                    let mut effects = self.key(Key::plain(Code::Esc));
                    effects.extend(self.key(second));
                    return effects;
                }
                self.app.unbound(&print_sequence(&keys), self.keymap.keys_of(self.app.place(), Action::Help).first());
                Vec::new()
            }
        }
    }

    fn mouse(&mut self, event: MouseEvent) -> Vec<Effect> {
        let now = self.clock.now();
        self.state.keys.cancel();
        self.state.chord.clear();
        match event.kind {
            MouseEventKind::ScrollUp => self.app.scroll(-3, now),
            MouseEventKind::ScrollDown => self.app.scroll(3, now),
            MouseEventKind::Down(MouseButton::Left) => return self.click(event.column, event.row),
            _ => {}
        }
        Vec::new()
    }

    fn click(&mut self, column: u16, row: u16) -> Vec<Effect> {
        let (now, clicked) = (self.clock.now(), Instant::now());
        let Some(click) = self.state.hits.at(column, row) else { return Vec::new() };
        let again = |&(at, before): &(Instant, Click)| before == click && clicked - at < DOUBLE_CLICK;
        let is_double = self.state.last_click.replace((clicked, click)).as_ref().is_some_and(again);
        match click {
            Click::Action(action) => self.app.act(action, now),
            Click::Row { .. } if is_double => self.app.act(Action::Open, now),
            Click::Row { pane, row } => {
                self.app.click(pane, row, now);
                Vec::new()
            }
        }
    }

    /// Into the line that is being typed, and nowhere else: a paste is never a row of keys.
    fn paste(&mut self, text: &str) {
        let now = self.clock.now();
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.app.is_typing() {
                self.app.edit(InputRequest::InsertChar(c), now);
            }
        }
    }

    async fn carry(&mut self, effects: VecDeque<Effect>, input: &mut EventStream) -> io::Result<Option<Ended>> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(Some(Ended::Quit)),
                Effect::Redraw => self.terminal.repaint(),
                Effect::NextTheme => {
                    let (theme, name) = self.effects.next_theme();
                    self.theme = theme;
                    self.terminal.repaint();
                    self.app.say(format!("theme: {name}"));
                }
                Effect::Suspend => self.terminal.suspend()?,
                Effect::Shell(instance) => {
                    // Two readers of one terminal would take each other's keys.
                    *input = EventStream::new();
                    let ended = self.effects.shell(&mut self.terminal, instance).await;
                    *input = EventStream::new();
                    match ended {
                        Ok(()) => self.app.say("back from the shell"),
                        Err(trouble) => self.app.trouble(&trouble, self.clock.now()),
                    }
                }
                Effect::Copy(text) => {
                    let copied = text.chars().count();
                    match crate::terminal::copy_sequence(&text) {
                        Ok(sequence) => {
                            self.terminal.send(sequence);
                            self.app.say(format!("sent {copied} characters to the terminal's clipboard"));
                        }
                        Err(why) => self.app.say(why),
                    }
                }
                Effect::Save { path, text } => match self.effects.save(&path, &text).await {
                    Ok(said) => self.app.say(said),
                    Err(trouble) => self.app.trouble(&trouble, self.clock.now()),
                },
                effect @ (Effect::Begin(_)
                | Effect::StopAndUndo(_)
                | Effect::Tell(..)
                | Effect::Resume(_)
                | Effect::Undo(_)
                | Effect::Leave(_)
                | Effect::Arm
                | Effect::Reconnect(_)) => self.effects.begin(effect),
            }
            self.pace.now(Instant::now());
        }
        Ok(None)
    }

    fn draw(&mut self) {
        self.state.has_work = self.app.work(WORK_A_TURN);
        let bytes = paint(&self.app, &self.theme, &self.keymap, &mut self.terminal, &mut self.state);
        // The rows in sight may be others now, and what is measured with them.
        self.reconcile_within(RECONCILED);
        self.pace.drawn(bytes, Instant::now());
    }
}

/// Paints what is true now, and says how many bytes that took. Bytes go out only where cells changed.
pub fn paint(app: &App, theme: &Theme, keymap: &Keymap, terminal: &mut Terminal, state: &mut State) -> usize {
    let keys = |place: Place, action: Action| keymap.keys_of(place, action);
    let mut hits = Hits::default();
    let bytes = terminal.draw(|buffer| {
        let mut paint = Paint { app, theme, keys: &keys, buffer, hits: &mut hits };
        frame::draw(&mut paint);
        if !state.chord.is_empty() {
            let next: Vec<(String, &str)> =
                state.chord.iter().map(|next| (next.key.to_string(), comes(next.comes))).collect();
            let area = paint.buffer.area;
            overlay::chord(&mut paint, area, &print_sequence(state.keys.pressed()), &next);
        }
    });
    state.hits = hits;
    bytes
}

fn comes(comes: Comes) -> &'static str {
    match comes {
        Comes::Action(action) => action.help(),
        Comes::More => "...",
    }
}

/// What a key does in a line that is being typed; `None` for the keys that mean there what they mean everywhere.
fn editing(key: Key) -> Option<InputRequest> {
    if let Some(typed) = key.typed() {
        return Some(InputRequest::InsertChar(typed));
    }
    let ctrl = |c: char| key == Key::new(Code::Char(c), true, false, false);
    if ctrl('w') {
        return Some(InputRequest::DeletePrevWord);
    }
    if ctrl('u') {
        return Some(InputRequest::DeleteLine);
    }
    let plain = key == Key::plain(key.code());
    match key.code() {
        Code::Backspace => Some(InputRequest::DeletePrevChar),
        Code::Delete => Some(InputRequest::DeleteNextChar),
        Code::Left if plain => Some(InputRequest::GoToPrevChar),
        Code::Right if plain => Some(InputRequest::GoToNextChar),
        Code::Home => Some(InputRequest::GoToStart),
        Code::End => Some(InputRequest::GoToEnd),
        _ => None,
    }
}

struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Ended {
        tokio::select! {
            _ = self.hang_up.recv() => Ended::TerminalLost,
            _ = self.terminate.recv() => Ended::Told,
            _ = self.interrupt.recv() => Ended::Told,
        }
    }
}
