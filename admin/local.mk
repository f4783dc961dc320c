bin_PROGRAMS += mailrace
mailrace_SOURCES = \
	%D%/commands.def \
	%D%/ctl_cmds.c %D%/ctl_cmds.h \
	%D%/ctl_format.c %D%/ctl_format.h \
	%D%/ctl_main.c
mailrace_LDADD = libvmta.a libmail.a liblib.a $(DEPS_LIBS)
