unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h

# Fuzz targets: each is one source with LLVMFuzzerTestOneInput.  In a normal
# build fuzz_main.c replays the corpus as a test; with --enable-fuzz libFuzzer
# is linked instead, and the program is for running by hand.
fuzz_targets = %D%/fuzz/fuzz_smtp_reply
if FUZZ
noinst_PROGRAMS = $(fuzz_targets)
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

check_PROGRAMS += tests/unit/test_smtp_session_load
tests_unit_test_smtp_session_load_SOURCES = \
	%D%/unit/test_smtp_session_load.c $(smtp_test_files)
tests_unit_test_smtp_session_load_LDADD = $(unit_ldadd)

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
