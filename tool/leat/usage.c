/* SPDX-License-Identifier: ISC */
/* usage - what --help and --version say */
#include <leat/leat.h>

#include "usage.h"

static const char forms[] =
	"usage: leat relay [OPTION]... LISTEN TARGET\n"
	"       leat pipe  [OPTION]... TARGET\n"
	"       leat echo  [OPTION]... LISTEN\n";

static const char commands[] =
	"\n"
	"Joins streams of bytes.  Where one side has ended the other hears of it, and goes\n"
	"on speaking for as long as it likes.\n"
	"\n"
	"  relay   takes connections at LISTEN, and joins each with one to TARGET\n"
	"  pipe    joins standard input and output with TARGET\n"
	"  echo    takes connections at LISTEN, and gives back what comes\n";

static const char addresses[] =
	"\n"
	"Addresses, the outermost layer first:\n"
	"  tcp:HOST:PORT     [::1] in brackets; tcp::PORT listens everywhere, port 0 on any\n"
	"  unix:PATH         unix:@NAME has no file\n"
	"  fd:IN,OUT         descriptors that are open; fd:N is both, or listens\n"
	"  exec:COMMAND      what the shell runs: its input and output\n"
	"  tls:ADDRESS       TLS over an address\n"
	"                      tls,cert=FILE,key=FILE,ca=FILE,verify=no:...\n"
	"                      tls,name=HOST,alpn=h2+http/1.1:...\n"
	"  gzip:ADDRESS      compressed: gzip,level=9:...\n"
	"In a value %3a is a colon, %2c a comma and %25 a percent sign.\n";

static const char options[] =
	"\n"
	"Options:\n"
	"  -n, --connections=N    at most N at once; more wait in line\n"
	"  -1, --once             take one connection, and end with it\n"
	"  -i, --idle=TIME        end a connection on which nothing moves for so long (never)\n"
	"  -o, --half-open=TIME   the same, once one of its sides has ended (as --idle)\n"
	"  -c, --connect=TIME     for reaching TARGET: name, connection, handshake (10s)\n"
	"  -g, --grace=TIME       for connections to end by themselves after SIGTERM (30s)\n"
	"  -s, --stats            a line for each connection, and the sum at the end\n"
	"  -h, --help             this\n"
	"  -V, --version          what this is\n"
	"A TIME is 10, 10s, 500ms, 5m, 2h or never.\n"
	"\n"
	"SIGTERM and SIGINT take no more connections and let those that are there end, within\n"
	"the grace; a second one ends at once.  SIGUSR1 shows what is alive.\n";

static const char examples[] =
	"\n"
	"Examples:\n"
	"  leat relay tls,cert=site.pem,key=site.key:tcp::8443 tcp:127.0.0.1:8080\n"
	"  leat relay tcp:127.0.0.1:5432 unix:/run/postgresql/.s.PGSQL.5432\n"
	"  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | leat pipe tls:tcp:example.org:443\n"
	"  leat relay --once tcp::7000 fd:0,1 >received\n"
	"  leat relay -n 20 unix:/tmp/date 'exec:date -u'\n"
	"\n"
	"leat(1) says all of it.\n";

void usage_short(FILE *out)
{
	fputs(forms, out);
	fputs("leat --help says more.\n", out);
}

void usage_long(FILE *out)
{
	fputs(forms, out);
	fputs(commands, out);
	fputs(addresses, out);
	fputs(options, out);
	fputs(examples, out);
}

void usage_version(FILE *out)
{
	fprintf(out, "leat %s\n", leat_version_string());
}
