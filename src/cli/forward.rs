//! `midwatch forward`: a port of this machine goes to one of a service, until somebody interrupts it.

use super::{
    arguments,
    exit::{Exit, Stop},
    find,
    printer::Printer,
    session::Session,
};
use crate::{
    domain::{Capability, Trouble},
    message::{Event, Forward, ForwardState},
};

/// Each change of its state is a line on stderr; stdout stays empty. Ends only when the port cannot be had.
pub async fn run(session: &mut Session, asked: &arguments::Forward, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    session.tell_lost(printer);
    let service = find::service(session, &asked.address)?;
    let what = || format!("could not forward to {service}");
    if let Err(reason) = session.inventory.allow(&service, Capability::Forward) {
        return Err(Stop::Because(Exit::Refused, Trouble::new(what(), reason)));
    }
    let local = asked.ports.local(|_| false);
    let forward = Forward { service: service.clone(), port: asked.ports.remote };
    session.wanted.forwards.insert(local, forward.clone());
    session.reconcile();
    let mut said = String::new();
    loop {
        let Event::Forward { local: of, state } = session.next().await else { continue };
        if of != local {
            continue;
        }
        let told = told(local, &forward, state).map_err(|trouble| Stop::Because(Exit::Failed, trouble))?;
        // Bytes are counted all the time, which is no change of state.
        if told != said {
            printer.say(&told);
            said = told;
        }
    }
}

/// One state in words; an error where there will be no other.
fn told(local: u16, forward: &Forward, state: ForwardState) -> Result<String, Trouble> {
    match state {
        ForwardState::Refused(trouble) => Err(trouble),
        ForwardState::Troubled(trouble) => Ok(trouble.to_string()),
        ForwardState::Listening { connections: 0, .. } => {
            Ok(format!("localhost:{local} goes to port {} of {}; Ctrl-C ends it", forward.port, forward.service))
        }
        ForwardState::Listening { connections, through, .. } => {
            let through = through.map_or_else(String::new, |name| format!(" through {name}"));
            Ok(format!("connection {connections}{through}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::service_id;

    #[test]
    fn a_state_is_one_line_that_does_not_change_with_the_bytes() {
        let forward = Forward { service: service_id("shop/web"), port: 80 };
        let listening = |connections, received| ForwardState::Listening {
            connections,
            through: (connections > 0).then(|| "web-1".into()),
            received,
            sent: 0,
        };
        let said = |state| told(9000, &forward, state).expect("it goes on");
        assert_eq!(said(listening(0, 0)), "localhost:9000 goes to port 80 of local/shop/web; Ctrl-C ends it");
        assert_eq!(said(listening(2, 10)), "connection 2 through web-1");
        assert_eq!(said(listening(2, 10)), said(listening(2, 9999)));
        let refused = Trouble::new("could not listen on port 9000", "it is in use");
        assert_eq!(told(9000, &forward, ForwardState::Refused(refused.clone())), Err(refused));
    }
}
