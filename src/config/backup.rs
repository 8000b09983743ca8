//! Where backups are kept, for how long, and how old they may become: `[backup]`.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use super::{paths::Paths, place::Place, table::Table};
use crate::domain::{
    Inventory, Item, Listing, Method, Objectives, Protection, Service, ServiceId, Trouble, protection,
};

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backups {
    pub place: Place,
    pub password: PasswordSource,
    pub keep: Keep,
    pub objectives: Objectives,
    /// Of the first that matches a service, what it says goes before what its image and its labels say.
    pub rules: Vec<Rule>,
}

/// Where the repository's password is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The first line of it.
    File(PathBuf),
    /// Run by `sh -c`; the first line that it prints.
    Command(Arc<str>),
    /// The name of a variable.
    Environment(Arc<str>),
}

/// How many snapshots of each thing are kept: the newest ones, and the newest of so many hours, days and so on in which there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    pub last: u32,
    pub hourly: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { last: 3, hourly: 24, daily: 7, weekly: 5, monthly: 12, yearly: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub of: Pattern,
    pub what: What,
    pub objectives: Option<Objectives>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What its image and its labels say.
    Found,
    Nothing,
    Method(Method, Vec<Arc<str>>),
}

/// `cluster/scope/service`, with `*` for any text in a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern([Arc<str>; 3]);

impl Pattern {
    pub fn fits(&self, service: &ServiceId) -> bool {
        let parts = [service.cluster.as_str(), service.scope.as_str(), &service.name];
        self.0.iter().zip(parts).all(|(pattern, part)| fits(pattern, part))
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/');
        match [parts.next(), parts.next(), parts.next()] {
            [Some(cluster), Some(scope), Some(service)] if ![cluster, scope, service].contains(&"") => {
                Ok(Self([cluster, scope, service].map(Arc::from)))
            }
            _ => Err("CLUSTER/SCOPE/SERVICE is wanted here, with * for any".into()),
        }
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.any(|at| fits(after, &rest[at..]))
}

impl Backups {
    /// On this machine alone, and nobody's secret.
    pub fn alone(path: PathBuf, password: &str) -> Self {
        Self {
            place: Place::Local(path),
            password: PasswordSource::Command(format!("echo {password}").into()),
            keep: Keep::default(),
            objectives: Objectives::default(),
            rules: Vec::new(),
        }
    }

    /// What is backed up of a service: by the first rule that fits it, else by its label or its image. `Err`: what is wrong with its label.
    pub fn items(&self, service: &Service) -> Result<Vec<Item>, String> {
        match self.rule(&service.id).map(|rule| &rule.what) {
            None | Some(What::Found) => protection::items(service),
            Some(What::Nothing) => Ok(Vec::new()),
            Some(What::Method(method, paths)) if paths.is_empty() => {
                Ok(vec![protection::item(&service.id, *method, None)])
            }
            Some(What::Method(method, paths)) => {
                Ok(paths.iter().map(|path| protection::item(&service.id, *method, Some(path.clone()))).collect())
            }
        }
    }

    /// How well everything is protected that is backed up of these services, or was once of their clusters. With what is wrong with labels.
    pub fn protections<'a>(
        &self,
        inventory: &Inventory,
        services: impl Iterator<Item = &'a Service>,
        listing: &Listing,
    ) -> (Vec<Protection>, Vec<Trouble>) {
        let (mut found, mut troubles) = (Vec::new(), Vec::new());
        for service in services {
            match self.items(service) {
                Ok(items) => found.extend(items.into_iter().map(|item| self.protection(item, listing))),
                Err(why) => troubles.push(Trouble::new(format!("nothing of {} is backed up", service.id), why)),
            }
        }
        let mut orphans: Vec<Protection> = Vec::new();
        for item in listing.snapshots.iter().map(|snapshot| &snapshot.item) {
            let is_known = found.iter().chain(&orphans).any(|protection| protection.item == *item);
            if !is_known && inventory.pictured(&item.service.cluster).is_some() {
                orphans.push(Protection { is_orphaned: true, ..self.protection(item.clone(), listing) });
            }
        }
        found.extend(orphans.into_iter().filter(|orphan| orphan.last.is_some()));
        (found, troubles)
    }

    pub fn protection(&self, item: Item, listing: &Listing) -> Protection {
        let objectives = self.objectives(&item.service);
        Protection::of(item, objectives, listing)
    }

    pub fn objectives(&self, service: &ServiceId) -> Objectives {
        self.rule(service).and_then(|rule| rule.objectives).unwrap_or(self.objectives)
    }

    fn rule(&self, service: &ServiceId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.of.fits(service))
    }
}

/// `None` where there is no such table, or where it names no repository that can be used.
pub fn read(table: &mut Table<'_>, paths: &Paths) -> Option<Backups> {
    let mut read = None;
    table.section("backup", |table| read = read_section(table, paths));
    read
}

fn read_section(table: &mut Table<'_>, paths: &Paths) -> Option<Backups> {
    let mut place: Option<Place> = None;
    table.optional("repository", &mut place);
    if table.span_of("repository").is_none() {
        let help = "repository = \"/srv/backups\", or s3:…, rest:… or rclone:… as for restic";
        table.complain(&table.span(), "repository is not set", Some(help));
    }
    if let Some(Place::Local(path)) = &mut place {
        *path = paths.named(&path.display().to_string());
    }
    let password = read_password(table, paths);
    let mut keep = Keep::default();
    table.section("keep", |table| {
        let counts = [
            ("last", &mut keep.last),
            ("hourly", &mut keep.hourly),
            ("daily", &mut keep.daily),
            ("weekly", &mut keep.weekly),
            ("monthly", &mut keep.monthly),
            ("yearly", &mut keep.yearly),
        ];
        for (key, into) in counts {
            let mut count = u64::from(*into);
            table.whole(key, 0..=10_000, &mut count);
            *into = u32::try_from(count).unwrap_or(u32::MAX);
        }
    });
    let mut objectives = Objectives::default();
    read_objectives(table, &mut objectives);
    let mut rules = Vec::new();
    table.sections("services", |table| rules.extend(read_rule(table, objectives)));
    Some(Backups { place: place?, password: password?, keep, objectives, rules })
}

fn read_password(table: &mut Table<'_>, paths: &Paths) -> Option<PasswordSource> {
    let file = table.text("password_file").map(|path| PasswordSource::File(paths.named(&path)));
    let command = table.text("password_command").map(|command| PasswordSource::Command(command.into()));
    let variable = table.text("password_env").map(|name| PasswordSource::Environment(name.into()));
    let mut sources = [file, command, variable].into_iter().flatten();
    let source = sources.next();
    if source.is_none() {
        let help = "password_file = \"FILE\", password_command = \"COMMAND\" or password_env = \"VARIABLE\"";
        table.complain(&table.span(), "nothing says where the repository's password is", Some(help));
    } else if sources.next().is_some() {
        let help = "the first of password_file, password_command and password_env is used";
        table.complain(&table.span(), "the password comes from more than one place", Some(help));
    }
    source
}

fn read_objectives(table: &mut Table<'_>, objectives: &mut Objectives) {
    table.duration("recovery_point", SHORTEST..=LONGEST, &mut objectives.recovery_point);
    table.duration("recovery_time", SHORTEST..=LONGEST, &mut objectives.recovery_time);
    table.duration("proven_within", SHORTEST..=LONGEST, &mut objectives.proven_within);
}

fn read_rule(table: &mut Table<'_>, usual: Objectives) -> Option<Rule> {
    let mut of: Option<Pattern> = None;
    table.optional("service", &mut of);
    if table.span_of("service").is_none() {
        table.complain(&table.span(), "service is not set", Some("service = \"prod/shop/db\", with * for any"));
    }
    let mut paths = Vec::new();
    table.texts("paths", &mut paths);
    let paths: Vec<Arc<str>> = paths.into_iter().map(Arc::from).collect();
    let what = match table.text("method").as_deref() {
        None if paths.is_empty() => What::Found,
        None => What::Method(Method::Files, paths),
        Some("none") => What::Nothing,
        Some(name) => match name.parse() {
            Ok(method) => What::Method(method, paths),
            Err(()) => {
                let names: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
                let span = table.span_of("method").unwrap_or_else(|| table.span());
                let help = format!("one of {} or none", names.join(", "));
                table.complain(&span, &format!("no method is called '{name}'"), Some(&help));
                return None;
            }
        },
    };
    let mut objectives = usual;
    read_objectives(table, &mut objectives);
    Some(Rule { of: of?, what, objectives: (objectives != usual).then_some(objectives) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_by_parts() {
        let service = ServiceId::new(&"prod-eu".into(), &"shop".into(), "orders-db");
        for pattern in ["prod-eu/shop/orders-db", "*/*/*", "prod-*/shop/*-db", "*/sh*p/ord*s*db"] {
            assert!(pattern.parse::<Pattern>().expect("a pattern").fits(&service), "{pattern}");
        }
        for pattern in ["prod/shop/orders-db", "*/*/db", "*-us/shop/*", "prod-eu/shop/orders"] {
            assert!(!pattern.parse::<Pattern>().expect("a pattern").fits(&service), "{pattern}");
        }
        for wrong in ["", "db", "shop/db", "/shop/db", "prod//db"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }
}
