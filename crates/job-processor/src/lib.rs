//! Executes durable calls: mail and analytics.
