unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = %D%/unit/test_mem.c
tests_unit_test_mem_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_str
tests_unit_test_str_SOURCES = %D%/unit/test_str.c
tests_unit_test_str_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_sched_random
tests_unit_test_sched_random_SOURCES = %D%/unit/test_sched_random.c \
	%D%/support/fake_conf.c %D%/support/fake_conf.h \
	%D%/support/sim.c %D%/support/sim.h
tests_unit_test_sched_random_LDADD = $(unit_ldadd)

noinst_PROGRAMS = tests/bench/bench_sched
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

check_PROGRAMS += tests/unit/test_worker
tests_unit_test_worker_SOURCES = %D%/unit/test_worker.c
tests_unit_test_worker_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_envelope
tests_unit_test_envelope_SOURCES = %D%/unit/test_envelope.c
tests_unit_test_envelope_LDADD = $(unit_ldadd)
