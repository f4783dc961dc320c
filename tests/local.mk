unit_ldadd = $(UNIT_LIBS)

EXTRA_DIST += %D%/tap.h
EXTRA_DIST += %D%/system/dns_server.py

check_PROGRAMS += tests/system/test_dns
tests_system_test_dns_SOURCES = \
	%D%/system/dns_fixture.c %D%/system/dns_fixture.h \
	%D%/system/test_dns.c
tests_system_test_dns_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/system/test_mx
tests_system_test_mx_SOURCES = \
	%D%/system/dns_fixture.c %D%/system/dns_fixture.h \
	%D%/system/test_mx.c
tests_system_test_mx_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mx_route
tests_unit_test_mx_route_SOURCES = %D%/unit/test_mx_route.c
tests_unit_test_mx_route_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = %D%/unit/test_mem.c
tests_unit_test_mem_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dns_packet
tests_unit_test_dns_packet_SOURCES = %D%/unit/test_dns_packet.c
tests_unit_test_dns_packet_LDADD = $(unit_ldadd)

check_PROGRAMS += tests/unit/test_dns_cache
tests_unit_test_dns_cache_SOURCES = %D%/unit/test_dns_cache.c
tests_unit_test_dns_cache_LDADD = $(unit_ldadd)

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
