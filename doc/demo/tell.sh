# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# tell.sh - the demo's voice: what is done, and whether it was right

right=0
wrong=0
bold= dim= green= red= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') green=$(printf '\033[32m')
	red=$(printf '\033[1;31m') plain=$(printf '\033[0m')
fi

chapter() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

# What a person would type; what it says goes below it.
command() {
	typed=
	for word; do
		case $word in
		'<'* | '>'*) ;;
		*[\ \;\<\>]*) word="'$word'" ;;
		esac
		typed="$typed $word"
	done
	printf '  %s$%s%s\n' "$dim" "$typed" "$plain"
}
says() { printf '    %s\n' "$*"; }

# tell STATUS WHAT DETAIL: one line of the story
tell() {
	if [ "$1" -eq 0 ]; then
		right=$((right + 1))
		printf '  %sok%s     %-50s %s\n' "$green" "$plain" "$2" "$3"
	else
		wrong=$((wrong + 1))
		printf '  %sWRONG%s  %-50s %s\n' "$red" "$plain" "$2" "$3"
	fi
}

# same WHAT GOT WANTED: told as right if they are the same
same() {
	if [ "$2" = "$3" ]; then
		tell 0 "$1" "$2"
	else
		tell 1 "$1" "got '$2', wanted '$3'"
	fi
}

# like WHAT GOT PATTERN DETAIL: the same by a pattern of case
like() {
	# shellcheck disable=SC2254 # a pattern
	case $2 in
	$3) tell 0 "$1" "$4" ;;
	*) tell 1 "$1" "got '$2'" ;;
	esac
}
