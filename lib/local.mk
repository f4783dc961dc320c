noinst_LIBRARIES += liblib.a
liblib_a_SOURCES = \
	%D%/check.h \
	%D%/clock.c %D%/clock.h \
	%D%/conf_bind.c %D%/conf_bind.h \
	%D%/conf_hosts.c %D%/conf_hosts.h \
	%D%/conf_lex.c %D%/conf_lex.h \
	%D%/conf_macro.c %D%/conf_macro.h \
	%D%/conf_parse.c %D%/conf_parse.h \
	%D%/conf_types.c %D%/conf_types.h \
	%D%/conf_value.c \
	%D%/ctl_proto.h \
	%D%/daemon.h \
	%D%/dns.h \
	%D%/err.c %D%/err.h \
	%D%/log.c %D%/log.h \
	%D%/mem.c %D%/mem.h \
	%D%/net.c %D%/net.h \
	%D%/ref.h \
	%D%/regex.c %D%/regex.h \
	%D%/str.c %D%/str.h \
	%D%/strmap.c %D%/strmap.h \
	%D%/tls.h \
	%D%/worker.c %D%/worker.h
