"""An ONNX graph with look-ups and small edits."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

_Array = np.ndarray


class Graph:
    """A graph with look-ups: initializers and producers by name, consumers by tensor."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.refresh()

    def refresh(self) -> None:
        nodes = self.model.graph.node
        self.initializers = {item.name: item for item in self.model.graph.initializer}
        self.producers = {output: node for node in nodes for output in node.output}
        self.consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in nodes:
            for name in node.input:
                self.consumers[name].append(node)

    def array(self, name: str) -> _Array:
        return numpy_helper.to_array(self.initializers[name])

    def constant(self, name: str) -> _Array:
        """The value of an initializer or a Constant node."""
        if name in self.initializers:
            return self.array(name)
        return numpy_helper.to_array(next(item.t for item in self.producers[name].attribute if item.name == "value"))

    def only_consumer(self, tensor: str) -> onnx.NodeProto | None:
        found = self.consumers.get(tensor, [])
        return found[0] if len(found) == 1 else None

    def put(self, name: str, values: _Array) -> None:
        """Add or replace an initializer."""
        if name in self.initializers:
            self.model.graph.initializer.remove(self.initializers[name])
        item = numpy_helper.from_array(np.array(values, order="C"), name)
        self.model.graph.initializer.append(item)
        self.initializers[name] = self.model.graph.initializer[-1]

    def varying(self) -> set[str]:
        """Names of the tensors that depend on the graph's inputs."""
        found = {item.name for item in self.model.graph.input if item.name not in self.initializers}
        for node in self.model.graph.node:
            if not found.isdisjoint(node.input):
                found.update(node.output)
        return found

    def shared(self, name: str, values: _Array) -> str:
        """The initializer of this content under `name`, or under the first free name like it; made where missing."""
        for candidate in _names_like(name):
            if candidate not in self.initializers:
                self.put(candidate, values)
                return candidate
            found = self.array(candidate)
            if found.dtype == values.dtype and np.array_equal(found, values):
                return candidate
        raise AssertionError("names never end")

    def own(self, name: str, values: _Array) -> str:
        """A new initializer under `name` or the first free name like it."""
        free = next(candidate for candidate in _names_like(name) if candidate not in self.initializers)
        self.put(free, values)
        return free

    def rewire(self, old: str, new: str) -> None:
        """Let every reader of tensor `old` read `new`."""
        for node in self.consumers.pop(old, []):
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new
            self.consumers[new].append(node)

    def insert_behind(self, place: onnx.NodeProto, *nodes: onnx.NodeProto) -> None:
        """Add `nodes` in their order behind `place`."""
        position = list(self.model.graph.node).index(place)
        for offset, node in enumerate(nodes, start=1):
            self.model.graph.node.insert(position + offset, node)

    def remove(self, *nodes: onnx.NodeProto) -> None:
        for node in nodes:
            self.model.graph.node.remove(node)

    def prune(self) -> None:
        """Drop initializers that nothing reads."""
        self.refresh()
        outputs = {item.name for item in self.model.graph.output}
        unread = [
            item for name, item in self.initializers.items() if name not in self.consumers and name not in outputs
        ]
        for item in unread:
            self.model.graph.initializer.remove(item)
        self.refresh()


def _names_like(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in itertools.count(1))


def fold_identities(graph: Graph) -> None:
    """Remove the Identity nodes by which the exporter shares equal initializers."""
    outputs = {item.name for item in graph.model.graph.output}
    identities = [node for node in graph.model.graph.node if node.op_type == "Identity"]
    for node in identities:
        if node.input[0] in graph.initializers and node.output[0] not in outputs:
            graph.rewire(node.output[0], node.input[0])
            graph.remove(node)
    graph.refresh()


def drop_needless_casts(graph: Graph) -> None:
    """Remove casts to the type a tensor has already: they stand between quantizers and the products they belong to."""
    inferred = shape_inference.infer_shapes(graph.model).graph
    types = {item.name: item.type.tensor_type.elem_type for item in (*inferred.value_info, *inferred.input)}
    types |= {name: item.data_type for name, item in graph.initializers.items()}
    outputs = {item.name for item in graph.model.graph.output}
    for node in [node for node in graph.model.graph.node if node.op_type == "Cast"]:
        wanted = next(attribute.i for attribute in node.attribute if attribute.name == "to")
        if types.get(node.input[0]) == wanted and node.output[0] not in outputs:
            graph.rewire(node.output[0], node.input[0])
            graph.remove(node)
    graph.refresh()
