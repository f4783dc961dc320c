noinst_LIBRARIES += libtransport.a
libtransport_a_SOURCES = \
	%D%/dispatch.h \
	%D%/ingress.h \
	%D%/mx.h \
	%D%/smtp_body.c %D%/smtp_body.h \
	%D%/smtp_pipe.c %D%/smtp_pipe.h \
	%D%/smtp_session.c %D%/smtp_session.h \
	%D%/smtp_session_priv.h \
	%D%/smtp_states.def \
	%D%/smtp_steps.c \
	%D%/smtp_trans.c \
	%D%/worker_env.h

sbin_PROGRAMS += mailraced
mailraced_SOURCES = %D%/main.c
mailraced_LDADD = $(UNIT_LIBS)
