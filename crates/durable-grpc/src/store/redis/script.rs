//! The scripts, and how they are called.

use std::sync::LazyLock;

use redis::{Cmd, ToRedisArgs, Value, cmd};

use super::{Shared, link::Failure};

/// A script with its hash.
pub(super) struct Script {
    code: &'static str,
    inner: LazyLock<redis::Script>,
}

macro_rules! script {
    ($name:ident, $flags:literal, $file:literal) => {
        pub(super) static $name: Script = {
            const CODE: &str = concat!(
                "#!lua",
                $flags,
                "\n",
                include_str!("lua/prelude.lua"),
                include_str!(concat!("lua/", $file))
            );
            Script { code: CODE, inner: LazyLock::new(|| redis::Script::new(CODE)) }
        };
    };
}

// What lets go of memory, or moves what is there, runs also when the server is full.
script!(SUBMIT, "", "submit.lua");
script!(FINISH, " flags=allow-oom", "finish.lua");
script!(STARTED, " flags=allow-oom", "started.lua");
script!(PROMOTE, " flags=allow-oom", "promote.lua");
script!(BEAT, " flags=allow-oom", "beat.lua");
script!(TAKEOVER, " flags=allow-oom", "takeover.lua");
script!(CANCEL, " flags=allow-oom", "cancel.lua");
script!(DISCARD, " flags=allow-oom", "discard.lua");
script!(REPLAY, "", "replay.lua");
script!(LOOKUP, " flags=no-writes", "lookup.lua");
script!(NAMED, " flags=no-writes", "named.lua");
script!(DEAD, " flags=no-writes", "dead.lua");
script!(STATS, " flags=no-writes", "stats.lua");

/// A script call in the making: for the keys of one lane, with the clock's lead as first argument.
pub(super) struct Call {
    script: &'static Script,
    hashed: Cmd,
}

impl Script {
    pub(super) fn call(&'static self, shared: &Shared, prefix: &str) -> Call {
        let mut hashed = cmd("EVALSHA");
        hashed.arg(self.inner.get_hash()).arg(1).arg(prefix);
        let mut call = Call { script: self, hashed };
        call.arg(shared.options.ahead_ms());
        call
    }
}

impl Call {
    /// Adds an argument.
    pub(super) fn arg(&mut self, value: impl ToRedisArgs) -> &mut Self {
        self.hashed.arg(value);
        self
    }

    /// Runs the script; a server that does not know it yet gets its text.
    pub(super) async fn run(self, shared: &Shared) -> Result<Value, Failure> {
        match shared.link.query(&self.hashed).await {
            Err(failure) if failure.has_code("NOSCRIPT") => {
                let mut load = cmd("SCRIPT");
                load.arg("LOAD").arg(self.script.code);
                shared.link.query(&load).await?;
                shared.link.query(&self.hashed).await
            }
            reply => reply,
        }
    }
}
