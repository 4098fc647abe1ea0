"""The modules that a guest of the matrix loads: what runs on servers, and needs no hardware.

A name that a kernel does not have is left out; what modules depend on comes by itself.
"""

from __future__ import annotations

# What file systems ask the kernel to load, which in a guest nobody does for it.
_CHECKSUMS = (
    *("crc32c_generic", "crc32c_cryptoapi", "crc32c_intel"),
    *("xxhash_generic", "blake2b_generic"),
)
_DISKS = (
    *("virtio_blk", "virtio_scsi", "nvme", "nvme_tcp", "loop", "nbd", "zram", "sd_mod", "sr_mod"),
    *("dm_mod", "dm_thin_pool", "dm_crypt", "dm_snapshot", "dm_multipath", "dm_mirror"),
    *("raid1", "raid10", "raid456", "target_core_mod", "iscsi_target_mod", "iscsi_tcp"),
)
_FILE_SYSTEMS = (
    *("ext4", "xfs", "btrfs", "f2fs", "fuse", "isofs", "vfat", "squashfs", "erofs"),
    *("nfs", "nfsd", "cifs", "ceph", "9p", "binfmt_misc", "nls_utf8"),
)
_DEVICES = (
    *("bridge", "br_netfilter", "veth", "vxlan", "geneve", "bonding", "team", "macvlan", "ipvlan"),
    *("8021q", "wireguard", "tun", "ifb", "vrf", "ip_gre", "sit", "ip6_tunnel", "l2tp_eth"),
    *("virtio_net", "openvswitch", "mac80211_hwsim", "bluetooth"),
)
_PROTOCOLS = (
    *("xfrm_user", "esp4", "ah4", "af_key", "sctp", "tipc", "can_raw", "vsock", "rds"),
    *("tcp_bbr", "tcp_dctcp", "inet_diag", "tcp_diag", "unix_diag", "ib_core", "rdma_rxe", "siw"),
)
_FILTERS = (
    *("nf_tables", "nft_ct", "nft_chain_nat", "nft_counter", "nft_limit", "nft_log", "nft_masq"),
    *("nft_redir", "nft_quota", "nft_objref", "nft_hash", "nft_reject_inet", "nft_fib_inet"),
    *("nft_compat", "nft_flow_offload", "nf_conntrack_netlink", "nf_conntrack_ftp", "nf_nat_ftp"),
    *("nfnetlink_log", "nfnetlink_queue", "iptable_filter", "ip_set_hash_ip", "ip_vs_rr"),
)
_QUEUES = (
    *("sch_htb", "sch_fq", "sch_fq_codel", "sch_cake", "sch_ingress", "sch_netem", "sch_tbf"),
    *("cls_u32", "cls_flower", "cls_bpf", "act_mirred", "act_gact"),
)
_OTHERS = (
    *("kvm", "kvm_amd", "vhost_net", "vhost_vsock", "algif_hash", "algif_skcipher"),
    *("vkms", "snd_dummy", "snd_seq", "xhci_pci", "usb_storage", "uhid", "i2c_dev", "i2c_stub"),
)
MODULES = (
    *_CHECKSUMS,
    *_DISKS,
    *_FILE_SYSTEMS,
    *_DEVICES,
    *_PROTOCOLS,
    *_FILTERS,
    *_QUEUES,
    *_OTHERS,
)
