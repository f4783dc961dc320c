noinst_LIBRARIES += libvmta.a
libvmta_a_SOURCES = \
	%D%/acct.def \
	%D%/backlog.c %D%/backlog.h \
	%D%/domain.def \
	%D%/domain_obj.c %D%/domain_obj.h \
	%D%/fair.c %D%/fair.h \
	%D%/global.def \
	%D%/heap.c %D%/heap.h \
	%D%/limit.c %D%/limit.h \
	%D%/pacer.c %D%/pacer.h \
	%D%/policy.h \
	%D%/pool.c %D%/pool.h \
	%D%/pool.def \
	%D%/qconf.c %D%/qconf.h \
	%D%/retry.c %D%/retry.h \
	%D%/sched.c %D%/sched.h \
	%D%/sched_conn.c \
	%D%/sched_facts.c \
	%D%/sched_priv.h \
	%D%/sched_serve.c \
	%D%/sched_vmta.c \
	%D%/snapshot.h \
	%D%/source.c %D%/source.h \
	%D%/source.def \
	%D%/table.c %D%/table.h \
	%D%/timer.c %D%/timer.h \
	%D%/user.def \
	%D%/vmta.def \
	%D%/vqueue.c %D%/vqueue.h \
	%D%/window.c %D%/window.h
