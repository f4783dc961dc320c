noinst_LIBRARIES += libcompat.a
libcompat_a_SOURCES = \
	%D%/listed.h \
	%D%/log_style.h \
	%D%/log_text.c %D%/log_text.h \
	%D%/exim/ex_listing.c %D%/exim/ex_listing.h \
	%D%/exim/ex_log.c %D%/exim/ex_log.h \
	%D%/postfix/pf_listing.c %D%/postfix/pf_listing.h \
	%D%/postfix/pf_log.c %D%/postfix/pf_log.h \
	%D%/postfix/pf_showq.c %D%/postfix/pf_showq.h
