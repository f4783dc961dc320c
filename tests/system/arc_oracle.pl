# SPDX-License-Identifier: Apache-2.0
# arc_oracle.pl seal KEY SELECTOR DOMAIN CV - standard input, sealed by
# Mail::DKIM::ARC::Signer.
# arc_oracle.pl check RECORD FILE... - "FILE RESULT" by its ARC::Verifier.
# Exit 77: Mail::DKIM is not installed.
use strict;
use warnings;

eval {
	require Mail::DKIM::ARC::Signer;
	require Mail::DKIM::ARC::Verifier;
	require Mail::DKIM::DNS;
	1;
} or exit 77;

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
binmode STDIN;
binmode STDOUT;
my $what = shift;
if ($what eq 'seal') {
	my ($key, $selector, $domain, $cv) = @ARGV;
	my $signer = Mail::DKIM::ARC::Signer->new(
		Algorithm => 'rsa-sha256', Chain => $cv, Domain => $domain,
		SrvId => $domain, Selector => $selector, KeyFile => $key);
	my $text = do { local $/; <STDIN> };
	$signer->PRINT($text);
	$signer->CLOSE;
	die $signer->result_detail unless $signer->result eq 'sealed';
	my $set = $signer->as_string;
	$set =~ s/(?<!\r)\n/\r\n/g;
	$set .= "\r\n" unless $set =~ /\n\z/;
	print $set, $text;
	exit 0;
}
my $record = Record->new(slurp(shift));
{
	no warnings qw(redefine once);
	*Mail::DKIM::DNS::query = sub { return ($record); };
}
for my $path (@ARGV) {
	my $verifier = Mail::DKIM::ARC::Verifier->new;
	$verifier->PRINT(slurp($path));
	$verifier->CLOSE;
	print "$path ", $verifier->result, ' ', $verifier->result_detail, "\n";
}
