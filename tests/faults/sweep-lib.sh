# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the sweeps of one program share: a scenario is run again and again, each time with another
# call failing, until there is none left to fail. Sourced with $program, which is swept, and $work.
#
#	KATA_LIKE_FAULT_STRIDE	only each so-manieth call (1: all)
#	KATA_LIKE_FAULT_FROM	the first call that fails
#	KATA_LIKE_FAULT_SINGLY	up to this one each call, whatever the stride (0)
# shellcheck disable=SC2154,SC2317 # variables of who sources this; functions called from there

stride=${KATA_LIKE_FAULT_STRIDE:-1}
singly=${KATA_LIKE_FAULT_SINGLY:-0}
failed=0

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# Line numbers of the innermost calls of ours.
sources() {
	local word
	read -ra words <"$work/report"
	for word in "${words[@]}"; do
		case $word in
		"$program"+*) addr2line -sfe "${word%+*}" "${word#*+}" 2>/dev/null | tr '\n' ' ' ;;
		*) printf '%s ' "${word##*/}" ;;
		esac
	done
}

# sweep SCENARIO
sweep() {
	local n=0 bad=0 at=${KATA_LIKE_FAULT_FROM:-$((singly ? 1 : 1 + RANDOM % stride))}
	for (( ; ; at += at < singly ? 1 : stride)); do
		truncate -s 0 "$work/count" && truncate -s 4096 "$work/count"
		: >"$work/report"
		if ! (set -e; "$1") >"$work/iteration" 2>&1; then
			bad=$((bad + 1))
			echo "call $at: $(sources)"
			cat "$work/iteration"
		fi
		[ -s "$work/report" ] || break
		n=$((n + 1))
	done
	echo "$n calls"
	[ "$n" -gt 0 ] && [ "$bad" = 0 ]
}

# prove SENTENCE SCENARIO
prove() {
	if sweep "$2" >"$work/case" 2>&1; then
		echo "ok - $1 ($(tail -n 1 "$work/case"))"
	else
		echo "not ok - $1"
		sed 's/^/# /' "$work/case"
		failed=1
	fi
}

finish() {
	exit "$failed"
}
