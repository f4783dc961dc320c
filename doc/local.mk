dist_man_MANS += \
	%D%/mailrace-milter.8 \
	%D%/mailrace.8 \
	%D%/mailraced.8

# The directives come from the tables that the programs are made of.
nodist_man_MANS = %D%/mailrace.conf.5
manual_tables = \
	vmta/acct.def \
	vmta/blocks.def \
	vmta/domain.def \
	vmta/global.def \
	vmta/group.def \
	vmta/job.def \
	vmta/known.def \
	vmta/listener.def \
	vmta/pool.def \
	vmta/provider.def \
	vmta/source.def \
	vmta/suppress_list.def \
	vmta/user.def \
	vmta/vmta.def \
	vmta/warmup.def
EXTRA_DIST += \
	%D%/ARCHITECTURE.md \
	%D%/PERFORMANCE.md \
	%D%/RELIABILITY.md \
	%D%/directives.awk \
	%D%/mailrace.conf.5.in
CLEANFILES += %D%/mailrace.conf.5

%D%/mailrace.conf.5: %D%/directives.awk %D%/mailrace.conf.5.in $(manual_tables)
	@$(MKDIR_P) %D%
	$(AM_V_GEN)(cd $(srcdir) && $(AWK) -f doc/directives.awk \
	    $(manual_tables) doc/mailrace.conf.5.in) >$@.new && mv $@.new $@
