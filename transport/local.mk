noinst_LIBRARIES += libtransport.a
libtransport_a_SOURCES = \
	%D%/dispatch.h \
	%D%/ingress.h \
	%D%/mx.c %D%/mx.h \
	%D%/mx_route.c %D%/mx_route.h \
	%D%/smtp_session.h \
	%D%/worker_env.h

sbin_PROGRAMS += mailraced
mailraced_SOURCES = %D%/main.c
mailraced_LDADD = $(UNIT_LIBS)
