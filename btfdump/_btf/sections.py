"""A section of variables (`Datasec`) seen as a struct whose members are the variables."""

from __future__ import annotations

from dataclasses import dataclass

from .types import Composite, Datasec, DeclTag, Member, Struct, Var


@dataclass(slots=True, eq=False, repr=False)
class Section(Struct):
    """A section's variables as members; `var_ids` are the ids of their `Var` records.

    The struct has no name, and its id is that of the section.
    """

    var_ids: tuple[int, ...]


def as_struct(datasec: Datasec) -> Section:
    """Return a section as a struct; the functions that some BPF objects list in it are left out."""
    found = [(part, part.type) for part in datasec.variables]
    variables = [(part, var) for part, var in found if isinstance(var, Var)]
    members = tuple(
        Member(datasec.btf, var.name, var.type_id, part.offset * 8) for part, var in variables
    )
    ids = tuple(var.id for _, var in variables)
    return Section(datasec.btf, datasec.id, "", datasec.size, members, False, ids)


def member_tags(struct: Composite) -> list[tuple[int, DeclTag]]:
    """Yield (index of the member, decl tag) for a struct's members or a section's variables."""
    if isinstance(struct, Section):
        return [
            (index, tag)
            for index, var_id in enumerate(struct.var_ids)
            for tag in struct.btf.decl_tags(var_id)
            if tag.component_index < 0
        ]
    return [
        (tag.component_index, tag)
        for tag in struct.btf.decl_tags(struct.id)
        if 0 <= tag.component_index < len(struct.members)
    ]
