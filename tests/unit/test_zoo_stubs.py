"""Both grammars of stubs: what is printed is what was read, and a wrong stub says what is near."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.zoo.stubs import PARAMETERS, Stub, is_stub, normalise, parse_stub

part = st.from_regex(r"[A-Za-z0-9_.]+", fullmatch=True)
tag = st.lists(part, min_size=1, max_size=3).map("-".join)
value = st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True)
parameters = st.lists(st.tuples(st.sampled_from(PARAMETERS), value), max_size=3, unique_by=lambda pair: pair[0]).map(
    tuple
)
path_stubs = st.builds(
    Stub,
    domain=part,
    sub_domain=part,
    architecture=part,
    sub_architecture=st.none() | part,
    framework=part,
    repo=part,
    dataset=part,
    training_scheme=st.none() | part,
    tag=tag,
    parameters=parameters,
)
name_stubs = st.builds(Stub, architecture=part, sub_architecture=part, dataset=part, tag=part, parameters=parameters)


@settings(deadline=None, max_examples=60)
@given(path_stubs | name_stubs)
def test_what_is_printed_is_what_was_read(stub: Stub):
    assert parse_stub(str(stub)) == stub


@settings(deadline=None, max_examples=60)
@given(path_stubs)
def test_normalising_twice_changes_nothing(stub: Stub):
    once = normalise(str(stub))
    assert normalise(once) == once


def test_the_parts_of_a_path_stub():
    stub = parse_stub(
        "zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/pruned80_quant-none-vnni?recipe_type=transfer"
    )
    assert (stub.architecture, stub.sub_architecture, stub.dataset) == ("bert", "base", "squad")
    assert (stub.tag, stub.parameter("recipe_type"), stub.is_path) == ("pruned80_quant-none-vnni", "transfer", True)


def test_the_parts_of_a_name_stub():
    stub = parse_stub("zoo:mobilebert-squad_wikipedia_bookcorpus-14layer_pruned50.4block")
    assert (stub.architecture, stub.sub_architecture, stub.is_path) == ("mobilebert", None, False)
    assert (stub.dataset, stub.tag) == ("squad_wikipedia_bookcorpus", "14layer_pruned50.4block")


def test_four_parts_of_a_name_stub_are_read_with_a_sub_architecture():
    stub = parse_stub("zoo:bert-base-squad_wikipedia_bookcorpus-pruned90")
    assert (stub.architecture, stub.sub_architecture) == ("bert", "base")


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (
            "nlp/question-answering/bert-base/pytorch/huggingface/squad/base-none",
            "nlp/question_answering/bert-base/pytorch/huggingface/squad/base-none",
        ),
        (" ZOO:a/b/c/d/e/f/g/ ", "a/b/c/d/e/f/g"),
        ("zoo:bert-base-squad-pruned90?recipe-type=transfer", "bert-base-squad-pruned90?recipe_type=transfer"),
    ],
)
def test_other_ways_to_write_a_stub(written: str, normal: str):
    assert normalise(written) == f"zoo:{normal}"


@pytest.mark.parametrize(
    "text", ["zoo:", "zoo:x", "zoo:a-b", "zoo:a/b/c", "zoo:a/b/c/d/e/f", "zoo:a-b-c-d-e-f", "zoo:a b-c-d"]
)
def test_text_that_fits_no_grammar_is_refused(text: str):
    with pytest.raises(UserError, match="not a zoo stub"):
        parse_stub(text)


@pytest.mark.parametrize("query", ["recipe", "recipe=a=b", "colour=red", "recipe=", ""])
def test_wrong_parameters_are_refused(query: str):
    with pytest.raises(UserError, match="parameters"):
        parse_stub(f"zoo:bert-base-squad-pruned90?{query}")


def test_the_error_names_the_nearest_stub():
    known = ["zoo:nlp/question_answering/bert-base/pytorch/huggingface/squad/base-none"]
    with pytest.raises(UserError, match="did you mean") as raised:
        parse_stub("zoo:nlp/question_answering/bert-base/pytorch/squad/base-none", known)
    assert known[0] in raised.value.hint


def test_escape_codes_do_not_reach_the_error():
    with pytest.raises(UserError) as raised:
        parse_stub("zoo:\x1b[31mred")
    assert "\x1b" not in str(raised.value)


def test_only_the_prefix_makes_a_stub():
    assert is_stub("zoo:x")
    assert not is_stub("bert-base-uncased")
    assert not is_stub("runs/a/b/c/d/e/f")
