# SPDX-License-Identifier: Apache-2.0
# dkim_oracle.pl DIR - what Mail::DKIM says of the signatures of example.net in
# DIR/*.eml: "NAME SELECTOR VERDICT".  The keys are in DIR/keys, lines of "NAME
# RECORD".  Without Mail::DKIM it fails and says so.
use strict;
use warnings;

use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;

my ($dir) = @ARGV;

sub slurp {
	open my $f, '<:raw', $_[0] or die "$_[0]: $!\n";
	local $/;
	return scalar <$f>;
}

package Record;
sub new { my ($class, $text) = @_; return bless { text => $text }, $class; }
sub type { return 'TXT'; }
sub txtdata { return ($_[0]{text}); }

package main;
my %record = map { /^(\S+) (.*)/ ? ($1 => Record->new($2)) : () }
    split /\n/, slurp("$dir/keys");
{
	no warnings qw(redefine once);
	*Mail::DKIM::DNS::query = sub {
		return exists $record{$_[0]} ? ($record{$_[0]}) : ();
	};
}

for my $path (sort glob "$dir/*.eml") {
	my ($name) = $path =~ m{([^/]+)$};
	my $verifier = Mail::DKIM::Verifier->new;
	$verifier->PRINT(slurp($path));
	$verifier->CLOSE;
	for my $signature ($verifier->signatures) {
		next unless $signature->domain eq 'example.net';
		print "$name ", $signature->selector, ' ',
		    $signature->result, "\n";
	}
}
