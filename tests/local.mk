# Tests.  A program is made of the source of its own name unless it says more.
LDADD = $(UNIT_LIBS)

check_PROGRAMS += \
	tests/unit/test_acct \
	tests/unit/test_acct_filter \
	tests/unit/test_acct_layout \
	tests/unit/test_acct_field \
	tests/unit/test_acct_behind \
	tests/unit/test_acct_buffer \
	tests/unit/test_acct_random \
	tests/unit/test_acct_reader \
	tests/unit/test_acct_record \
	tests/unit/test_acct_rotate \
	tests/unit/test_acct_feed \
	tests/unit/test_acct_pipe \
	tests/unit/test_acct_retry \
	tests/unit/test_acct_row \
	tests/unit/test_acct_redis \
	tests/unit/test_acct_sink \
	tests/unit/test_acct_senders \
	tests/unit/test_acct_state \
	tests/unit/test_acct_webhook \
	tests/unit/test_acct_target \
	tests/unit/test_addr \
	tests/unit/test_alert \
	tests/unit/test_assign \
	tests/unit/test_arc_seal \
	tests/unit/test_arc_verify \
	tests/unit/test_auth_results \
	tests/unit/test_backoff \
	tests/unit/test_base64 \
	tests/unit/test_bcc_copy \
	tests/unit/test_canon \
	tests/unit/test_catalog \
	tests/unit/test_child \
	tests/unit/test_classify \
	tests/unit/test_conf_bind \
	tests/unit/test_conf_form \
	tests/unit/test_conf_hosts \
	tests/unit/test_conf_lex \
	tests/unit/test_conf_limits \
	tests/unit/test_conf_parse \
	tests/unit/test_conf_shares \
	tests/unit/test_conf_size \
	tests/unit/test_conf_print \
	tests/unit/test_crowd \
	tests/unit/test_csv \
	tests/unit/test_csv_write \
	tests/unit/test_ctl_proto \
	tests/unit/test_ctl_upload \
	tests/unit/test_current \
	tests/unit/test_day \
	tests/unit/test_data_log \
	tests/unit/test_daycount \
	tests/unit/test_disposition \
	tests/unit/test_dkim_answers \
	tests/unit/test_dkim_fields \
	tests/unit/test_dkim_key \
	tests/unit/test_dkim_record \
	tests/unit/test_dkim_rfc8463 \
	tests/unit/test_dkim_sign \
	tests/unit/test_dkim_threads \
	tests/unit/test_dkim_verify \
	tests/unit/test_dns_cache \
	tests/unit/test_dns_packet \
	tests/unit/test_domain_map \
	tests/unit/test_dot_lines \
	tests/unit/test_dot_stuff \
	tests/unit/test_dot_unstuff \
	tests/unit/test_dsn_form \
	tests/unit/test_dummy_smtp \
	tests/unit/test_dsn_write \
	tests/unit/test_dump \
	tests/unit/test_envelope \
	tests/unit/test_envelope_read \
	tests/unit/test_effects \
	tests/unit/test_errors_lately \
	tests/unit/test_ex_ask \
	tests/unit/test_ex_cat \
	tests/unit/test_ex_listing \
	tests/unit/test_ex_expand \
	tests/unit/test_ex_import \
	tests/unit/test_ex_list \
	tests/unit/test_ex_log \
	tests/unit/test_ex_options \
	tests/unit/test_ex_own \
	tests/unit/test_ex_senders \
	tests/unit/test_ex_setup \
	tests/unit/test_ex_text \
	tests/unit/test_ex_undo \
	tests/unit/test_explain \
	tests/unit/test_extra_fields \
	tests/unit/test_failures \
	tests/unit/test_gate \
	tests/unit/test_gather \
	tests/unit/test_glob \
	tests/unit/test_hand_back \
	tests/unit/test_handover \
	tests/unit/test_handover_key \
	tests/unit/test_header \
	tests/unit/test_header_work \
	tests/unit/test_heap \
	tests/unit/test_host_files \
	tests/unit/test_host_log \
	tests/unit/test_http_post \
	tests/unit/test_import_conf \
	tests/unit/test_inflight \
	tests/unit/test_ingress \
	tests/unit/test_ingress_auth \
	tests/unit/test_ingress_bounce \
	tests/unit/test_ingress_chunks \
	tests/unit/test_ingress_exim \
	tests/unit/test_ingress_host \
	tests/unit/test_ingress_keys \
	tests/unit/test_ingress_life \
	tests/unit/test_ingress_limits \
	tests/unit/test_ingress_log \
	tests/unit/test_ingress_merge \
	tests/unit/test_ingress_peer \
	tests/unit/test_ingress_room \
	tests/unit/test_ingress_senders \
	tests/unit/test_ingress_store \
	tests/unit/test_ingress_suppress \
	tests/unit/test_ingress_trust \
	tests/unit/test_ingress_vet \
	tests/unit/test_judge \
	tests/unit/test_known \
	tests/unit/test_iprev \
	tests/unit/test_iso_time \
	tests/unit/test_json_text \
	tests/unit/test_keep_load \
	tests/unit/test_judgement \
	tests/unit/test_keeper \
	tests/unit/test_lease \
	tests/unit/test_lease_load \
	tests/unit/test_leases \
	tests/unit/test_lessor \
	tests/unit/test_list_fields \
	tests/unit/test_limit \
	tests/unit/test_limits_random \
	tests/unit/test_lint \
	tests/unit/test_lint_random \
	tests/unit/test_line \
	tests/unit/test_line_fold \
	tests/unit/test_listeners \
	tests/unit/test_lock \
	tests/unit/test_log \
	tests/unit/test_lost \
	tests/unit/test_mailbox \
	tests/unit/test_mailq_gather \
	tests/unit/test_mark \
	tests/unit/test_mem \
	tests/unit/test_memory \
	tests/unit/test_merge \
	tests/unit/test_milter_edit \
	tests/unit/test_milter_link \
	tests/unit/test_milter_packet \
	tests/unit/test_milter_session \
	tests/unit/test_mx_route \
	tests/unit/test_mx_set \
	tests/unit/test_names \
	tests/unit/test_net \
	tests/unit/test_net_owner \
	tests/unit/test_notice \
	tests/unit/test_pickup_file \
	tests/unit/test_pickup_look \
	tests/unit/test_pickup_state \
	tests/unit/test_pickup_talk \
	tests/unit/test_opendkim \
	tests/unit/test_opendkim_import \
	tests/unit/test_old_spool \
	tests/unit/test_origins \
	tests/unit/test_outbox \
	tests/unit/test_password \
	tests/unit/test_pattern \
	tests/unit/test_pause \
	tests/unit/test_pf_conf \
	tests/unit/test_pf_table \
	tests/unit/test_pins \
	tests/unit/test_policy \
	tests/unit/test_pf_cat \
	tests/unit/test_pf_filter \
	tests/unit/test_pf_import \
	tests/unit/test_pf_listing \
	tests/unit/test_pf_log \
	tests/unit/test_pf_senders \
	tests/unit/test_pf_setup \
	tests/unit/test_pf_undo \
	tests/unit/test_pf_qshape \
	tests/unit/test_pm_import \
	tests/unit/test_pool \
	tests/unit/test_pressure \
	tests/unit/test_privacy \
	tests/unit/test_progress \
	tests/unit/test_proxy_proto \
	tests/unit/test_providers \
	tests/unit/test_ramp \
	tests/unit/test_rates \
	tests/unit/test_rate_in \
	tests/unit/test_reader \
	tests/unit/test_reasons \
	tests/unit/test_replies \
	tests/unit/test_record \
	tests/unit/test_redis \
	tests/unit/test_release_old \
	tests/unit/test_remote \
	tests/unit/test_regex \
	tests/unit/test_regex_set \
	tests/unit/test_reply_rules \
	tests/unit/test_reroute \
	tests/unit/test_retry_hint \
	tests/unit/test_rewrite \
	tests/unit/test_rollup \
	tests/unit/test_rollup_tls \
	tests/unit/test_run_beside \
	tests/unit/test_run_command \
	tests/unit/test_sasl_client \
	tests/unit/test_sasl_server \
	tests/unit/test_sched \
	tests/unit/test_sched_choice \
	tests/unit/test_sched_claim \
	tests/unit/test_sched_cold \
	tests/unit/test_sched_delay \
	tests/unit/test_sched_fair \
	tests/unit/test_sched_group \
	tests/unit/test_sched_group_any \
	tests/unit/test_sched_keep \
	tests/unit/test_sched_lease \
	tests/unit/test_sched_many \
	tests/unit/test_sched_move \
	tests/unit/test_sched_orders \
	tests/unit/test_sched_place \
	tests/unit/test_sched_random \
	tests/unit/test_sched_reload \
	tests/unit/test_sched_spans \
	tests/unit/test_sched_standing \
	tests/unit/test_sched_tally \
	tests/unit/test_sched_walk \
	tests/unit/test_sched_why \
	tests/unit/test_sched_why_turn \
	tests/unit/test_sealing \
	tests/unit/test_segment \
	tests/unit/test_select \
	tests/unit/test_sender_rules \
	tests/unit/test_settings \
	tests/unit/test_setup_exim_probe \
	tests/unit/test_setup_exim_route \
	tests/unit/test_setup_socket \
	tests/unit/test_sig_field \
	tests/unit/test_signals \
	tests/unit/test_smtp_auth \
	tests/unit/test_smtp_cmd \
	tests/unit/test_smtp_deadline \
	tests/unit/test_smtp_reply \
	tests/unit/test_smtp_session \
	tests/unit/test_smtp_session_load \
	tests/unit/test_sign_later \
	tests/unit/test_signing \
	tests/unit/test_snapshot \
	tests/unit/test_snapshot_acct \
	tests/unit/test_snapshot_limits \
	tests/unit/test_snapshot_replies \
	tests/unit/test_snapshot_sources \
	tests/unit/test_snapshot_auth \
	tests/unit/test_snapshot_cold \
	tests/unit/test_snapshot_reroute \
	tests/unit/test_snapshot_warmup \
	tests/unit/test_span_sets \
	tests/unit/test_spans \
	tests/unit/test_spf \
	tests/unit/test_spf_record \
	tests/unit/test_standing \
	tests/unit/test_source_watch \
	tests/unit/test_stats_diag \
	tests/unit/test_stats_split \
	tests/unit/test_stats_sum \
	tests/unit/test_stats_table \
	tests/unit/test_store \
	tests/unit/test_store_crash \
	tests/unit/test_store_full \
	tests/unit/test_store_mail \
	tests/unit/test_store_merge \
	tests/unit/test_store_refused \
	tests/unit/test_str \
	tests/unit/test_strmap \
	tests/unit/test_suppress \
	tests/unit/test_suppress_build \
	tests/unit/test_suppress_crash \
	tests/unit/test_suppress_index \
	tests/unit/test_suppress_input \
	tests/unit/test_suppress_norm \
	tests/unit/test_suppress_owner \
	tests/unit/test_suppress_store \
	tests/unit/test_suppress_watch \
	tests/unit/test_table \
	tests/unit/test_tls_policy \
	tests/unit/test_tls_server \
	tests/unit/test_tls_trust \
	tests/unit/test_tour \
	tests/unit/test_trace \
	tests/unit/test_tag_list \
	tests/unit/test_turns \
	tests/unit/test_verify \
	tests/unit/test_verp \
	tests/unit/test_vet \
	tests/unit/test_walk \
	tests/unit/test_warmup \
	tests/unit/test_warmup_month \
	tests/unit/test_waybill \
	tests/unit/test_why_target \
	tests/unit/test_worker \
	tests/scenario/run_scenario \
	tests/system/test_arc_oracle \
	tests/system/test_dkim_oracle \
	tests/system/test_dns \
	tests/system/test_mx \
	tests/system/test_mx_facts

tests_system_test_dkim_oracle_SOURCES = \
	%D%/system/dkim_messages.c %D%/system/dkim_messages.h \
	%D%/system/test_dkim_oracle.c

# What several programs share, by the idea.
fake_conf_files = \
	%D%/support/fake_conf.c %D%/support/fake_conf.h \
	%D%/support/fake_conf_ask.c \
	%D%/support/fake_conf_priv.h \
	%D%/support/fake_value.c %D%/support/fake_value.h
ingress_client_files = \
	%D%/unit/fake_intake.c %D%/unit/fake_intake.h \
	%D%/unit/ingress_client.c %D%/unit/ingress_client.h
milter_world_files = \
	%D%/support/milter_world.c %D%/support/milter_world.h
plain_owner_files = \
	%D%/support/plain_owner.c %D%/support/plain_owner.h
sealed_files = \
	%D%/support/sealed.c %D%/support/sealed.h
zone_files = %D%/support/zone.c %D%/support/zone.h
show_hit_files = \
	%D%/support/show_hit.c %D%/support/show_hit.h
sim_files = \
	%D%/support/sim.c %D%/support/sim.h \
	%D%/support/sim_disk.c %D%/support/sim_disk.h \
	%D%/support/sim_events.c \
	%D%/support/sim_mx.c %D%/support/sim_mx.h \
	%D%/support/sim_priv.h \
	%D%/support/sim_restart.c \
	%D%/support/sim_script.c %D%/support/sim_script.h \
	%D%/support/sim_seen.c \
	%D%/support/sim_servers.c %D%/support/sim_sources.c

# The writer's calls to the disk may fail, or be its last.
acct_wraps = -Wl,--wrap=clock_wall_us -Wl,--wrap=fchmod \
	-Wl,--wrap=fdatasync -Wl,--wrap=fsync -Wl,--wrap=rename \
	-Wl,--wrap=unlink -Wl,--wrap=write
tests_unit_test_acct_behind_LDFLAGS = $(AM_LDFLAGS) $(acct_wraps)
tests_unit_test_acct_random_LDFLAGS = $(AM_LDFLAGS) $(acct_wraps)
tests_unit_test_acct_rotate_LDFLAGS = $(AM_LDFLAGS) $(acct_wraps)

# Allocations of ours are counted.
tests_unit_test_acct_row_SOURCES = \
	%D%/support/fake_layout.c %D%/support/fake_layout.h \
	%D%/unit/test_acct_row.c
tests_unit_test_acct_row_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=calloc -Wl,--wrap=malloc -Wl,--wrap=realloc

tests_unit_test_arc_seal_SOURCES = \
	%D%/unit/test_arc_seal.c \
	$(sealed_files)
tests_unit_test_arc_verify_SOURCES = \
	%D%/unit/test_arc_verify.c \
	$(sealed_files)
tests_unit_test_dkim_verify_SOURCES = \
	%D%/unit/test_dkim_verify.c \
	$(sealed_files)
tests_unit_test_milter_edit_SOURCES = \
	%D%/unit/test_milter_edit.c $(milter_world_files)
tests_unit_test_milter_edit_LDADD = libmilterd.a $(UNIT_LIBS)
tests_unit_test_milter_link_SOURCES = \
	%D%/unit/test_milter_link.c $(milter_world_files)
tests_unit_test_milter_link_LDADD = libmilterd.a $(UNIT_LIBS)
tests_unit_test_milter_packet_LDADD = libmilterd.a $(UNIT_LIBS)
tests_unit_test_milter_session_SOURCES = \
	%D%/unit/test_milter_session.c $(milter_world_files)
tests_unit_test_milter_session_LDADD = libmilterd.a $(UNIT_LIBS)
tests_unit_test_iprev_SOURCES = %D%/unit/test_iprev.c $(zone_files)
tests_unit_test_spf_SOURCES = %D%/unit/test_spf.c $(zone_files)
tests_unit_test_dkim_record_SOURCES = \
	%D%/unit/test_dkim_record.c \
	$(sealed_files)

tests_unit_test_remote_SOURCES = \
	%D%/unit/test_remote.c \
	$(fake_conf_files)
tests_unit_test_providers_SOURCES = \
	%D%/unit/test_providers.c \
	$(show_hit_files)
tests_unit_test_reply_rules_SOURCES = \
	%D%/unit/test_reply_rules.c \
	$(show_hit_files)

# The publisher's calls to the disk may fail, each in turn.
tests_unit_test_suppress_build_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=fdatasync -Wl,--wrap=fsync -Wl,--wrap=pwrite \
	-Wl,--wrap=pwrite64 -Wl,--wrap=rename
tests_unit_test_suppress_owner_LDFLAGS = \
	$(tests_unit_test_suppress_build_LDFLAGS) \
	-Wl,--wrap=statvfs -Wl,--wrap=statvfs64

tests_unit_test_sched_claim_SOURCES = \
	%D%/unit/test_sched_claim.c \
	$(fake_conf_files) \
	$(plain_owner_files)
tests_unit_test_sched_spans_SOURCES = \
	%D%/unit/test_sched_spans.c \
	$(fake_conf_files)
tests_unit_test_sched_delay_SOURCES = \
	%D%/unit/test_sched_delay.c \
	$(fake_conf_files)

tests_unit_test_effects_SOURCES = \
	%D%/unit/test_effects.c \
	$(fake_conf_files) \
	$(sim_files)

tests_unit_test_release_old_SOURCES = \
	%D%/unit/test_release_old.c \
	$(sim_files)

tests_unit_test_sched_fair_SOURCES = \
	%D%/unit/test_sched_fair.c \
	$(fake_conf_files) \
	$(sim_files)

tests_unit_test_ex_log_SOURCES = \
	%D%/unit/log_case.h \
	%D%/unit/test_ex_log.c

tests_unit_test_pf_log_SOURCES = \
	%D%/unit/log_case.h \
	%D%/unit/test_pf_log.c

tests_unit_test_ex_setup_SOURCES = \
	%D%/unit/ex_case.h \
	%D%/unit/test_ex_setup.c

tests_unit_test_ex_undo_SOURCES = \
	%D%/unit/ex_case.h \
	%D%/unit/test_ex_undo.c

tests_unit_test_pf_filter_SOURCES = \
	%D%/unit/pf_case.h \
	%D%/unit/test_pf_filter.c

tests_unit_test_pf_senders_SOURCES = \
	%D%/unit/pf_case.h \
	%D%/unit/test_pf_senders.c

tests_unit_test_pf_setup_SOURCES = \
	%D%/unit/pf_case.h \
	%D%/unit/test_pf_setup.c

tests_unit_test_pf_undo_SOURCES = \
	%D%/unit/pf_case.h \
	%D%/unit/test_pf_undo.c

tests_unit_test_sched_group_SOURCES = \
	%D%/unit/group_world.h \
	%D%/unit/test_sched_group.c

tests_unit_test_sched_group_any_SOURCES = \
	%D%/unit/group_world.h \
	%D%/unit/test_sched_group_any.c

tests_unit_test_sched_keep_SOURCES = \
	$(fake_conf_files) \
	%D%/unit/test_sched_keep.c

tests_unit_test_sched_lease_SOURCES = \
	$(fake_conf_files) \
	%D%/unit/test_sched_lease.c

tests_unit_test_sched_choice_SOURCES = \
	%D%/unit/test_sched_choice.c \
	$(fake_conf_files)

tests_unit_test_sched_move_SOURCES = \
	%D%/unit/test_sched_move.c \
	$(fake_conf_files) \
	$(plain_owner_files)
tests_unit_test_sched_standing_SOURCES = \
	%D%/unit/test_sched_standing.c \
	%D%/unit/standing_world.h \
	$(fake_conf_files)

tests_unit_test_sched_tally_SOURCES = \
	%D%/unit/test_sched_tally.c \
	%D%/unit/standing_world.h \
	$(fake_conf_files)

tests_unit_test_sched_place_SOURCES = \
	%D%/unit/test_sched_place.c \
	$(fake_conf_files)

tests_unit_test_sched_orders_SOURCES = \
	%D%/unit/test_sched_orders.c \
	$(sim_files)

tests_unit_test_sched_random_SOURCES = \
	%D%/unit/test_sched_random.c \
	$(fake_conf_files) \
	$(sim_files)

tests_unit_test_sched_reload_SOURCES = \
	%D%/unit/test_sched_reload.c \
	$(fake_conf_files)

tests_unit_test_sched_why_SOURCES = \
	%D%/unit/test_sched_why.c \
	$(fake_conf_files) \
	$(sim_files)

tests_unit_test_sched_why_turn_SOURCES = \
	%D%/unit/test_sched_why_turn.c \
	$(fake_conf_files) \
	$(sim_files)

tests_unit_test_sched_many_SOURCES = \
	%D%/unit/test_sched_many.c \
	%D%/support/cpu_time.h \
	$(fake_conf_files) \
	$(plain_owner_files)

tests_unit_test_sched_walk_SOURCES = \
	%D%/unit/test_sched_walk.c \
	$(fake_conf_files) \
	$(plain_owner_files)

tests_unit_test_sched_SOURCES = \
	%D%/unit/test_sched.c \
	$(fake_conf_files) \
	$(plain_owner_files)

tests_unit_test_judge_SOURCES = \
	%D%/unit/test_judge.c \
	%D%/support/judge.c %D%/support/judge.h

tests_unit_test_limits_random_SOURCES = \
	%D%/unit/test_limits_random.c \
	%D%/support/judge.c %D%/support/judge.h \
	%D%/support/limit_world.c %D%/support/limit_world.h \
	$(sim_files)

tests_unit_test_sasl_client_SOURCES = \
	%D%/unit/test_sasl_client.c \
	%D%/unit/sasl_answers.c %D%/unit/sasl_answers.h

tests_unit_test_sasl_server_SOURCES = \
	%D%/unit/test_sasl_server.c \
	%D%/unit/sasl_answers.c %D%/unit/sasl_answers.h

tests_unit_test_smtp_auth_SOURCES = \
	%D%/unit/test_smtp_auth.c \
	%D%/unit/smtp_owner.c %D%/unit/smtp_owner.h \
	%D%/unit/smtp_script.c %D%/unit/smtp_script.h

tests_unit_test_smtp_deadline_SOURCES = \
	%D%/unit/test_smtp_deadline.c \
	%D%/unit/smtp_owner.c %D%/unit/smtp_owner.h \
	%D%/unit/smtp_script.c %D%/unit/smtp_script.h

tests_unit_test_data_log_SOURCES = \
	%D%/unit/test_data_log.c \
	%D%/unit/smtp_owner.c %D%/unit/smtp_owner.h \
	%D%/unit/smtp_script.c %D%/unit/smtp_script.h

tests_unit_test_smtp_session_SOURCES = \
	%D%/unit/test_smtp_session.c \
	%D%/unit/smtp_owner.c %D%/unit/smtp_owner.h \
	%D%/unit/smtp_script.c %D%/unit/smtp_script.h

tests_unit_test_smtp_session_load_SOURCES = \
	%D%/unit/test_smtp_session_load.c \
	%D%/unit/smtp_owner.c %D%/unit/smtp_owner.h \
	%D%/unit/smtp_script.c %D%/unit/smtp_script.h

tests_unit_test_tls_server_SOURCES = \
	%D%/unit/test_tls_server.c \
	%D%/support/certs.c %D%/support/certs.h

tests_unit_test_rollup_tls_SOURCES = \
	%D%/unit/test_rollup_tls.c \
	%D%/support/certs.c %D%/support/certs.h
tests_unit_test_tls_policy_SOURCES = \
	%D%/unit/test_tls_policy.c \
	%D%/support/certs.c %D%/support/certs.h
tests_unit_test_tls_trust_SOURCES = \
	%D%/unit/test_tls_trust.c \
	%D%/support/certs.c %D%/support/certs.h

tests_unit_test_ingress_SOURCES = \
	%D%/unit/test_ingress.c $(ingress_client_files)
tests_unit_test_ingress_auth_SOURCES = \
	%D%/unit/test_ingress_auth.c $(ingress_client_files)
tests_unit_test_ingress_bounce_SOURCES = \
	%D%/unit/test_ingress_bounce.c $(ingress_client_files)
tests_unit_test_ingress_chunks_SOURCES = \
	%D%/unit/test_ingress_chunks.c $(ingress_client_files)
tests_unit_test_vet_SOURCES = %D%/unit/test_vet.c $(zone_files)
tests_unit_test_ingress_vet_SOURCES = \
	%D%/unit/test_ingress_vet.c $(ingress_client_files) $(zone_files)
tests_unit_test_ingress_keys_SOURCES = \
	%D%/unit/test_ingress_keys.c $(ingress_client_files)
tests_unit_test_ingress_life_SOURCES = \
	%D%/unit/test_ingress_life.c $(ingress_client_files)
tests_unit_test_ingress_limits_SOURCES = \
	%D%/unit/test_ingress_limits.c $(ingress_client_files)
tests_unit_test_ingress_log_SOURCES = \
	%D%/unit/test_ingress_log.c $(ingress_client_files)
tests_unit_test_ingress_merge_SOURCES = \
	%D%/unit/test_ingress_merge.c $(ingress_client_files)
tests_unit_test_ingress_peer_SOURCES = \
	%D%/unit/test_ingress_peer.c $(ingress_client_files)
tests_unit_test_ingress_room_SOURCES = \
	%D%/unit/test_ingress_room.c $(ingress_client_files)
tests_unit_test_ingress_store_SOURCES = \
	%D%/unit/test_ingress_store.c $(ingress_client_files)
tests_unit_test_ingress_exim_SOURCES = \
	%D%/unit/test_ingress_exim.c $(ingress_client_files)
tests_unit_test_ingress_host_SOURCES = \
	%D%/unit/test_ingress_host.c $(ingress_client_files)
tests_unit_test_ingress_senders_SOURCES = \
	%D%/unit/test_ingress_senders.c $(ingress_client_files)
tests_unit_test_ingress_suppress_SOURCES = \
	%D%/unit/test_ingress_suppress.c $(ingress_client_files)
tests_unit_test_ingress_trust_SOURCES = \
	%D%/unit/test_ingress_trust.c $(ingress_client_files)

tests_unit_test_listeners_SOURCES = \
	%D%/unit/test_listeners.c \
	%D%/unit/fake_intake.c %D%/unit/fake_intake.h

tests_unit_test_acct_reader_SOURCES = \
	%D%/unit/test_acct_reader.c \
	admin/acct_files.c admin/acct_files.h \
	admin/acct_json.c admin/acct_json.h \
	admin/acct_reader.c admin/acct_reader.h \
	admin/acct_source.c admin/acct_source.h \
	admin/progress.c admin/progress.h


tests_unit_test_mailq_gather_SOURCES = \
	%D%/unit/test_mailq_gather.c \
	admin/mailq_gather.c admin/mailq_gather.h

tests_unit_test_progress_SOURCES = \
	%D%/unit/test_progress.c \
	admin/progress.c admin/progress.h

tests_unit_test_stats_diag_SOURCES = \
	%D%/unit/test_stats_diag.c \
	admin/stats_diag.c admin/stats_diag.h

tests_unit_test_hand_back_SOURCES = \
	%D%/unit/test_hand_back.c \
	admin/ctl_hand_back.c admin/ctl_hand_back.h

tests_unit_test_setup_exim_probe_SOURCES = \
	%D%/unit/test_setup_exim_probe.c \
	admin/ctl_setup_exim_probe.c admin/ctl_setup_exim.h

tests_unit_test_setup_exim_route_SOURCES = \
	%D%/unit/test_setup_exim_route.c \
	admin/ctl_setup_exim_route.c admin/ctl_setup_exim.h

tests_unit_test_setup_socket_SOURCES = \
	%D%/unit/test_setup_socket.c \
	admin/setup_socket.c admin/setup_socket.h

tests_unit_test_stats_split_SOURCES = \
	%D%/unit/test_stats_split.c \
	admin/stats_diag.c admin/stats_diag.h \
	admin/stats_order.c admin/stats_order.h \
	admin/stats_split.c admin/stats_split.h \
	admin/stats_sum.c admin/stats_sum.h \
	admin/stats_table.c admin/stats_table.h

tests_unit_test_stats_sum_SOURCES = \
	%D%/unit/test_stats_sum.c \
	admin/stats_diag.c admin/stats_diag.h \
	admin/stats_sum.c admin/stats_sum.h \
	admin/stats_table.c admin/stats_table.h

tests_unit_test_stats_table_SOURCES = \
	%D%/unit/test_stats_table.c \
	admin/stats_order.c admin/stats_order.h \
	admin/stats_table.c admin/stats_table.h

tests_unit_test_warmup_month_SOURCES = \
	%D%/unit/test_warmup_month.c \
	$(sim_files)

tests_scenario_run_scenario_SOURCES = \
	%D%/scenario/config.c %D%/scenario/config.h \
	%D%/scenario/expect.c %D%/scenario/expect.h \
	%D%/scenario/orders.c %D%/scenario/orders.h \
	%D%/scenario/play.c %D%/scenario/play.h \
	%D%/scenario/run_scenario.c \
	%D%/scenario/server.c %D%/scenario/server.h \
	$(sim_files)

tests_system_test_dns_SOURCES = \
	%D%/system/dns_fixture.c %D%/system/dns_fixture.h \
	%D%/system/test_dns.c

tests_system_test_mx_SOURCES = \
	%D%/system/dns_fixture.c %D%/system/dns_fixture.h \
	%D%/system/test_mx.c

tests_system_test_mx_facts_SOURCES = \
	%D%/system/dns_fixture.c %D%/system/dns_fixture.h \
	%D%/system/test_mx_facts.c

# Built by make check, run by tests/bench/bench.py and tests/crash.
bench_programs = \
	tests/bench/bench_acct \
	tests/bench/bench_chain \
	tests/bench/bench_rows \
	tests/bench/bench_rules \
	tests/bench/bench_sched \
	tests/bench/bench_signature \
	tests/bench/bench_sink \
	tests/bench/bench_spool \
	tests/bench/bench_store \
	tests/bench/bench_suppress \
	tests/bench/bench_suppress_look
EXTRA_PROGRAMS = $(bench_programs) $(crash_shims)
check_DATA = $(EXTRA_PROGRAMS)
bench-programs: $(bench_programs)
.PHONY: bench-programs
CLEANFILES += $(EXTRA_PROGRAMS)
tests_bench_bench_acct_SOURCES = \
	%D%/bench/bench_acct.c \
	%D%/support/fake_layout.c %D%/support/fake_layout.h

tests_bench_bench_rows_SOURCES = \
	%D%/bench/bench_rows.c \
	%D%/support/fake_layout.c %D%/support/fake_layout.h
tests_bench_bench_rules_SOURCES = \
	%D%/bench/bench_rules.c \
	%D%/support/cpu_time.h
tests_bench_bench_sched_SOURCES = \
	%D%/bench/bench_sched.c \
	%D%/support/cpu_time.h \
	$(fake_conf_files) \
	$(plain_owner_files)

tests_bench_bench_signature_SOURCES = \
	%D%/bench/bench_signature.c \
	%D%/support/cpu_time.h

# What tests/crash preloads.  They are the functions whose checked variants
# _FORTIFY_SOURCE would put before them, so our flags do not fit.
crash_shims = tests/crash/disk.so
shim_cflags = -std=gnu11 -pthread $(WARN_FLAGS) -O2 -g -fPIC \
	-U_FORTIFY_SOURCE -fno-builtin
shim_ldflags = -shared -pthread
tests_crash_disk_so_SOURCES = \
	%D%/crash/badio.c %D%/crash/badio.h \
	%D%/crash/disk.c \
	%D%/crash/powercut.c %D%/crash/powercut.h
tests_crash_disk_so_CFLAGS = $(shim_cflags)
tests_crash_disk_so_LDFLAGS = $(shim_ldflags)
tests_crash_disk_so_LDADD =
# What a system test preloads.
system_shims = tests/system/clock_ahead.so tests/system/held_up.so
EXTRA_PROGRAMS += $(system_shims)
# What libopendkim says of our signatures.
EXTRA_PROGRAMS += tests/system/dkim_judge
tests_system_dkim_judge_LDADD = $(DEPS_LIBS)
# What SPF says of a client, in a world of its own.
EXTRA_PROGRAMS += tests/system/spf_judge
tests_system_spf_judge_SOURCES = %D%/system/spf_judge.c $(zone_files)
tests_system_spf_judge_LDADD = $(UNIT_LIBS)
# What a configuration says of an address, without a daemon.
EXTRA_PROGRAMS += tests/system/suppress_judge
tests_system_clock_ahead_so_SOURCES = %D%/system/clock_ahead.c
tests_system_clock_ahead_so_CFLAGS = $(shim_cflags)
tests_system_clock_ahead_so_LDFLAGS = $(shim_ldflags)
tests_system_clock_ahead_so_LDADD =
tests_system_held_up_so_SOURCES = %D%/system/held_up.c
tests_system_held_up_so_CFLAGS = $(shim_cflags)
tests_system_held_up_so_LDFLAGS = $(shim_ldflags)
tests_system_held_up_so_LDADD =
# Alone, for bootstrap.
crash-shims: $(crash_shims) $(system_shims)
.PHONY: crash-shims

# Fuzz targets: each is one source with LLVMFuzzerTestOneInput.  In a normal
# build fuzz_main.c replays the corpus as a test; with --enable-fuzz libFuzzer
# is linked instead, and the program is for running by hand.
fuzz_targets = \
	tests/fuzz/fuzz_acct_json \
	tests/fuzz/fuzz_acct_record \
	tests/fuzz/fuzz_arc \
	tests/fuzz/fuzz_auth_results \
	tests/fuzz/fuzz_canon \
	tests/fuzz/fuzz_classify \
	tests/fuzz/fuzz_conf \
	tests/fuzz/fuzz_csv \
	tests/fuzz/fuzz_ctl \
	tests/fuzz/fuzz_dkim_verify \
	tests/fuzz/fuzz_dns_packet \
	tests/fuzz/fuzz_dot_unstuff \
	tests/fuzz/fuzz_dsn \
	tests/fuzz/fuzz_dump \
	tests/fuzz/fuzz_ex_setup \
	tests/fuzz/fuzz_extra_fields \
	tests/fuzz/fuzz_header \
	tests/fuzz/fuzz_ingress \
	tests/fuzz/fuzz_ex_import \
	tests/fuzz/fuzz_mark \
	tests/fuzz/fuzz_merge \
	tests/fuzz/fuzz_milter \
	tests/fuzz/fuzz_pf_import \
	tests/fuzz/fuzz_proxy_proto \
	tests/fuzz/fuzz_record \
	tests/fuzz/fuzz_reply_rules \
	tests/fuzz/fuzz_retry_hint \
	tests/fuzz/fuzz_sasl_client \
	tests/fuzz/fuzz_sasl_server \
	tests/fuzz/fuzz_smtp_cmd \
	tests/fuzz/fuzz_smtp_reply \
	tests/fuzz/fuzz_smtp_session \
	tests/fuzz/fuzz_spans \
	tests/fuzz/fuzz_spf \
	tests/fuzz/fuzz_spool \
	tests/fuzz/fuzz_standing \
	tests/fuzz/fuzz_suppress_file \
	tests/fuzz/fuzz_suppress_input \
	tests/fuzz/fuzz_suppress_store \
	tests/fuzz/fuzz_suppress_rows \
	tests/fuzz/fuzz_tag_list

if FUZZ
noinst_PROGRAMS += $(fuzz_targets)
fuzz_main =
fuzz_ldflags = -fsanitize=fuzzer
else
check_PROGRAMS += $(fuzz_targets)
fuzz_main = %D%/fuzz/fuzz_main.c
fuzz_ldflags =
endif
tests_fuzz_fuzz_acct_json_SOURCES = \
	%D%/fuzz/fuzz_acct_json.c \
	admin/acct_json.c admin/acct_json.h \
	$(fuzz_main)
tests_fuzz_fuzz_acct_json_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_acct_record_SOURCES = \
	%D%/fuzz/fuzz_acct_record.c \
	%D%/support/fake_layout.c %D%/support/fake_layout.h \
	$(fuzz_main)
tests_fuzz_fuzz_acct_record_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_arc_SOURCES = %D%/fuzz/fuzz_arc.c $(fuzz_main)
tests_fuzz_fuzz_arc_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_auth_results_SOURCES = %D%/fuzz/fuzz_auth_results.c $(fuzz_main)
tests_fuzz_fuzz_auth_results_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_canon_SOURCES = %D%/fuzz/fuzz_canon.c $(fuzz_main)
tests_fuzz_fuzz_canon_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_classify_SOURCES = %D%/fuzz/fuzz_classify.c $(fuzz_main)
tests_fuzz_fuzz_classify_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_conf_SOURCES = %D%/fuzz/fuzz_conf.c $(fuzz_main)
tests_fuzz_fuzz_conf_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags) \
	-Wl,--wrap=glob -Wl,--wrap=open
tests_fuzz_fuzz_csv_SOURCES = %D%/fuzz/fuzz_csv.c $(fuzz_main)
tests_fuzz_fuzz_csv_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_ctl_SOURCES = %D%/fuzz/fuzz_ctl.c $(fuzz_main)
tests_fuzz_fuzz_ctl_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags) \
	-Wl,--wrap=connect
tests_fuzz_fuzz_dkim_verify_SOURCES = \
	%D%/fuzz/fuzz_dkim_verify.c $(fuzz_main)
tests_fuzz_fuzz_dkim_verify_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_dns_packet_SOURCES = %D%/fuzz/fuzz_dns_packet.c $(fuzz_main)
tests_fuzz_fuzz_dns_packet_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_dot_unstuff_SOURCES = %D%/fuzz/fuzz_dot_unstuff.c $(fuzz_main)
tests_fuzz_fuzz_dot_unstuff_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_dsn_SOURCES = %D%/fuzz/fuzz_dsn.c $(fuzz_main)
tests_fuzz_fuzz_dsn_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_dump_SOURCES = %D%/fuzz/fuzz_dump.c $(fuzz_main)
tests_fuzz_fuzz_dump_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_header_SOURCES = %D%/fuzz/fuzz_header.c $(fuzz_main)
tests_fuzz_fuzz_header_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_ingress_SOURCES = \
	%D%/fuzz/fake_clock.c %D%/fuzz/fake_clock.h \
	%D%/fuzz/fuzz_ingress.c \
	%D%/unit/fake_intake.c %D%/unit/fake_intake.h \
	$(fuzz_main)
tests_fuzz_fuzz_ingress_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags) \
	-Wl,--wrap=getrandom
tests_fuzz_fuzz_ex_import_SOURCES = %D%/fuzz/fuzz_ex_import.c \
	%D%/fuzz/import_result.h %D%/fuzz/parts.h $(fuzz_main)
tests_fuzz_fuzz_ex_import_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_ex_setup_SOURCES = %D%/fuzz/fuzz_ex_setup.c \
	%D%/fuzz/parts.h $(fuzz_main)
tests_fuzz_fuzz_ex_setup_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_pf_import_SOURCES = %D%/fuzz/fuzz_pf_import.c \
	%D%/fuzz/import_result.h %D%/fuzz/parts.h $(fuzz_main)
tests_fuzz_fuzz_pf_import_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_milter_SOURCES = \
	%D%/fuzz/fake_clock.c %D%/fuzz/fake_clock.h \
	%D%/fuzz/fuzz_milter.c \
	$(milter_world_files) \
	$(fuzz_main)
tests_fuzz_fuzz_milter_LDADD = libmilterd.a $(UNIT_LIBS)
tests_fuzz_fuzz_milter_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_mark_SOURCES = %D%/fuzz/fuzz_mark.c $(fuzz_main)
tests_fuzz_fuzz_mark_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_merge_SOURCES = %D%/fuzz/fuzz_merge.c $(fuzz_main)
tests_fuzz_fuzz_merge_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_proxy_proto_SOURCES = \
	%D%/fuzz/fuzz_proxy_proto.c $(fuzz_main)
tests_fuzz_fuzz_proxy_proto_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_record_SOURCES = %D%/fuzz/fuzz_record.c $(fuzz_main)
tests_fuzz_fuzz_record_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_reply_rules_SOURCES = \
	%D%/fuzz/fuzz_reply_rules.c $(fuzz_main)
tests_fuzz_fuzz_reply_rules_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_extra_fields_SOURCES = %D%/fuzz/fuzz_extra_fields.c $(fuzz_main)
tests_fuzz_fuzz_extra_fields_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_retry_hint_SOURCES = %D%/fuzz/fuzz_retry_hint.c $(fuzz_main)
tests_fuzz_fuzz_retry_hint_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_sasl_client_SOURCES = \
	%D%/fuzz/fuzz_sasl_client.c $(fuzz_main)
tests_fuzz_fuzz_sasl_client_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_sasl_server_SOURCES = \
	%D%/fuzz/fuzz_sasl_server.c $(fuzz_main)
tests_fuzz_fuzz_sasl_server_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_smtp_cmd_SOURCES = %D%/fuzz/fuzz_smtp_cmd.c $(fuzz_main)
tests_fuzz_fuzz_smtp_cmd_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_smtp_reply_SOURCES = %D%/fuzz/fuzz_smtp_reply.c $(fuzz_main)
tests_fuzz_fuzz_smtp_reply_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_smtp_session_SOURCES = \
	%D%/fuzz/fake_clock.c %D%/fuzz/fake_clock.h \
	%D%/fuzz/fake_tls.c %D%/fuzz/fake_tls.h \
	%D%/fuzz/fuzz_smtp_session.c \
	%D%/fuzz/smtp_peer.c %D%/fuzz/smtp_peer.h \
	$(fuzz_main)
tests_fuzz_fuzz_smtp_session_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_spans_SOURCES = %D%/fuzz/fuzz_spans.c $(fuzz_main)
tests_fuzz_fuzz_spans_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_spf_SOURCES = %D%/fuzz/fuzz_spf.c $(fuzz_main)
tests_fuzz_fuzz_spf_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_spool_SOURCES = %D%/fuzz/fuzz_spool.c $(fuzz_main)
tests_fuzz_fuzz_spool_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_standing_SOURCES = %D%/fuzz/fuzz_standing.c $(fuzz_main)
tests_fuzz_fuzz_standing_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_suppress_file_SOURCES = \
	%D%/fuzz/fuzz_suppress_file.c $(fuzz_main)
tests_fuzz_fuzz_suppress_file_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_suppress_input_SOURCES = \
	%D%/fuzz/fuzz_suppress_input.c $(fuzz_main)
tests_fuzz_fuzz_suppress_input_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_suppress_store_SOURCES = \
	%D%/fuzz/fuzz_suppress_store.c $(fuzz_main)
tests_fuzz_fuzz_suppress_store_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_suppress_rows_SOURCES = \
	%D%/fuzz/fuzz_suppress_rows.c $(fuzz_main)
tests_fuzz_fuzz_suppress_rows_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_tag_list_SOURCES = %D%/fuzz/fuzz_tag_list.c $(fuzz_main)
tests_fuzz_fuzz_tag_list_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)

# The house rules; clang-format is used if it is there.
check_SCRIPTS += tests/bench/test_bench.sh
check_SCRIPTS += tests/lint/test_bootstrap.sh
check_SCRIPTS += tests/lint/test_dist.sh
check_SCRIPTS += tests/lint/test_lint.sh
check_SCRIPTS += tests/lint/test_manual.sh

# What needs root and namespaces is run by bootstrap, not by make check.
EXTRA_DIST += \
	%D%/bench/bench.py \
	%D%/conf/blocked.txt \
	%D%/conf/powermta.conf \
	%D%/bench/bench_acct.py \
	%D%/bench/bench_common.py \
	%D%/bench/bench_deferred.py \
	%D%/bench/bench_domains.py \
	%D%/bench/bench_drain.py \
	%D%/bench/bench_host.py \
	%D%/bench/bench_rate.py \
	%D%/bench/bench_relay.py \
	%D%/bench/bench_report.py \
	%D%/bench/bench_rules.py \
	%D%/bench/bench_sign.py \
	%D%/bench/bench_sched.py \
	%D%/bench/bench_signature.py \
	%D%/bench/bench_store.py \
	%D%/bench/bench_suppress.py \
	%D%/bench/bench_tools.py \
	%D%/bench/test_bench.py \
	%D%/bench/test_bench.sh \
	%D%/conf_file.h \
	%D%/crash/acct_judge.py \
	%D%/crash/acct_sinks.py \
	%D%/crash/badio.py \
	%D%/crash/facts.py \
	%D%/crash/fault.py \
	%D%/crash/load.py \
	%D%/crash/powercut.py \
	%D%/crash/report.py \
	%D%/crash/small_disk.py \
	%D%/crash/test_accounting.py \
	%D%/crash/test_backoff_kill.py \
	%D%/crash/test_bad_disk.py \
	%D%/crash/test_descriptors.py \
	%D%/crash/test_full_disk.py \
	%D%/crash/test_kill.py \
	%D%/crash/test_limits.py \
	%D%/crash/test_network.py \
	%D%/crash/test_powercut.py \
	%D%/crash/test_random_limits.py \
	%D%/crash/test_receivers.py \
	%D%/crash/test_restart.py \
	%D%/crash/test_slow_disk.py \
	%D%/fuzz/fuzz_acct_json.in \
	%D%/fuzz/fuzz_acct_record.in \
	%D%/fuzz/fuzz_arc.in \
	%D%/fuzz/fuzz_auth_results.in \
	%D%/fuzz/fuzz_canon.in \
	%D%/fuzz/fuzz_classify.in \
	%D%/fuzz/fuzz_conf.dict \
	%D%/fuzz/fuzz_conf.in \
	%D%/fuzz/fuzz_csv.in \
	%D%/fuzz/fuzz_ctl.in \
	%D%/fuzz/fuzz_ctl.repro \
	%D%/fuzz/fuzz_dkim_verify.in \
	%D%/fuzz/fuzz_dns_packet.in \
	%D%/fuzz/fuzz_dot_unstuff.in \
	%D%/fuzz/fuzz_dsn.in \
	%D%/fuzz/fuzz_dsn.repro \
	%D%/fuzz/fuzz_dump.in \
	%D%/fuzz/fuzz_dump.repro \
	%D%/fuzz/fuzz_header.dict \
	%D%/fuzz/fuzz_ex_import.in \
	%D%/fuzz/fuzz_ex_setup.in \
	%D%/fuzz/fuzz_extra_fields.in \
	%D%/fuzz/fuzz_header.in \
	%D%/fuzz/fuzz_header.repro \
	%D%/fuzz/fuzz_ingress.dict \
	%D%/fuzz/fuzz_ingress.in \
	%D%/fuzz/fuzz_ingress.repro \
	%D%/fuzz/fuzz_mark.in \
	%D%/fuzz/fuzz_merge.in \
	%D%/fuzz/fuzz_milter.in \
	%D%/fuzz/fuzz_pf_import.in \
	%D%/fuzz/fuzz_proxy_proto.in \
	%D%/fuzz/fuzz_record.in \
	%D%/fuzz/fuzz_record.repro \
	%D%/fuzz/fuzz_reply_rules.in \
	%D%/fuzz/fuzz_retry_hint.in \
	%D%/fuzz/fuzz_sasl_client.in \
	%D%/fuzz/fuzz_sasl_server.in \
	%D%/fuzz/fuzz_smtp_cmd.dict \
	%D%/fuzz/fuzz_smtp_cmd.in \
	%D%/fuzz/fuzz_smtp_reply.dict \
	%D%/fuzz/fuzz_smtp_reply.in \
	%D%/fuzz/fuzz_smtp_session.dict \
	%D%/fuzz/fuzz_smtp_session.in \
	%D%/fuzz/fuzz_spans.in \
	%D%/fuzz/fuzz_spf.in \
	%D%/fuzz/fuzz_spool.in \
	%D%/fuzz/fuzz_standing.in \
	%D%/fuzz/fuzz_suppress_file.in \
	%D%/fuzz/fuzz_suppress_input.in \
	%D%/fuzz/fuzz_suppress_store.in \
	%D%/fuzz/fuzz_suppress_rows.in \
	%D%/fuzz/fuzz_tag_list.in \
	%D%/lint/analyzer.sh \
	%D%/lint/common.sh \
	%D%/lint/cppcheck.cfg \
	%D%/lint/cppcheck.sh \
	%D%/lint/deleted_lines.py \
	%D%/lint/events.sh \
	%D%/lint/forbidden.sh \
	%D%/lint/format.sh \
	%D%/lint/layers.sh \
	%D%/lint/python.sh \
	%D%/lint/size.sh \
	%D%/lint/tables.sh \
	%D%/lint/test_bootstrap.sh \
	%D%/lint/test_dist.sh \
	%D%/lint/test_lint.sh \
	%D%/lint/test_manual.sh \
	%D%/lint/tested.sh \
	%D%/lint/tidy.sh \
	%D%/lint/units.sh \
	%D%/old/spool-0.1-tables.tar.xz \
	%D%/old/spool-0.1.dump \
	%D%/scenario/backoff-connect.scn \
	%D%/scenario/backoff-conns.scn \
	%D%/scenario/backoff-data.scn \
	%D%/scenario/backoff-delivery.scn \
	%D%/scenario/backoff-ends.scn \
	%D%/scenario/backoff-rate.scn \
	%D%/scenario/backoff-reload.scn \
	%D%/scenario/backoff-retry.scn \
	%D%/scenario/backoff-return.scn \
	%D%/scenario/bounce-greeting.scn \
	%D%/scenario/bug-3-kept-slot.scn \
	%D%/scenario/bug-3-vmta-rate-unused.scn \
	%D%/scenario/bug-5-connect-token.scn \
	%D%/scenario/bug-5-idle-limit.scn \
	%D%/scenario/bug-5-lanes-in-turn.scn \
	%D%/scenario/bug-5-last-connection.scn \
	%D%/scenario/bug-5-lease-of-user.scn \
	%D%/scenario/bug-5-mixed-origins.scn \
	%D%/scenario/bug-5-own-in-turn.scn \
	%D%/scenario/bug-5-own-limit.scn \
	%D%/scenario/bug-5-passed-by.scn \
	%D%/scenario/bug-5-rampup-kept.scn \
	%D%/scenario/bug-5-rate-in-turn.scn \
	%D%/scenario/bug-5-rate-of-many.scn \
	%D%/scenario/bug-5-reload-adds-provider.scn \
	%D%/scenario/bug-5-stale-setup.scn \
	%D%/scenario/bug-5-two-scopes.scn \
	%D%/scenario/bug-6-claim-in-turn.scn \
	%D%/scenario/bug-6-claim-of-lease.scn \
	%D%/scenario/bug-6-full-after-reload.scn \
	%D%/scenario/bug-6-lane-of-two.scn \
	%D%/scenario/bug-6-pin-behind-idle.scn \
	%D%/scenario/bug-6-place-unknown-first.scn \
	%D%/scenario/bug-6-skip-all-hosts.scn \
	%D%/scenario/bug-6-skip-counts.scn \
	%D%/scenario/bug-6-skip-dead-host.scn \
	%D%/scenario/bug-6-skip-slow-rate.scn \
	%D%/scenario/cold-days.scn \
	%D%/scenario/cold-group.scn \
	%D%/scenario/cold-ways.scn \
	%D%/scenario/connect-next-host.scn \
	%D%/scenario/connect-provider.scn \
	%D%/scenario/connect-queue.scn \
	%D%/scenario/connect-rampup.scn \
	%D%/scenario/conns-crowd.scn \
	%D%/scenario/conns-idle-long.scn \
	%D%/scenario/conns-idle-taken-back.scn \
	%D%/scenario/conns-idle.scn \
	%D%/scenario/conns-many-queues.scn \
	%D%/scenario/conns-one-by-one.scn \
	%D%/scenario/conns-per-connection.scn \
	%D%/scenario/conns-pool.scn \
	%D%/scenario/conns-provider.scn \
	%D%/scenario/conns-queue.scn \
	%D%/scenario/conns-reuse.scn \
	%D%/scenario/conns-total-fair.scn \
	%D%/scenario/conns-vmta.scn \
	%D%/scenario/data-later.scn \
	%D%/scenario/data-pool.scn \
	%D%/scenario/data-provider.scn \
	%D%/scenario/data-queue.scn \
	%D%/scenario/data-vmta.scn \
	%D%/scenario/dsn-rule-source.scn \
	%D%/scenario/dsn-rule.scn \
	%D%/scenario/errors-hour.scn \
	%D%/scenario/errors-rate.scn \
	%D%/scenario/errors-source.scn \
	%D%/scenario/expiry-untried.scn \
	%D%/scenario/expiry.scn \
	%D%/scenario/greeting-554.scn \
	%D%/scenario/order-jobs.scn \
	%D%/scenario/order-priority.scn \
	%D%/scenario/order-users.scn \
	%D%/scenario/orders-queue.scn \
	%D%/scenario/overflow-disabled.scn \
	%D%/scenario/overflow-off.scn \
	%D%/scenario/overflow.scn \
	%D%/scenario/pause-expiry.scn \
	%D%/scenario/pause-idle.scn \
	%D%/scenario/pause-job-expiry.scn \
	%D%/scenario/pause-job.scn \
	%D%/scenario/pause-pattern.scn \
	%D%/scenario/pause-queue.scn \
	%D%/scenario/pause-retry.scn \
	%D%/scenario/place-backoff.scn \
	%D%/scenario/place-by-ip.scn \
	%D%/scenario/place-changes.scn \
	%D%/scenario/place-disabled.scn \
	%D%/scenario/place-down.scn \
	%D%/scenario/place-group.scn \
	%D%/scenario/place-long.scn \
	%D%/scenario/place-many.scn \
	%D%/scenario/place-mx-list.scn \
	%D%/scenario/place-no-answer.scn \
	%D%/scenario/place-provider.scn \
	%D%/scenario/place-queue-to.scn \
	%D%/scenario/place-reload.scn \
	%D%/scenario/place-rests.scn \
	%D%/scenario/place-standing-also.scn \
	%D%/scenario/place-standing-errors.scn \
	%D%/scenario/place-standing-idle.scn \
	%D%/scenario/place-standing-kept.scn \
	%D%/scenario/place-standing-moves.scn \
	%D%/scenario/place-standing-reload.scn \
	%D%/scenario/place-standing-sources.scn \
	%D%/scenario/place-standing.scn \
	%D%/scenario/priority-slots.scn \
	%D%/scenario/priority-transfer.scn \
	%D%/scenario/ramp-conns.scn \
	%D%/scenario/ramp-rate.scn \
	%D%/scenario/rate-failures.scn \
	%D%/scenario/rate-job.scn \
	%D%/scenario/rate-late-news.scn \
	%D%/scenario/rate-payers-slow.scn \
	%D%/scenario/rate-payers.scn \
	%D%/scenario/rate-pool.scn \
	%D%/scenario/rate-provider.scn \
	%D%/scenario/rate-queue.scn \
	%D%/scenario/rate-recipients-slow.scn \
	%D%/scenario/rate-recipients.scn \
	%D%/scenario/rate-slow-greeting.scn \
	%D%/scenario/rate-slow.scn \
	%D%/scenario/rate-user.scn \
	%D%/scenario/rate-vmta.scn \
	%D%/scenario/reload-keeps-window.scn \
	%D%/scenario/reload-lowers.scn \
	%D%/scenario/reload-provider.scn \
	%D%/scenario/reload-starttls.scn \
	%D%/scenario/reload-vmta-gone.scn \
	%D%/scenario/remote-idle.scn \
	%D%/scenario/remote-ip.scn \
	%D%/scenario/remote-many.scn \
	%D%/scenario/remote-mx.scn \
	%D%/scenario/remote-next-host.scn \
	%D%/scenario/remote-reload.scn \
	%D%/scenario/remote-total.scn \
	%D%/scenario/reply-backoff.scn \
	%D%/scenario/reply-bounce-queue.scn \
	%D%/scenario/reply-bounce-rcpt.scn \
	%D%/scenario/reply-conflicts.scn \
	%D%/scenario/reply-defer-queue.scn \
	%D%/scenario/reply-disable-source.scn \
	%D%/scenario/reply-normal.scn \
	%D%/scenario/reply-skip-mx.scn \
	%D%/scenario/reply-source-greeting.scn \
	%D%/scenario/reroute-always.scn \
	%D%/scenario/reroute-backoff.scn \
	%D%/scenario/reroute-chain.scn \
	%D%/scenario/reroute-loop.scn \
	%D%/scenario/restart-every-scope.scn \
	%D%/scenario/restart-keeps-day.scn \
	%D%/scenario/restart-one-in-20m.scn \
	%D%/scenario/restart-retry-wait.scn \
	%D%/scenario/restart-short-period.scn \
	%D%/scenario/restart-standing.scn \
	%D%/scenario/retry-dns.scn \
	%D%/scenario/retry-greeting-421.scn \
	%D%/scenario/retry-hangs-up.scn \
	%D%/scenario/retry-hint.scn \
	%D%/scenario/retry-idle.scn \
	%D%/scenario/retry-new-mail.scn \
	%D%/scenario/retry-queue.scn \
	%D%/scenario/retry-recipient-list.scn \
	%D%/scenario/retry-recipient.scn \
	%D%/scenario/retry-refused.scn \
	%D%/scenario/retry-same-source.scn \
	%D%/scenario/schedule-paused.scn \
	%D%/scenario/schedule-queue.scn \
	%D%/scenario/schedule-recipients.scn \
	%D%/scenario/servers-phases.scn \
	%D%/scenario/share-jobs.scn \
	%D%/scenario/share-vmta.scn \
	%D%/scenario/skip-421.scn \
	%D%/scenario/skip-one-message.scn \
	%D%/scenario/source-notices.scn \
	%D%/scenario/sources-all-off.scn \
	%D%/scenario/sources-connect.scn \
	%D%/scenario/sources-conns.scn \
	%D%/scenario/sources-data.scn \
	%D%/scenario/sources-lost-limit.scn \
	%D%/scenario/sources-lost.scn \
	%D%/scenario/sources-off.scn \
	%D%/scenario/sources-rate.scn \
	%D%/scenario/sources-rotate.scn \
	%D%/scenario/suppress-all.scn \
	%D%/scenario/suppress-limits.scn \
	%D%/scenario/suppress-list.scn \
	%D%/scenario/warmup-day.scn \
	%D%/scenario/warmup-notices.scn \
	%D%/scenario/warmup-overflow.scn \
	%D%/scenario/warmup-shares.scn \
	%D%/scenario/windows-age.scn \
	%D%/scenario/windows-limits.scn \
	%D%/scenario/windows-restart.scn \
	%D%/scenario/windows.scn \
	%D%/system/acct_pipe_program.py \
	%D%/system/acct_lab.py \
	%D%/system/acct_reader.py \
	%D%/system/backoff_kill.py \
	%D%/system/check_limits.py \
	%D%/system/collectors.py \
	%D%/system/demo.py \
	%D%/system/arc_oracle.pl \
	%D%/system/arc_oracle.py \
	%D%/system/dkim_oracle.pl \
	%D%/system/dkim_oracle.py \
	%D%/system/dns_server.py \
	%D%/system/exim.py \
	%D%/system/exim_sites.py \
	%D%/system/host_load.py \
	%D%/system/hostile_server.py \
	%D%/system/import_chain.py \
	%D%/system/import_sites.py \
	%D%/system/keys.py \
	%D%/system/lab.py \
	%D%/system/log_tools.py \
	%D%/system/mailrace.py \
	%D%/system/memory.py \
	%D%/system/milter.lua \
	%D%/system/milter_client.py \
	%D%/system/netns.py \
	%D%/system/opendkim_sites.py \
	%D%/system/other_milter.py \
	%D%/system/pmta_sites.py \
	%D%/system/postfix.py \
	%D%/system/procs.py \
	%D%/system/random_limits.py \
	%D%/system/receiver.py \
	%D%/system/same_mail.py \
	%D%/system/same_mail_exim.py \
	%D%/system/same_mail_pmta.py \
	%D%/system/same_mail_sites.py \
	%D%/system/sasl.py \
	%D%/system/setup_lab.py \
	%D%/system/signatures.py \
	%D%/system/smtp_client.py \
	%D%/system/stats.csv \
	%D%/system/stats.txt \
	%D%/system/stats_oracle.py \
	%D%/system/tap.py \
	%D%/system/test_accounting.py \
	%D%/system/test_acct_pipe.py \
	%D%/system/test_acct_redis.py \
	%D%/system/test_acct_rotate.py \
	%D%/system/test_acct_rows.py \
	%D%/system/test_acct_tools.py \
	%D%/system/test_acct_webhook.py \
	%D%/system/test_alerts.py \
	%D%/system/test_arc.py \
	%D%/system/test_assign.py \
	%D%/system/test_attacks.py \
	%D%/system/test_audit.py \
	%D%/system/test_auth.py \
	%D%/system/test_auth_out.py \
	%D%/system/test_back_pressure.py \
	%D%/system/test_backoff.py \
	%D%/system/test_backoff_kill.py \
	%D%/system/test_bounces.py \
	%D%/system/test_busy.py \
	%D%/system/test_check_limits.py \
	%D%/system/test_clients.py \
	%D%/system/test_check.py \
	%D%/system/test_collectors.py \
	%D%/system/test_command.py \
	%D%/system/test_delivery.py \
	%D%/system/test_directives.py \
	%D%/system/test_files.py \
	%D%/system/test_drain.py \
	%D%/system/test_drain_exim.py \
	%D%/system/test_dsn.py \
	%D%/system/test_dsn_forms.py \
	%D%/system/test_dummy_smtp.py \
	%D%/system/test_first_mail.py \
	%D%/system/test_exim_words.py \
	%D%/system/test_forms.py \
	%D%/system/test_held_up.py \
	%D%/system/test_host_exim.py \
	%D%/system/test_host_load.py \
	%D%/system/test_host_load_exim.py \
	%D%/system/test_hostile.py \
	%D%/system/test_hostile_clients.py \
	%D%/system/test_hostile_servers.py \
	%D%/system/test_hold.py \
	%D%/system/test_import.py \
	%D%/system/test_import_exim.py \
	%D%/system/test_import_pmta.py \
	%D%/system/test_inbound_checks.py \
	%D%/system/test_ingress.py \
	%D%/system/test_intake.py \
	%D%/system/test_interrupt.py \
	%D%/system/test_leases.py \
	%D%/system/test_limits.py \
	%D%/system/test_list.py \
	%D%/system/test_load.py \
	%D%/system/test_mailq.py \
	%D%/system/test_merge.py \
	%D%/system/test_milter.py \
	%D%/system/test_modes.py \
	%D%/system/test_one_message.py \
	%D%/system/test_orders.py \
	%D%/system/test_pickup.py \
	%D%/system/test_pool_block.py \
	%D%/system/test_place.py \
	%D%/system/test_queue.py \
	%D%/system/test_random_limits.py \
	%D%/system/test_receiver.py \
	%D%/system/test_remote_limits.py \
	%D%/system/test_reroute.py \
	%D%/system/test_restart.py \
	%D%/system/test_rewrite.py \
	%D%/system/test_same_mail.py \
	%D%/system/test_same_mail_pmta.py \
	%D%/system/test_same_signatures.py \
	%D%/system/test_show.py \
	%D%/system/test_settings.py \
	%D%/system/test_schedule.py \
	%D%/system/test_setup.py \
	%D%/system/test_setup_exim.py \
	%D%/system/test_setup_fast.py \
	%D%/system/test_segment.py \
	%D%/system/test_header_work.py \
	%D%/system/test_senders.py \
	%D%/system/test_list_fields.py \
	%D%/system/test_log_style.py \
	%D%/system/test_sign.py \
	%D%/system/test_sign_settings.py \
	%D%/system/test_sign_tables.py \
	%D%/system/test_sign_later.py \
	%D%/system/test_sign_postfix.py \
	%D%/system/test_sources.py \
	%D%/system/test_spf_oracle.py \
	%D%/system/test_standing.py \
	%D%/system/test_stats.py \
	%D%/system/test_steer.py \
	%D%/system/test_suppress_policy.py \
	%D%/system/test_suppress.py \
	%D%/system/test_suppress_shared.py \
	%D%/system/test_timeouts.py \
	%D%/system/test_suppress_campaign.py \
	%D%/system/test_suppress_checks.py \
	%D%/system/test_suppress_exim.py \
	%D%/system/test_tls.py \
	%D%/system/test_tls_certs.py \
	%D%/system/test_tls_in.py \
	%D%/system/test_tls_verify.py \
	%D%/system/test_verp.py \
	%D%/system/test_warmup.py \
	%D%/system/test_why.py \
	%D%/system/wire.py \
	%D%/tap.h \
	%D%/tsan.supp \
	%D%/unit/acct_faults.h \
	%D%/unit/acct_life.h \
	%D%/unit/arrivals.h \
	%D%/unit/loop.h \
	%D%/unit/spool.h \
	%D%/unit/tmpdir.h
