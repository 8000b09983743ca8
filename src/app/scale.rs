//! The line in which another number of instances is asked for.

use tui_input::InputRequest;

use crate::{
    app::{World, plan::Wanted, prompt::Prompt},
    domain::ServiceId,
    plan::{Target, Verb},
};

#[derive(Debug)]
pub struct ScalePrompt {
    pub service: ServiceId,
    /// As many as are wanted now.
    pub now: u32,
    pub ready: u32,
    pub prompt: Prompt,
    /// What stands in the line was put there by nobody: the first key takes its place.
    is_untouched: bool,
}

impl ScalePrompt {
    pub fn of(service: ServiceId, world: &World) -> Self {
        let (now, ready) = world.inventory.service(&service).map_or((0, 0), |known| (known.wanted, known.ready));
        Self { service, now, ready, prompt: Prompt::new("instances", now.to_string()), is_untouched: true }
    }

    pub fn edit(&mut self, request: InputRequest) {
        if self.is_untouched && matches!(request, InputRequest::InsertChar(_)) {
            self.prompt.edit(InputRequest::DeleteLine);
        }
        self.is_untouched = false;
        self.prompt.edit(request);
    }

    /// What was typed so far, or what is wrong with it. How many the service may have is the plan's to say.
    pub fn meant(&self) -> Result<u32, String> {
        let typed = self.prompt.text().trim();
        match typed.parse() {
            Ok(number) if number == self.now => Err(format!("it is {number} already")),
            Ok(number) => Ok(number),
            Err(_) if typed.is_empty() => Err("how many instances?".into()),
            Err(_) if !typed.is_empty() && typed.chars().all(|c| c.is_ascii_digit()) => {
                Err(format!("{typed} is more than any engine runs"))
            }
            Err(_) => Err(format!("'{typed}' is not a number of instances: write 0, 1, 2 ...")),
        }
    }

    pub fn wanted(&self) -> Result<Wanted, String> {
        Ok(Wanted::of(Verb::Scale(self.meant()?), Target::Service(self.service.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{service_id, world};

    fn typed(text: &str) -> ScalePrompt {
        let mut asked = ScalePrompt::of(service_id("shop/web"), &world().service("shop/web", 3).build());
        text.chars().for_each(|c| asked.edit(InputRequest::InsertChar(c)));
        asked
    }

    #[test]
    fn the_first_digit_takes_the_place_of_the_present_number_and_a_cursor_key_keeps_it() {
        assert_eq!(typed("").prompt.text(), "3");
        assert_eq!(typed("12").meant(), Ok(12));
        let mut asked = typed("");
        asked.edit(InputRequest::GoToEnd);
        asked.edit(InputRequest::InsertChar('0'));
        assert_eq!(asked.meant(), Ok(30));
    }

    #[test]
    fn what_is_no_number_of_instances_is_said_to_be_none() {
        assert_eq!(typed("3").meant(), Err("it is 3 already".into()));
        assert_eq!(typed("-1").meant(), Err("'-1' is not a number of instances: write 0, 1, 2 ...".into()));
        assert_eq!(typed("99999999999").meant(), Err("99999999999 is more than any engine runs".into()));
        assert_eq!(typed(" ").meant(), Err("how many instances?".into()));
    }
}
