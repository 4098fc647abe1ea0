# What a guest of the matrix has beyond its workload: file systems, a bridge, nftables rules.
# A step that fails says so and does not keep the others from being tried.
export PATH=/sbin:/usr/sbin:/bin:/usr/bin
tried() {
	said=$("$@" 2>&1) && return
	echo "$*: $(echo "$said" | head -n 1)" >&2
	return 1
}

fill() {
	mkdir -p "$1/folder/inner"
	for number in 1 2 3 4 5 6 7 8; do
		head -c 70000 /dev/urandom >"$1/folder/file-$number"
	done
	ln -s file-1 "$1/folder/link"
	sync
	sleep 90000 <"$1/folder/file-1" >"$1/folder/written" &
}

# Features that came after the oldest kernel here was made.
tried /sbin/mke2fs -q -t ext4 -O ^orphan_file,^metadata_csum_seed /dev/vda
tried /sbin/mkfs.xfs -q /dev/vdb
tried mkfs.btrfs -q /dev/vdc
for pair in vda:ext4 vdb:xfs vdc:btrfs; do
	place=/mnt/${pair#*:}
	mkdir -p "$place"
	tried mount -t "${pair#*:}" "/dev/${pair%:*}" "$place" && fill "$place"
done
tried btrfs subvolume create /mnt/btrfs/subvolume

tried ip link add br0 type bridge
tried ip link add door0 type veth
for name in br0 door0; do
	tried ip link set $name up
done
tried ip link set door0 master br0
tried ip addr add 10.9.7.1/24 dev br0

tried nft -f - <<'RULES'
table inet garden {
	set ports { type inet_service; elements = { 22, 80, 443 } }
	map doors { type inet_service : verdict; elements = { 8080 : accept, 9090 : drop } }
	chain walk {
		counter accept
	}
	chain gate {
		type filter hook input priority 0; policy accept;
		ct state established,related accept
		tcp dport @ports counter jump walk
		tcp dport vmap @doors
		udp dport 53 limit rate 10/second accept
	}
}
table ip nat {
	chain out {
		type nat hook postrouting priority 100; policy accept;
		oifname "br0" masquerade
	}
}
RULES
