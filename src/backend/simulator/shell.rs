//! A shell in a simulated instance: small, and honest about what it is.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::{Line, answers, gone};
use crate::{
    backend::Attached,
    domain::{InstanceId, Trouble},
};

const HELP: &str = "echo, env, exit, help, hostname, ls, ps";
/// What fits into the line that is being typed.
const LONGEST: usize = 1024;

pub async fn attach(line: Line, instance: InstanceId, size: (u16, u16)) -> Result<Attached, Trouble> {
    line.round_trip().await.map_err(|loss| loss.why)?;
    let world = line.world();
    let index = world.find(&instance).ok_or_else(|| gone("open a shell in", &instance))?;
    let name = &world.instances[index].name;
    if !world.phase(index, line.now()).doing.is_alive() {
        return Err(Trouble::new(format!("could not open a shell in {name}"), "it does not run"));
    }
    let (input, typed) = duplex(4096);
    let greeting = format!(
        "This is {name} in midwatch's simulator: no real machine. There are: {HELP}.\r\n(terminal of {} columns, {} rows)\r\n",
        size.0, size.1
    );
    let shell = Shell { line, index, typed, editing: Vec::new(), said: VecDeque::new(), over: false };
    let prompt = shell.prompt();
    let shell = Shell { said: VecDeque::from([greeting, prompt]), ..shell };
    let output = stream::unfold(shell, |mut shell| async move { shell.next().await.map(|said| (said, shell)) });
    let resize = Arc::new(|_| async {}.boxed());
    Ok(Attached { output: output.boxed(), input: Box::pin(input), resize })
}

struct Shell {
    line: Line,
    index: usize,
    typed: DuplexStream,
    /// The line that is being typed. The terminal at the other end is raw, so it is echoed from here.
    editing: Vec<u8>,
    said: VecDeque<String>,
    over: bool,
}

impl Shell {
    async fn next(&mut self) -> Option<Result<Bytes, Trouble>> {
        loop {
            if let Some(said) = self.said.pop_front() {
                return Some(Ok(said.into()));
            }
            if self.over {
                return None;
            }
            let mut bytes = [0; 256];
            let Self { line, index, typed, .. } = self;
            tokio::select! {
                read = typed.read(&mut bytes) => match read {
                    Ok(count) if count > 0 => bytes[..count].iter().for_each(|byte| self.take(*byte)),
                    _ => self.over = true,
                },
                loss = line.broken() => {
                    self.over = true;
                    return Some(Err(loss.why));
                }
                () = ended(line, *index) => {
                    self.over = true;
                    self.said.push_back("\r\n(the instance ended, and the shell with it)\r\n".to_owned());
                }
            }
        }
    }

    fn take(&mut self, byte: u8) {
        match byte {
            b'\r' | b'\n' => {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.editing)).into_owned();
                self.said.push_back("\r\n".to_owned());
                self.run(line.trim());
            }
            0x7f | 0x08 if self.editing.pop().is_some() => self.said.push_back("\x08 \x08".to_owned()),
            // Ctrl-C forgets the line, Ctrl-D on an empty one leaves.
            0x03 => {
                self.editing.clear();
                self.said.push_back(format!("^C\r\n{}", self.prompt()));
            }
            0x04 if self.editing.is_empty() => self.run("exit"),
            b' '..=b'~' if self.editing.len() < LONGEST => {
                self.editing.push(byte);
                self.said.push_back(char::from(byte).to_string());
            }
            _ => {}
        }
    }

    fn run(&mut self, line: &str) {
        if self.over {
            return;
        }
        let world = self.line.world();
        let environment = &world.instances[self.index].definition.environment;
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let answer = match command {
            "" => String::new(),
            "echo" => format!("{}\n", expanded(rest, environment)),
            "help" => format!("{HELP}\n"),
            "hostname" => format!("{}\n", world.instances[self.index].id.key),
            "ls" => "app  bin  dev  etc  home  lib  proc  root  run  sys  tmp  usr  var\n".to_owned(),
            "env" => environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect(),
            "ps" => {
                let table = answers::table(&world, self.index, self.line.now());
                let rows = std::iter::once(&table.titles).chain(&table.rows);
                rows.map(|row| format!("{:>5} {:<6} {} {}\n", row[0], row[1], row[2], row[3])).collect()
            }
            "exit" => {
                self.over = true;
                "exit\n".to_owned()
            }
            unknown => format!("sh: {unknown}: not found; this is the simulator's shell, which knows {HELP}\n"),
        };
        self.said.push_back(answer.replace('\n', "\r\n"));
        if !self.over {
            self.said.push_back(self.prompt());
        }
    }

    fn prompt(&self) -> String {
        format!("{}:/ (simulated) # ", self.line.world().instances[self.index].name)
    }
}

/// With the values of its variables: `$NAME`, and nothing for one that is not set.
fn expanded(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut parts = text.split('$');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        expanded += if name.is_empty() { "$" } else { environment.get(name).map_or("", String::as_str) };
        expanded += rest;
    }
    expanded
}

/// Waits until the instance is down.
async fn ended(line: &Line, index: usize) {
    let mut moved = line.place.moved();
    loop {
        let by_itself = {
            let world = line.world();
            let phase = world.phase(index, line.now());
            if !phase.doing.is_alive() {
                return;
            }
            phase.until.unwrap_or(Timestamp::MAX)
        };
        tokio::select! {
            () = line.sleep_until(by_itself) => {}
            _ = moved.changed() => {}
        }
    }
}
