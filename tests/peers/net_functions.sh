# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A network of a case's own: it goes with the processes in it, and with it whatever was done to it.

NET_NEAR=10.99.0.1	# ours
NET_FAR=10.99.0.2	# where targets listen

# net_start: this case is alone in a network namespace, the targets in another one; a cable, near to
# far, between them. The case begins again for that, so this comes first.
net_start() {
	need_root
	need unshare nsenter ip
	if [ -z "${OWN_NET-}" ]; then
		unshare -n true 2>why.txt || skip "no network namespace: $(cat why.txt)"
		OWN_NET=yes exec unshare -n bash "$SUITE"
	fi
	spawn far unshare -n tail -f /dev/null
	wait_for 10 "the far namespace" _net_is_apart "${PID[far]}"
	ip link set lo up
	ip link add near type veth peer name far netns "${PID[far]}" 2>why.txt ||
		skip "no veth: $(cat why.txt)"
	net_far ip link set lo up
	net_far ip addr add "$NET_FAR/24" dev far
	net_far ip link set far up
	ip addr add "$NET_NEAR/24" dev near
	ip link set near up
	# shellcheck disable=SC2034	# functions.sh starts targets with them
	TARGET_HOST=$NET_FAR
	# shellcheck disable=SC2034
	TARGET_VIA=(nsenter "--net=/proc/${PID[far]}/ns/net")
}

_net_is_apart() {
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# net_far COMMAND…: on the side of the targets
net_far() {
	nsenter "--net=/proc/${PID[far]}/ns/net" "$@"
}

# net_drop: from here on nothing passes to the target's port, and nothing from it.
net_drop() {
	_net_firewall drop "tcp sport ${TARGET_PORT[t]} drop"
}

# net_reset: who sends something to it is told that there is no such connection; it hears nothing.
net_reset() {
	_net_firewall "reject with tcp reset" accept
}

_net_firewall() {	# RULE-OF-WHAT-COMES RULE-OF-WHAT-GOES
	need nft
	net_far nft -f - 2>why.txt <<-END || skip "no firewall: $(cat why.txt)"
		table inet firewall {
			chain in {
				type filter hook input priority 0
				tcp dport ${TARGET_PORT[t]} $1
			}
			chain out {
				type filter hook output priority 0
				$2
			}
		}
	END
}

net_open() {
	net_far nft delete table inet firewall
}
