"""Every stub of the catalogue in either grammar: read, printed, translated; its tag, and what typed words ask for."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from engine.zoo import list_entries, parse_stub
from engine.zoo.card import show
from engine.zoo.catalogue import FILE, facts
from engine.zoo.entry import entry_of_stub, may_teach
from engine.zoo.filters import Index, Query, select
from engine.zoo.sources import other_grammar, read_stub, same_model
from engine.zoo.stubs import is_stub, nearest
from engine.zoo.tags import CATEGORIES, TARGETS, read_tag
from engine.zoo.trio import DOCUMENTED, trio
from engine.zoo.words import read_words

QA = "zoo:nlp/question_answering"
MOBILE = f"{QA}/mobilebert-none/pytorch/huggingface/squad/14layer_pruned50_quant-none-vnni"
MOBILE_NAME = "zoo:mobilebert-squad_wikipedia_bookcorpus-14layer_pruned50.4block_quantized"
STUBS = [name for fact in facts() for name in (fact.id, fact.name_stub) if name and is_stub(name)]


def test_every_stub_of_the_catalogue_is_printed_as_it_was_read():
    assert len(facts()) == 121
    assert len(STUBS) > 90
    for stub in STUBS:
        for written in (stub, stub.removeprefix("zoo:"), f"{stub}?recipe-type=transfer", f"  {stub}/ "):
            assert parse_stub(str(read_stub(written))).bare == stub


def test_tags_say_of_every_stub_what_documents_say():
    documented = [fact for fact in facts() if is_stub(fact.id) and fact.sparsity is not None]
    for fact in documented:
        tag = read_tag(parse_stub(fact.id).tag)
        assert tag.sparsity in (None, fact.sparsity), fact.id
        assert tag.quantised == fact.quantised, fact.id
        assert tag.layers in (None, fact.layers), fact.id
        if fact.structure is not None and fact.sparsity:
            assert tag.structure == fact.structure, fact.id
    assert len(documented) > 50


def test_the_parts_of_tags():
    tag = read_tag("12layer_pruned80_quant-none-vnni")
    assert (tag.sparsity, tag.layers, tag.quantised, tag.structure) == (80, 12, True, "4block")
    assert (tag.category, tag.kept, tag.target) == ("none", None, "vnni")
    aggressive = read_tag("pruned_6layers-aggressive_96")
    assert (aggressive.sparsity, aggressive.layers, aggressive.category, aggressive.kept) == (None, 6, "aggressive", 96)
    dense = read_tag("base-none")
    assert (dense.sparsity, dense.structure, dense.quantised) == (0, None, False)
    assert read_tag("pruned95.4block_quantized").structure == "4block"


@pytest.mark.parametrize("tag", ["ours97-none", "mytag-none", "sparse90-none", "pruned150-none", "12layer-none"])
def test_a_tag_of_unknown_meaning_is_not_dense(tag: str):
    assert read_tag(tag).sparsity is None
    entry = entry_of_stub(parse_stub(f"{QA}/bert-base/pytorch/huggingface/squad/{tag}"), source="local")
    assert not may_teach(entry)
    assert entry.title.endswith("pruned") == ("pruned" in tag)


def test_tags_are_read_whatever_their_case():
    tag = read_tag("12Layer_PRUNED90_Quant-none")
    assert (tag.name, tag.sparsity, tag.layers, tag.quantised) == ("12Layer_PRUNED90_Quant", 90, 12, True)


part = st.from_regex(r"[a-z0-9_.]+", fullmatch=True)


@settings(deadline=None, max_examples=60)
@given(st.integers(10, 99), st.integers(1, 24), st.booleans(), st.sampled_from(CATEGORIES), st.sampled_from(TARGETS))
def test_what_a_tag_is_made_of_is_read_from_it(sparsity: int, layers: int, int8: bool, category: str, target: str):
    tag = read_tag(f"{layers}layer_pruned{sparsity}{'_quant' if int8 else ''}-{category}-{target}")
    assert (tag.sparsity, tag.layers, tag.quantised, tag.category) == (sparsity, layers, int8, category)
    assert tag.target == target


@settings(deadline=None, max_examples=60)
@given(st.lists(part, min_size=1, max_size=4).map("-".join))
def test_any_tag_can_be_read(text: str):
    assert read_tag(text).name == text.split("-")[0]


def test_attested_names_are_translated_both_ways_and_no_others():
    assert str(other_grammar(MOBILE)) == MOBILE_NAME
    assert str(other_grammar(f"{MOBILE_NAME}?recipe=original")) == f"{MOBILE}?recipe=original"
    assert other_grammar(f"{QA}/bert-large/pytorch/huggingface/squad/base-none") is None
    assert same_model(MOBILE, f"{MOBILE_NAME}?recipe_type=x")
    assert same_model(MOBILE.removeprefix("zoo:"), MOBILE)
    assert not same_model(MOBILE, MOBILE.replace("14layer", "12layer"))


def test_a_wrong_stub_gets_the_nearest_ones():
    wrong = f"{QA}/bert-large/pytorch/huggingface/squad/pruned80_quant-nonevnni"
    near = nearest(wrong, STUBS)
    assert near[0] == f"{QA}/bert-large/pytorch/huggingface/squad/pruned80_quant-none-vnni"
    assert len(near) == 3
    with pytest.raises(UserError, match="did you mean") as raised:
        show("zoo:nlp/question_answering/bert-base/pytorch/squad/base-none")
    assert f"{QA}/bert-base/pytorch/huggingface/squad/base-none" in raised.value.hint


def test_every_record_says_where_its_facts_are_from():
    for line in FILE.read_text().splitlines():
        record = json.loads(line)
        for field in ("sparsity", "structure"):
            assert (field not in record) or record.get(f"{field}_from"), (record["id"], field)
        assert ("baseline_f1" in record) == ("baseline_from" in record)
        assert all(speed["source"] for speed in record.get("speeds", ()))


def test_a_card_tells_stated_inferred_and_unknown_facts_apart():
    found = {fact.label: fact for fact in show(MOBILE).facts}
    assert (found["F1"].value, found["F1"].kind) == ("90.414", "stated")
    assert found["F1"].source
    assert found["dense F1"].value == "90.874; this one keeps 99.5 %"
    assert found["made for"].kind == "inferred"
    silent = {fact.label: fact for fact in show(f"{QA}/bert-base/pytorch/huggingface/squad/pruned-aggressive_98").facts}
    assert (silent["F1"].value, silent["sparsity"].kind) == ("unknown", "unknown")
    assert "98 %" in silent["accuracy kept"].value


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ("bert 80 int8", Query(words="bert 80", quantised=True)),
        ("recipe -teacher local", Query(recipe=True, teacher=False, local=True)),
        (">=80 <=95%", Query(min_sparsity=80, max_sparsity=95)),
        ("90%", Query(min_sparsity=90, max_sparsity=90)),
        ("dense float 12layers", Query(max_sparsity=0, quantised=False, layers=12)),
        ("mlm 6l", Query(task="masked_language_modeling", layers=6)),
        ("RedHatAI/oBERT -x >", Query(words="redhatai/obert -x >")),
    ],
)
def test_words_that_name_a_property_ask_for_it(words: str, query: Query):
    assert read_words(words) == query


def test_bounds_that_leave_out_their_end():
    entries = list_entries()
    index = Index(entries)
    above = index.select(read_words(">90"))
    assert {entry.sparsity for entry in above} == {95.0, 97.0}
    assert index.select(read_words(">90 qa"), Query(quantised=True)) == select(above, read_words("qa int8"))


def test_documented_trios_are_known_and_others_are_guesses():
    known = {entry.stub: entry for entry in list_entries()}
    for each in DOCUMENTED:
        for name in (each.model, each.recipe.partition("?")[0], each.teacher):
            assert name in known or not is_stub(name)
        if each.model in known:
            found = trio(known[each.model])
            assert [part.name for part in found] == [each.model, each.recipe, each.teacher]
            assert all(part.documented and part.why == each.source for part in found)
    hub = trio(known["RedHatAI/oBERT-12-downstream-pruned-unstructured-80-squadv1"])
    assert [(part.role, part.documented) for part in hub] == [("model", False), ("teacher", False)]
    assert hub[1].name == "RedHatAI/oBERT-teacher-squadv1"
