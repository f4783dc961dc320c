noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES = \
	%D%/audit.c %D%/audit.h \
	%D%/bytes.h \
	%D%/catalog.c %D%/catalog.h \
	%D%/checkpoint.c %D%/checkpoint.h \
	%D%/commit.c %D%/commit.h \
	%D%/compact.c %D%/compact.h \
	%D%/crc32c.c %D%/crc32c.h \
	%D%/doubt.c %D%/doubt.h \
	%D%/dump.c %D%/dump.h \
	%D%/dump_files.c %D%/dump_files.h \
	%D%/dump_load.c \
	%D%/dump_priv.h \
	%D%/dump_stream.c %D%/dump_stream.h \
	%D%/env.c %D%/env.h \
	%D%/gather.c %D%/gather.h \
	%D%/handover.c %D%/handover.h \
	%D%/inflight.c %D%/inflight.h \
	%D%/inflight_priv.h \
	%D%/intake.c %D%/intake.h \
	%D%/leases.c %D%/leases.h \
	%D%/ledger.c %D%/ledger.h \
	%D%/load.c %D%/load.h \
	%D%/lock.c %D%/lock.h \
	%D%/offline.c %D%/offline.h \
	%D%/outbox.c %D%/outbox.h \
	%D%/record.c %D%/record.h \
	%D%/recover.c %D%/recover.h \
	%D%/reserve.c %D%/reserve.h \
	%D%/segment.c %D%/segment.h \
	%D%/segment_priv.h \
	%D%/segment_reader.c \
	%D%/settle.c %D%/settle.h \
	%D%/slotsync.c %D%/slotsync.h \
	%D%/state.c %D%/state.h \
	%D%/store.c %D%/store.h \
	%D%/store_priv.h \
	%D%/suppress_base.c %D%/suppress_base.h \
	%D%/suppress_build.c %D%/suppress_build.h \
	%D%/suppress_columns.c %D%/suppress_columns.h \
	%D%/suppress_file.c %D%/suppress_file.h \
	%D%/suppress_index.c %D%/suppress_index.h \
	%D%/suppress_import.c \
	%D%/suppress_load.c \
	%D%/suppress_merge.c \
	%D%/suppress_origins.c %D%/suppress_origins.h \
	%D%/suppress_record.c %D%/suppress_record.h \
	%D%/suppress_sort.c %D%/suppress_sort.h \
	%D%/suppress_state.c \
	%D%/suppress_store.c %D%/suppress_store.h \
	%D%/suppress_store_priv.h \
	%D%/suppress_walk.c \
	%D%/suppress_work.c \
	%D%/suppress_secret.c %D%/suppress_secret.h \
	%D%/suppress_watch.c %D%/suppress_watch.h \
	%D%/suppress_write.c %D%/suppress_write.h \
	%D%/verify.c %D%/verify.h \
	%D%/walk.c %D%/walk.h

bin_PROGRAMS += mailrace-queue
mailrace_queue_SOURCES = %D%/queue_main.c
mailrace_queue_LDADD = $(UNIT_LIBS)
