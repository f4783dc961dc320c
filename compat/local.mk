noinst_LIBRARIES += libcompat.a
libcompat_a_SOURCES = \
	%D%/host_files.c %D%/host_files.h \
	%D%/host_plan.c %D%/host_plan.h \
	%D%/host_record.c %D%/host_record.h \
	%D%/import_conf.c %D%/import_conf.h \
	%D%/import_own.c %D%/import_own.h \
	%D%/import_report.c %D%/import_report.h \
	%D%/listed.h \
	%D%/log_style.h \
	%D%/log_text.c %D%/log_text.h \
	%D%/opendkim_import.c %D%/opendkim_import.h \
	%D%/exim/ex_ask.c %D%/exim/ex_ask.h \
	%D%/exim/ex_cat.c %D%/exim/ex_cat.h \
	%D%/exim/ex_expand.c %D%/exim/ex_expand.h \
	%D%/exim/ex_facts.c %D%/exim/ex_facts.h \
	%D%/exim/ex_identity.c \
	%D%/exim/ex_import.c %D%/exim/ex_import.h \
	%D%/exim/ex_import_priv.h \
	%D%/exim/ex_keys.c \
	%D%/exim/ex_list.c %D%/exim/ex_list.h \
	%D%/exim/ex_listing.c %D%/exim/ex_listing.h \
	%D%/exim/ex_log.c %D%/exim/ex_log.h \
	%D%/exim/ex_lookup.c %D%/exim/ex_lookup.h \
	%D%/exim/ex_options.c %D%/exim/ex_options.h \
	%D%/exim/ex_params.def \
	%D%/exim/ex_retry.c \
	%D%/exim/ex_routes.c \
	%D%/exim/ex_senders.c %D%/exim/ex_senders.h \
	%D%/exim/ex_settings.c \
	%D%/exim/ex_own.c %D%/exim/ex_own.h \
	%D%/exim/ex_rcpt.c %D%/exim/ex_rcpt.h \
	%D%/exim/ex_setup.c %D%/exim/ex_setup.h \
	%D%/exim/ex_site.c %D%/exim/ex_site.h \
	%D%/exim/ex_stay.c %D%/exim/ex_stay.h \
	%D%/exim/ex_text.c %D%/exim/ex_text.h \
	%D%/exim/ex_tls.c \
	%D%/exim/ex_undo.c \
	%D%/exim/ex_vmtas.c \
	%D%/pmta/pm_import.c %D%/pmta/pm_import.h \
	%D%/pmta/pm_paths.c %D%/pmta/pm_paths.h \
	%D%/postfix/pf_cat.c %D%/postfix/pf_cat.h \
	%D%/postfix/pf_change.c %D%/postfix/pf_change.h \
	%D%/postfix/pf_conf.c %D%/postfix/pf_conf.h \
	%D%/postfix/pf_domains.c \
	%D%/postfix/pf_fast.c %D%/postfix/pf_fast.h \
	%D%/postfix/pf_filter.c %D%/postfix/pf_filter.h \
	%D%/postfix/pf_host.c %D%/postfix/pf_host.h \
	%D%/postfix/pf_import.c %D%/postfix/pf_import.h \
	%D%/postfix/pf_import_priv.h \
	%D%/postfix/pf_interfaces.c \
	%D%/postfix/pf_listing.c %D%/postfix/pf_listing.h \
	%D%/postfix/pf_log.c %D%/postfix/pf_log.h \
	%D%/postfix/pf_params.def \
	%D%/postfix/pf_own.c %D%/postfix/pf_own.h \
	%D%/postfix/pf_place.c %D%/postfix/pf_place.h \
	%D%/postfix/pf_qshape.c %D%/postfix/pf_qshape.h \
	%D%/postfix/pf_routes.c \
	%D%/postfix/pf_senders.c %D%/postfix/pf_senders.h \
	%D%/postfix/pf_settings.c \
	%D%/postfix/pf_setup.c %D%/postfix/pf_setup.h \
	%D%/postfix/pf_showq.c %D%/postfix/pf_showq.h \
	%D%/postfix/pf_site.c %D%/postfix/pf_site.h \
	%D%/postfix/pf_stay.c %D%/postfix/pf_stay.h \
	%D%/postfix/pf_table.c %D%/postfix/pf_table.h \
	%D%/postfix/pf_tls.c \
	%D%/postfix/pf_tls_lines.c %D%/postfix/pf_tls_lines.h \
	%D%/postfix/pf_undo.c %D%/postfix/pf_undo.h \
	%D%/postfix/pf_vmtas.c
