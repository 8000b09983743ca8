//! A program in a container, without a terminal: what it reads and prints is streamed.

use bollard::container::LogOutput;
use futures::{StreamExt, stream};

use super::{
    api::{Api, Id},
    fault::Fault,
    inside::{self, Started},
    watch::inspect,
};
use crate::{
    backend::{Piped, Said},
    domain::{InstanceId, Trouble},
};

pub async fn run(api: Api, instance: InstanceId, command: Vec<String>) -> Result<Piped, Trouble> {
    let what = format!("could not run {}", command.first().map_or("nothing", String::as_str));
    let told = |fault: Fault| fault.trouble(what.as_str());
    let id = Id::new(&instance.key).map_err(told)?;
    let container = inspect(&api, id.as_str()).await.map_err(told)?;
    if !container.state.is_alive() {
        return Err(Trouble::new(what, format!("{} is {}", container.name, container.state.word()))
            .help("a program needs a running container: start it first"));
    }
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let Started { exec, output, input } = inside::start(&api, id, &command).await.map_err(told)?;
    let said = output.map(|piece| match piece {
        Ok(LogOutput::StdErr { message }) => Ok(Said::Errors(message)),
        Ok(LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message }) => {
            Ok(Said::Output(message))
        }
        Err(error) => Err(Fault::from(error)),
    });
    let ended = stream::once(async move { inside::code(&api, &exec).await.map(Said::Ended) });
    // What broke has no end to be asked for.
    let said = said.chain(ended).scan(false, |is_over, piece| {
        let piece = (!std::mem::replace(is_over, piece.is_err())).then_some(piece);
        futures::future::ready(piece)
    });
    let what = std::sync::Arc::<str>::from(format!("{what} to its end"));
    Ok(Piped { input, said: said.map(move |piece| piece.map_err(|fault| fault.trouble(what.clone()))).boxed() })
}
