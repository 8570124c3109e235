#!/bin/sh
# SPDX-License-Identifier: ISC
# tls - TLS in front of what has none, and before it; by our own and by OpenSSL's client
set -u
. "${srcdir:-.}/test/support/tool.sh"
command -v openssl >/dev/null || exit 77
case $(leat pipe tls,name=x:exec:true 2>&1) in *'built without'*) exit 77 ;; esac

# certificate NAME: NAME.pem and NAME.key, for localhost, signed by itself
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
		-keyout "$work/$1.key" -out "$work/$1.pem" 2>"$work/openssl" || { cat "$work/openssl"; exit 1; }
}
certificate site
certificate other
much "$work/data"
data=$(cksum <"$work/data")
site=tls,cert=$work/site.pem,key=$work/site.key
sure=tls,ca=$work/site.pem

# The other side of `where`: what a client reaches.
at() { echo "tcp:localhost:${where##*:}"; }

# In front of a server that has none; each end goes across.
start 3 relay "$site:tcp:127.0.0.1:0" exec:cksum
like 'where it listens is a whole address' "$where" "$site:tcp:127.0.0.1:*"
same 'the client ends first, and is answered' "$(leat pipe "$sure:$(at)" <"$work/data")" "$data"
stop 3
start 3 relay "$site:tcp:127.0.0.1:0" "exec:echo I have said it; exec >&-; cksum >'$work/heard'"
mkfifo "$work/in" "$work/out"
leat_bg pipe "$sure:$(at)" <"$work/in" >"$work/out" &
client=$!
exec 6>"$work/in" 7<"$work/out"
same 'the server ends first' "$(cat <&7)" 'I have said it'
cat "$work/data" >&6
exec 6>&-
wait $client
same 'and the client in order' $? 0
stop 3
same 'the server has heard the rest' "$(cat "$work/heard")" "$data"

# What is under TLS still sends when TLS itself is over: nothing of it may be cut off.
start 3 relay "$site:tcp:127.0.0.1:0" "exec:echo I have said it; exec >&-; cksum >>'$work/thrice'"
for i in 1 2 3; do
	same 'the server ends first, we send all and go' "$(leat pipe "$sure:$(at)" <"$work/data")" 'I have said it'
done
stop 3
same 'three times, the server has heard all' "$(sort -u "$work/thrice"; wc -l <"$work/thrice")" "$data
3"

# And the way back: TLS before one that has none.
start 3 echo "$site:tcp:127.0.0.1:0"
start 4 relay "unix:$work/plain" "$sure:$(at)"
same 'a client without TLS, to a server with it' "$(leat pipe "$where" <"$work/data" | cksum)" "$data"
stop 4

# OpenSSL's own client.
hear_openssl() {
	printf '%s\n' "$1" | timeout 60 openssl s_client -quiet -verify_return_error -CAfile "$work/site.pem" \
		-servername localhost -connect "localhost:$port" 2>/dev/null
}
start 4 relay "$site,alpn=h2+http/1.1:tcp:127.0.0.1:0" 'exec:read word; echo "$word yourself"'
port=${where##*:}
same 'openssl s_client' "$(hear_openssl hello)" 'hello yourself'
like 'a protocol is chosen' "$(openssl s_client -alpn http/1.1 -connect "localhost:$port" </dev/null 2>/dev/null)" \
	'*ALPN protocol: http/1.1*'
like 'no old one is spoken' "$(openssl s_client -tls1_1 -connect "localhost:$port" </dev/null 2>&1)" '*alert*'
stop 4

# Whom we do not trust; the relay goes on all the while.
refused() {
	out=$(leat pipe "$2" </dev/null 2>"$work/err")
	same "$1: the status" "$? $out" '1 '
	like "$1: the words" "$(cat "$work/err")" "$3"
}
where=$(sed -n 's/^leat: listening on //p' "$work/3.said")
refused 'signed by nobody we know' "tls:$(at)" "leat: *certificate*
  tls:tcp:localhost:*
  ^~~"
refused 'another one was wanted' "tls,ca=$work/other.pem:$(at)" "leat: *certificate*
  tls,ca=*
  ^~~"
refused 'it has another name' "tls,ca=$work/site.pem,name=example.org:$(at)" "leat: *
  tls,ca=*
  ^~~"
same 'nobody asks' "$(echo hello | leat pipe "tls,verify=no:$(at)")" hello
same 'its number will do' "$(echo hello | leat pipe "$sure:tcp:127.0.0.1:${where##*:}")" hello
echo 'GET / HTTP/1.0' | leat pipe "$(at)" >/dev/null 2>&1
hear 3 'leat: [0-9]* tcp:127.0.0.1:*'
same 'a client without TLS, and it goes on' "$(echo hello | leat pipe "$sure:$(at)")" hello
stop 3

# A client has to show one, too.
start 3 echo "$site,ca=$work/other.pem,verify=yes:tcp:127.0.0.1:0"
same 'a client with a certificate' \
	"$(echo hello | leat pipe "$sure,cert=$work/other.pem,key=$work/other.key:$(at)")" hello
same 'and one without' "$(echo hello | leat pipe "$sure:$(at)" 2>/dev/null)" ''
hear 3 'leat: 2 tcp:*'
stop 3

# Who does not speak is not waited for.
start 3 relay tcp:127.0.0.1:0 'exec:cat >/dev/null'
leat pipe -c 300ms "tls,verify=no:$(at)" </dev/null 2>"$work/err3"
like 'a server that says nothing' "$? $(cat "$work/err3")" '1 leat: *
  tls,verify=no:*
  ^~~'
stop 3

start 3 echo -c 300ms "$site:tcp:127.0.0.1:0"
mkfifo "$work/silent"
leat_bg pipe "$(at)" <"$work/silent" >/dev/null 2>&1 &
client=$!
exec 6>"$work/silent"
hear 3 'leat: 1 *'
like 'a client that says nothing' "$heard" 'leat: 1 tcp:127.0.0.1:*: tls: time*'
exec 6>&-
wait $client
stop 3

# What is wrong with files is said with a finger on it.
wrong() {
	leat echo "$1" 2>"$work/err" </dev/null
	like "what is said of $1" "$? $(cat "$work/err")" "$2"
}
wrong "tls,cert=$work/none.pem:tcp::0" "2 leat: *No such file*
  tls,cert=$work/none.pem:tcp::0
           ^~*"
wrong "tls,cert=$work/site.pem,key=$work/other.key:tcp::0" "2 leat: *
  *
  * ^~*"
finish
