unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h

check_PROGRAMS += tests/unit/test_ctl_proto
tests_unit_test_ctl_proto_SOURCES = %D%/unit/test_ctl_proto.c
tests_unit_test_ctl_proto_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = %D%/unit/test_mem.c
tests_unit_test_mem_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dkim_key
tests_unit_test_dkim_key_SOURCES = %D%/unit/test_dkim_key.c
tests_unit_test_dkim_key_LDADD = $(unit_ldadd)

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

check_PROGRAMS += tests/unit/test_str
tests_unit_test_str_SOURCES = %D%/unit/test_str.c
tests_unit_test_str_LDADD = $(unit_ldadd)

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
