//! What an event of the engine means: for the books, and in words for a person. Pure.

use jiff::Timestamp;

use super::{marks, wire::Event};
use crate::{backend::exit, domain::text::clean};

/// What the watch must do about an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// Look at this container again.
    Container {
        id: String,
        was: Was,
    },
    ContainerGone {
        id: String,
    },
    /// Swarm's services or nodes changed.
    Swarm,
    /// Images came, went or changed names.
    Images,
    /// Worth telling, changes nothing that we hold.
    Other,
    /// Happens all the time and means nothing: execs, health check runs, attached networks.
    Noise,
}

/// What the books must remember of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    Started,
    Signalled,
    OutOfMemory,
    Ended { code: i64 },
    Else,
}

/// Words for a person, and whether they are bad news.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    pub text: String,
    pub is_bad: bool,
}

/// About something that only says something to the console itself: nobody is told of it.
fn is_of_marker(event: &Event) -> bool {
    match event.kind.as_str() {
        "container" => event.actor.attributes.as_ref().is_some_and(marks::is_marker),
        "volume" => marks::is_marker_volume(&event.actor.id),
        _ => false,
    }
}

pub fn meaning(event: &Event) -> Meaning {
    if is_of_marker(event) {
        return Meaning::Noise;
    }
    let action = event.action.split(':').next().unwrap_or_default();
    match (event.kind.as_str(), action) {
        ("container", "destroy") => Meaning::ContainerGone { id: event.actor.id.clone() },
        ("container", action) => match was(event, action) {
            Some(was) => Meaning::Container { id: event.actor.id.clone(), was },
            None => Meaning::Noise,
        },
        ("service" | "node" | "secret" | "config", _) => Meaning::Swarm,
        ("image", "delete" | "import" | "load" | "pull" | "tag" | "untag" | "build") => Meaning::Images,
        ("volume" | "network", "create" | "destroy" | "prune") | ("daemon", _) => Meaning::Other,
        _ => Meaning::Noise,
    }
}

fn was(event: &Event, action: &str) -> Option<Was> {
    Some(match action {
        "start" => Was::Started,
        "kill" if is_stop_signal(event) => Was::Signalled,
        "oom" => Was::OutOfMemory,
        "die" => Was::Ended { code: event.attribute("exitCode").and_then(|code| code.parse().ok()).unwrap_or(0) },
        "create" | "stop" | "restart" | "pause" | "unpause" | "rename" | "update" | "health_status" | "kill" => {
            Was::Else
        }
        _ => return None,
    })
}

/// SIGHUP and the user's signals are for talking to a program, not for ending it.
fn is_stop_signal(event: &Event) -> bool {
    !matches!(event.attribute("signal"), Some("1" | "10" | "12" | "SIGHUP" | "SIGUSR1" | "SIGUSR2"))
}

/// `None` for what would only repeat another event.
pub fn words(event: &Event, out_of_memory: bool, memory_limit: Option<u64>) -> Option<Words> {
    let good = |text: &str| Some(Words { text: text.to_owned(), is_bad: false });
    let (action, rest) = event.action.split_once(':').map_or((event.action.as_str(), ""), |(a, rest)| (a, rest.trim()));
    match (event.kind.as_str(), action) {
        ("container", "create") => good("created"),
        ("container", "start") => good("started"),
        ("container", "die") => {
            let code = event.attribute("exitCode").and_then(|code| code.parse().ok()).unwrap_or(0);
            let text = format!("ended: {}", exit::words(code, out_of_memory, memory_limit));
            Some(Words { text, is_bad: out_of_memory || !exit::looks_stopped(code) })
        }
        ("container", "oom") => Some(Words { text: "the kernel killed a process: out of memory".into(), is_bad: true }),
        ("container", "kill") => {
            let signal = clean(event.attribute("signal").unwrap_or("?")).into_owned();
            Some(Words { text: format!("was sent signal {signal}"), is_bad: false })
        }
        ("container", "pause") => good("paused"),
        ("container", "unpause") => good("runs on"),
        ("container", "rename") => {
            let before = clean(event.attribute("oldName").unwrap_or_default().trim_start_matches('/')).into_owned();
            Some(Words { text: format!("renamed, was {before}"), is_bad: false })
        }
        ("container", "update") => good("limits or restart policy changed"),
        ("container", "health_status") => {
            // Docker up to 24 puts it into the action, Podman and later Docker into an attribute too.
            let status = if rest.is_empty() { event.attribute("health_status").unwrap_or_default() } else { rest };
            let is_bad = status == "unhealthy";
            Some(Words { text: format!("health check: {}", clean(status)), is_bad })
        }
        ("container", "destroy") => good("removed"),
        ("image", "pull") => good("image pulled"),
        ("image", "tag") => good("image tagged"),
        ("image", "delete") => good("image deleted"),
        ("image", "load" | "import" | "build") => good("image added"),
        ("volume", "create") => good("volume created"),
        ("volume", "destroy") => good("volume removed"),
        ("network", "create") => good("network created"),
        ("network", "destroy") => good("network removed"),
        ("daemon", "reload") => good("the engine read its configuration again"),
        ("daemon", _) => Some(Words { text: format!("the engine: {}", clean(&event.action)), is_bad: false }),
        ("service", "create") => good("service created"),
        ("service", "update") => {
            let state = event.attribute("updatestate.new").map(|state| format!("update {}", clean(state)));
            Some(Words { text: state.unwrap_or_else(|| "service updated".into()), is_bad: false })
        }
        ("service", "remove") => good("service removed"),
        ("node", _) => Some(Words { text: format!("node: {}", clean(&event.action)), is_bad: false }),
        _ => None,
    }
}

/// What a person calls the thing that it happened to.
pub fn subject(event: &Event) -> String {
    let name = event.attribute("name").filter(|name| !name.is_empty()).unwrap_or(&event.actor.id);
    let short =
        if name.len() == 64 { &name[..name.char_indices().nth(12).map_or(name.len(), |(at, _)| at)] } else { name };
    clean(short).into_owned()
}

pub fn time(event: &Event) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(event.time_nano)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, action: &str, attributes: &str) -> Event {
        let json = format!(
            r#"{{"Type":"{kind}","Action":"{action}","Actor":{{"ID":"ab12","Attributes":{attributes}}},"timeNano":1795227455010294555}}"#
        );
        serde_json::from_str(&json).expect("an event")
    }

    #[test]
    fn an_end_is_told_with_its_exit_code_and_why() {
        let die = event("container", "die", r#"{"exitCode":"137","name":"web"}"#);
        assert_eq!(meaning(&die), Meaning::Container { id: "ab12".into(), was: Was::Ended { code: 137 } });
        let words = words(&die, true, Some(64 << 20)).expect("worth telling");
        assert_eq!((words.text.as_str(), words.is_bad), ("ended: exit 137 (out of memory, limit 64Mi)", true));
        assert_eq!(subject(&die), "web");
    }

    #[test]
    fn execs_and_health_check_runs_are_noise() {
        for action in
            ["exec_create: sh -c true", "exec_start: sh", "exec_die", "top", "attach", "resize", "archive-path"]
        {
            let event = event("container", action, "{}");
            assert_eq!(meaning(&event), Meaning::Noise, "{action}");
            assert_eq!(words(&event, false, None), None, "{action}");
        }
    }

    #[test]
    fn a_reload_signal_is_not_taken_for_a_stop() {
        let kill = |signal: &str| meaning(&event("container", "kill", &format!(r#"{{"signal":"{signal}"}}"#)));
        assert_eq!(kill("15"), Meaning::Container { id: "ab12".into(), was: Was::Signalled });
        assert_eq!(kill("1"), Meaning::Container { id: "ab12".into(), was: Was::Else });
    }

    #[test]
    fn an_unhealthy_check_is_bad_news() {
        let words = words(&event("container", "health_status: unhealthy", "{}"), false, None).expect("worth telling");
        assert_eq!((words.text.as_str(), words.is_bad), ("health check: unhealthy", true));
    }

    #[test]
    fn what_the_console_keeps_on_a_host_is_no_news() {
        let lease = event("container", "create", r#"{"name":"midwatch-lease-1","midwatch.role":"lease"}"#);
        assert_eq!(meaning(&lease), Meaning::Noise);
        let made = event("container", "create", r#"{"name":"web-r7","midwatch.release":"7"}"#);
        assert_ne!(meaning(&made), Meaning::Noise);
    }

    #[test]
    fn a_hostile_name_in_an_event_is_made_harmless() {
        assert_eq!(subject(&event("volume", "create", r#"{"name":"a\u001b[2Jb"}"#)), "a\u{fffd}[2Jb");
    }
}
