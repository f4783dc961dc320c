noinst_LIBRARIES += libmilterd.a
libmilterd_a_SOURCES = \
	%D%/milter_conf.c %D%/milter_conf.h \
	%D%/milter_ctl.c %D%/milter_ctl.h \
	%D%/milter_edit.c %D%/milter_edit.h \
	%D%/milter_end.c \
	%D%/milter_env.h \
	%D%/milter_link.c %D%/milter_link.h \
	%D%/milter_loops.c %D%/milter_loops.h \
	%D%/milter_macros.c %D%/milter_macros.h \
	%D%/milter_msg.c %D%/milter_msg.h %D%/milter_msg_priv.h \
	%D%/milter_packet.c %D%/milter_packet.h \
	%D%/milter_proto.h \
	%D%/milter_senders.c %D%/milter_senders.h \
	%D%/milter_session.c %D%/milter_session.h \
	%D%/milter_suppress.c %D%/milter_suppress.h \
	%D%/milter_talk.h

sbin_PROGRAMS += mailrace-milter
mailrace_milter_SOURCES = %D%/main.c
mailrace_milter_LDADD = libmilterd.a $(UNIT_LIBS)
