noinst_LIBRARIES += libtransport.a
libtransport_a_SOURCES = \
	%D%/dispatch.h \
	%D%/ingress.c %D%/ingress.h \
	%D%/ingress_cmds.c \
	%D%/ingress_priv.h \
	%D%/ingress_states.def \
	%D%/letter.c %D%/letter.h \
	%D%/listeners.c \
	%D%/mx.h \
	%D%/receive.c \
	%D%/smtp_session.h \
	%D%/worker_env.h

sbin_PROGRAMS += mailraced
mailraced_SOURCES = %D%/main.c
mailraced_LDADD = $(UNIT_LIBS)
