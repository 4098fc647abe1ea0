"""A map as a value: the types of its keys and values."""

from __future__ import annotations

from btfdump._bpf.maps import MAPS
from btfdump._bpf.maps.elements import Keys


def test_types_come_from_the_maps_own_btf(opened):
    kernel = opened("tagged")
    assert str(kernel.bpf.map("h_conf").types_.key) == "struct conf_key"
    assert str(kernel.bpf.map("h_conf").types_.value) == "struct conf_val"
    queue = kernel.bpf.map("queue").types_
    assert (queue.value, queue.no_value) == (None, "was loaded without BTF")
    assert str(kernel.bpf.map("btfs.data").types_.value) == ".data"


def test_global_data_by_variable(opened):
    data = opened("tagged").bpf.map("btfs.data")[0]
    assert data.g_stat.label.string_() == "global"
    assert data.g_state.enumerator_() == "BTFS_RUNNING"
    assert data.g_matrix.value_() == [[1, 2, 3], [-4, -5, -6]]
    rodata = opened("tagged").bpf.map("btfs.rodata")[0]
    assert (int(rodata.ro_magic), rodata.ro_name.string_()) == (0xB7FD0B7F, "btfs-rodata")


def test_kptrs_lead_where_the_record_says(opened):
    kernel = opened("tagged")
    for key, value in kernel.bpf.map("m_kptr").items_():
        assert value.task.facts_.provenance == "kptr"
        task = value.task.deref_()
        assert task.type_ is kernel.type("struct task_struct").btf.skip_modifiers(task.type_)
        obj = value.obj.deref_()
        assert str(obj.type_) == "struct elem"
        assert int(obj.key) == 900 + int(key)
        assert int(obj.val) == int(task.pid)


def test_special_fields_are_what_they_are(opened):
    kernel = opened("tagged")
    for key, value in kernel.bpf.map("m_timer").items_():
        assert str(value.t.type_) == "struct bpf_timer"
        timer = value.t.timer
        assert int(timer.cb.member_("map")) == kernel.bpf.map("m_timer").address_
        assert int(value.id) == 50 + int(key)
    (first, *_) = kernel.bpf.map("m_list")[0].head.walk_()
    assert int(first.l2.owner) == kernel.bpf.map("m_list")[0].head.address_


def test_keys_of_each_kind():
    kinds = {name: MAPS.get(name).keys for name in MAPS.built_in}  # type: ignore[union-attr]
    assert kinds["HASH"] is kinds["LPM_TRIE"] is Keys.TYPED
    assert kinds["ARRAY"] is Keys.INDEX
    assert kinds["TASK_STORAGE"] is Keys.OWNER
    assert kinds["QUEUE"] is Keys.ORDER
