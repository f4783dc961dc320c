noinst_LIBRARIES += libtransport.a
libtransport_a_SOURCES = \
	%D%/acct.c %D%/acct.h \
	%D%/acct_ask.c \
	%D%/acct_buffer.c %D%/acct_buffer.h \
	%D%/acct_conf.c \
	%D%/acct_feed.c %D%/acct_feed.h \
	%D%/acct_file.c %D%/acct_file.h \
	%D%/acct_pipe.c \
	%D%/acct_priv.h \
	%D%/acct_redis.c \
	%D%/acct_report.c \
	%D%/acct_retry.c %D%/acct_retry.h \
	%D%/acct_rotate.c %D%/acct_rotate.h \
	%D%/acct_sender.h \
	%D%/acct_senders.c %D%/acct_senders.h \
	%D%/acct_sink.c %D%/acct_sink.h \
	%D%/acct_sink_file.c \
	%D%/acct_state.c %D%/acct_state.h \
	%D%/acct_webhook.c \
	%D%/alert.c %D%/alert.h \
	%D%/alert_mail.c %D%/alert_mail.h \
	%D%/arrival.c %D%/arrival.h \
	%D%/barrier.c %D%/barrier.h \
	%D%/bcc_copy.c %D%/bcc_copy.h \
	%D%/book_ask.c %D%/book_ask.h \
	%D%/candidates.c %D%/candidates.h \
	%D%/control.c %D%/control.h \
	%D%/control_audit.c \
	%D%/control_cat.c \
	%D%/control_priv.h \
	%D%/control_rows.c %D%/control_rows.h \
	%D%/control_words.c \
	%D%/control.def \
	%D%/courier.c %D%/courier.h \
	%D%/courier_end.c \
	%D%/courier_priv.h \
	%D%/data_log.c %D%/data_log.h \
	%D%/delivery.c %D%/delivery.h \
	%D%/dispatch.c %D%/dispatch.h \
	%D%/dispatch_address.c \
	%D%/dispatch_ask.c \
	%D%/dispatch_day.c \
	%D%/dispatch_event.c \
	%D%/dispatch_keep.c \
	%D%/dispatch_priv.h \
	%D%/dispatch_report.c \
	%D%/disposition.c %D%/disposition.h \
	%D%/dummy_smtp.c %D%/dummy_smtp.h \
	%D%/effects.c %D%/effects.h \
	%D%/envelope_read.c %D%/envelope_read.h \
	%D%/gate.c %D%/gate.h \
	%D%/host_lines.c %D%/host_lines.h \
	%D%/host_log.c %D%/host_log.h \
	%D%/ingress.c %D%/ingress.h \
	%D%/ingress_auth.c \
	%D%/ingress_chunks.c \
	%D%/ingress_cmds.c \
	%D%/ingress_limits.c %D%/ingress_limits.h \
	%D%/ingress_log.c \
	%D%/ingress_mail.c \
	%D%/ingress_peer.c \
	%D%/ingress_host.c \
	%D%/ingress_io.c \
	%D%/ingress_priv.h \
	%D%/ingress_rcpt.c \
	%D%/ingress_merge.c %D%/ingress_merge.h \
	%D%/ingress_senders.c %D%/ingress_senders.h \
	%D%/ingress_states.def \
	%D%/ingress_tls.c \
	%D%/keep_load.c %D%/keep_load.h \
	%D%/keeper.c %D%/keeper.h \
	%D%/lease_load.c %D%/lease_load.h \
	%D%/lessor.c %D%/lessor.h \
	%D%/letter.c %D%/letter.h \
	%D%/letter_body.c %D%/letter_body.h \
	%D%/listeners.c \
	%D%/listing.c \
	%D%/merge_groups.c %D%/merge_groups.h \
	%D%/moves.c %D%/moves.h \
	%D%/mx.c %D%/mx.h \
	%D%/mx_facts.c %D%/mx_facts.h \
	%D%/mx_route.c %D%/mx_route.h \
	%D%/needs.c %D%/needs.h \
	%D%/notice.c %D%/notice.h \
	%D%/orders.c %D%/orders.h \
	%D%/orders_job.c \
	%D%/orders_rcpt.c \
	%D%/passwords.c %D%/passwords.h \
	%D%/pickup.c %D%/pickup.h \
	%D%/pickup_dir.c \
	%D%/pickup_log.c \
	%D%/pickup_look.c \
	%D%/pickup_priv.h \
	%D%/pickup_state.c \
	%D%/pickup_talk.c \
	%D%/queue_pattern.c %D%/queue_pattern.h \
	%D%/queue_record.c %D%/queue_record.h \
	%D%/queue_walk.c %D%/queue_walk.h \
	%D%/readers.c %D%/readers.h \
	%D%/reasons.c %D%/reasons.h \
	%D%/receive.c \
	%D%/receive_client.c \
	%D%/receive_make.c %D%/receive_make.h \
	%D%/receive_merge.c %D%/receive_merge.h \
	%D%/receive_reply.c \
	%D%/record.c %D%/record.h \
	%D%/refusals.c %D%/refusals.h \
	%D%/refusals_pack.c \
	%D%/reload.c \
	%D%/replies.c %D%/replies.h \
	%D%/sasl_client.c %D%/sasl_client.h \
	%D%/sasl_server.c %D%/sasl_server.h \
	%D%/sasl_text.c %D%/sasl_text.h \
	%D%/select.c %D%/select.h \
	%D%/settlement.c %D%/settlement.h \
	%D%/show.c \
	%D%/show_cold.c \
	%D%/show_senders.c \
	%D%/show_sources.c \
	%D%/show_warmup.c \
	%D%/shutdown.c \
	%D%/sender_out.c %D%/sender_out.h \
	%D%/sign_later.c %D%/sign_later.h \
	%D%/smtp_auth.c \
	%D%/smtp_body.c %D%/smtp_body.h \
	%D%/smtp_pipe.c %D%/smtp_pipe.h \
	%D%/smtp_session.c %D%/smtp_session.h \
	%D%/smtp_session_priv.h \
	%D%/smtp_states.def \
	%D%/smtp_steps.c \
	%D%/smtp_tls.c %D%/smtp_tls.h \
	%D%/smtp_trans.c \
	%D%/source_fault.c %D%/source_fault.h \
	%D%/source_watch.c %D%/source_watch.h \
	%D%/steer.c %D%/steer.h \
	%D%/suppress_call.c \
	%D%/suppress_change.c \
	%D%/suppress_export.c \
	%D%/suppress_import.c \
	%D%/suppress_keeper.c %D%/suppress_keeper.h \
	%D%/suppress_priv.h \
	%D%/suppress_show.c \
	%D%/suppress_socket.c %D%/suppress_socket.h \
	%D%/suppressing.c %D%/suppressing.h \
	%D%/sweep.c %D%/sweep.h \
	%D%/tour.c %D%/tour.h \
	%D%/trace.c %D%/trace.h \
	%D%/transport.c %D%/transport.h \
	%D%/transport_priv.h \
	%D%/vet.c %D%/vet.h \
	%D%/why.c \
	%D%/why_row.c %D%/why_row.h \
	%D%/why_target.c %D%/why_target.h \
	%D%/worker_env.h

sbin_PROGRAMS += mailraced
mailraced_SOURCES = %D%/main.c
mailraced_LDADD = $(UNIT_LIBS)
