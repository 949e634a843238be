//! `handsel calls …`: what waits for an operator, and how the lanes stand.
//!
//! | module | what it holds |
//! |---|---|
//! | `args` | the command line, in words |
//! | `reach` | the running server, or the file that nobody has open |
//! | `http` | the server's side: `/api/calls/v1` |
//! | `actions` | list, show, replay, discard, stats: what both ways do |
//! | `views` | what is told of a call: never what it carries |
//! | `print` | for people |

mod actions;
mod args;
mod http;
mod print;
mod reach;
mod views;

use std::process::ExitCode;

use self::{
    actions::Refusal,
    args::{CallsCommand, OneArgs},
    reach::Reach,
};
pub(crate) use self::{args::CallsCommand as Command, http::router, reach::write_address};
use crate::{config::Config, out, serve};

/// Does what it is told, and prints what became of it.
pub(crate) async fn run(command: CallsCommand) -> anyhow::Result<ExitCode> {
    match dispatch(command).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast::<Refusal>() {
            Ok(refusal) => {
                out::aside(format_args!("refused: {refusal}"));
                Ok(ExitCode::FAILURE)
            }
            Err(error) => Err(error),
        },
    }
}

async fn dispatch(command: CallsCommand) -> anyhow::Result<()> {
    let sources = command.sources();
    let config = Config::load(sources.config.as_deref(), &serve::source_flags(sources))?;
    match command {
        CallsCommand::List(args) => {
            let page = Reach::open(&config).await?.list(&args.wanted()).await?;
            if args.json {
                out::json(&page);
            } else {
                print::page(&page).into_iter().for_each(out::line);
            }
        }
        CallsCommand::Show(OneArgs { id, json, .. }) => {
            let call = Reach::open(&config).await?.show(id).await?;
            if json {
                out::json(&call);
            } else {
                print::call(&call).into_iter().for_each(out::line);
            }
        }
        CallsCommand::Replay(OneArgs { id, json, .. }) => {
            let reach = Reach::open(&config).await?;
            reach.replay(id).await?;
            let when = if reach.is_running() { "runs again" } else { "runs at the next start" };
            done(json, id, "replayed", when);
        }
        CallsCommand::Discard(args) => {
            let OneArgs { id, json, .. } = args.one;
            // Said before anything is opened: the answer does not depend on the call.
            anyhow::ensure!(
                args.yes,
                "this ends call {id} for good, and whoever waits for its effect waits in vain; say --yes if that is meant"
            );
            Reach::open(&config).await?.discard(id).await?;
            done(json, id, "discarded", "ended for good");
        }
        CallsCommand::Stats(args) => {
            let lanes = Reach::open(&config).await?.stats().await?;
            if args.json {
                out::json(&lanes);
            } else {
                print::lanes(&lanes).into_iter().for_each(out::line);
            }
        }
    }
    Ok(())
}

fn done(json: bool, id: durable_grpc::CallId, what: &str, meaning: &str) {
    if json {
        out::json(&serde_json::json!({"id": id.to_string(), "done": what}));
    } else {
        out::line(format_args!("{what}: call {id} {meaning}"));
    }
}
