# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# tls.sh - leat's main job: TLS in front of a server that has none

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout site.key -out site.pem 2>openssl.said || {
		cat openssl.said
		exit 1
	}
}

https() { curl -sS --max-time 60 --cacert site.pem "$@" "https://localhost:$port/data"; }

chapter 'TLS in front of a plain server'
make_certificate
command socat UNIX-LISTEN:plain,fork EXEC:./page
background 4 socat -d -d -t 60 UNIX-LISTEN:plain,fork EXEC:./page
hear 4 '*listening on*' || { cat "$work/4.said"; exit 1; }
serve 5 relay --stats tls,cert=site.pem,key=site.key:tcp:localhost:0 unix:plain
port=${where##*:}
first=$port
sum=$(cksum <data)

same "curl fetches $mib MiB by https" "$(https | cksum)" "$sum"
same "curl sends $mib MiB, the server sums it up" "$(https -T data)" "$sum"
for i in 1 2 3 4 5 6 7 8; do
	https | cksum >"sum.$i" &
	eval "one$i=$!"
done
wait "$one1" "$one2" "$one3" "$one4" "$one5" "$one6" "$one7" "$one8"
same 'eight at once' "$(cat sum.? | sort -u)" "$sum"
like 'openssl s_client looks at the certificate' \
	"$(openssl s_client -connect "localhost:$port" -CAfile site.pem -verify_hostname localhost </dev/null 2>/dev/null)" \
	'*TLSv1.3*Verify return code: 0 (ok)*' 'TLSv1.3, Verify return code: 0 (ok)'

chapter 'Those who are not served'
curl -sS --max-time 60 "https://localhost:$port/data" >/dev/null 2>curl.said
like 'curl without our certificate trusts nobody' $? 60 'curl: status 60'
hear 5 'leat: [0-9]* tcp:*: tls: *'
tell $? 'leat is told why' "${heard#leat: * tcp:*: }"
like 'a client without TLS hears nothing of the page' \
	"$(printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 60 - "TCP:localhost:$port" 2>/dev/null | grep -a -c HTTP)" 0 ''
hear 5 'leat: [0-9]* tcp:*: tls: *'
tell $? 'leat says which part of the address it was' "${heard#leat: * tcp:*: }"
same 'one hangs up after 1000 bytes' \
	"$(printf 'GET /data HTTP/1.0\r\n\r\n' | "$leat" pipe "tls,ca=site.pem:tcp:localhost:$port" 2>hung.said | head -c 1000 | wc -c)" 1000
hear 5 'leat: [0-9]* tcp:*: 22 there, *'
like 'leat cuts the other side, too, and says why' "$heard" '* s: *[!r]' "${heard##* s: }"
same 'and the next one is served' "$(https | cksum)" "$sum"

chapter 'Half-closed, through TLS and a relay'
serve 6 relay unix:sum exec:cksum
serve 7 relay tls,cert=site.pem,key=site.key:tcp:localhost:0 unix:sum
port=${where##*:}
command leat pipe "tls,ca=site.pem:tcp:localhost:$port" '<data'
same 'the client ends first, the server still answers' "$("$leat" pipe "tls,ca=site.pem:tcp:localhost:$port" <data)" "$sum"
finish 7
finish 6
serve 6 relay tls,cert=site.pem,key=site.key:tcp:localhost:0 'exec:echo I have said it; exec >&-; cksum >heard'
port=${where##*:}
command leat pipe "tls,ca=site.pem:tcp:localhost:$port" '<data'
same 'the server ends first' "$("$leat" pipe "tls,ca=site.pem:tcp:localhost:$port" <data)" 'I have said it'
finish 6
same 'and hears the client to the end' "$(cat heard)" "$sum"

chapter 'The same, plain, to a server that takes a second before it reads'
serve 6 relay tcp:localhost:0 'exec:echo I have said it; exec >&-; sleep 1; cksum >heard'
command leat pipe "$where" '<data'
same 'the server ends first' "$("$leat" pipe "$where" <data)" 'I have said it'
finish 6
same 'and hears leat pipe to the end' "$(cat heard)" "$sum"
serve 6 relay tcp:localhost:0 'exec:echo I have said it; exec >&-; sleep 1; cksum >heard'
command socat - "TCP:${where#tcp:}" '<data'
socat - "TCP:${where#tcp:}" <data >/dev/null
says "socat ends with status $?"
finish 6
says "the server has heard $(cut -d ' ' -f 2 heard) bytes of $(wc -c <data)"

chapter 'Told to end while somebody still sends'
mkfifo slow answer
"$leat" pipe "tls,ca=site.pem:tcp:localhost:$first" <slow >answer &
slow=$!
pids="$pids $slow"
exec 8>slow 9<answer
printf 'PUT /data HTTP/1.1\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n' "$(wc -c <data)" >&8
IFS= read -r line <&9
like 'a slow one begins' "$line" 'HTTP/1.1 100 Continue?' "it hears $(echo "$line" | tr -d '\r')"
head -c 100000 data >&8
command kill -TERM "$pid5"
kill -TERM "$pid5"
hear 5 'leat: ending; *'
tell $? 'leat waits for it' "$heard"
port=$first
https >/dev/null 2>&1
like 'nobody new is taken' $? 7 'curl: status 7, connection refused'
tail -c +100001 data >&8
exec 8>&-
same 'the slow one is served to its end' "$(tail -n 1 <&9)" "$sum"
exec 9<&-
wait $slow
like 'and told so' $? 0 'leat pipe: status 0'
over 5
like 'and then leat relay ends' $? 0 'status 0'
says "$(tail -n 1 5.said)"
kill -TERM "$pid4"
