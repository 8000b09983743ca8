//! PostgreSQL: each database in the custom format, uncompressed, and the roles beside.

use std::sync::Arc;

use super::{
    program::Ran,
    recipe::{Act, Recipe, Source, Survey},
};
use crate::domain::Method;

const GLOBALS: &str = "globals.sql";

pub struct Postgres;

impl Recipe for Postgres {
    fn method(&self) -> Method {
        Method::Postgres
    }

    fn frame(&self) -> &'static str {
        include_str!("postgres/as.sh")
    }

    fn survey(&self) -> Act {
        act("asks for its databases", include_str!("postgres/survey.sh"), &[])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        let version = ran.reported("version").next().and_then(|number| number.parse().ok()).map(version);
        let part = |report: &str| {
            let (bytes, name) = report.split_once(' ')?;
            Some((Arc::from(name), bytes.parse().ok()))
        };
        Survey { version, parts: ran.reported("database").filter_map(part).collect() }
    }

    fn sources(&self, survey: &Survey) -> Vec<Source> {
        let globals =
            Source { file: GLOBALS.into(), act: act("dumps the roles", include_str!("postgres/globals.sh"), &[]) };
        let database = |(name, _): &(Arc<str>, Option<u64>)| Source {
            file: format!("{name}.dump").into(),
            act: act(&format!("dumps {name}"), include_str!("postgres/dump.sh"), &[name]),
        };
        std::iter::once(globals).chain(survey.parts.iter().map(database)).collect()
    }
}

fn act(says: &str, body: &'static str, arguments: &[&str]) -> Act {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    Act { says: says.into(), body, arguments, reads: None }
}

/// `150018` is 15.18, `90624` is 9.6.24.
fn version(number: u32) -> Arc<str> {
    match number {
        100_000.. => format!("{}.{}", number / 10_000, number % 10_000),
        _ => format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survey_tells_the_version_and_each_database() {
        let reports = ["version 150018", "database 21306727 shop", "database 8 odd name"];
        let ran = Ran { reports: reports.map(Arc::from).to_vec(), ..Ran::default() };
        let survey = Postgres.surveyed(&ran);
        assert_eq!(survey.version.as_deref(), Some("15.18"));
        assert_eq!(survey.parts, [("shop".into(), Some(21_306_727)), ("odd name".into(), Some(8))]);
        let files: Vec<_> = Postgres.sources(&survey).into_iter().map(|source| source.file.to_string()).collect();
        assert_eq!(files, ["globals.sql", "shop.dump", "odd name.dump"]);
        assert_eq!(&*version(90_624), "9.6.24");
    }
}
