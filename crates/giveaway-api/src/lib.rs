//! Hosts, wallets, giveaways, entries, draws and winners.
