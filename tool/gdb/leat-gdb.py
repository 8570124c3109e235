# SPDX-License-Identifier: ISC
"""leat-gdb - what a program that uses leat waits for, of a live one or of a core

    (gdb) source leat-gdb.py
    (gdb) leat dump loop          all that is alive on the loop, as leat_dump writes it
    (gdb) leat dump               the same of a variable called loop
    (gdb) print io                a leat_io *: (leat_io *) 0x7f.. then a.c:5, for all a.c:4
    (gdb) print flow, print buf

Nothing is called in the program, so a core will do; the library needs its debug
information.  What leaves of the program's own would say of themselves is
therefore missing, and deadlines stand as points of the loop's clock.
"""
import struct

import gdb

WATCH = 1
TAGS = 7  # of a waiter that is a watch


# ---- what the library's debug information says ----

class Layout:
    """Offsets and enumerators, looked up once for a program."""

    def __init__(self):
        self.io = gdb.lookup_type("struct leat_io")
        if not self.io.fields():
            raise gdb.GdbError("leat: the library has no debug information")
        self.pointer = self.io.pointer()
        self.offsets = {}
        self.walk(self.io, 0)
        self.word = "Q" if self.pointer.sizeof == 8 else "I"
        self.phase = self.enum("lt_phase")
        self.flag = self.enum("lt_flag")
        self.kind = self.enum("lt_kind_index")
        self.cells = self.enum_value("LT_SLAB_CELLS")
        self.slab_bytes = self.enum_value("LT_SLAB_BYTES")

    def walk(self, kind, base):
        for field in kind.fields():
            at = base + field.bitpos // 8
            if field.name:
                self.offsets.setdefault(field.name, at)
            else:
                self.walk(field.type, at)

    @staticmethod
    def enum(name):
        fields = gdb.lookup_type("enum " + name).fields()
        return {field.name: field.enumval for field in fields}

    @staticmethod
    def enum_value(name):
        return int(gdb.parse_and_eval(name))


layouts = {}


def layout():
    space = gdb.current_progspace().filename
    if space not in layouts:
        layouts[space] = Layout()
    return layouts[space]


def text(value):
    """A char * of the program's, made harmless for a terminal."""
    if not value:
        return "?"
    try:
        words = value.string(errors="replace", length=-1)
    except gdb.error:
        return "?"
    return "".join(c if c.isprintable() else "?" for c in words)


def symbol_at(address):
    """The name of the function or object that begins there; "" where none does."""
    if not address:
        return ""
    words = gdb.execute("info symbol %d" % int(address), to_string=True).split()
    return words[0] if words and "in" in words[1:2] else ""


def cast(address, name):
    return gdb.Value(address).cast(gdb.lookup_type(name).pointer())


# ---- cells ----

class Cell:
    """A promise: its address, and what its words say."""

    def __init__(self, address, data=None):
        self.address = address
        self.lay = lay = layout()
        if data is None:
            data = gdb.selected_inferior().read_memory(address, lay.io.sizeof)
        self.phase = data[lay.offsets["phase"]][0]
        self.flags = data[lay.offsets["flags"]][0]
        self.index = data[lay.offsets["kind"]][0]
        self.waiter = self.word(data, "waiter")
        self.where_at = self.word(data, "where")

    def word(self, data, name):
        at = self.lay.offsets[name]
        return struct.unpack("=" + self.lay.word, data[at:at + struct.calcsize("=" + self.lay.word)])[0]

    @property
    def value(self):
        return gdb.Value(self.address).cast(self.lay.pointer).dereference()

    def has(self, flag):
        return bool(self.flags & self.lay.flag[flag])

    def is_in(self, *phases):
        return any(self.phase == self.lay.phase[phase] for phase in phases)

    @property
    def is_alive(self):
        return self.is_in("LT_PENDING", "LT_SETTLED") and not self.has("LT_IMMORTAL")

    @property
    def waiting_cell(self):
        return 0 if self.waiter & WATCH else self.waiter

    @property
    def where(self):
        return text(cast(self.where_at, "char"))

    def is_kind(self, name):
        return self.index == self.lay.kind[name]

    @property
    def leaf(self):
        """Its leat_leaf, where it is pending and has one."""
        if self.is_in("LT_PENDING") and self.is_kind("LT_LEAF") and self.value["u"]["leaf"]["leaf"]:
            return self.value["u"]["leaf"]["leaf"].dereference()
        return None

    @property
    def name(self):
        leaf = self.leaf
        if leaf is not None and leaf["name"]:
            return text(leaf["name"])
        if self.is_kind("LT_LEAF"):
            return "leaf"
        if self.is_kind("LT_CUSTOM"):
            return text(self.value["u"]["custom"]["kind"]["name"]) if self.is_in("LT_PENDING") else "many"
        for name, index in self.lay.kind.items():
            table = gdb.lookup_global_symbol(name.lower() + "_kind") if index == self.index else None
            if table:
                return text(table.value()["name"])
        return "?"

    @property
    def custom_kind(self):
        """Its lt_kind, where it is pending and has one of its own."""
        if self.is_kind("LT_CUSTOM") and self.is_in("LT_PENDING") and not self.has("LT_FORWARD"):
            return self.value["u"]["custom"]["kind"].dereference()
        return None

    # ---- what there is to say ----

    @property
    def holder(self):
        if not self.waiter:
            return "" if self.custom_kind is not None and self.custom_kind["owned"] else "held"
        if not self.waiter & WATCH:
            other = Cell(self.waiter)
            return "for %s %s" % (other.name, other.where)
        ops = cast(self.waiter & ~TAGS, "lt_watch")["ops"]
        return text(ops["name"]) if ops["name"] else "watched"

    @property
    def outcome(self):
        outcome = self.value["u"]["outcome"]
        kind = symbol_at(outcome["type"])
        if kind == "leat_error_type":
            return "failed: " + self.error(outcome["as"]["error"])
        if not outcome["type"]:
            return "nothing"
        if kind == "leat_int_type":
            return "int %d" % int(outcome["as"]["value"]["integer"])
        return text(outcome["type"]["name"])

    @staticmethod
    def error(error):
        domain = text(error["domain"]["name"]) if error["domain"] else "none"
        where = " at " + text(error["where"]) if error["where"] else ""
        return "%s %d%s" % (domain, int(error["code"]), where)

    @property
    def state(self):
        if self.has("LT_DOOMED"):
            return "cancelled"
        if self.is_in("LT_SETTLED"):
            return ("ready: " if self.has("LT_QUEUED") else "settled: ") + self.outcome
        if self.has("LT_RUNNING"):
            return "running"
        return "to run" if self.has("LT_QUEUED") else ""

    @property
    def itself(self):
        """What the library's own would say of themselves."""
        leaf = self.leaf
        if leaf is not None and "describe" in (field.name for field in leaf.type.fields()):
            state = self.value["u"]["leaf"]["state"]
            if int(leaf["state_bytes"]) > state.type.sizeof:
                state = state[0].cast(state.type.pointer()).dereference()
            return ask(leaf_words, leaf["describe"], state)
        if self.custom_kind is not None and symbol_at(self.custom_kind["describe"]) == "waiter_describe":
            return of_line(self.custom_kind.address)
        if self.custom_kind is not None:
            return ask(kind_words, self.custom_kind["describe"], self.value["u"]["custom"]["word"])
        return ""

    def slots(self):
        """The places of its sources, by their addresses, where it has a row of them."""
        custom = self.value["u"]["custom"]
        if not self.is_in("LT_PENDING") or symbol_at(custom["kind"]["each"]) != "lt_many_each":
            return {}
        many = cast(int(custom["word"][0]), "lt_many")
        return {int(many["slot"][at]["child"]): at for at in range(int(many["count"]))}

    def line(self, root, times=1):
        said = ["%d times" % times if times > 1 else "", self.holder if root else "", self.state, self.itself]
        return ", ".join(["%s %s" % (self.name, self.where)] + [words for words in said if words])


# ---- what they say of themselves: by the name of their describe function ----

def ask(table, describe, words):
    return table.get(symbol_at(describe), lambda *_: "")(words, describe)


def there(words, name, describe=None):
    """What begins at these words, or where they point to; a type of a file is looked up in it."""
    block = gdb.block_for_pc(int(describe)) if describe is not None else None
    kind = gdb.lookup_type(name, block) if block else gdb.lookup_type(name)
    at = int(words) if words.type.code == gdb.TYPE_CODE_PTR else int(words.address)
    return gdb.Value(at).cast(kind.pointer()).dereference()


def deadline(timer):
    if not int(timer["slot"]):
        return "never"
    return "at %d ms of the loop's clock" % (int(timer["at_ns"]) // 1000000)


def of_many(words, _describe):
    many = there(words[0], "lt_many")
    return "%d of %d left" % (int(many["left"]), int(many["room"]))


def of_map(words, _describe):
    m = there(words[1], "lt_map")
    most = int(m["limit"])
    bound = "" if most == (1 << 8 * m["limit"].type.sizeof) - 1 else " of at most %d" % most
    return "%d%s under way, %d made%s" % (int(m["active"]), bound, int(m["made"]), ", no more come" if m["no_more"] else "")


def of_retry(words, describe):
    r = there(words[0], "retry", describe)
    return "tried %d of %d times" % (int(r["tried"]), int(r["options"]["tries"]))


def of_scope(words, _describe):
    scope = there(words, "lt_scope_wait")["scope"]
    state = "cancelled, which unwinds" if scope["unwinding"] else "which holds %d" % int(scope["count"])
    return "of a scope %s, %s" % (text(scope["where"]), state)


def of_member(words, _describe):
    return "of a scope " + (text(there(words[0], "struct leat_scope")["where"]) if words[0] else "that it has left")


def of_child(words, _describe):
    child = gdb.Value(int(words[0])).cast(gdb.lookup_type("struct leat_child").pointer())
    return "made at %s, pid %d" % (text(child["where"]), int(child["pid"]))


def permits_stand(permits):
    taken = text(permits["taken"]) if permits["taken"] else "a place that is not known"
    return "%d out, the last at %s, %d in line" % (int(permits["out"]), taken, int(permits["line"]["count"]))


def mutex_stands(permits):
    taken = " at " + text(permits["taken"]) if permits["taken"] else ""
    return "locked%s, %d in line" % (taken, int(permits["line"]["count"]))


def queue_stands(queue):
    return "%d of %d inside, %d to put, %d to take%s" % (
        int(queue["inside"]["count"]), int(queue["limit"]), int(queue["waiting"]["count"]),
        int(queue["takers"]["count"]), ", closed" if queue["closed"] else "")


def event_stands(event):
    return "%d in line" % int(event["line"]["count"])


def ticker_stands(ticker):
    return "every %d ms, %s" % (int(ticker["period_ns"]) // 1000000, deadline(ticker["timer"]))


objects = {
    "lt_permits_describe": ("lt_permits", permits_stand),
    "mutex_describe": ("lt_permits", mutex_stands),
    "queue_describe": ("struct leat_queue", queue_stands),
    "event_describe": ("struct leat_event", event_stands),
    "ticker_describe": ("struct leat_ticker", ticker_stands),
}


def object_stands(thing):
    ops = thing["ops"]
    kind, stands = objects.get(symbol_at(ops["describe"]), (None, None))
    head = "of %s %s" % (text(ops["name"]), text(thing["where"]))
    return "%s, %s" % (head, stands(there(thing, kind))) if kind else head


def of_line(cell_kind):
    line = cast(int(cell_kind), "lt_line")  # whose first member it is
    return object_stands(line["object"].dereference())


def of_put(words, describe):
    return object_stands(there(words[0], "item", describe)["queue"]["object"])


leaf_words = {
    "lt_flow_state_describe": lambda words, _: "of " + who(int(words[0])),
    "lt_waiter_describe": lambda words, _: "of " + who(int(there(words, "lt_waiter")["flow"])),
    "sleep_describe": lambda words, _: deadline(there(words, "lt_timer")),
    "wait_describe": of_child,
}
kind_words = {
    "lt_many_describe": of_many,
    "timeout_describe": lambda words, _: deadline(there(words, "lt_timer")),
    "lt_map_describe": of_map,
    "retry_describe": of_retry,
    "wait_describe": of_scope,
    "member_describe": of_member,
    "put_describe": of_put,
}


# ---- flows ----

def heir(flow):
    """The handle that has the stream now."""
    moved = Layout.enum("lt_flow_bit")["LT_F_MOVED"]
    while int(flow["bits"]) & moved:
        flow = flow["rare"]["heir"]
    return flow


def who(address):
    flow = heir(cast(address, "struct leat_flow"))
    return "%s %s" % (text(flow["ops"]["name"]), text(flow["where"]))


def flow_line(flow):
    said = "%s, %d read, %d written" % (who(int(flow)), int(flow["read_bytes"]), int(flow["written_bytes"]))
    if flow["out"] and int(flow["out"]["queue"]["bytes"]):
        said += ", %d queued" % int(flow["out"]["queue"]["bytes"])
    return said


def residents(loop, index):
    """The addresses of the flows (0) or listeners (1) of a loop, newest first."""
    head = loop["residents"][index]["head"]
    if int(head["next"]) == int(head.address):  # then there may be no such type, either
        return
    holder = gdb.lookup_type("struct leat_flow" if index == 0 else "struct leat_listener")
    offset = next(field.bitpos // 8 for field in holder.fields() if field.name == "resident")
    at = head["next"]
    while int(at) != int(head.address):
        yield gdb.Value(int(at) - offset).cast(holder.pointer())
        at = at["next"]


# ---- the dump ----

def cells_of(loop):
    lay = layout()
    size = lay.io.sizeof
    inferior = gdb.selected_inferior()
    arena = loop["pool"]["arenas"]
    while arena:
        for index in range(int(arena["started"])):
            at = int(arena["slabs"]) + index * lay.slab_bytes
            used = int(cast(at, "lt_slab")["used"])
            data = inferior.read_memory(at, used * size)
            for cell in range(1, used):
                yield Cell(at + cell * size, data[cell * size:(cell + 1) * size])
        arena = arena["next"]


class Dump:
    """The live cells of a loop, and who waits for whom."""

    DEEPEST = 24

    def __init__(self, loop):
        self.loop = loop
        self.cells = {cell.address: cell for cell in cells_of(loop) if cell.is_alive and not cell.has("LT_DOOMED")}
        self.below = {}
        for cell in self.cells.values():
            if cell.waiting_cell in self.cells:
                self.below.setdefault(cell.waiting_cell, []).append(cell)

    def sources(self, cell):
        below = self.below.get(cell.address, [])
        if len(below) > 1 and cell.is_kind("LT_CUSTOM"):
            places = cell.slots()
            below.sort(key=lambda source: places.get(source.address, 0))
        return below

    def alike(self, a, b):
        links = not (a.is_kind("LT_CUSTOM") or a.is_kind("LT_LEAF"))
        return (links and a.is_in("LT_PENDING") and b.is_in("LT_PENDING") and a.flags == b.flags
                and a.index == b.index and a.where_at == b.where_at)

    def run(self, cell):
        """The last of those that are like it, one below the other, and their number."""
        times = 1
        while len(self.sources(cell)) == 1 and self.alike(cell, self.sources(cell)[0]):
            cell = self.sources(cell)[0]
            times += 1
        return cell, times

    def tree(self, root):
        left = [(root, 0)]
        while left:
            cell, depth = left.pop()
            last, times = (cell, 1) if depth == 0 else self.run(cell)
            indent = "  " * min(depth, self.DEEPEST) + ("[%d] " % depth if depth > self.DEEPEST else "")
            yield indent + cell.line(depth == 0, times)
            left.extend((below, depth + 1) for below in reversed(self.sources(last)))

    def lines(self):
        flows, listeners = (list(residents(self.loop, index)) for index in (0, 1))
        yield "leat: %d ios, %d flows, %d listeners, %d timers, turn %d" % (
            len(self.cells), len(flows), len(listeners), int(self.loop["timers"]["count"]), int(self.loop["turns"]))
        for cell in self.cells.values():
            if cell.waiting_cell not in self.cells:
                yield from self.tree(cell)
        for flow in flows:
            yield "flow " + flow_line(flow)
        for listener in listeners:
            yield "listener %s %s" % (text(listener["ops"]["name"]), text(listener["where"]))


class Leat(gdb.Command):
    """Commands for programs that use leat."""

    def __init__(self):
        super().__init__("leat", gdb.COMMAND_DATA, prefix=True)


class LeatDump(gdb.Command):
    """leat dump [LOOP]: what waits for what on a leat_loop *, which may be any expression."""

    def __init__(self):
        super().__init__("leat dump", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        try:
            loop = gdb.parse_and_eval(argument or "loop")
        except gdb.error as error:
            raise gdb.GdbError("leat dump: %s" % error)
        if loop.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
            raise gdb.GdbError("leat dump: that is not a leat_loop *")
        if not loop:
            raise gdb.GdbError("leat dump: that loop is NULL")
        loop = cast(int(loop), "struct leat_loop")
        try:
            for line in Dump(loop).lines():
                gdb.write(line + "\n")
        except gdb.MemoryError as error:
            raise gdb.GdbError("leat dump: %s: is that a live loop?" % error)


# ---- printing values ----

class Printer:
    """A pointer or a struct as one line; what cannot be read is said to be so."""

    def __init__(self, value, say):
        self.value = value
        self.say = say

    def to_string(self):
        is_pointer = self.value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR
        address = int(self.value) if is_pointer else int(self.value.address or 0)
        before = "(%s) 0x%x" % (self.value.type, address) if is_pointer else str(self.value.type)
        if not address:
            return before
        try:
            return "%s %s" % (before, self.say(address))
        except (gdb.error, gdb.MemoryError, gdb.GdbError):
            return before + " (not readable)"


def say_io(address):
    cell = Cell(address)
    if not cell.is_in("LT_PENDING", "LT_SETTLED", "LT_SHOWN"):
        return "gone"
    return cell.line(True)


def say_flow(address):
    flow = cast(address, "struct leat_flow")
    return "%s, %d references" % (flow_line(flow), int(flow["refs"]))


def say_buf(address):
    buf = cast(address, "struct leat_buf").dereference()
    size = int(buf["size"])
    shown = bytes(gdb.selected_inferior().read_memory(int(buf["data"]), min(size, 64))) if size else b""
    return "%d bytes %s%s" % (size, repr(shown)[1:], "..." if size > 64 else "")


SAYS = {"leat_io": say_io, "leat_flow": say_flow, "leat_buf": say_buf}


def look_up(value):
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        kind = kind.target().unqualified().strip_typedefs()
    elif value.address is None:
        return None
    say = SAYS.get(kind.tag) if kind.code == gdb.TYPE_CODE_STRUCT else None
    return Printer(value, say) if say else None


look_up.name = "leat"
if not any(getattr(printer, "name", "") == "leat" for printer in gdb.pretty_printers):
    gdb.pretty_printers.append(look_up)
Leat()
LeatDump()
