noinst_LIBRARIES += libmilterd.a
libmilterd_a_SOURCES = \
	%D%/milter_arc.c %D%/milter_arc.h \
	%D%/milter_cb.c %D%/milter_cb.h \
	%D%/milter_conf.c %D%/milter_conf.h \
	%D%/milter_ctl.c %D%/milter_ctl.h \
	%D%/milter_edit.c %D%/milter_edit.h \
	%D%/milter_env.h \
	%D%/milter_listen.c %D%/milter_listen.h \
	%D%/milter_msg.c %D%/milter_msg.h \
	%D%/milter_senders.c %D%/milter_senders.h \
	%D%/milter_suppress.c %D%/milter_suppress.h

sbin_PROGRAMS += mailrace-milter
mailrace_milter_SOURCES = %D%/main.c
mailrace_milter_LDADD = libmilterd.a $(UNIT_LIBS) $(MILTER_LIBS)
