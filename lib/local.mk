noinst_LIBRARIES += liblib.a
liblib_a_SOURCES = \
	%D%/check.h \
	%D%/clock.c %D%/clock.h \
	%D%/conf_types.h \
	%D%/ctl_proto.c %D%/ctl_proto.h \
	%D%/daemon.c %D%/daemon.h \
	%D%/dns.h \
	%D%/err.c %D%/err.h \
	%D%/flag.h \
	%D%/log.c %D%/log.h \
	%D%/mem.c %D%/mem.h \
	%D%/net.c %D%/net.h \
	%D%/ref.h \
	%D%/str.c %D%/str.h \
	%D%/tls.h \
	%D%/worker.c %D%/worker.h
