unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h
EXTRA_DIST += %D%/conf_file.h
EXTRA_DIST += %D%/lint/tables.sh

check_SCRIPTS += %D%/lint/tables.sh

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = %D%/unit/test_mem.c
tests_unit_test_mem_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_bind
tests_unit_test_conf_bind_SOURCES = %D%/unit/test_conf_bind.c
tests_unit_test_conf_bind_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_hosts
tests_unit_test_conf_hosts_SOURCES = %D%/unit/test_conf_hosts.c
tests_unit_test_conf_hosts_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_lex
tests_unit_test_conf_lex_SOURCES = %D%/unit/test_conf_lex.c
tests_unit_test_conf_lex_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_conf_parse
tests_unit_test_conf_parse_SOURCES = %D%/unit/test_conf_parse.c
tests_unit_test_conf_parse_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_domain_map
tests_unit_test_domain_map_SOURCES = %D%/unit/test_domain_map.c
tests_unit_test_domain_map_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_pattern
tests_unit_test_pattern_SOURCES = %D%/unit/test_pattern.c
tests_unit_test_pattern_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_regex
tests_unit_test_regex_SOURCES = %D%/unit/test_regex.c
tests_unit_test_regex_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_settings
tests_unit_test_settings_SOURCES = %D%/unit/test_settings.c
tests_unit_test_settings_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_snapshot
tests_unit_test_snapshot_SOURCES = %D%/unit/test_snapshot.c
tests_unit_test_snapshot_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_strmap
tests_unit_test_strmap_SOURCES = %D%/unit/test_strmap.c
tests_unit_test_strmap_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dkim_key
tests_unit_test_dkim_key_SOURCES = %D%/unit/test_dkim_key.c
tests_unit_test_dkim_key_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_str
tests_unit_test_str_SOURCES = %D%/unit/test_str.c
tests_unit_test_str_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_net
tests_unit_test_net_SOURCES = %D%/unit/test_net.c
tests_unit_test_net_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_worker
tests_unit_test_worker_SOURCES = %D%/unit/test_worker.c
tests_unit_test_worker_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_envelope
tests_unit_test_envelope_SOURCES = %D%/unit/test_envelope.c
tests_unit_test_envelope_LDADD = $(unit_ldadd)
