noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	%D%/acct_derived.def \
	%D%/acct_field.c %D%/acct_field.h \
	%D%/acct_fields.def \
	%D%/acct_name.c %D%/acct_name.h \
	%D%/acct_record.c %D%/acct_record.h \
	%D%/acct_row.c %D%/acct_row.h \
	%D%/acct_types.def \
	%D%/addr.c %D%/addr.h \
	%D%/arc_seal.c %D%/arc_seal.h \
	%D%/arc_set.c %D%/arc_set.h \
	%D%/arc_verify.c %D%/arc_verify.h \
	%D%/auth_results.c %D%/auth_results.h \
	%D%/bounce_class.def \
	%D%/canon.c %D%/canon.h \
	%D%/classify.c %D%/classify.h \
	%D%/dkim_fields.c %D%/dkim_fields.h \
	%D%/dkim_answers.c %D%/dkim_answers.h \
	%D%/dkim_key.c %D%/dkim_key.h \
	%D%/dkim_record.c %D%/dkim_record.h \
	%D%/dkim_sign.c %D%/dkim_sign.h \
	%D%/dkim_verify.c %D%/dkim_verify.h \
	%D%/dns_book.c %D%/dns_book.h \
	%D%/dot_lines.c %D%/dot_lines.h \
	%D%/dot_stuff.c %D%/dot_stuff.h \
	%D%/dot_unstuff.c %D%/dot_unstuff.h \
	%D%/dsn_form.c %D%/dsn_form.h \
	%D%/dsn_status.def \
	%D%/dsn_text.c %D%/dsn_text.h \
	%D%/dsn_write.c %D%/dsn_write.h \
	%D%/ehlo.c %D%/ehlo.h \
	%D%/encoded_word.c %D%/encoded_word.h \
	%D%/envelope.c %D%/envelope.h \
	%D%/event.def \
	%D%/field_pick.c %D%/field_pick.h \
	%D%/handover_key.c %D%/handover_key.h \
	%D%/header.c %D%/header.h \
	%D%/iprev.c %D%/iprev.h \
	%D%/keys_ask.c %D%/keys_ask.h \
	%D%/lease_record.h \
	%D%/line_fold.c %D%/line_fold.h \
	%D%/mailbox.c %D%/mailbox.h \
	%D%/mark.c %D%/mark.h \
	%D%/merge.c %D%/merge.h \
	%D%/message.c %D%/message.h \
	%D%/outcome.c %D%/outcome.h \
	%D%/packed.c %D%/packed.h \
	%D%/pickup_file.c %D%/pickup_file.h \
	%D%/privacy.c %D%/privacy.h \
	%D%/retry_hint.c %D%/retry_hint.h \
	%D%/sig_field.c %D%/sig_field.h \
	%D%/smtp_cmd.c %D%/smtp_cmd.h \
	%D%/smtp_reply.c %D%/smtp_reply.h \
	%D%/spans.c %D%/spans.h \
	%D%/spf.c %D%/spf.h \
	%D%/spf_macro.c %D%/spf_macro.h \
	%D%/spf_record.c %D%/spf_record.h \
	%D%/suppress_hasher.c %D%/suppress_hasher.h \
	%D%/suppress_input.c %D%/suppress_input.h \
	%D%/suppress_norm.c %D%/suppress_norm.h \
	%D%/tag_list.c %D%/tag_list.h \
	%D%/verp.c %D%/verp.h \
	%D%/waybill.c %D%/waybill.h \
	%D%/xtext.c %D%/xtext.h
