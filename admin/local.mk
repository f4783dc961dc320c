bin_PROGRAMS += mailrace
mailrace_SOURCES = \
	%D%/acct_files.c %D%/acct_files.h \
	%D%/acct_json.c %D%/acct_json.h \
	%D%/acct_match.c %D%/acct_match.h \
	%D%/acct_reader.c %D%/acct_reader.h \
	%D%/acct_source.c %D%/acct_source.h \
	%D%/audit_files.c %D%/audit_files.h \
	%D%/cat_lines.c %D%/cat_lines.h \
	%D%/commands.def \
	%D%/ctl_acct.c \
	%D%/ctl_ask.c %D%/ctl_ask.h \
	%D%/ctl_audit.c \
	%D%/ctl_cat.c \
	%D%/ctl_check.c \
	%D%/ctl_cmds.c %D%/ctl_cmds.h \
	%D%/ctl_digest.c \
	%D%/ctl_drain.c \
	%D%/ctl_exim.c %D%/ctl_exim.h \
	%D%/ctl_find.c \
	%D%/ctl_format.c %D%/ctl_format.h \
	%D%/ctl_hand_back.c %D%/ctl_hand_back.h \
	%D%/ctl_help.c %D%/ctl_help.h \
	%D%/ctl_hold.c \
	%D%/ctl_import.c \
	%D%/ctl_lint.c \
	%D%/ctl_mailq.c \
	%D%/ctl_main.c \
	%D%/ctl_offline.c \
	%D%/ctl_parse.c %D%/ctl_parse.h \
	%D%/ctl_qshape.c \
	%D%/ctl_queue.c \
	%D%/ctl_senders.c \
	%D%/ctl_setup.c %D%/ctl_setup.h \
	%D%/ctl_setup_exim.c %D%/ctl_setup_exim.h \
	%D%/ctl_setup_exim_probe.c \
	%D%/ctl_setup_exim_route.c \
	%D%/ctl_setup_exim_sender.c \
	%D%/ctl_setup_conf.c %D%/ctl_setup_conf.h \
	%D%/ctl_setup_own.c %D%/ctl_setup_own.h \
	%D%/ctl_setup_sender.c %D%/ctl_setup_sender.h \
	%D%/ctl_setup_probe.c \
	%D%/ctl_setup_talk.c %D%/ctl_setup_talk.h \
	%D%/ctl_sign.c \
	%D%/ctl_stats.c \
	%D%/ctl_suppress.c \
	%D%/ctl_suppress_change.c \
	%D%/ctl_suppress_import.c \
	%D%/ctl_table.c %D%/ctl_table.h \
	%D%/ctl_why.c \
	%D%/drain_host.c %D%/drain_host.h \
	%D%/find_print.c %D%/find_print.h \
	%D%/find_sort.c %D%/find_sort.h \
	%D%/find_text.c %D%/find_text.h \
	%D%/host_check.c %D%/host_check.h \
	%D%/host_queue.c %D%/host_queue.h \
	%D%/mailq_gather.c %D%/mailq_gather.h \
	%D%/option_texts.def \
	%D%/options.def \
	%D%/progress.c %D%/progress.h \
	%D%/setup_conf.c %D%/setup_conf.h \
	%D%/setup_left.c %D%/setup_left.h \
	%D%/setup_probe.c %D%/setup_probe.h \
	%D%/setup_run.c %D%/setup_run.h \
	%D%/setup_socket.c %D%/setup_socket.h \
	%D%/stats_diag.c %D%/stats_diag.h \
	%D%/stats_order.c %D%/stats_order.h \
	%D%/stats_print.c %D%/stats_print.h \
	%D%/stats_report.c %D%/stats_report.h \
	%D%/stats_split.c %D%/stats_split.h \
	%D%/stats_sum.c %D%/stats_sum.h \
	%D%/stats_table.c %D%/stats_table.h
mailrace_LDADD = libcompat.a libvmta.a libmail.a liblib.a $(DEPS_LIBS)
