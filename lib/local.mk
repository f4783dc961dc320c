noinst_LIBRARIES += liblib.a
liblib_a_SOURCES = \
	%D%/check.h \
	%D%/clock.c %D%/clock.h \
	%D%/conf_types.h \
	%D%/ctl_proto.h \
	%D%/daemon.h \
	%D%/dns.c %D%/dns.h \
	%D%/dns_answer.c %D%/dns_answer.h \
	%D%/dns_cache.c %D%/dns_cache.h \
	%D%/dns_client.c %D%/dns_client.h \
	%D%/dns_name.c %D%/dns_name.h \
	%D%/dns_packet.c %D%/dns_packet.h \
	%D%/err.c %D%/err.h \
	%D%/log.c %D%/log.h \
	%D%/mem.c %D%/mem.h \
	%D%/net.c %D%/net.h \
	%D%/ref.h \
	%D%/str.c %D%/str.h \
	%D%/tls.h \
	%D%/worker.c %D%/worker.h
