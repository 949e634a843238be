//! `handsel demo`: the whole story, told by a real server.
//!
//! | module | what it holds |
//! |---|---|
//! | `cast` | who takes part, and with what sums |
//! | `client` | HTTP as a host, an entrant, a winner or a merchant speaks it |
//! | `open` | the story up to the moment that people can enter, for whoever measures that |
//! | `fleet` | where everybody is who is not in this process |
//! | `pace` | how time passes |
//! | `roles` | the tokens of those who take part |
//! | `state` | how far the story is, in a file that survives a crash |
//! | `story` | how it is printed |
//! | `phases` | one file per phase |
//! | `try_it` | what is needed to look around afterwards |
//! | `report` | the JSON object of `--json` |
//!
//! Nothing is taken from the inside of the server: every step is a request over the loopback
//! interface with the credentials that the role would have, and only the clock is moved (a fleet's is not:
//! there the story waits). Money steps
//! carry idempotency keys made from the seed and the step, everything else is looked for before it
//! is made. So the demo can be killed at any moment and started again on the same data: what
//! happened is found, what did not happen is done, and the end is the same.

mod cast;
mod client;
mod fleet;
mod open;
mod pace;
mod phases;
mod report;
mod roles;
mod state;
mod story;
mod try_it;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use anyhow::Context as _;
use jiff::Zoned;
use platform::{Clock, Shutdown, config::Secret, db::DbConfig};
use tokio::net::TcpListener;

pub(crate) use self::open::{Open, open};
use self::{
    client::{Addresses, Client},
    fleet::Fleet,
    pace::Pace,
    phases::Phase,
    report::Report,
    state::State,
    story::Story,
};
use crate::{
    cli::DemoArgs,
    config::{Config, Server},
    node::{Node, databases::Databases},
    out,
    serve::CLOCK_FILE,
};

/// The port that is tried first, as of `handsel serve`.
const PORT: u16 = 5000;

/// What all phases work with.
pub(crate) struct Demo {
    pub(crate) client: Client,
    pub(crate) state: State,
    pub(crate) story: Story,
    pub(crate) config: Config,
    /// The administrator's token.
    pub(crate) admin: Secret,
    /// The sandbox bank.
    pub(crate) bank_url: String,
    /// How time passes.
    pub(crate) pace: Pace,
    /// The file of entrants, or how many to make up.
    pub(crate) entries: Entries,
    pub(crate) roles: roles::Roles,
}

/// Where entrants come from.
#[derive(Debug, Clone)]
pub(crate) enum Entries {
    File(PathBuf),
    MadeUp { rows: u32 },
}

/// Tells the story. Ends with it under `--exit` and in a fleet, otherwise when told to stop.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let data_dir = match &args.data {
        Some(data) => data.clone(),
        None => fresh_folder()?,
    };
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    if let Some(file) = &args.fleet {
        return in_fleet(&args, &Fleet::read(file)?, data_dir, &shutdown).await;
    }
    let (node, surroundings) = begin(&args, data_dir, &shutdown).await?;
    let told = match Demo::new(&args, surroundings) {
        Ok(mut demo) => {
            demo.story.begin(&demo.config.data_dir, Some(began.elapsed()), demo.state.is_fresh());
            tell_until(&mut demo, &shutdown).await.map(|report| (demo, report))
        }
        Err(error) => Err(error),
    };
    let (mut demo, report) = match told {
        Ok(told) => told,
        Err(error) => {
            node.stop().await;
            return Err(error);
        }
    };
    if args.json {
        out::json(&report);
    } else {
        let try_it = if args.exit { None } else { Some(try_it::write(&mut demo).await?) };
        demo.story.end(&report, &demo.config, &node.public_url, began.elapsed(), try_it.as_deref());
    }
    if !args.exit {
        shutdown.requested().await;
    }
    node.stop().await;
    Ok(report.exit_code())
}

/// Starts a server of the story's own.
async fn begin(
    args: &DemoArgs,
    data_dir: PathBuf,
    shutdown: &Shutdown,
) -> anyhow::Result<(Node, Surroundings)> {
    let listener = listen(args).await?;
    let mut config = Config {
        data_dir,
        demo: true,
        server: Server { listen: listener.local_addr()?, ..Server::default() },
        ..Config::default()
    };
    let is_new = !config.data_dir.exists();
    config.make_data_dir()?;
    let clock = Clock::shifted(&config.data_dir.join(CLOCK_FILE))?;
    if let Some(url) = args.postgres.clone() {
        use_postgres(&mut config, url, &clock, is_new).await?;
    }
    let node = Node::start(&config, clock, shutdown.clone(), listener).await?;
    let surroundings = Surroundings {
        config,
        addresses: Addresses::one(&node.public_url),
        admin: node.admin_token.clone(),
        bank_url: node.bank_url.clone().context("the demo has a bank of its own")?,
        pace: Pace::MOVED,
    };
    Ok((node, surroundings))
}

/// Tells the story to applications that run already, in the time that everybody has.
async fn in_fleet(
    args: &DemoArgs,
    fleet: &Fleet,
    data_dir: PathBuf,
    shutdown: &Shutdown,
) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let surroundings = in_that(fleet, data_dir, Pace::WAITED)?;
    let mut demo = Demo::new(args, surroundings)?;
    demo.story.begin(&demo.config.data_dir, None, demo.state.is_fresh());
    let report = tell_until(&mut demo, shutdown).await?;
    if args.json {
        out::json(&report);
    } else {
        demo.story.sums(&report, began.elapsed());
    }
    Ok(report.exit_code())
}

fn in_that(fleet: &Fleet, data_dir: PathBuf, pace: Pace) -> anyhow::Result<Surroundings> {
    let config = fleet.config(data_dir)?;
    config.make_data_dir()?;
    Ok(Surroundings {
        config,
        addresses: fleet.addresses(),
        admin: fleet.admin()?,
        bank_url: fleet.bank().to_owned(),
        pace,
    })
}

/// Where a story takes place.
struct Surroundings {
    config: Config,
    addresses: Addresses,
    admin: Secret,
    bank_url: String,
    pace: Pace,
}

impl Demo {
    fn new(args: &DemoArgs, around: Surroundings) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(around.addresses)?,
            state: State::open(&around.config.data_dir, args.seed)?,
            story: Story::new(args.json, args.progress || args.json),
            config: around.config,
            admin: around.admin,
            bank_url: around.bank_url,
            pace: around.pace,
            entries: match args.entries.clone() {
                Some(file) => Entries::File(file),
                None => Entries::MadeUp { rows: args.rows },
            },
            roles: roles::Roles::default(),
        })
    }
}

/// The whole story, unless somebody stops it.
async fn tell_until(demo: &mut Demo, shutdown: &Shutdown) -> anyhow::Result<Report> {
    let data = demo.config.data_dir.display().to_string();
    tokio::select! {
        told = tell(demo) => told,
        () = shutdown.requested() => anyhow::bail!(
            "stopped before the story was told; start it again with the same --data {data}"
        ),
    }
}

/// Every phase in its order; those that an earlier run finished are only mentioned.
async fn tell(demo: &mut Demo) -> anyhow::Result<Report> {
    tell_these(demo, &Phase::ALL).await?;
    report::make(demo).await
}

async fn tell_these(demo: &mut Demo, phases: &[Phase]) -> anyhow::Result<()> {
    for phase in phases.iter().copied() {
        if demo.state.is_done(phase) {
            demo.story.already(phase);
            continue;
        }
        demo.story.phase(phase);
        let began = Instant::now();
        phases::play(phase, demo)
            .await
            .with_context(|| format!("the phase {} failed", phase.name()))?;
        demo.state.finish(phase, began.elapsed())?;
        demo.story.took(began.elapsed());
    }
    Ok(())
}

/// Keeps the services' rows in a PostgreSQL database, with the schema that they need.
async fn use_postgres(
    config: &mut Config,
    url: String,
    clock: &Clock,
    is_new: bool,
) -> anyhow::Result<()> {
    let database = DbConfig { url: Secret::new(url), ..DbConfig::default() };
    for of_service in [
        &mut config.giveaway.database,
        &mut config.giftcard.database,
        &mut config.processor.database,
    ] {
        of_service.clone_from(&database);
    }
    // A story in the rows of somebody else would be theirs for ever.
    anyhow::ensure!(
        !is_new || Databases::are_empty(config).await.context("--postgres")?,
        "--postgres: the database has something in it, and {} is not where its story began",
        config.data_dir.display()
    );
    Databases::migrate(config, clock).await.context("--postgres")?;
    Ok(())
}

fn fresh_folder() -> anyhow::Result<PathBuf> {
    let name = Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let parent = Config::default().data_dir.join("demo");
    let folder = (0..100)
        .map(|n| match n {
            0 => parent.join(&name),
            n => parent.join(format!("{name}-{n}")),
        })
        .find(|folder| !folder.exists());
    folder.with_context(|| format!("there is no free name in {}", parent.display()))
}

/// A demo that ends by itself needs no memorable port, and must not collide with a server.
async fn listen(args: &DemoArgs) -> anyhow::Result<TcpListener> {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    match args.listen {
        Some(address) => TcpListener::bind(address)
            .await
            .with_context(|| format!("--listen: cannot listen at {address}")),
        None if args.exit => Ok(TcpListener::bind(free).await?),
        None => match TcpListener::bind(usual).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Ok(TcpListener::bind(free).await?)
            }
            bound => Ok(bound?),
        },
    }
}
