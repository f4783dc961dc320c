noinst_LIBRARIES += liblib.a
liblib_a_SOURCES = \
	%D%/acceptor.c %D%/acceptor.h \
	%D%/base64.c %D%/base64.h \
	%D%/boot.c %D%/boot.h \
	%D%/check.h \
	%D%/child.c %D%/child.h \
	%D%/clock.c %D%/clock.h \
	%D%/conf_bind.c %D%/conf_bind.h \
	%D%/conf_form.c %D%/conf_form.h \
	%D%/conf_hosts.c %D%/conf_hosts.h \
	%D%/conf_known.c %D%/conf_known.h \
	%D%/conf_lex.c %D%/conf_lex.h \
	%D%/conf_limits.c %D%/conf_limits.h \
	%D%/conf_macro.c %D%/conf_macro.h \
	%D%/conf_parse.c %D%/conf_parse.h \
	%D%/conf_print.c %D%/conf_print.h \
	%D%/conf_shares.c %D%/conf_shares.h \
	%D%/conf_types.c %D%/conf_types.h \
	%D%/conf_unknown.c \
	%D%/conf_value.c \
	%D%/count.h \
	%D%/crowd.c %D%/crowd.h \
	%D%/csv.c %D%/csv.h \
	%D%/csv_write.c %D%/csv_write.h \
	%D%/ctl_client.c \
	%D%/ctl_proto.c %D%/ctl_proto.h \
	%D%/ctl_upload.c %D%/ctl_upload.h \
	%D%/current.c %D%/current.h \
	%D%/daemon.c %D%/daemon.h \
	%D%/day.c %D%/day.h \
	%D%/dns.c %D%/dns.h \
	%D%/dns_all.c %D%/dns_all.h \
	%D%/dns_answer.c %D%/dns_answer.h \
	%D%/dns_cache.c %D%/dns_cache.h \
	%D%/dns_client.c %D%/dns_client.h \
	%D%/dns_name.c %D%/dns_name.h \
	%D%/dns_packet.c %D%/dns_packet.h \
	%D%/err.c %D%/err.h \
	%D%/failures.c %D%/failures.h \
	%D%/files.c %D%/files.h \
	%D%/flag.h \
	%D%/gauge.h \
	%D%/glob.c %D%/glob.h \
	%D%/gzip.c %D%/gzip.h \
	%D%/http_post.c %D%/http_post.h \
	%D%/input.c %D%/input.h \
	%D%/iso_time.c %D%/iso_time.h \
	%D%/json_text.c %D%/json_text.h \
	%D%/log.c %D%/log.h \
	%D%/lookup.c %D%/lookup.h \
	%D%/mem.c %D%/mem.h \
	%D%/memory.c %D%/memory.h \
	%D%/net.c %D%/net.h \
	%D%/net_owner.c %D%/net_owner.h \
	%D%/proxy_proto.c %D%/proxy_proto.h \
	%D%/reader.c %D%/reader.h \
	%D%/redis.c %D%/redis.h \
	%D%/ref.h \
	%D%/regex.c %D%/regex.h \
	%D%/regex_need.c %D%/regex_need.h \
	%D%/regex_set.c %D%/regex_set.h \
	%D%/run_beside.c %D%/run_beside.h \
	%D%/run_command.c %D%/run_command.h \
	%D%/shared.c %D%/shared.h \
	%D%/signals.c %D%/signals.h \
	%D%/str.c %D%/str.h \
	%D%/strmap.c %D%/strmap.h \
	%D%/tls.c %D%/tls.h \
	%D%/tls_facts.c %D%/tls_facts.h \
	%D%/tls_pem.c %D%/tls_pem.h \
	%D%/tls_server.c %D%/tls_server.h \
	%D%/tls_trust.c %D%/tls_trust.h \
	%D%/tls_words.c %D%/tls_words.h \
	%D%/worker.c %D%/worker.h
