"""Pointers in values of maps: what the kernel's own record says that they lead to."""

from __future__ import annotations


def test_pointers_lead_to_the_kernels_own_structs(opened, truth):
    """The program was compiled with another kernel's task_struct; that is not what lies there."""
    kernel = opened("tagged")
    btf = kernel.bpf.btf(15)
    copy = btf.find("struct", "task_struct")
    assert kernel.definitions.near(copy) is kernel.type("struct task_struct")
    assert copy.size != kernel.type("struct task_struct").size
    linked = 0
    for task in kernel.tasks():
        if task.bpf_storage:
            for elem in task.bpf_storage.list.walk_():
                if elem.sdata.smap.map.member_("name").string_() == "ts_links":
                    data = elem.sdata.data
                    if data.self:
                        linked += 1
                        assert data.self.deref_().address_ == task.address_
                        assert int(data.self.pid) == int(data.pid) == int(task.pid)
                        assert data.leader.comm.string_() == task.group_leader.comm.string_()
    assert linked > 5


def test_a_struct_of_the_programs_own_stays_its_own(opened):
    kernel = opened("tagged")
    stat = kernel.bpf.btf(15).find("struct", "task_stat")
    assert kernel.definitions.near(stat) is stat
