noinst_LIBRARIES += libvmta.a
libvmta_a_SOURCES = \
	%D%/acct.def \
	%D%/assign.c %D%/assign.h \
	%D%/domain.def \
	%D%/domain_map.c %D%/domain_map.h \
	%D%/global.def \
	%D%/policy.c %D%/policy.h \
	%D%/keys.c \
	%D%/known.def \
	%D%/listener.def \
	%D%/pattern.c %D%/pattern.h \
	%D%/pattern_list.c %D%/pattern_list.h \
	%D%/policy.h \
	%D%/pool.def \
	%D%/pool.h \
	%D%/sched.h \
	%D%/settings.c %D%/settings.h \
	%D%/snapshot.c %D%/snapshot.h \
	%D%/snapshot_check.c \
	%D%/snapshot_join.c \
	%D%/snapshot_load.c \
	%D%/snapshot_priv.h \
	%D%/source.def \
	%D%/tables.c \
	%D%/user.def \
	%D%/vmta.def
