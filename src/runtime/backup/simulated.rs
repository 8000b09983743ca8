//! What is in the simulator's instances, whatever they are said to be: rows. The words are those that its instances understand
//! (`backend::simulator::data`), in place of scripts.

use super::{
    program::Ran,
    recipe::{Act, Into, Recipe, Source, Survey, Which},
};
use crate::{backend::simulator, domain::Item};

/// No database by itself, whatever the method: nothing here can have another name.
const FILE: &str = "rows";

pub struct Simulated;

impl Recipe for Simulated {
    fn frame(&self) -> &'static str {
        simulator::DATA
    }

    fn survey(&self, _: &Item) -> Act {
        Act::new("asks what it holds", "survey", &[])
    }

    fn surveyed(&self, ran: &Ran) -> Survey {
        Survey::of_one("rows", ran)
    }

    fn sources(&self, _: &Item, _: &Survey) -> Vec<Source> {
        vec![Source { file: FILE.into(), act: Act::new("dumps its rows", "dump", &[]) }]
    }

    fn bring(&self, into: &Into) -> Vec<Act> {
        let bring = |file: &crate::domain::StoredFile| {
            Act::new("brings its rows beside", "bring", &[&file.bytes.to_string()]).reading(&file.name).counting("rows")
        };
        into.files.iter().map(bring).collect()
    }

    fn count(&self, _: &Into, which: Which) -> Vec<Source> {
        match which {
            Which::Brought => Vec::new(),
            Which::Live => vec![Source { file: FILE.into(), act: Act::new("counts its rows", "count", &[]) }],
        }
    }

    fn swap(&self, _: &Into) -> Vec<Act> {
        vec![Act::new("puts them in their place", "swap", &[])]
    }

    fn take_back(&self, _: &Into) -> Vec<Act> {
        vec![Act::new("puts the old ones back", "take_back", &[])]
    }

    fn settle(&self, _: &Into) -> Vec<Act> {
        vec![Act::new("lets the old ones go", "settle", &[])]
    }
}
