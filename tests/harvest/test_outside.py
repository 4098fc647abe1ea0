"""A head that other files share is not settled by those that were read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._harvest import harvest
from btfdump._harvest.report import render_overlay
from tests.support.c_source import HEADER
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from btfdump._btf import Btf
    from btfdump._harvest import Harvest

TAKES_LINKS = "void gov_attr_set_init(struct gov_attr_set *set, struct list_head *node);\n"
CPUFREQ = f"""
struct gov_attr_set {{
	int usage_count;
	struct list_head policy_list;
}};
{TAKES_LINKS}
"""
CPUHOTPLUG = """
int __cpuhp_state_add_instance(int state, struct hlist_node *node, bool invoke);
static inline int cpuhp_state_add_instance(int state, struct hlist_node *node)
{
	return __cpuhp_state_add_instance(state, node, true);
}
"""
FILES = {
    "include/linux/cpufreq.h": CPUFREQ,
    "include/linux/cpuhotplug.h": CPUHOTPLUG,
    "include/linux/box.h": HEADER,
    "drivers/cpufreq/governor.h": "struct policy_dbs { int n; struct list_head list; };\n"
    "struct dbs_data {\n\tstruct gov_attr_set attr_set;\n\tstruct list_head own;\n};\n",
    "drivers/cpufreq/attr_set.c": "void gov_attr_set_init(struct gov_attr_set *set, "
    "struct list_head *node)\n{\n\tlist_add(node, &set->policy_list);\n}\n",
    "drivers/cpufreq/governor.c": """
static void one(struct dbs_data *data, struct policy_dbs *policy, struct item *i)
{
	gov_attr_set_init(&data->attr_set, &policy->list);
	list_add(&i->link, &data->own);
}
""",
    "kernel/sched/schedutil.c": """
struct sugov_policy {
	struct list_head tunables_hook;
};
static void two(struct gov_attr_set *set, struct sugov_policy *policy)
{
	gov_attr_set_init(set, &policy->tunables_hook);
	list_for_each_entry(policy, &set->policy_list, tunables_hook)
		update(policy);
}
""",
    "kernel/cpu.c": """
struct cpuhp_step {
	const char *name;
	struct hlist_head list;
	struct list_head mine;
};
int __cpuhp_state_add_instance(int state, struct hlist_node *node, bool invoke)
{
	struct cpuhp_step *sp = steps + state;
	hlist_add_head(node, &sp->list);
}
static void own(struct cpuhp_step *sp, struct list_head *node) { list_add(node, &sp->mine); }
static void call(struct cpuhp_step *sp, struct item *i) { own(sp, &i->more); }
""",
    "kernel/padata.c": """
struct padata {
	struct hlist_node node;
};
static void three(struct padata *p) { cpuhp_state_add_instance(3, &p->node); }
""",
    "block/mq.c": """
struct hctx {
	struct hlist_node cpuhp;
};
static void four(struct hctx *h) { cpuhp_state_add_instance(4, &h->cpuhp); }
""",
}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def types() -> Btf:
    world = World()
    world.struct("gov_attr_set", [("usage_count", "int"), ("policy_list", "struct list_head")])
    world.struct("policy_dbs", [("n", "int"), ("list", "struct list_head")])
    world.struct("dbs_data", [("attr_set", "struct gov_attr_set"), ("own", "struct list_head")])
    world.struct("sugov_policy", [("tunables_hook", "struct list_head")])
    world.struct(
        "cpuhp_step",
        [("name", "char *"), ("list", "struct hlist_head"), ("mine", "struct list_head")],
    )
    world.struct("padata", [("node", "struct hlist_node")])
    world.struct("hctx", [("cpuhp", "struct hlist_node")])
    world.struct("item", [("link", "struct list_head"), ("more", "struct list_head")])
    return world.kernel().btf


def read(root: Path, types: Btf, under: Sequence[str] = ()) -> Harvest:
    return harvest(root, types, under=under, workers=1)


def heads(done: Harvest) -> set[str]:
    return {".".join(entry.spot) for entry in done.conclusions.entries}


def doubts(done: Harvest) -> dict[str, str]:
    return {".".join(known.spot): why for known, why in done.conclusions.unsettled}


def test_all_of_the_source_tells_the_two_apart_or_says_that_it_cannot(shared, types):
    done = read(shared, types)
    assert {".".join(c.spot) for c in done.conclusions.conflicts} >= {"cpuhp_step.list"}
    assert not doubts(done)
    assert heads(done) >= {"dbs_data.own", "cpuhp_step.mine"}


def test_what_a_shared_header_declares_is_a_comment(shared, types):
    """`gov_attr_set.policy_list` was stated as what one of its two users keeps there."""
    for folder in ("drivers/cpufreq", "kernel/sched"):
        done = read(shared, types, [folder])
        assert not any("policy_list" in head for head in heads(done))
        text = "".join(render_overlay(done, "x"))
        assert "policy_list" not in str(Overlay(text, "x").structs())
        assert (
            "struct gov_attr_set is declared in include/linux/cpufreq.h, "
            "for files that were not read as well"
        ) in text


def test_what_the_folder_declares_for_itself_is_stated(shared, types):
    done = read(shared, types, ["drivers/cpufreq"])
    assert "dbs_data.own" in heads(done)
    assert "own = {" in "".join(render_overlay(done, "x"))


def test_what_other_files_pass_to_a_function_is_a_comment(shared, types):
    """`cpuhp_step.list` was stated as what padata keeps there."""
    done = read(shared, types, ["kernel"])
    assert "cpuhp_step.list" not in heads(done)
    assert doubts(done)["cpuhp_step.list"] == (
        "__cpuhp_state_add_instance() adds what it is passed, also by files that were not read"
    )
    assert "cpuhp_step.mine" in heads(done)  # a static function has no other callers


def test_to_name_a_folder_of_headers_says_that_all_its_users_are_read(shared, types):
    (shared / "include/cpufreq").mkdir()
    (shared / "include/linux/cpufreq.h").rename(shared / "include/cpufreq/cpufreq.h")
    done = read(shared, types, ["kernel/sched", "include/cpufreq"])
    assert "gov_attr_set.policy_list" in heads(done)


def test_headers_below_arch_are_for_all_and_others_for_their_folder(shared, types):
    (shared / "arch/x86/include/asm").mkdir(parents=True)
    (shared / "drivers/cpufreq/governor.h").rename(shared / "arch/x86/include/asm/governor.h")
    (shared / "arch/x86/power").mkdir()
    (shared / "drivers/cpufreq/governor.c").rename(shared / "arch/x86/power/governor.c")
    done = read(shared, types, ["arch/x86", "drivers"])
    assert "dbs_data.own" in heads(done)  # the user says so: the header is in a folder they named
    done = read(shared, types, ["arch/x86/power", "drivers"])
    assert "dbs_data.own" not in heads(done)


def test_a_definition_that_was_not_read_settles_nothing(shared, types):
    (shared / "drivers/cpufreq/governor.h").unlink()
    done = read(shared, types, ["drivers/cpufreq"])
    assert doubts(done)["dbs_data.own"] == "the definition of struct dbs_data was not read"


def test_globals_that_others_can_name_are_comments(shared, types):
    text = "{}LIST_HEAD({});\nvoid f_{}(struct item *i) {{ list_add(&i->link, &{}); }}\n"
    names = ("mine", "ours", "known")
    source = "".join(
        text.format("static " if name == "mine" else "", name, name, name) for name in names
    )
    (shared / "drivers/cpufreq/globals.c").write_text(source)
    (shared / "drivers/cpufreq/globals.h").write_text("extern struct list_head known;\n")
    done = read(shared, types, ["drivers/cpufreq"])
    assert {"." + name for name in ("mine", "known")} <= heads(done)
    assert doubts(done)[".ours"].startswith("ours is not static")
