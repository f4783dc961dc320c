EXTRA_DIST += \
	%D%/config.sample \
	%D%/exim-suppression.acl \
	%D%/mailrace-milter.service \
	%D%/mailrace-milter.socket \
	%D%/mailrace-showq.socket \
	%D%/mailrace-showq@.service \
	%D%/mailrace.logrotate \
	%D%/mailrace.sysusers \
	%D%/mailrace.tmpfiles \
	%D%/mailraced.service \
	%D%/mailraced.socket \
	%D%/postfix-main.cf \
	%D%/postfix-master.cf \
	%D%/providers.conf

exampledir = $(docdir)/examples
dist_example_DATA = %D%/config.sample %D%/exim-suppression.acl \
	%D%/mailrace.logrotate \
	%D%/postfix-main.cf %D%/postfix-master.cf \
	%D%/providers.conf

# For postqueue: a folder, named with -c.
viewdir = $(exampledir)/postfix-view
dist_view_DATA = %D%/postfix-view/main.cf

# Units name the programs where they are installed.
unitdir = $(prefix)/lib/systemd/system
unit_DATA = mailrace-milter.service mailrace-milter.socket \
	mailrace-showq.socket mailrace-showq@.service mailraced.service \
	mailraced.socket
tmpfilesdir = $(prefix)/lib/tmpfiles.d
tmpfiles_DATA = mailrace.conf
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = mailrace-users.conf
CLEANFILES += $(unit_DATA) $(tmpfiles_DATA) $(sysusers_DATA)

$(unit_DATA): Makefile
	$(AM_V_GEN)sed -e 's,[@]sbindir@,$(sbindir),g' \
	    -e 's,[@]bindir@,$(bindir),g' $(srcdir)/etc/$@ >$@.new && \
	    mv $@.new $@
mailrace-milter.service: %D%/mailrace-milter.service
mailrace-milter.socket: %D%/mailrace-milter.socket
mailrace-showq.socket: %D%/mailrace-showq.socket
mailrace-showq@.service: %D%/mailrace-showq@.service
mailraced.service: %D%/mailraced.service
mailraced.socket: %D%/mailraced.socket
mailrace.conf: %D%/mailrace.tmpfiles
	$(AM_V_GEN)cp $(srcdir)/etc/mailrace.tmpfiles $@
mailrace-users.conf: %D%/mailrace.sysusers
	$(AM_V_GEN)cp $(srcdir)/etc/mailrace.sysusers $@
