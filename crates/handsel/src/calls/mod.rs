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
    args::{CallsCommand, DiscardArgs, OneArgs, Queue},
    reach::Reach,
};
pub(crate) use self::{
    args::CallsCommand as Command,
    http::{document, router},
    reach::{read_address, write_address},
};
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
    // Said before anything is opened: the answer does not depend on the call.
    if let CallsCommand::Discard(DiscardArgs { one: OneArgs { id, .. }, yes: false }) = &command {
        anyhow::bail!(
            "this ends call {id} for good, and whoever waits for its effect waits in vain; say --yes if that is meant"
        );
    }
    let reach = open(command.queue()).await?;
    match command {
        CallsCommand::List(args) => {
            let page = reach.list(&args.wanted()).await?;
            if args.json {
                out::json(&page);
            } else {
                print::page(&page).into_iter().for_each(out::line);
            }
        }
        CallsCommand::Show(OneArgs { id, json, .. }) => {
            let call = reach.show(id).await?;
            if json {
                out::json(&call);
            } else {
                print::call(&call).into_iter().for_each(out::line);
            }
        }
        CallsCommand::Replay(OneArgs { id, json, .. }) => {
            reach.replay(id).await?;
            done(json, id, "replayed", reach.after_replay());
        }
        CallsCommand::Discard(args) => {
            let OneArgs { id, json, .. } = args.one;
            reach.discard(id).await?;
            done(json, id, "discarded", "ended for good");
        }
        CallsCommand::Stats(args) => {
            let lanes = reach.stats().await?;
            if args.json {
                out::json(&lanes);
            } else {
                print::lanes(&lanes).into_iter().for_each(out::line);
            }
        }
    }
    Ok(())
}

async fn open(queue: &Queue) -> anyhow::Result<Reach> {
    if let Some(url) = &queue.redis_url {
        return Reach::redis(url).await;
    }
    let sources = &queue.sources;
    let config = Config::load(sources.config.as_deref(), &serve::source_flags(sources))?;
    Reach::open(&config).await
}

fn done(json: bool, id: durable_grpc::CallId, what: &str, meaning: &str) {
    if json {
        out::json(&serde_json::json!({"id": id.to_string(), "done": what}));
    } else {
        out::line(format_args!("{what}: call {id} {meaning}"));
    }
}
