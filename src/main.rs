//! The entrance: reads what was typed, then opens the console or carries a command out.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use midwatch::{
    app::App,
    cli::{
        self,
        arguments::{Arguments, Command},
    },
    clock::Clock,
    config::terminal::Terminal as Kind,
    domain::Trouble,
    effects::Effects,
    event_loop::{self, Console, Ended, State},
    message::{Event, Notice, Weight},
    own_log,
    runtime::{
        Runtime,
        operate::{Operator, Parts},
    },
    setup::{self, Books, Setup},
    terminal::{self, Options, Terminal, pace::Pace},
    ui::Theme,
};

fn main() -> ExitCode {
    // Two TLS libraries could be meant where none is named; a second call only finds the first one's choice.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::of_process();
    match arguments.command {
        None | Some(Command::Demo) => match console(&arguments) {
            Ok(code) => code,
            Err(trouble) => {
                eprintln!("midwatch: {trouble}");
                ExitCode::from(2)
            }
        },
        Some(_) => cli::run(arguments),
    }
}

/// The first frame is painted before anything is connected to, started or written.
fn console(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    let clock = Clock::system();
    let setup = Setup::load(&arguments.options, arguments.command.as_ref());
    let fleet = setup.fleet(clock)?;
    let gate = setup.gate(&fleet);
    let mut app = App::new(setup.app(&fleet), clock.now());
    let mut connectors = BTreeMap::new();
    for (cluster, connector) in fleet.clusters {
        connectors.insert(cluster.name.clone(), connector);
        app.world.inventory.put_cluster(cluster);
    }
    for notice in setup::notices(&setup.complaints, clock.now()) {
        app.observe(Event::Notice(notice), clock.now());
    }
    let kind = Kind::read(|name| std::env::var(name).ok());
    let theme = Theme::new(&setup.theme, kind, setup.config.ascii);
    catch_panics(setup.paths.state.as_deref())?;
    let mut terminal = Terminal::take(Options { mouse: setup.config.mouse, ascii: setup.config.ascii })?;
    let mut state = State::default();
    event_loop::paint(&app, &theme, &setup.keymap, &mut terminal, &mut state);

    let what = "could not start";
    // One beside the loop's own: engines are waited for, not computed with, and each thread costs memory and wakes the other.
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Trouble::new(what, error))?;
    let entered = threads.enter();
    let (mut runtime, inbox) = Runtime::new(connectors, clock);
    runtime.keep_backups_in(setup.vault());
    let facts = runtime.outbox().facts;
    let books = Books::of(&setup);
    let operator = Operator::new(Parts {
        connections: runtime.connections(),
        facts: facts.clone(),
        journal: books.open(),
        clock,
        gate,
        who: setup::who(),
    });
    let bytes_per_second = setup.config.max_bytes_per_second.unwrap_or(u64::MAX);
    let mut console = Console {
        app,
        terminal,
        theme,
        keymap: setup.keymap,
        effects: Effects {
            runtime,
            operator: operator.clone(),
            facts: facts.clone(),
            clock,
            paths: setup.paths.clone(),
            theme: setup.config.theme.clone(),
            kind,
            ascii: setup.config.ascii,
        },
        inbox,
        clock,
        pace: Pace::new(bytes_per_second),
        state,
    };
    let own_log = own_log::begin(setup.paths.own_log(), &setup.config.own_log);
    if let Err(trouble) = &own_log {
        let text: Arc<str> = trouble.line().into();
        let notice = Notice { at: clock.now(), weight: Weight::Warning, text, help: trouble.help.clone() };
        console.app.observe(Event::Notice(notice), clock.now());
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "opened");
    let recalling = operator.clone();
    threads.spawn(async move { recalling.recall().await });
    let ended = threads.block_on(console.run());
    let Console { app, terminal, effects, inbox, .. } = console;
    drop(terminal);
    drop(entered);
    let ended = ended.map_err(|error| Trouble::new("the terminal was lost", error));
    tracing::info!(?ended, running = operator.running(), "closed");
    if operator.running() > 0 {
        if matches!(ended, Ok(Ended::Quit)) {
            eprintln!("midwatch: {} still running; leaving when it has ended", operations(operator.running()));
        }
        threads.block_on(effects.finish(app.world.wanted_clusters(), inbox));
    }
    threads.shutdown_timeout(Duration::from_millis(100));
    match ended? {
        Ended::Quit | Ended::TerminalLost => Ok(ExitCode::SUCCESS),
        Ended::Told => Ok(ExitCode::from(143)),
    }
}

fn operations(count: usize) -> String {
    if count == 1 { "an operation is".to_owned() } else { format!("{count} operations are") }
}

/// A panic gives the terminal back first, then says where its report is.
fn catch_panics(state: Option<&Path>) -> Result<(), Trouble> {
    let (panics, errors) = color_eyre::config::HookBuilder::default().display_env_section(false).into_hooks();
    errors.install().map_err(|error| Trouble::new("could not start", error))?;
    let reports: Option<PathBuf> = state.map(Path::to_owned);
    std::panic::set_hook(Box::new(move |panic| {
        terminal::give_back();
        let report = panics.panic_report(panic).to_string();
        tracing::error!("panicked: {report}");
        match reports.as_deref().and_then(|directory| midwatch::crash::write(directory, &report)) {
            Some(path) => eprintln!("midwatch failed unexpectedly; the report is in {}", path.display()),
            None => eprintln!("midwatch failed unexpectedly:\n{report}"),
        }
    }));
    Ok(())
}
