//! The contract of a durable queue: each law in words, tried on every backend alike.
//!
//! A law is a function of a queue that is empty, or of a place that it opens itself. It knows no backend; whoever writes
//! another backend adds it to the list at the end of this file and changes no law.

mod callbacks;
mod change;
mod claim;
mod delay;
mod enqueue;
mod entries;
mod faults;
mod limits;
mod list;
mod model;
mod programs;
mod prune;
mod queues;
mod reclaim;
mod renew;
mod report;
mod schedules;
mod settle;
mod signals;
mod survival;
mod unique;
mod workers;

use std::sync::Arc;

use ampule::queue::Queue;
use ampule_tests::place::Place;

/// What a law is tried on.
trait Given: Sized {
    async fn given(place: &Arc<Place>) -> Self;
}

impl Given for Arc<dyn Queue> {
    async fn given(place: &Arc<Place>) -> Self {
        place.open().await
    }
}

impl Given for Arc<Place> {
    async fn given(place: &Arc<Place>) -> Self {
        Arc::clone(place)
    }
}

/// Tries one law on one place.
async fn holds<G: Given, L: Future<Output = ()>>(place: Place, law: impl FnOnce(G) -> L) {
    let place = Arc::new(place);
    law(G::given(&place).await).await;
}

macro_rules! on_backend {
    ($backend:ident, $model_cases:literal, $($module:ident: $($law:ident),*;)*) => {
        mod $backend {
            use ampule_tests::place::Place;

            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $law() {
                    super::holds(Place::$backend(), super::$module::$law).await;
                }
            )*)*

            #[test]
            fn whatever_is_done_a_queue_and_its_model_say_the_same() {
                super::model::agrees(&Place::$backend(), $model_cases);
            }
        }
    };
}

/// Makes a test of each law on each backend: `queue::sqlite::LAW`, `queue::postgres::LAW`. A law that is missing here is
/// an unused function.
macro_rules! laws {
    ($($laws:tt)*) => {
        on_backend!(sqlite, 300, $($laws)*);
        on_backend!(postgres, 60, $($laws)*);
    };
}

laws! {
    enqueue:
        what_is_taken_in_is_known_as_it_was_given,
        many_jobs_are_answered_in_their_order,
        no_jobs_are_taken_in_too,
        an_id_that_is_known_is_not_stored_again,
        a_call_that_repeats_a_job_stores_it_once,
        a_call_that_is_repeated_answers_the_same_and_stores_what_is_new,
        many_who_enqueue_one_job_at_once_store_it_once,
        a_call_with_one_bad_job_stores_none,
        a_job_that_breaks_a_rule_is_refused,
        a_job_at_the_edge_of_every_rule_is_taken_in,
        ten_thousand_jobs_are_one_call_and_one_more_is_refused,
        a_program_that_is_not_stored_is_refused,
        a_program_that_is_not_stored_is_refused_in_what_follows_too,
        a_name_means_what_it_meant_at_the_enqueue,
        a_digest_that_is_stored_is_kept_as_it_is,
        a_language_is_left_to_the_worker,
        a_draining_queue_refuses_the_whole_call,
        a_draining_queue_answers_for_the_jobs_that_it_has,
        a_paused_queue_takes_jobs_in,
        a_start_says_when_a_job_is_due,
        instants_are_cut_and_times_rounded_up_to_whole_milliseconds,
        a_time_that_is_more_than_none_is_stored_as_more_than_none,
        without_a_time_the_database_s_clock_is_taken,
        a_limit_on_waiting_counts_from_the_enqueue,
        a_delivery_may_wait_where_no_job_may,
        what_follows_from_a_job_tells_of_it;
    unique:
        a_unique_key_enqueues_once_while_the_job_is_unfinished,
        every_end_frees_the_key_of_an_unfinished_job,
        a_unique_key_for_ever_is_taken_when_the_job_has_ended,
        a_unique_key_for_ever_goes_when_the_job_is_forgotten,
        a_unique_key_for_a_period_is_free_when_it_is_over,
        a_unique_key_for_a_period_is_free_although_the_job_still_waits,
        a_unique_key_for_a_period_outlives_the_job_s_deletion,
        each_tenant_has_unique_keys_of_its_own,
        a_unique_key_holds_across_queues_and_names,
        one_call_with_a_key_twice_stores_one_job,
        a_key_of_another_request_refuses_all_jobs_of_a_call,
        of_two_requests_with_the_same_keys_at_once_one_is_stored_whole,
        many_who_enqueue_one_key_at_once_get_one_job,
        who_has_which_key_is_told_in_the_order_of_the_question,
        two_keys_that_differ_in_case_or_accent_are_two,
        a_job_whose_key_is_taken_is_unknown,
        a_job_that_is_retried_by_hand_has_its_key_again_unless_another_took_it;
    claim:
        a_claimed_job_comes_with_all_that_is_known_of_it,
        an_empty_queue_gives_nothing,
        a_job_that_runs_is_nobody_else_s,
        the_highest_priority_goes_first_then_who_was_due_first,
        of_jobs_that_were_due_together_the_smallest_id_goes_first,
        a_claim_never_gets_more_than_it_has_room_for,
        a_claim_that_gets_less_than_there_is_says_so,
        a_job_is_due_to_the_millisecond,
        a_claim_tells_when_the_next_job_is_due,
        a_claim_tells_of_no_job_that_it_could_not_get,
        what_is_held_is_passed_over,
        a_paused_queue_gives_nothing_until_it_is_opened,
        a_draining_queue_gives_what_it_has,
        a_job_that_waited_too_long_is_not_handed_out,
        a_job_that_was_tried_may_start_again_at_any_time,
        only_queues_that_were_asked_for_are_served,
        only_languages_that_are_spoken_are_handed_out,
        deliveries_go_only_to_those_who_can_make_them,
        jobs_and_deliveries_come_in_one_claim,
        two_claimers_never_get_one_job,
        claimers_on_handles_of_their_own_never_get_one_job,
        a_flood_of_jobs_that_cannot_run_hides_no_job_that_can,
        a_lease_is_as_long_as_was_asked_for;
    limits:
        a_queue_runs_no_more_than_its_limit,
        a_tenant_runs_no_more_than_its_limit,
        jobs_without_a_tenant_count_as_one_tenant_s,
        both_limits_hold_together,
        a_flood_of_one_tenant_does_not_starve_another,
        a_full_queue_does_not_hold_up_another,
        within_a_limit_the_order_is_what_it_is_without,
        whatever_ends_an_attempt_makes_room,
        a_limit_that_is_changed_holds_from_then_on,
        a_tenant_s_limit_holds_for_jobs_that_were_there_before_it,
        a_job_that_is_retried_by_hand_counts_like_any_other,
        limits_and_languages_hold_together,
        eight_claimers_never_exceed_a_queue_s_limit,
        eight_claimers_never_exceed_a_tenant_s_limit,
        claimers_on_handles_of_their_own_never_exceed_a_limit,
        a_limit_counts_what_was_claimed_by_the_queue_s_name;
    renew:
        a_lease_that_is_renewed_does_not_expire,
        a_lease_may_be_shortened,
        an_expired_lease_that_nobody_took_may_be_renewed,
        a_lease_that_was_taken_back_is_lost,
        a_lease_that_was_settled_is_lost,
        only_the_holder_of_a_lease_may_renew_it,
        a_cancel_is_told_at_every_renewal_until_the_end,
        many_leases_are_answered_in_their_order,
        no_leases_are_renewed_too,
        a_renewal_touches_no_job_but_its_own;
    report:
        events_are_kept_in_order_and_as_they_were_told,
        events_go_on_from_where_the_reader_was,
        numbers_of_events_grow_across_attempts,
        what_comes_from_a_lost_lease_is_dropped,
        events_of_many_jobs_come_in_one_report,
        a_report_of_nothing_is_nothing,
        past_the_ten_thousandth_event_nothing_is_kept,
        events_stay_with_a_job_that_ended_and_go_with_one_that_is_deleted;
    settle:
        each_end_is_kept_with_its_outcome,
        a_job_to_be_tried_again_waits_for_it,
        what_is_handed_back_is_due_at_once_and_does_not_count,
        what_is_put_off_lets_others_go_before_it_and_does_not_count,
        nothing_is_kept_of_what_is_put_off,
        a_settled_lease_cannot_be_settled_twice,
        a_lease_twice_in_one_call_is_settled_once,
        many_who_settle_one_lease_at_once_settle_it_once,
        an_expired_lease_that_was_given_away_cannot_settle,
        a_worker_that_claims_its_own_lost_job_settles_the_new_attempt_only,
        an_expired_lease_that_nobody_took_may_settle,
        only_the_holder_of_a_lease_may_settle_it,
        many_ends_are_answered_in_their_order,
        an_end_and_what_follows_are_one,
        a_stale_end_is_followed_by_nothing,
        what_follows_goes_into_a_draining_queue,
        a_stop_that_was_asked_for_beats_another_try,
        an_end_that_came_before_the_stop_counts,
        one_call_may_settle_and_follow_up_for_many;
    reclaim:
        a_job_whose_worker_died_is_due_at_once,
        a_lease_expires_on_the_millisecond,
        attempts_are_bounded_and_then_the_job_is_lost,
        a_policy_may_rule_out_another_try_after_a_death,
        what_was_handed_back_is_no_attempt_that_was_lost,
        a_job_that_was_to_stop_ends_with_its_worker,
        a_job_that_waited_too_long_ends_as_expired,
        a_job_that_was_tried_does_not_expire,
        a_job_that_is_to_be_told_gets_the_failure,
        a_job_that_is_told_twice_is_two_jobs,
        many_who_take_back_at_once_take_each_job_back_once,
        a_flood_of_expired_leases_is_taken_back_in_steps,
        a_settlement_and_a_reclaim_at_once_end_an_attempt_once;
    change:
        cancel_ends_what_waits_and_asks_what_runs_to_stop,
        a_cancelled_job_that_was_tried_keeps_its_attempts,
        who_is_to_be_told_of_a_cancelled_job_is_told,
        run_now_makes_what_waits_due_and_releases_it,
        hold_keeps_back_what_waits_and_release_lets_it_go,
        retry_queues_what_has_ended_with_all_attempts_before_it,
        a_job_that_was_lost_for_good_may_be_retried_as_often_as_its_policy_says,
        retry_may_give_other_kwargs_and_the_history_stays,
        a_job_that_never_ran_is_retried_without_a_history,
        a_retried_job_is_not_asked_to_stop_any_more,
        a_delivery_takes_no_other_kwargs,
        delete_forgets_what_has_ended_and_nothing_else,
        what_is_changed_by_ids_is_told_in_their_order,
        what_is_changed_by_a_filter_is_told_newest_first,
        a_filter_selects_by_state_too,
        a_claim_and_a_cancel_at_once_give_a_job_to_one_of_them,
        a_change_of_a_job_changes_no_queue_s_rules;
    list:
        a_job_that_was_never_there_is_unknown,
        a_list_is_newest_first_whatever_became_of_the_jobs,
        a_list_says_the_same_as_the_job_itself,
        pages_join_without_a_gap_or_a_job_twice,
        pages_bear_jobs_that_come_and_end_meanwhile,
        a_page_of_no_size_or_too_large_is_refused,
        a_page_may_begin_after_a_job_that_is_gone,
        each_part_of_a_filter_holds_for_live_and_ended_jobs,
        states_are_chosen_one_by_one,
        failures_are_found_by_kind_and_by_text,
        jobs_are_found_by_when_they_were_enqueued,
        jobs_are_counted_by_queue_and_state,
        a_retried_job_is_found_where_it_is_now,
        a_tag_that_was_given_twice_is_found_once,
        words_that_nothing_has_find_nothing_and_fail_nothing;
    queues:
        a_queue_that_nobody_named_is_not_there,
        a_queue_tells_what_is_in_it,
        queues_are_listed_in_order_of_name,
        a_queue_that_was_configured_stays_when_it_is_empty,
        settings_are_replaced_as_a_whole,
        a_limit_of_none_at_all_is_refused,
        deliveries_are_seen_in_queues_of_their_own,
        a_queue_of_deliveries_may_be_paused,
        the_numbers_follow_what_happens;
    programs:
        a_program_is_kept_byte_for_byte,
        a_program_that_was_never_stored_is_unknown,
        a_program_that_is_stored_again_is_stored_once,
        a_program_has_as_many_names_as_it_was_given,
        a_name_means_the_program_that_it_was_given_last,
        two_who_store_a_program_at_once_store_it_once,
        a_name_is_a_program_or_a_source,
        a_name_that_means_nothing_is_taken_once,
        of_many_who_take_a_name_at_once_one_has_it,
        a_program_and_a_source_that_get_a_name_at_once_do_not_destroy_each_other,
        a_name_remembers_every_version_newest_first,
        a_version_that_is_named_again_is_the_newest,
        the_newest_version_is_what_the_name_means_even_if_the_clock_goes_back,
        many_who_name_at_once_leave_the_newest_version_as_the_meaning,
        a_name_that_is_deleted_means_nothing,
        a_program_whose_name_is_deleted_stays_for_the_jobs_that_mean_it,
        a_name_that_no_program_can_have_is_refused_and_never_found,
        a_thousand_versions_of_a_name_are_told,
        whose_names_ever_meant_a_program_is_told;
    entries:
        a_document_is_read_as_it_was_stored,
        a_document_that_was_never_stored_is_not_there,
        a_document_that_is_expected_not_to_be_there_is_stored_once,
        only_who_knows_the_revision_changes_a_document,
        whatever_is_there_may_be_replaced,
        a_document_tells_when_it_was_changed,
        of_many_who_change_a_document_at_once_one_does,
        documents_are_listed_by_name_within_their_kind,
        a_thousand_documents_are_one_list_and_the_next_begins_after_it,
        a_list_of_large_documents_is_short_and_goes_on,
        a_document_is_deleted_once,
        a_document_at_the_edge_of_every_rule_is_taken_in,
        a_document_that_breaks_a_rule_is_refused,
        documents_are_there_when_the_queue_is_opened_again;
    schedules:
        a_schedule_is_kept_as_it_was_given,
        a_schedule_takes_the_place_of_the_one_of_its_name,
        a_schedule_without_meaning_is_refused,
        a_schedule_is_deleted_once_and_its_jobs_stay,
        a_firing_enqueues_its_ticks_and_moves_on,
        a_firing_of_nothing_moves_on_too,
        a_firing_that_knows_an_older_revision_changes_nothing,
        only_who_knows_its_revision_changes_a_schedule,
        a_schedule_that_was_stored_anew_is_another,
        to_let_a_schedule_rest_undoes_nothing_that_others_do_meanwhile,
        a_schedule_that_rests_or_is_gone_does_not_fire,
        two_leaders_fire_a_tick_once,
        a_tick_that_was_enqueued_is_not_enqueued_again,
        a_firing_whose_jobs_are_refused_changes_nothing,
        a_tick_means_the_program_that_has_the_name_by_then;
    workers:
        a_worker_is_known_as_it_told_last,
        a_worker_that_is_silent_for_a_minute_is_gone,
        a_worker_that_takes_no_more_and_runs_none_has_ended,
        a_worker_that_left_jobs_behind_stays_in_sight,
        a_worker_that_never_told_of_itself_may_claim;
    prune:
        what_ended_is_kept_by_its_state_and_age,
        a_job_s_age_counts_from_its_end,
        what_has_not_ended_is_kept_however_old,
        of_what_is_pruned_nothing_stays,
        a_flood_of_old_jobs_goes_in_steps;
    signals:
        a_waiter_made_before_the_look_misses_nothing,
        a_waiter_that_waits_already_is_woken,
        whatever_makes_a_job_ready_wakes,
        a_queue_that_is_opened_or_has_room_wakes,
        whatever_ends_a_job_or_tells_of_it_wakes,
        a_stop_that_is_asked_for_wakes,
        what_follows_from_an_end_wakes,
        a_handle_hears_what_another_does,
        two_handles_are_one_queue;
    survival:
        all_who_open_a_new_place_at_once_have_one_queue,
        everything_is_there_when_the_queue_is_opened_again,
        a_lease_outlives_the_handle_that_gave_it,
        kwargs_of_any_size_and_text_survive,
        payloads_around_the_size_that_is_kept_apart_survive,
        every_term_of_a_job_survives,
        failures_of_every_kind_survive,
        failures_with_odd_text_survive,
        values_of_every_shape_survive,
        a_queue_in_use_is_sound,
        a_copy_made_in_use_is_the_queue_of_that_moment,
        the_clock_is_the_machine_s_to_the_millisecond;
    delay:
        a_delay_of_nothing_is_due_at_once,
        delayed_jobs_run_in_the_order_in_which_they_are_due,
        a_delayed_job_survives_and_keeps_its_time,
        a_delayed_job_that_is_overdue_runs_at_once,
        a_cancelled_job_never_runs,
        a_cancelled_job_does_not_run_when_it_is_told_to_run_now,
        a_job_that_is_run_now_runs_once,
        a_paused_job_that_was_due_meanwhile_runs_when_it_goes_on,
        a_paused_job_that_goes_on_early_keeps_its_time,
        delayed_jobs_are_listed_by_name,
        an_id_is_never_another_job_s,
        what_has_no_json_form_is_refused_before_it_is_stored,
        a_job_whose_process_died_runs_again,
        a_job_that_failed_for_good_does_not_run_again_after_a_restart,
        a_failing_job_follows_its_policy_across_a_restart,
        where_a_job_is_can_be_asked_at_any_time;
    callbacks:
        an_end_that_is_told_over_http_is_one_delivery,
        every_end_without_a_run_is_told_over_http,
        only_who_can_make_requests_is_handed_deliveries_over_http,
        a_webhook_is_tried_ten_times_within_three_days,
        a_delivery_whose_worker_died_is_made_again,
        a_delivery_that_ends_undelivered_tells_its_at_err_once,
        a_delivery_that_is_lost_for_good_tells_its_at_err,
        a_delivery_that_failed_may_be_made_again_by_hand,
        a_webhook_that_breaks_a_rule_is_refused,
        a_webhook_at_the_edge_of_every_rule_is_taken_in;
    faults:
        jobs_enqueued_again_after_a_fault_are_there_once,
        a_key_enqueued_again_after_a_fault_is_there_once,
        an_end_told_again_after_a_fault_counts_once,
        a_tick_fired_again_after_a_fault_is_there_once,
        a_document_stored_again_after_a_fault_is_stored_once,
        a_claim_whose_answer_was_lost_comes_back_with_its_lease,
        a_fault_strikes_the_call_that_was_chosen_and_no_other,
        a_fault_before_does_nothing_and_one_after_does_all,
        a_call_may_be_late_or_never_come_back;
}
