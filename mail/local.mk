noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	%D%/bounce_class.def \
	%D%/canon.h \
	%D%/classify.c %D%/classify.h \
	%D%/dkim_key.h \
	%D%/dsn_status.def \
	%D%/dkim_key.c %D%/dkim_key.h \
	%D%/envelope.c %D%/envelope.h \
	%D%/event.def \
	%D%/header.h \
	%D%/mark.h \
	%D%/message.c %D%/message.h \
	%D%/outcome.c %D%/outcome.h
