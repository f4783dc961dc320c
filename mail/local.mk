noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	%D%/canon.h \
	%D%/dkim_key.h \
	%D%/dot_stuff.c %D%/dot_stuff.h \
	%D%/ehlo.c %D%/ehlo.h \
	%D%/envelope.c %D%/envelope.h \
	%D%/header.h \
	%D%/mark.h \
	%D%/message.c %D%/message.h \
	%D%/smtp_reply.c %D%/smtp_reply.h \
	%D%/outcome.c %D%/outcome.h
