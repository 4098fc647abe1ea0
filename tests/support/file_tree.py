"""A kernel made by hand that has dentries, mounts and kernfs nodes, in either byte order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._btf.wire import ByteOrder


class FileTree(World):
    """Dentries, mounts and files as members of the kernel's structs have them, mostly reordered.

    `mount()` and `dentry()` return addresses; `root` is the mount that the first process is in.
    """

    def __init__(self, byteorder: ByteOrder = "little", *, parent: str = "parent") -> None:
        super().__init__(byteorder)
        hash_and_length = [("hash", "u32"), ("len", "u32")]
        self.struct("<hash>", hash_and_length if byteorder == "little" else hash_and_length[::-1])
        self.union("<hash_len>", [("", "struct <hash>"), ("hash_len", "u64")])
        self.struct("qstr", [("", "union <hash_len>"), ("name", "char *")])
        self.union("<name>", [("__d_name", "struct qstr"), ("d_name", "struct qstr")])
        self.struct(
            "hlist_bl_node", [("next", "struct hlist_bl_node *"), ("pprev", "struct node **")]
        )
        self.struct("file_system_type", [("flags", "int"), ("name", "char *")])
        self.struct("dentry_operations", [("d_hash", "void *"), ("d_dname", "void *")])
        self.struct(
            "super_block", [("s_type", "struct file_system_type *"), ("s_root", "struct dentry *")]
        )
        self.struct("inode", [("i_mode", "u16"), ("i_ino", "u64"), ("i_private", "void *")])
        self.struct(
            "dentry",
            [
                ("d_flags", "u32"),
                ("d_hash", "struct hlist_bl_node"),
                ("d_parent", "struct dentry *"),
                ("", "union <name>"),
                ("d_inode", "struct inode *"),
                ("d_iname", "char[40]"),
                ("d_op", "struct dentry_operations *"),
                ("d_sb", "struct super_block *"),
                ("d_fsdata", "void *"),
            ],
        )
        self.struct(
            "vfsmount", [("mnt_root", "struct dentry *"), ("mnt_sb", "struct super_block *")]
        )
        self.struct(
            "mount",
            [
                ("mnt_hash", "u64"),
                ("mnt_parent", "struct mount *"),
                ("mnt_mountpoint", "struct dentry *"),
                ("mnt", "struct vfsmount"),
                ("mnt_ns", "struct mnt_namespace *"),
            ],
        )
        self.struct("path", [("mnt", "struct vfsmount *"), ("dentry", "struct dentry *")])
        self.struct("file", [("f_mode", "u32"), ("f_path", "struct path")])
        self.struct("fs_struct", [("users", "int"), ("root", "struct path")])
        self.struct("task_struct", [("fs", "struct fs_struct *")])
        self.struct("proc_ns_operations", [("name", "char *")])
        self.struct("ns_common", [("ops", "struct proc_ns_operations *")])
        self.struct("dma_buf", [("size", "u64"), ("name", "char *")])
        self.struct("kernfs_node", [(parent, "struct kernfs_node *"), ("name", "char *")])
        self.struct("cgroup", [("level", "int"), ("kn", "struct kernfs_node *")])
        self._parent = parent
        self.block = self.file_system("rootfs")
        self.top = self.dentry("/")
        self.set(self.block, "super_block.s_root", self.top)
        self.root = self.mount(self.top, namespace=0x1000)
        fs = self.new("fs_struct")
        self.set(fs, "fs_struct.root.mnt", self.vfsmount(self.root))
        self.set(fs, "fs_struct.root.dentry", self.top)
        self.symbols["init_task"] = self.new("task_struct", fs=fs)

    def string(self, text: bytes) -> int:
        """Return the address of a new C string."""
        address = self.room(len(text) + 1)
        self.write(address, text)
        return address

    def file_system(self, name: str) -> int:
        """Return the address of a new super block."""
        kind = self.new("file_system_type", name=self.string(name.encode()))
        return self.new("super_block", s_type=kind)

    def dentry(
        self,
        name: bytes | str,
        parent: int = 0,
        *,
        hashed: bool = True,
        function: str = "",
        block: int = 0,
        inode: int = 0,
        fsdata: int = 0,
    ) -> int:
        """Return the address of a new dentry: a root without `parent`.

        A name of less than 40 bytes is in it. `function` is the symbol of its d_dname; one that
        begins with "?" has no symbol.
        """
        text = name.encode() if isinstance(name, str) else name
        at = self.new("dentry", d_inode=inode, d_sb=block or getattr(self, "block", 0))
        self.set(at, "dentry.d_parent", parent or at)
        self.set(at, "dentry.d_name.len", len(text))
        if len(text) < 40:
            self.set(at, "dentry.d_name.name", at + self.offset("dentry.d_iname"))
            self.write(at + self.offset("dentry.d_iname"), text)
        else:
            self.set(at, "dentry.d_name.name", self.string(text))
        if hashed:
            self.set(at, "dentry.d_hash.pprev", 0x1000)
        if fsdata:
            self.set(at, "dentry.d_fsdata", fsdata)
        if function:
            code = self.room(16)
            if not function.startswith("?"):
                self.symbols[function] = code
            self.set(at, "dentry.d_op", self.new("dentry_operations", d_dname=code))
        return at

    def mount(self, root: int, parent: int = 0, point: int = 0, *, namespace: int = 0) -> int:
        """Return the address of a new mount: in another one at dentry `point`, or on its own."""
        at = self.new("mount", mnt_parent=parent, mnt_mountpoint=point or root, mnt_ns=namespace)
        self.set(at, "mount.mnt.mnt_root", root)
        self.set(at, "mount.mnt.mnt_sb", self.block)
        if not parent:
            self.set(at, "mount.mnt_parent", at)
        return at

    def vfsmount(self, mount: int) -> int:
        """Return the address of the `struct vfsmount` in a mount."""
        return mount + self.offset("mount.mnt")

    def path(self, dentry: int, mount: int = 0) -> int:
        """Return the address of a new `struct path`, in the first process's mount by default."""
        return self.new("path", mnt=self.vfsmount(mount or self.root), dentry=dentry)

    def node(self, name: bytes, parent: int = 0) -> int:
        """Return the address of a new kernfs node."""
        return self.new("kernfs_node", **{self._parent: parent, "name": self.string(name)})
