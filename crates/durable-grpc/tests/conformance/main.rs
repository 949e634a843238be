//! What every call store promises, through the whole library: one suite, run on each store.
//!
//! A test is a function over a [`Stores`](harness::Stores) factory; the list at the end makes it a
//! test of each store. Where a real server's clock rules, tests poll with a bound; none sleeps.

#![expect(clippy::unwrap_used, reason = "tests")]

mod breaker;
mod callee;
mod deadlines;
mod embedded;
mod fencing;
mod framing;
mod harness;
mod identity;
#[path = "../support/layer.rs"]
mod layer;
mod metrics;
mod outbox;
#[cfg(feature = "redis")]
mod redis_server;
#[cfg(feature = "redis")]
#[path = "redis.rs"]
mod redis_store;
mod repair;
mod repeats;
mod retries;
mod targets;
mod traces;
mod trust;

/// Generated from `proto/shop.proto`.
#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod shop {
    include!("../../proto/shop.v1.rs");
}

/// The descriptors of `proto/shop.proto`.
const DESCRIPTORS: &[u8] = include_bytes!("../../proto/shop.bin");

macro_rules! conformance {
    ($store:ident, $stores:ty: $($module:ident { $($test:ident,)+ })+) => {
        mod $store {
            $(mod $module {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::$module::$test(<$stores>::default()).await;
                })+
            })+
        }
    };
}

macro_rules! on_every_store {
    ($($tests:tt)+) => {
        conformance!(sqlite, crate::harness::SqliteStores: $($tests)+);
        #[cfg(feature = "redis")]
        conformance!(redis, crate::harness::RedisStores: $($tests)+);
    };
}

on_every_store! {
    identity {
        an_unkeyed_call_is_executed_and_answered,
        the_callee_learns_what_it_needs_and_nothing_secret,
        the_same_key_attaches_to_the_running_call,
        many_callers_of_one_key_make_one_call,
        the_same_key_replays_the_answer,
        a_key_is_scoped_to_lane_and_method,
        other_bytes_under_a_key_are_a_mismatch,
        the_hash_is_over_the_uncompressed_message,
        another_process_attaches_and_replays,
        a_dead_call_runs_again_under_its_id,
        bytes_and_clients_share_keys,
        the_first_policy_wins_when_a_call_runs_again,
        the_first_policy_wins_when_a_caller_attaches,
        the_credential_of_the_caller_goes_nowhere,
        what_must_not_be_stored_cannot_be_listed,
    }
    retries {
        idempotent_methods_are_retried_until_they_answer,
        refusals_are_answers_with_all_they_carry,
        every_status_answers_a_method_that_is_not_idempotent,
        a_lost_answer_is_ambiguous_unless_the_method_is_idempotent,
        a_panic_is_a_failed_attempt,
        attempt_timeouts_are_retried,
        a_handler_that_blocks_its_thread_does_not_stop_the_timer,
        max_attempts_end_in_the_dead_letters,
        what_is_no_grpc_status_is_no_answer,
        answers_that_cannot_be_kept_end_the_call,
        a_method_nobody_described_is_not_idempotent,
    }
    deadlines {
        waiting_ends_and_the_keyed_call_goes_on,
        the_timeout_of_the_request_is_the_wait,
        an_unkeyed_call_expires_with_its_caller,
        a_keyed_call_that_expires_is_a_dead_letter,
        a_detached_call_returns_once_persisted,
        a_detached_success_leaves_nothing_behind,
        a_detached_refusal_is_a_dead_letter,
        not_before_its_time,
        a_dropped_future_detaches,
        a_waiting_call_is_cancelled_for_good,
        a_running_call_is_signalled,
        what_has_ended_cannot_be_cancelled,
        a_keyed_call_is_tried_for_a_day,
        the_expiry_counts_from_the_earliest_time,
        without_a_deadline_a_caller_waits_half_a_minute,
        the_deadline_beats_the_timeout_of_the_request,
        a_replayed_call_has_its_whole_time_again,
        a_key_that_runs_again_outlives_its_former_end,
        an_answer_is_kept_from_its_end_on,
        a_detached_call_with_a_key_is_kept_as_a_keyed_one,
        a_call_between_two_tries_is_cancelled,
        a_later_call_is_cancelled,
        what_ran_before_is_not_denied,
    }
    framing {
        streaming_methods_are_refused,
        oversize_requests_are_refused,
        exactly_one_message_is_accepted,
        bad_keys_are_refused,
        compressed_requests_are_accepted,
        metadata_and_details_survive_as_they_are,
        trailers_of_an_answer_are_kept,
    }
    repair {
        dead_letters_are_listed_by_lane_and_page,
        an_operator_replays_and_discards,
        an_ambiguous_call_stays_so_until_it_is_replayed,
        retention_lets_go_in_time,
        whoever_dies_mid_flight_finds_everything_again,
        a_started_call_is_ambiguous_after_a_restart,
        a_graceful_shutdown_finishes_what_runs,
        abandoned_attempts_go_back_to_their_lane,
        what_a_lost_worker_held_is_taken_over_while_others_work,
        a_cancelled_call_of_a_lost_worker_does_not_run_again,
        a_waiter_survives_without_any_hint,
        many_waiters_survive_without_any_hint,
        a_call_is_sent_only_once_it_is_marked,
        a_call_that_somebody_else_holds_is_not_sent,
        a_submission_whose_answer_is_lost_may_be_executed,
        a_submission_that_takes_too_long_may_be_executed,
        a_lane_executes_as_many_calls_as_it_has_slots,
        stats_tell_how_a_lane_stands,
    }
    fencing {
        only_the_holder_of_a_claim_is_heard,
        a_batch_has_a_result_for_each_item,
        no_call_is_handed_out_twice,
        claims_of_the_silent_are_taken_over,
        a_claim_waits_for_work,
        a_cancelled_call_is_not_tried_again,
        a_report_is_believed_for_two_beats,
        large_batches_keep_their_order,
        a_claim_that_waits_holds_nobody_up,
    }
    outbox {
        rows_are_submitted_until_they_are_answered,
        bytes_are_checked_before_they_are_submitted,
        a_refused_row_holds_nobody_up,
        every_end_is_told_apart,
        an_answer_that_was_not_recorded_is_replayed,
        a_row_without_an_answer_is_deferred_and_tried_again,
        the_next_relay_goes_on_where_one_stopped,
    }
    breaker {
        while_the_callee_is_down_waiting_is_refused_and_the_rest_waits,
        without_a_health_service_the_time_decides,
        a_quiet_lane_finds_out_by_its_next_caller,
        a_parked_lane_spends_no_attempts,
        what_must_not_be_sent_twice_is_sent_once,
        what_must_not_be_sent_twice_is_no_probe_of_the_silent,
        refusals_never_open_it,
        overload_opens_it,
        slow_calls_open_it,
        only_the_target_is_slow,
        in_process_lanes_are_always_up,
        keys_that_exist_attach_and_replay,
        a_lane_without_a_live_worker_is_refused,
        without_a_breaker_calls_wait_for_a_worker,
        outbox_rows_go_out_as_soon_as_the_callee_is_back,
        a_full_lane_pushes_back,
        a_late_lane_refuses_only_those_who_wait,
        queries_are_refused_with_their_lane,
        queries_find_out_by_themselves,
    }
    targets {
        a_remote_callee_answers,
        calls_wait_for_a_callee_that_is_not_there,
        calls_are_balanced_over_endpoints,
        a_lost_connection_is_retried_or_ambiguous,
        queries_go_straight_through,
    }
    trust {
        sealed_calls_are_executed,
        a_call_written_into_the_store_is_a_dead_letter,
        a_seal_fits_its_own_call_only,
        strangers_are_refused_at_the_port,
        a_seal_is_over_the_uncompressed_message,
        a_wrong_credential_waits_for_the_right_one,
        keys_are_changed_while_calls_wait,
    }
    repeats {
        redelivered_calls_have_one_effect,
        a_lost_answer_is_given_again,
        a_replayed_refusal_is_judged_anew,
    }
    traces {
        caller_worker_and_callee_share_a_trace,
        calls_made_by_a_handler_join_its_trace,
    }
}
