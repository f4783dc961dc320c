noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	%D%/canon.h \
	%D%/dkim_key.c %D%/dkim_key.h \
	%D%/envelope.c %D%/envelope.h \
	%D%/header.h \
	%D%/mark.h \
	%D%/message.c %D%/message.h \
	%D%/outcome.c %D%/outcome.h
