noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES = \
	%D%/inflight.h \
	%D%/segment.h \
	%D%/store.h
