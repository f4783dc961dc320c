unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h
EXTRA_DIST += %D%/unit/tmpdir.h
EXTRA_DIST += %D%/unit/spool.h

check_PROGRAMS += tests/unit/test_ctl_proto
tests_unit_test_ctl_proto_SOURCES = %D%/unit/test_ctl_proto.c
tests_unit_test_ctl_proto_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = %D%/unit/test_mem.c
tests_unit_test_mem_LDADD = $(unit_ldadd)

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

check_PROGRAMS += tests/unit/test_net
tests_unit_test_net_SOURCES = %D%/unit/test_net.c
tests_unit_test_net_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_worker
tests_unit_test_worker_SOURCES = %D%/unit/test_worker.c
tests_unit_test_worker_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_envelope
tests_unit_test_envelope_SOURCES = %D%/unit/test_envelope.c
tests_unit_test_envelope_LDADD = $(unit_ldadd)
