noinst_LIBRARIES += libcompat.a
libcompat_a_SOURCES = \
	%D%/log_style.h \
	%D%/log_text.c %D%/log_text.h \
	%D%/exim/ex_log.c %D%/exim/ex_log.h \
	%D%/postfix/pf_log.c %D%/postfix/pf_log.h
