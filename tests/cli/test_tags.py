"""`btfdump tags`."""

from __future__ import annotations

import json

from btfdump._cli.terminal import OK


def test_tags(run, core):
    status, out, _ = run(command="tags")
    assert status == OK
    for line in (
        'member struct bpf_local_storage.list                       "bpf_local_storage_elem:snode"',
        'function proc_cgroup_show()                                "mutex_lock: cgroup_mutex"',
        'parameter __insert_inode_hash(inode)                       "locked:i_lock"',
        'variable raised_list                                       "irq_work:node.llist"',
        'member struct sample_root.bad_syntax                       "just some words"  not under',
        'member struct task_struct.robust_list                      "user"  pointer into user',
    ):
        assert line in out
    status, out, _ = run("--decl", "--format", "json", command="tags")
    rows = json.loads(out)
    assert {row["on"] for row in rows} >= {"member", "function", "parameter", "variable", "typedef"}
    assert not any(row["is_type_tag"] for row in rows)
    places = {(row["place"], row["tag"]) for row in rows}
    assert ("struct inode.{}.i_dentry", "dentry:d_u.d_alias") in places
