"""A stand-in for a MongoDB server: what sessions need of its protocol, in memory, each command by itself.

mongodb.py PORT [--read-only | --full | --secondary]

It knows unique indexes, the filters and updates that the store and Flask-Session send, and upserts. It has no users and no TLS, is no
replica set but as a member of one that has no primary (`main`, --secondary), promises nothing about a write concern, and removes nothing that has expired.
"""

import socketserver
import struct
import sys
import threading
from datetime import timezone

import bson
from bson import CodecOptions, ObjectId

OPTIONS = CodecOptions(tz_aware=True, tzinfo=timezone.utc)
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
MISSING = object()

READ_ONLY = "--read-only" in sys.argv
FULL = "--full" in sys.argv
SECONDARY = "--secondary" in sys.argv
WRITES = ("insert", "update", "delete", "createIndexes")

LOCK = threading.Lock()
DOCUMENTS = {}  # of each collection, by _id, as they came
SAME_ID = {}  # those of a collection with the same session id, by _id
INDEXES = {}


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


COMPARISONS = {
    "$eq": lambda value, operand: type(value) is type(operand) and value == operand,
    "$gt": lambda value, operand: type(value) is type(operand) and value > operand,
    "$gte": lambda value, operand: type(value) is type(operand) and value >= operand,
    "$lt": lambda value, operand: type(value) is type(operand) and value < operand,
    "$lte": lambda value, operand: type(value) is type(operand) and value <= operand,
    "$not": lambda value, operand: not meets(value, operand),
}


def meets(value, condition):
    if isinstance(condition, dict) and any(name.startswith("$") for name in condition):
        for name in condition:
            if name not in COMPARISONS:
                raise Refused(2, f"unknown operator: {name}")
        return all(COMPARISONS[name](value, operand) for name, operand in condition.items())
    return COMPARISONS["$eq"](value, condition)


def matches(document, query):
    return all(meets(document.get(field, MISSING), condition) for field, condition in query.items())


def among(place, wanted):
    """Where documents that equal these fields can be: looking through all of them takes its time."""
    if isinstance(wanted.get("id"), str):
        return list(SAME_ID.get((place, wanted["id"]), {}).values())
    return list(DOCUMENTS.get(place, {}).values())


def keep(place, document):
    DOCUMENTS.setdefault(place, {})[document["_id"]] = document
    SAME_ID.setdefault((place, document.get("id")), {})[document["_id"]] = document


def forget(place, document):
    del DOCUMENTS[place][document["_id"]]
    same = SAME_ID[place, document.get("id")]
    del same[document["_id"]]
    if not same:
        del SAME_ID[place, document.get("id")]


def indexes(place):
    return INDEXES.setdefault(place, [{"v": 2, "key": {"_id": 1}, "name": "_id_"}])


def check_unique(place, document, besides=None):
    for index in indexes(place):
        if not index.get("unique"):
            continue
        key = {field: document.get(field) for field in index["key"]}
        for other in among(place, key):
            if other is not besides and all(other.get(field) == value for field, value in key.items()):
                raise Refused(11000, f"E11000 duplicate key error index: {index['name']} dup key: {document.get('id')}")


def insert(place, document):
    if document.setdefault("_id", ObjectId()) in DOCUMENTS.get(place, {}):
        raise Refused(11000, f"E11000 duplicate key error index: _id_ dup key: {document['_id']}")
    check_unique(place, document)
    indexes(place)
    keep(place, document)


def update(place, change):
    unknown = set(change["u"]) - {"$set"}
    if unknown or change.get("multi"):
        raise Refused(9, "only $set, and of one document")
    for document in among(place, change["q"]):
        if matches(document, change["q"]):
            changed = {**document, **change["u"]["$set"]}
            check_unique(place, changed, besides=document)
            forget(place, document)
            keep(place, changed)
            return {"n": 1, "nModified": int(changed != document)}
    if not change.get("upsert"):
        return {"n": 0, "nModified": 0}
    given = {field: value for field, value in change["q"].items() if not isinstance(value, dict)}
    document = {**given, **change["u"]["$set"]}
    insert(place, document)
    return {"n": 1, "nModified": 0, "upserted": [{"index": 0, "_id": document["_id"]}]}


def delete(place, removal):
    found = [document for document in among(place, removal["q"]) if matches(document, removal["q"])]
    for document in found[: removal["limit"] or None]:
        forget(place, document)
    return len(found[: removal["limit"] or None])


def find(place, command):
    wanted = command.get("filter", {})
    found = [document for document in among(place, wanted) if matches(document, wanted)]
    for field, order in reversed(list(command.get("sort", {}).items())):
        found.sort(key=lambda document: document[field], reverse=order < 0)
    found = found[: abs(command.get("limit", 0)) or None]
    shown = command.get("projection")
    if shown:
        found = [{field: document[field] for field in document if shown.get(field)} for document in found]
    return cursor(place, found)


def cursor(place, documents):
    return {"cursor": {"id": bson.Int64(0), "ns": place, "firstBatch": documents}}


def create_index(place, index):
    for known in indexes(place):
        if known["key"] == index["key"]:
            if known != {"v": 2, **index}:
                raise Refused(85, f"index {index['name']} already exists with different options")
            return
    if index.get("unique"):
        keys = [tuple(document.get(field) for field in index["key"]) for document in among(place, {})]
        if len(set(keys)) < len(keys):
            raise Refused(11000, "E11000 duplicate key error")
    indexes(place).append({"v": 2, **index})


def write(results):
    """Sums up single writes as the server does; the first that is refused ends them."""
    total, errors, upserted = {"n": 0}, [], []
    try:
        for result in results:
            total["n"] += result["n"]
            total["nModified"] = total.get("nModified", 0) + result.get("nModified", 0)
            upserted += result.get("upserted", [])
    except Refused as refused:
        errors.append({"index": 0, "code": refused.code, "errmsg": str(refused)})
    if errors:
        total["writeErrors"] = errors
    if upserted:
        total["upserted"] = upserted
    return total


def inserted(place, document):
    insert(place, document)
    return {"n": 1}


def answer(command):
    name = next(iter(command))
    place = f"{command.get('$db')}.{command[name]}"
    if name.lower() in ("hello", "ismaster"):
        address = f"127.0.0.1:{sys.argv[1]}"
        member = {"setName": "main", "secondary": True, "hosts": [address], "me": address} if SECONDARY else {}
        return {
            **member, "isWritablePrimary": not SECONDARY, "ismaster": not SECONDARY, "helloOk": True, "maxBsonObjectSize": 16 << 20,
            "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21,
            "logicalSessionTimeoutMinutes": 30, "connectionId": 1, "readOnly": False,
        }
    if name in ("ping", "endSessions", "killCursors", "buildInfo"):
        return {"version": "7.0.0"}
    if FULL and name in WRITES:
        raise Refused(14031, "Cannot proceed with command because available disk space is too low")
    if READ_ONLY and name in WRITES:
        # As for a user whose only role is `read`.
        raise Refused(13, f"not authorized on {command.get('$db')} to execute command {{ {name}: ... }}")
    if name == "insert":
        return write(inserted(place, document) for document in command["documents"])
    if name == "update":
        return write(update(place, change) for change in command["updates"])
    if name == "delete":
        return {"n": sum(delete(place, removal) for removal in command["deletes"])}
    if name == "find":
        return find(place, command)
    if name == "createIndexes":
        for index in command["indexes"]:
            create_index(place, index)
        return {}
    if name == "listIndexes":
        if place not in INDEXES:
            raise Refused(26, f"ns does not exist: {place}")
        return cursor(place, INDEXES[place])
    if name == "drop":
        for document in among(place, {}):
            forget(place, document)
        INDEXES.pop(place, None)
        return {}
    raise Refused(59, f"no such command: {name}")


def reply(command):
    try:
        with LOCK:
            return {**answer(command), "ok": 1.0}
    except Refused as refused:
        return {"ok": 0.0, "code": refused.code, "errmsg": str(refused)}


def read_message(body):
    command, at = None, 4
    sequences = {}
    end = len(body) - (4 if struct.unpack_from("<I", body)[0] & 1 else 0)
    while at < end:
        kind = body[at]
        size = struct.unpack_from("<i", body, at + 1)[0]
        section = body[at + 1 : at + 1 + size]
        if kind == 0:
            command = bson.decode(section, OPTIONS)
        else:
            name_end = section.index(b"\0", 4)
            sequences[section[4:name_end].decode()] = bson.decode_all(section[name_end + 1 :], OPTIONS)
        at += 1 + size
    return {**command, **sequences}


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        while header := self.rfile.read(16):
            size, number, _, operation = struct.unpack("<iiii", header)
            body = self.rfile.read(size - 16)
            if operation == OP_QUERY:
                start = body.index(b"\0", 4) + 9
                self.send(OP_REPLY, number, struct.pack("<iqii", 8, 0, 0, 1), reply(bson.decode(body[start:], OPTIONS)))
            elif operation == OP_MSG:
                self.send(OP_MSG, number, b"\0\0\0\0\0", reply(read_message(body)))
            else:
                return

    def send(self, operation, number, prefix, document):
        body = prefix + bson.encode(document)
        self.wfile.write(struct.pack("<iiii", 16 + len(body), 0, number, operation) + body)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", int(sys.argv[1])), Connection).serve_forever()
