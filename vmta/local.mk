noinst_LIBRARIES += libvmta.a
libvmta_a_SOURCES = \
	%D%/acct.def \
	%D%/assign.c %D%/assign.h \
	%D%/domain.def \
	%D%/global.def \
	%D%/policy.c %D%/policy.h \
	%D%/pool.def \
	%D%/pool.h \
	%D%/sched.h \
	%D%/snapshot.h \
	%D%/source.def \
	%D%/user.def \
	%D%/vmta.def
