noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	%D%/bounce_class.def \
	%D%/canon.c %D%/canon.h \
	%D%/classify.c %D%/classify.h \
	%D%/dkim_key.c %D%/dkim_key.h \
	%D%/dkim_sign.c %D%/dkim_sign.h \
	%D%/dsn_status.def \
	%D%/envelope.c %D%/envelope.h \
	%D%/event.def \
	%D%/header.c %D%/header.h \
	%D%/mailbox.c %D%/mailbox.h \
	%D%/mark.c %D%/mark.h \
	%D%/message.c %D%/message.h \
	%D%/outcome.c %D%/outcome.h
