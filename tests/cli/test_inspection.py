"""What an inspection goes through: roots, tables, and what becomes of those that fail."""

from __future__ import annotations

import json

import pytest

from btfdump._cli import main
from btfdump._cli.terminal import FAILED, OK, USAGE


def test_tasks_by_id_and_name(run):
    status, out, _ = run("task", "1", "w_alpha", "w_[bg]*", "--members", "pid", "--format", "jsonl")
    assert status == OK
    comms = [json.loads(line)["summary"]["comm"] for line in out.splitlines()]
    assert comms == ["init", "w_alpha", "w_beta", "w_gamma"]


def test_table_of_tasks(run):
    status, out, _ = run("task", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == OK
    assert len(rows) == 61
    assert all(row["table"] == "ps" for row in rows)
    assert run("task", "--format", "text") == run("ps", "--format", "text")
    assert "3 more with --threads" in run("task", "--format", "text")[1]
    assert "struct task_struct" in run("task", "--members", "pid", "--format", "tree")[1]


def test_all_tasks(run):
    status, out, _ = run("task", "--all", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == OK
    assert len(rows) == 64
    assert all(row["members"] for row in rows)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["init_task.children[0].comm"], 'init_task.children[0].comm = (char[16])"init"\n'),
        (["task(1).signal->thread_head[0].pid"], "(pid_t)1\n"),
        (["struct", "task_struct", "init_task", "--members", "comm"], '"swapper/0"'),
        (["struct task_struct", "init_task+0x0", "--members", "comm"], '"swapper/0"'),
        (["struct task_struct", "init_task+0", "--members", "comm"], '"swapper/0"'),
        (["pid_t", "0xffff9caa829c5900"], "(pid_t)2\n"),
        (["runqueues[1].cpu"], "runqueues[1].cpu = (int)1\n"),
        (["runqueues.cpu"], "runqueues[0].cpu = (int)0\nrunqueues[1].cpu = (int)1\n"),
        (["struct sample_root", "sample_root", "--members", "one.id"], ".id = (sample_id_t)20"),
    ],
)
def test_roots(run, words, expected):
    status, out, err = run(*words)
    assert (status, err) == (OK, "")
    assert expected in out


def test_one_failure_leaves_the_rest(run):
    status, out, err = run("task", "1", "99999", "86", "--members", "pid")
    assert status == FAILED
    assert out.count("struct task_struct") == 2
    assert err.count("\n") == 1


def test_unreadable_root_is_a_failure(run):
    status, out, _ = run("struct file", "0x10")
    assert status == FAILED
    assert "/* ! unreadable: not mapped */" in out


def test_strict(run):
    words = ("struct sample_root", "sample_root", "--members", "bad_member,items.id")
    status, out, _ = run(*words)
    assert status == OK
    assert "struct sample_item has no member no_such_member" in out
    assert run(*words, "--strict")[0] == FAILED
    assert run("task", "1", "--members", "comm", "--strict")[0] == OK


def test_snprintf(run):
    status, out, _ = run("task(1).cpus_mask", "--format", "snprintf", "--compact", "--noname")
    assert (status, out) == (OK, "{[3,],}\n")
    status, _, err = run("task", "1", "--format", "snprintf", "--depth", "1")
    assert status == USAGE
    assert "no --members, --follow or --depth" in err


def test_strict_tells_what_the_library_does_not_find(sample, capsys):
    """Without it nothing is said: the library names what other kernels and other modules have."""
    words = ["inspect", str(sample("stock")), "struct udp_tunnel_nic_shared", "init_net"]
    assert main([*words, "--zero"]) == OK
    assert "library" not in capsys.readouterr().out
    assert main([*words, "--strict"]) == FAILED
    assert "no struct udp_tunnel_nic_shared_node in the BTF" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("struct file", "0x10"), ("task(1).in_execve",)])
def test_what_snprintf_cannot_show_is_a_failure(run, words):
    status, out, _ = run(*words, "--format", "snprintf")
    assert status == FAILED
    assert out.startswith("/* ! ")
