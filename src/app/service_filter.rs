//! What a person types to narrow the services: `check` by name, `state:failing image:v2.4 cpu>200m !scope:infra` by column.

use std::cmp::Ordering;

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

use crate::{
    app::World,
    domain::{Service, text::nearest, units},
};

/// Every term must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Name(Pattern),
    Contains(Word, String),
    Compares(Number, Ordering, u64),
}

#[derive(Clone, Copy, Debug)]
enum Word {
    State,
    Image,
    Release,
    Scope,
    Cluster,
    Kind,
    Reason,
    Name,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    Cpu,
    Memory,
    Restarts,
    Ready,
    Wanted,
    Age,
}

const WORDS: [(&str, Word); 8] = [
    ("state", Word::State),
    ("image", Word::Image),
    ("release", Word::Release),
    ("scope", Word::Scope),
    ("cluster", Word::Cluster),
    ("kind", Word::Kind),
    ("reason", Word::Reason),
    ("name", Word::Name),
];

const NUMBERS: [(&str, Number); 6] = [
    ("cpu", Number::Cpu),
    ("mem", Number::Memory),
    ("restarts", Number::Restarts),
    ("ready", Number::Ready),
    ("wanted", Number::Wanted),
    ("age", Number::Age),
];

impl Filter {
    /// What can be understood is used; the error says what cannot.
    pub fn parse(text: &str) -> (Self, Option<String>) {
        let mut error = None;
        let mut terms = Vec::new();
        for word in text.split_whitespace() {
            let (negated, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
            match test(word) {
                Ok(Some(test)) => terms.push(Term { negated, test }),
                Ok(None) => {}
                Err(why) => error = Some(why),
            }
        }
        (Self { text: text.trim().to_owned(), terms }, error)
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn keeps(&self, service: &Service, world: &World, matcher: &mut Matcher) -> bool {
        self.terms.iter().all(|term| term.test.holds(service, world, matcher) != term.negated)
    }

    /// Made once for a pass over many services: it is large.
    pub fn matcher() -> Matcher {
        Matcher::new(Config::DEFAULT)
    }
}

fn test(word: &str) -> Result<Option<Test>, String> {
    let Some(at) = word.find([':', '>', '<']) else {
        let pattern = Pattern::parse(word, CaseMatching::Ignore, Normalization::Smart);
        return Ok((!word.is_empty()).then_some(Test::Name(pattern)));
    };
    let (column, sign, value) = (&word[..at], &word[at..=at], &word[at + 1..]);
    if sign == ":" {
        let Some((_, known)) = WORDS.iter().find(|(name, _)| *name == column) else {
            return Err(unknown(column, WORDS.iter().map(|(name, _)| *name)));
        };
        return Ok((!value.is_empty()).then(|| Test::Contains(*known, value.to_lowercase())));
    }
    let Some((_, known)) = NUMBERS.iter().find(|(name, _)| *name == column) else {
        return Err(unknown(column, NUMBERS.iter().map(|(name, _)| *name)));
    };
    if value.is_empty() {
        return Ok(None);
    }
    let ordering = if sign == ">" { Ordering::Greater } else { Ordering::Less };
    Ok(Some(Test::Compares(*known, ordering, known.parse(value)?)))
}

fn unknown(column: &str, names: impl Iterator<Item = &'static str> + Clone) -> String {
    match nearest(column, names.clone()) {
        Some(name) => format!("no column '{column}', perhaps '{name}'?"),
        None => format!("no column '{column}': one of {}", names.collect::<Vec<_>>().join(", ")),
    }
}

impl Number {
    fn parse(self, value: &str) -> Result<u64, String> {
        match self {
            Self::Cpu => units::parse_cpu(value),
            Self::Memory => units::parse_bytes(value),
            Self::Age => units::parse_duration(value).map(|age| age.as_secs()),
            Self::Restarts | Self::Ready | Self::Wanted => {
                value.parse().map_err(|_| format!("'{value}' is not a whole number"))
            }
        }
    }

    /// `None` where it is not known: then no comparison holds.
    fn of(self, service: &Service, world: &World) -> Option<u64> {
        match self {
            Self::Cpu => world.usage(&service.id).map(|usage| usage.cpu),
            Self::Memory => world.usage(&service.id).map(|usage| usage.memory),
            Self::Restarts => Some(u64::from(service.restarts)),
            Self::Ready => Some(u64::from(service.ready)),
            Self::Wanted => Some(u64::from(service.wanted)),
            Self::Age => {
                let created = service.created?;
                u64::try_from(world.now.as_second() - created.as_second()).ok()
            }
        }
    }
}

impl Test {
    fn holds(&self, service: &Service, world: &World, matcher: &mut Matcher) -> bool {
        match self {
            Self::Name(pattern) => {
                let name = format!("{}/{}", service.id.scope, service.id.name);
                pattern.score(Utf32Str::new(&name, &mut Vec::new()), matcher).is_some()
            }
            Self::Contains(word, part) => word.of(service).to_lowercase().contains(part),
            Self::Compares(number, ordering, value) => {
                number.of(service, world).is_some_and(|known| known.cmp(value) == *ordering)
            }
        }
    }
}

impl Word {
    fn of(self, service: &Service) -> String {
        match self {
            Self::State => service.health.word().to_owned(),
            Self::Image => service.image.as_ref().map_or_else(String::new, |image| image.reference.to_string()),
            Self::Release => service.release().to_owned(),
            Self::Scope => service.id.scope.to_string(),
            Self::Cluster => service.id.cluster.to_string(),
            Self::Kind => service.kind.to_string(),
            Self::Reason => service.health.reason().map_or_else(String::new, ToString::to_string),
            Self::Name => service.id.name.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        app::Settings,
        domain::{Health, Image, Reason, ServiceId, ServiceKind},
    };

    fn service(name: &str, health: Health, image: &str) -> Service {
        Service {
            id: ServiceId::new(&"local".into(), &"shop".into(), name),
            kind: ServiceKind::ComposeService,
            wanted: 2,
            ready: 1,
            health,
            since: None,
            restarts: 7,
            image: Some(Image { reference: image.into(), ..Image::default() }),
            ports: Vec::new(),
            depends_on: Vec::new(),
            backup: None,
            created: None,
            orchestration: None,
            fingerprint: 0,
        }
    }

    fn keeps(filter: &str, service: &Service) -> bool {
        let world = World::new(Settings::default(), Timestamp::UNIX_EPOCH);
        let (filter, error) = Filter::parse(filter);
        assert_eq!(error, None);
        filter.keeps(service, &world, &mut Filter::matcher())
    }

    #[test]
    fn every_term_must_hold() {
        let checkout = service("checkout", Health::Failing(Reason::new("exit 1")), "shop/checkout:v2.4.1");
        for filter in
            ["", "chk", "state:failing", "image:v2.4", "restarts>6 ready<2", "shop/che !state:healthy", "reason:exit"]
        {
            assert!(keeps(filter, &checkout), "{filter}");
        }
        for filter in ["xyz", "state:healthy", "state:failing image:v9", "restarts>7", "!chk"] {
            assert!(!keeps(filter, &checkout), "{filter}");
        }
    }

    #[test]
    fn what_is_not_known_is_neither_more_nor_less() {
        let web = service("web", Health::Healthy, "web");
        assert!(!keeps("cpu>0m", &web) && !keeps("cpu<900", &web) && !keeps("age<1d", &web));
    }

    #[test]
    fn a_mistyped_column_is_told_with_the_nearest_one_and_the_rest_is_used() {
        let (filter, error) = Filter::parse("stat:failing web");
        assert_eq!(error.as_deref(), Some("no column 'stat', perhaps 'state'?"));
        assert!(!filter.is_empty());
    }

    #[test]
    fn a_term_that_is_still_being_typed_hides_nothing() {
        let web = service("web", Health::Healthy, "web");
        for half in ["state:", "cpu>", "!"] {
            assert!(keeps(half, &web), "{half}");
        }
    }
}
