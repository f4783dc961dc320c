unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h
EXTRA_DIST += %D%/system/dns_server.py

# Fuzz targets: each is one source with LLVMFuzzerTestOneInput.  In a normal
# build fuzz_main.c replays the corpus as a test; with --enable-fuzz libFuzzer
# is linked instead, and the program is for running by hand.
fuzz_targets = %D%/fuzz/fuzz_smtp_reply
fuzz_targets += %D%/fuzz/fuzz_canon
fuzz_targets += %D%/fuzz/fuzz_header
fuzz_targets += %D%/fuzz/fuzz_mark
if FUZZ
noinst_PROGRAMS += $(fuzz_targets)
fuzz_main =
fuzz_ldflags = -fsanitize=fuzzer
else
check_PROGRAMS += $(fuzz_targets)
fuzz_main = %D%/fuzz/fuzz_main.c
fuzz_ldflags =
endif
EXTRA_DIST += %D%/fuzz/fuzz_main.c

EXTRA_DIST += %D%/fuzz/fuzz_smtp_reply.in
tests_fuzz_fuzz_smtp_reply_SOURCES = %D%/fuzz/fuzz_smtp_reply.c $(fuzz_main)
tests_fuzz_fuzz_smtp_reply_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_smtp_reply_LDADD = $(unit_ldadd)

EXTRA_DIST += %D%/fuzz/fuzz_canon.in
tests_fuzz_fuzz_canon_SOURCES = %D%/fuzz/fuzz_canon.c $(fuzz_main)
tests_fuzz_fuzz_canon_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_canon_LDADD = $(unit_ldadd)

EXTRA_DIST += %D%/fuzz/fuzz_header.in
tests_fuzz_fuzz_header_SOURCES = %D%/fuzz/fuzz_header.c $(fuzz_main)
tests_fuzz_fuzz_header_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_header_LDADD = $(unit_ldadd)

EXTRA_DIST += %D%/fuzz/fuzz_mark.in
tests_fuzz_fuzz_mark_SOURCES = %D%/fuzz/fuzz_mark.c $(fuzz_main)
tests_fuzz_fuzz_mark_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_mark_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dot_stuff
tests_unit_test_dot_stuff_SOURCES = %D%/unit/test_dot_stuff.c
tests_unit_test_dot_stuff_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_smtp_reply
tests_unit_test_smtp_reply_SOURCES = %D%/unit/test_smtp_reply.c
tests_unit_test_smtp_reply_LDADD = $(unit_ldadd)

smtp_test_files = \
	%D%/unit/smtp_owner.c %D%/unit/smtp_owner.h \
	%D%/unit/smtp_script.c %D%/unit/smtp_script.h

check_PROGRAMS += tests/unit/test_smtp_session
tests_unit_test_smtp_session_SOURCES = %D%/unit/test_smtp_session.c \
	$(smtp_test_files)
tests_unit_test_smtp_session_LDADD = $(unit_ldadd)
EXTRA_DIST += %D%/unit/tmpdir.h
EXTRA_DIST += %D%/unit/spool.h

check_PROGRAMS += tests/unit/test_smtp_session_load
tests_unit_test_smtp_session_load_SOURCES = \
	%D%/unit/test_smtp_session_load.c $(smtp_test_files)
tests_unit_test_smtp_session_load_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_ctl_proto
tests_unit_test_ctl_proto_SOURCES = %D%/unit/test_ctl_proto.c
tests_unit_test_ctl_proto_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_acct_record
tests_unit_test_acct_record_SOURCES = %D%/unit/test_acct_record.c
tests_unit_test_acct_record_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_disposition
tests_unit_test_disposition_SOURCES = %D%/unit/test_disposition.c
tests_unit_test_disposition_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_acct
tests_unit_test_acct_SOURCES = %D%/unit/test_acct.c
tests_unit_test_acct_LDADD = $(unit_ldadd)
EXTRA_DIST += %D%/conf_file.h
EXTRA_DIST += %D%/lint/tables.sh
check_PROGRAMS += tests/system/test_dns
tests_system_test_dns_SOURCES = \
	%D%/system/dns_fixture.c %D%/system/dns_fixture.h \
	%D%/system/test_dns.c
tests_system_test_dns_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/system/test_mx
tests_system_test_mx_SOURCES = \
	%D%/system/dns_fixture.c %D%/system/dns_fixture.h \
	%D%/system/test_mx.c
tests_system_test_mx_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mx_route
tests_unit_test_mx_route_SOURCES = %D%/unit/test_mx_route.c
tests_unit_test_mx_route_LDADD = $(unit_ldadd)

check_SCRIPTS += %D%/lint/tables.sh

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = %D%/unit/test_mem.c
tests_unit_test_mem_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_bind
tests_unit_test_conf_bind_SOURCES = %D%/unit/test_conf_bind.c
tests_unit_test_conf_bind_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_hosts
tests_unit_test_conf_hosts_SOURCES = %D%/unit/test_conf_hosts.c
tests_unit_test_conf_hosts_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_lex
tests_unit_test_conf_lex_SOURCES = %D%/unit/test_conf_lex.c
tests_unit_test_conf_lex_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_parse
tests_unit_test_conf_parse_SOURCES = %D%/unit/test_conf_parse.c
tests_unit_test_conf_parse_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_domain_map
tests_unit_test_domain_map_SOURCES = %D%/unit/test_domain_map.c
tests_unit_test_domain_map_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_pattern
tests_unit_test_pattern_SOURCES = %D%/unit/test_pattern.c
tests_unit_test_pattern_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_regex
tests_unit_test_regex_SOURCES = %D%/unit/test_regex.c
tests_unit_test_regex_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_settings
tests_unit_test_settings_SOURCES = %D%/unit/test_settings.c
tests_unit_test_settings_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_snapshot
tests_unit_test_snapshot_SOURCES = %D%/unit/test_snapshot.c
tests_unit_test_snapshot_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_strmap
tests_unit_test_strmap_SOURCES = %D%/unit/test_strmap.c
tests_unit_test_strmap_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dkim_key
tests_unit_test_dkim_key_SOURCES = %D%/unit/test_dkim_key.c
tests_unit_test_dkim_key_LDADD = $(unit_ldadd)
check_PROGRAMS += tests/unit/test_dns_packet
tests_unit_test_dns_packet_SOURCES = %D%/unit/test_dns_packet.c
tests_unit_test_dns_packet_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dns_cache
tests_unit_test_dns_cache_SOURCES = %D%/unit/test_dns_cache.c
tests_unit_test_dns_cache_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_header
tests_unit_test_header_SOURCES = %D%/unit/test_header.c
tests_unit_test_header_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_canon
tests_unit_test_canon_SOURCES = %D%/unit/test_canon.c
tests_unit_test_canon_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mark
tests_unit_test_mark_SOURCES = %D%/unit/test_mark.c
tests_unit_test_mark_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mailbox
tests_unit_test_mailbox_SOURCES = %D%/unit/test_mailbox.c
tests_unit_test_mailbox_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dkim_sign
tests_unit_test_dkim_sign_SOURCES = %D%/unit/test_dkim_sign.c
tests_unit_test_dkim_sign_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_current
tests_unit_test_current_SOURCES = %D%/unit/test_current.c
tests_unit_test_current_LDADD = $(unit_ldadd)

EXTRA_DIST += %D%/system/dkim_oracle.pl %D%/system/dkim_oracle.py
check_PROGRAMS += tests/system/test_dkim_oracle
tests_system_test_dkim_oracle_SOURCES = %D%/system/test_dkim_oracle.c
tests_system_test_dkim_oracle_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_policy
tests_unit_test_policy_SOURCES = %D%/unit/test_policy.c
tests_unit_test_policy_LDADD = $(unit_ldadd)
# Built by make check, run by hand.
EXTRA_PROGRAMS = tests/bench/bench_store
check_DATA = tests/bench/bench_store
CLEANFILES += tests/bench/bench_store
tests_bench_bench_store_SOURCES = %D%/bench/bench_store.c
tests_bench_bench_store_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_catalog
tests_unit_test_catalog_SOURCES = %D%/unit/test_catalog.c
tests_unit_test_catalog_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_handover
tests_unit_test_handover_SOURCES = %D%/unit/test_handover.c
tests_unit_test_handover_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_inflight
tests_unit_test_inflight_SOURCES = %D%/unit/test_inflight.c
tests_unit_test_inflight_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_lock
tests_unit_test_lock_SOURCES = %D%/unit/test_lock.c
tests_unit_test_lock_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_outbox
tests_unit_test_outbox_SOURCES = %D%/unit/test_outbox.c
tests_unit_test_outbox_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_record
tests_unit_test_record_SOURCES = %D%/unit/test_record.c
tests_unit_test_record_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_segment
tests_unit_test_segment_SOURCES = %D%/unit/test_segment.c
tests_unit_test_segment_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_SOURCES = %D%/unit/test_store.c
tests_unit_test_store_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_store_crash
tests_unit_test_store_crash_SOURCES = %D%/unit/test_store_crash.c
tests_unit_test_store_crash_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_store_full
tests_unit_test_store_full_SOURCES = %D%/unit/test_store_full.c
tests_unit_test_store_full_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_str
tests_unit_test_str_SOURCES = %D%/unit/test_str.c
tests_unit_test_str_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_sched_random
tests_unit_test_sched_random_SOURCES = %D%/unit/test_sched_random.c \
	%D%/support/fake_conf.c %D%/support/fake_conf.h \
	%D%/support/sim.c %D%/support/sim.h
tests_unit_test_sched_random_LDADD = $(unit_ldadd)

noinst_PROGRAMS += tests/bench/bench_sched
tests_bench_bench_sched_SOURCES = %D%/bench/bench_sched.c \
	%D%/support/fake_conf.c %D%/support/fake_conf.h
tests_bench_bench_sched_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_limit
tests_unit_test_limit_SOURCES = %D%/unit/test_limit.c
tests_unit_test_limit_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_sched
tests_unit_test_sched_SOURCES = %D%/unit/test_sched.c \
	%D%/support/fake_conf.c %D%/support/fake_conf.h
tests_unit_test_sched_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/scenario/run_scenario
tests_scenario_run_scenario_SOURCES = %D%/scenario/run_scenario.c \
	%D%/support/fake_conf.c %D%/support/fake_conf.h \
	%D%/support/sim.c %D%/support/sim.h
tests_scenario_run_scenario_LDADD = $(unit_ldadd)
EXTRA_DIST += \
	%D%/scenario/conns-idle-taken-back.scn \
	%D%/scenario/conns-idle.scn \
	%D%/scenario/conns-many-queues.scn \
	%D%/scenario/conns-per-connection.scn \
	%D%/scenario/conns-queue.scn \
	%D%/scenario/conns-reuse.scn \
	%D%/scenario/conns-total-fair.scn \
	%D%/scenario/conns-vmta.scn \
	%D%/scenario/expiry-untried.scn \
	%D%/scenario/expiry.scn \
	%D%/scenario/order-priority.scn \
	%D%/scenario/rate-failures.scn \
	%D%/scenario/rate-late-news.scn \
	%D%/scenario/rate-queue.scn \
	%D%/scenario/rate-recipients.scn \
	%D%/scenario/rate-slow-greeting.scn \
	%D%/scenario/rate-slow.scn \
	%D%/scenario/rate-vmta.scn \
	%D%/scenario/reload-keeps-window.scn \
	%D%/scenario/reload-lowers.scn \
	%D%/scenario/reload-vmta-gone.scn \
	%D%/scenario/retry-greeting-421.scn \
	%D%/scenario/retry-queue.scn \
	%D%/scenario/retry-recipient.scn \
	%D%/scenario/retry-refused.scn \
	%D%/scenario/sources-rotate.scn

check_PROGRAMS += tests/unit/test_net
tests_unit_test_net_SOURCES = %D%/unit/test_net.c
tests_unit_test_net_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_addr
tests_unit_test_addr_SOURCES = %D%/unit/test_addr.c
tests_unit_test_addr_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dot_unstuff
tests_unit_test_dot_unstuff_SOURCES = %D%/unit/test_dot_unstuff.c
tests_unit_test_dot_unstuff_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_ingress
tests_unit_test_ingress_SOURCES = \
	%D%/unit/fake_intake.c %D%/unit/fake_intake.h \
	%D%/unit/test_ingress.c
tests_unit_test_ingress_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_listeners
tests_unit_test_listeners_SOURCES = \
	%D%/unit/fake_intake.c %D%/unit/fake_intake.h \
	%D%/unit/test_listeners.c
tests_unit_test_listeners_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_smtp_cmd
tests_unit_test_smtp_cmd_SOURCES = %D%/unit/test_smtp_cmd.c
tests_unit_test_smtp_cmd_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_worker
tests_unit_test_worker_SOURCES = %D%/unit/test_worker.c
tests_unit_test_worker_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_envelope
tests_unit_test_envelope_SOURCES = %D%/unit/test_envelope.c
tests_unit_test_envelope_LDADD = $(unit_ldadd)

# The house rules; clang-format is used if it is there.
check_SCRIPTS += tests/lint/test_lint.sh
check_SCRIPTS += tests/lint/test_manual.sh
EXTRA_DIST += \
	%D%/lint/common.sh \
	%D%/lint/forbidden.sh \
	%D%/lint/format.sh \
	%D%/lint/layers.sh \
	%D%/lint/size.sh \
	%D%/lint/tables.sh \
	%D%/lint/test_lint.sh \
	%D%/lint/test_manual.sh

# What needs root and namespaces is run by bootstrap, not by make check.
EXTRA_DIST += \
	%D%/bench/bench.py \
	%D%/crash/test_kill.py \
	%D%/system/check_limits.py \
	%D%/system/demo.py \
	%D%/system/keys.py \
	%D%/system/lab.py \
	%D%/system/mailrace.py \
	%D%/system/milter.lua \
	%D%/system/milter_client.py \
	%D%/system/netns.py \
	%D%/system/postfix.py \
	%D%/system/procs.py \
	%D%/system/receiver.py \
	%D%/system/signatures.py \
	%D%/system/smtp_client.py \
	%D%/system/tap.py \
	%D%/system/test_accounting.py \
	%D%/system/test_check_limits.py \
	%D%/system/test_command.py \
	%D%/system/test_delivery.py \
	%D%/system/test_first_mail.py \
	%D%/system/test_hostile.py \
	%D%/system/test_ingress.py \
	%D%/system/test_limits.py \
	%D%/system/test_milter.py \
	%D%/system/test_receiver.py \
	%D%/system/test_restart.py \
	%D%/system/test_sign.py \
	%D%/system/test_tls.py
