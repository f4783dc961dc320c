unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h

check_PROGRAMS += tests/unit/test_ctl_proto
tests_unit_test_ctl_proto_SOURCES = %D%/unit/test_ctl_proto.c
tests_unit_test_ctl_proto_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = %D%/unit/test_mem.c
tests_unit_test_mem_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_str
tests_unit_test_str_SOURCES = %D%/unit/test_str.c
tests_unit_test_str_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_net
tests_unit_test_net_SOURCES = %D%/unit/test_net.c
tests_unit_test_net_LDADD = $(unit_ldadd)

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
	%D%/system/test_receiver.py \
	%D%/system/test_restart.py \
	%D%/system/test_sign.py \
	%D%/system/test_tls.py
