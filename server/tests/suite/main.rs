//! The whole server, over its own sockets, with the installed models. One program, so that they are loaded once.
#![allow(clippy::unwrap_used)]

mod a_caller_is_registered_and_verified;
mod a_client_that_goes_away_frees_everything;
mod a_polling_client_gets_the_same;
mod a_recording_is_sent_as_the_call;
mod a_request_that_is_wrong_is_told_why;
mod a_token_is_asked_of_twilio_alone;
mod asterisk_sends_audio_by_tcp;
mod audio_that_goes_wrong;
mod keys_are_managed_while_the_server_runs;
mod limits_hold;
mod lost_packets_are_concealed;
mod rest_access_follows_tenants_keys_and_limits;
mod rest_answers_are_the_documented_ones;
mod speech_passes_quality_gates;
mod support;
mod tenants_do_not_see_each_other;
mod tenants_have_limits;
mod the_command_line_says_what_to_do;
mod the_same_call_in_every_format;
mod the_server_ends_in_order;
mod what_is_described_is_served;
mod what_was_acknowledged_survives;
mod who_may_connect;
