noinst_LIBRARIES += libvmta.a
libvmta_a_SOURCES = \
	%D%/acct_filter.c %D%/acct_filter.h \
	%D%/acct_layout.c %D%/acct_layout.h \
	%D%/acct_target.c %D%/acct_target.h \
	%D%/acct_twins.c %D%/acct_twins.h \
	%D%/acct.def \
	%D%/assign.c %D%/assign.h \
	%D%/backlog.c %D%/backlog.h \
	%D%/backoff.c %D%/backoff.h \
	%D%/blocks.def \
	%D%/conf_file.c %D%/conf_file.h \
	%D%/daycount.c %D%/daycount.h \
	%D%/dkim_conf.c %D%/dkim_conf.h \
	%D%/domain_map.c %D%/domain_map.h \
	%D%/domain_obj.c %D%/domain_obj.h \
	%D%/domain.def \
	%D%/dsn_rule.c %D%/dsn_rule.h \
	%D%/effect.c %D%/effect.h \
	%D%/errors_lately.c %D%/errors_lately.h \
	%D%/explain.c %D%/explain.h \
	%D%/extra_fields.c %D%/extra_fields.h \
	%D%/family_wish.c %D%/family_wish.h \
	%D%/global.def \
	%D%/handed.c %D%/handed.h \
	%D%/header_edit.c %D%/header_edit.h \
	%D%/header_later.c %D%/header_later.h \
	%D%/header_work.c %D%/header_work.h \
	%D%/group.def \
	%D%/heap.c %D%/heap.h \
	%D%/job.def \
	%D%/key_index.c %D%/key_index.h \
	%D%/known_types.c \
	%D%/known.def \
	%D%/lease.c %D%/lease.h \
	%D%/limit.c %D%/limit.h \
	%D%/line.c %D%/line.h \
	%D%/list_fields.c %D%/list_fields.h \
	%D%/lint.c %D%/lint.h \
	%D%/lint_dummy.c \
	%D%/lint_list.c \
	%D%/lint_nest.c \
	%D%/lint_priv.h \
	%D%/lint_queue.c \
	%D%/lint_senders.c \
	%D%/lint.def \
	%D%/listener.def \
	%D%/lost.c %D%/lost.h \
	%D%/mx_set.c %D%/mx_set.h \
	%D%/names.c %D%/names.h \
	%D%/opendkim.c %D%/opendkim.h \
	%D%/opendkim_priv.h \
	%D%/opendkim_read.c \
	%D%/opendkim_set.c \
	%D%/opendkim_tables.c \
	%D%/opendkim.def \
	%D%/origins.c %D%/origins.h \
	%D%/pacer.c %D%/pacer.h \
	%D%/pattern.c %D%/pattern.h \
	%D%/pattern_list.c %D%/pattern_list.h \
	%D%/pause.c %D%/pause.h \
	%D%/pins.c %D%/pins.h \
	%D%/password.c %D%/password.h \
	%D%/places.c %D%/places.h \
	%D%/policy.c %D%/policy.h \
	%D%/pool.c %D%/pool.h \
	%D%/pool.def \
	%D%/pressure.c %D%/pressure.h \
	%D%/provider.def \
	%D%/qconf.c %D%/qconf.h \
	%D%/ramp.c %D%/ramp.h \
	%D%/remote.c %D%/remote.h \
	%D%/reply_actions.c %D%/reply_actions.h \
	%D%/reply_rules.c %D%/reply_rules.h \
	%D%/reroute.c %D%/reroute.h \
	%D%/retry.c %D%/retry.h \
	%D%/rewrite.c %D%/rewrite.h \
	%D%/rollup.c %D%/rollup.h \
	%D%/rollup_rows.c %D%/rollup_rows.h \
	%D%/sched.c %D%/sched.h \
	%D%/sched_backfill.c \
	%D%/sched_check.c %D%/sched_check.h \
	%D%/sched_choice.c %D%/sched_choice.h \
	%D%/sched_claim.c \
	%D%/sched_cold.c %D%/sched_cold.h \
	%D%/sched_conn.c \
	%D%/sched_connect.c \
	%D%/sched_delay.c %D%/sched_delay.h \
	%D%/sched_expiry.c \
	%D%/sched_facts.c \
	%D%/sched_job.c \
	%D%/sched_keep.c %D%/sched_keep.h \
	%D%/sched_lane.c \
	%D%/sched_lease.c %D%/sched_lease.h \
	%D%/sched_mode.c \
	%D%/sched_move.c %D%/sched_move.h \
	%D%/sched_move_note.c \
	%D%/sched_origin.c \
	%D%/sched_pin.c %D%/sched_pin.h \
	%D%/sched_place.c %D%/sched_place.h \
	%D%/sched_priority.c \
	%D%/sched_priv.h \
	%D%/sched_reload.c \
	%D%/sched_remote.c \
	%D%/sched_serve.c \
	%D%/sched_shared.c \
	%D%/sched_source.c \
	%D%/sched_standing.c %D%/sched_standing.h \
	%D%/sched_standing_priv.h \
	%D%/sched_tally.c \
	%D%/sched_turn.h \
	%D%/sched_vmta.c \
	%D%/sched_walk.c %D%/sched_walk.h \
	%D%/sched_warmup.c %D%/sched_warmup.h \
	%D%/sched_why.c %D%/sched_why.h \
	%D%/sched_why_priv.h \
	%D%/sched_why_scope.c \
	%D%/sched_why_source.c \
	%D%/sched_why_turn.c \
	%D%/sched_why_words.c \
	%D%/scope.c %D%/scope.h \
	%D%/rate_in.c %D%/rate_in.h \
	%D%/rate_in_show.c %D%/rate_in_show.h \
	%D%/sender_fault.def \
	%D%/sender_rates.c %D%/sender_rates.h \
	%D%/sender_rules.c %D%/sender_rules.h \
	%D%/settings.c %D%/settings.h \
	%D%/share.c %D%/share.h \
	%D%/span_sets.c %D%/span_sets.h \
	%D%/sealing.c %D%/sealing.h \
	%D%/sealing_run.c %D%/sealing_run.h \
	%D%/signing.c %D%/signing.h \
	%D%/signing_facts.c \
	%D%/snapshot.c %D%/snapshot.h \
	%D%/snapshot_acct.c \
	%D%/snapshot_acct_check.c \
	%D%/snapshot_assign.c \
	%D%/snapshot_auth.c \
	%D%/snapshot_check.c \
	%D%/snapshot_clients.c \
	%D%/snapshot_cold.c \
	%D%/snapshot_dsn.c \
	%D%/snapshot_dummy.c \
	%D%/snapshot_headers.c %D%/snapshot_headers.h \
	%D%/snapshot_join.c \
	%D%/snapshot_limits.c \
	%D%/snapshot_log.c \
	%D%/snapshot_list.c \
	%D%/snapshot_load.c \
	%D%/snapshot_pickup.c \
	%D%/snapshot_priv.h \
	%D%/snapshot_replies.c \
	%D%/snapshot_reroute.c \
	%D%/snapshot_rewrite.c \
	%D%/snapshot_rollup.c \
	%D%/snapshot_sealing.c \
	%D%/snapshot_senders.c \
	%D%/snapshot_signing.c %D%/snapshot_signing.h \
	%D%/snapshot_sources.c \
	%D%/snapshot_tls.c \
	%D%/snapshot_tls_policy.c \
	%D%/snapshot_users.c \
	%D%/snapshot_suppress.c \
	%D%/snapshot_warmup.c \
	%D%/source.c %D%/source.h \
	%D%/source.def \
	%D%/standing.c %D%/standing.h \
	%D%/standing_bytes.c \
	%D%/suppress.c %D%/suppress.h \
	%D%/suppress_list.def \
	%D%/suppress_load.c %D%/suppress_load.h \
	%D%/suppress_rows.c %D%/suppress_rows.h \
	%D%/table.c %D%/table.h \
	%D%/tables.c \
	%D%/timer.c %D%/timer.h \
	%D%/tls_policy.c %D%/tls_policy.h \
	%D%/turns.c %D%/turns.h \
	%D%/user.def \
	%D%/vmta.def \
	%D%/vqueue.c %D%/vqueue.h \
	%D%/vqueue_expiry.c \
	%D%/vqueue_move.c %D%/vqueue_move.h \
	%D%/vqueue_priv.h \
	%D%/vqueue_wanted.c \
	%D%/ways.c %D%/ways.h \
	%D%/warmup.c %D%/warmup.h \
	%D%/warmup.def \
	%D%/why.def \
	%D%/window.c %D%/window.h
